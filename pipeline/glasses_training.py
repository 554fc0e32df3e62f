"""Training of the network that tells glasses from faces, with a card, on a folder of faces."""

import argparse
import logging
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from generator import dataset
from generator.canonical import Canonical, frontal
from pipeline import database, layouts, measuring, unwrapping
from pipeline.atomic import replacing
from pipeline.contract import Floats, Image
from pipeline.errors import SettingsError
from pipeline.options import Defaults, Parser
from pipeline.weights import renewed
from pipeline.workplace import answered
from replacer.glasses import LEAST, Glasses
from replacer.glasses_band import HEIGHT, SIDE, TOP

NETWORK: Final = "glasses.xml"
WEIGHTS: Final = "glasses.bin"
FOLDER: Final = "occlusion"
_ROWS: Final = {"glasses": NETWORK, "glasses_weights": WEIGHTS}
_MANIFEST: Final = "weights.toml"
_FEWEST: Final = 16
_HELD_OUT: Final = 9

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """The eye bands (m, HEIGHT, SIDE, 3) of faces by what is known of their glasses."""

    without: Image
    held_out: Image  # without as well, kept out of training
    labelled: Image  # with glasses, says the label; never trained on
    inside: Floats  # (HEIGHT, SIDE) 1 on the face


def main(arguments: list[str]) -> int:
    """`./train_once.sh glasses`: exit code 0, 1 with one line why, 130 if interrupted."""
    options = _parser().parse_args(arguments)
    return answered(lambda: build(options), options.out)


def build(options: argparse.Namespace) -> None:
    """A new network below `--out`, made in a work folder and moved there when whole."""
    for number, least in (("epochs", 1), ("pictures", 32), ("seed", 0)):
        if getattr(options, number) < least:
            raise SettingsError(
                f"--{number} must be {least} or more, got {getattr(options, number)}"
            )
    manifest: Path = options.out / _MANIFEST
    if not manifest.is_file():
        raise SettingsError(f"--out {options.out}: no {_MANIFEST} in it; name the folder DB")
    canonical = database.load("").canonical
    bands = _bands(options.data, options.work, canonical)
    if len(bands.without) < _FEWEST:
        raise SettingsError(
            f"only {len(bands.without)} faces without glasses in {options.data}; need {_FEWEST}"
        )
    network = _trained(bands, options, canonical)
    found = judged(_room(network, canonical), bands)
    card = _card(options, bands, found)
    target = options.out / FOLDER
    target.mkdir(exist_ok=True)
    for name in (NETWORK, WEIGHTS):
        _copied(network.with_name(name).read_bytes(), target / name)
    _copied(card.encode(), target / "card.md")
    files = {row: target / file for row, file in _ROWS.items()}
    _copied(renewed(manifest.read_text(encoding="utf-8"), files).encode(), manifest)


def judged(glasses: Glasses, bands: Bands) -> tuple[Floats, Floats]:
    """The evidence of glasses in held-out faces without any, and in the labelled ones."""
    both = (bands.held_out, bands.labelled)
    without, labelled = (
        np.array([glasses.evidence(glasses.of_band(b)) for b in each], np.float32) for each in both
    )
    return without, labelled


def _bands(data: Path, work: Path, canonical: Canonical) -> Bands:
    pictures = layouts.read(data).pictures
    measured = measuring.faces(pictures, work / "measured")
    if not measured.pictures:
        raise SettingsError(f"no face found in {data}; name a folder of faces")
    features = measuring.features(measured, "dlib_resnet", work / "measured")
    shapes = frontal(measured.meshes, canonical.shape)
    material = unwrapping.material(measured, shapes, features, canonical, SIDE)
    told = np.array(["glasses" in words for words in material.labels])
    plain = np.array(["glasses" not in reason for reason in dataset.roles(material).reasons])
    held_out = np.arange(len(plain)) % _HELD_OUT == 0
    rows = slice(TOP, TOP + HEIGHT)
    textures = material.textures[:, rows]
    inside = (material.mask[rows] > 0).astype(np.float32)
    return Bands(
        textures[plain & ~held_out], textures[plain & held_out], textures[told & ~plain], inside
    )


def _room(network: Path, canonical: Canonical) -> Glasses:
    return Glasses(network, canonical.layout, canonical.triangles)


def _trained(bands: Bands, options: argparse.Namespace, canonical: Canonical) -> Path:
    """The network in the work folder.

    Some faces wear glasses that nobody labelled; what the half-trained network finds surely is
    left out of the second half of the training.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from replacer.glasses_training import Recipe, export, train

    recipe = Recipe(epochs=options.epochs, pictures=options.pictures, seed=options.seed)
    network: Path = options.work / NETWORK
    found = options.work / "found.npy"
    if not found.is_file():
        half = train(bands.without, bands.inside, recipe, options.work, options.epochs // 2)
        export(half, network)
        glasses = _room(network, canonical)
        evidence = [glasses.evidence(glasses.of_band(band)) for band in bands.without]
        with replacing(found) as temporary, temporary.open("wb") as file:
            np.save(file, np.array(evidence, np.float32))
    bare = bands.without[np.load(found) < LEAST]
    export(train(bare, bands.inside, recipe, options.work), network)
    return network


def _copied(content: bytes, target: Path) -> None:
    with replacing(target) as temporary:
        temporary.write_bytes(content)
        temporary.chmod(0o644)


def _card(options: argparse.Namespace, bands: Bands, found: tuple[Floats, Floats]) -> str:
    without, labelled = found
    note = f" {options.note}" if options.note else ""
    shares = [f"{(each >= LEAST).sum()} of {len(each)}" for each in (labelled, without)]
    return f"""# Network `glasses`

A U-Net of 0.3 million weights that tells, in the eye band ({SIDE}×{HEIGHT} px) of a canonical
texture, frames and opaque lenses from skin, brows and eyes (replacer/glasses.py).

- Made: {date.today().isoformat()}, {options.epochs} epochs of {options.pictures} pictures,
  seed {options.seed}.
- Data: glasses drawn by replacer/drawn_glasses.py on {len(bands.without)} faces
  that wear none.{note}
- Glasses found in labelled pictures that were not trained on: {shares[0]};
  in held-out faces without glasses: {shares[1]}.
- Not meant for: telling who somebody is.
"""


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="train_once.sh glasses", formatter_class=Defaults, description=__doc__)
    parser.add_argument("data", type=Path, help="folder of faces: faces.csv or pictures")
    parser.add_argument("--out", type=Path, default=database.HOME, help="the DB to change")
    default = database.HOME / "local" / "training" / "glasses"
    parser.add_argument("--work", type=Path, default=default, help="where checkpoints lie")
    parser.add_argument("--epochs", type=int, default=20, help="rounds of drawn pictures")
    parser.add_argument("--pictures", type=int, default=6400, help="pictures drawn in each epoch")
    parser.add_argument("--note", default="", help="what the faces are, for the card")
    parser.add_argument("--seed", type=int, default=0, help="of weights and drawings")
    return parser
