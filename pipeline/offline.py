"""Training's order of work: pictures → meshes → textures → network → donor DB, with a card."""

import argparse
import hashlib
import logging
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from rich.progress import track

from detector.facemesh import FaceMesh
from generator import dataset
from generator.canonical import Canonical, codes, skin_tone
from generator.dataset import Material, Roles
from generator.mean import EXTENT, fit
from matcher.attributes import AGE_OFFSET, Attributes, fit_log_age
from pipeline import card, database, labels, registry
from pipeline.contract import MESH_POINTS, Floats, Image, Ints
from pipeline.errors import DeidError, SettingsError
from pipeline.geometry import warp
from pipeline.labels import Donor
from pipeline.settings import Settings
from pipeline.weights import locate

SIDE: Final = 192
_PRESENT: Final = 0.9
_FEWEST: Final = 16
_DETECTOR_SIDE: Final = 480


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The donors in whose pictures one face was found; `rows` are their places in the list."""

    rows: Ints  # (m,)
    meshes: Floats  # (m, 468, 3) px
    features: Floats  # (m, d)


def main(arguments: list[str] | None = None) -> int:
    """`./train_once.sh`: exit code 0, or 1 after one line that says why."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = _parser().parse_args(arguments)
    try:
        build(options)
    except DeidError as error:
        logging.getLogger(__name__).error("%s", error)
        return 1
    return 0


def build(options: argparse.Namespace) -> None:
    """A new generator under `--out`, made in a work folder and moved there when whole."""
    donors = labels.read(options.data)[: options.limit or None]
    work = options.work or options.out / "local" / "training" / _work_name(options, donors)
    work.mkdir(parents=True, exist_ok=True)
    measured = _measured(donors, work / "measured.npz", options.extractor)
    if len(measured.rows) < _FEWEST:
        raise SettingsError(
            f"only {len(measured.rows)} usable faces in {options.data}; need {_FEWEST}"
        )
    canonical, aligned = fit(measured.meshes)
    chosen = [donors[row] for row in measured.rows]
    material = _material(chosen, measured.meshes, aligned, canonical)
    roles = dataset.roles(material)
    usable = np.flatnonzero(roles.identity | roles.mouth | roles.eyes)
    staged = work / "generator"
    staged.mkdir(exist_ok=True)
    _train(material.textures[usable], material.mask, options, work, staged / database.NETWORK)
    rows = _rows(material, roles, measured.features, canonical, options.extractor)
    np.savez_compressed(staged / database.DONORS, allow_pickle=False, **_of(rows, usable))
    summary = card.write(options, chosen, roles, usable, work / "loss.csv")
    (staged / "card.md").write_text(summary, encoding="utf-8")
    database.seal(staged)
    _switch_in(staged, options.out / "generators" / options.name)


def _work_name(options: argparse.Namespace, donors: list[Donor]) -> str:
    """One work folder for each name, list of pictures and way of training."""
    told = [*(str(donor) for donor in donors), options.epochs, options.seed, options.extractor]
    return f"{options.name}-{hashlib.sha256(repr(told).encode()).hexdigest()[:10]}"


def _measured(donors: list[Donor], cache: Path, extractor: str) -> Measured:
    """Find, mesh and describe each donor; read from the cache where that was done before."""
    if cache.is_file():
        with np.load(cache) as saved:
            return Measured(saved["rows"], saved["meshes"], saved["features"])
    settings = Settings(detect_size=_DETECTOR_SIDE, detect_threshold=0.5, extractor=extractor)
    detect = registry.detector(settings).detect
    extract = registry.extractor(settings).extract
    mesh = FaceMesh(locate("face_landmark"))
    rows, meshes, features = [], [], []
    for row, donor in enumerate(track(donors, "measuring donors")):
        image = _read(donor.path)
        found = detect(image)
        if not len(found):
            continue
        widest = int((found.boxes[:, 2] - found.boxes[:, 0]).argmax())
        face = mesh.fit(image, found[[widest]])
        if face.mesh_scores[0] > _PRESENT:
            rows.append(row)
            meshes.append(face.mesh[0])
            features.append(extract(image, face)[0])
    shape = (-1, MESH_POINTS, 3)
    result = Measured(np.array(rows, np.int64), np.array(meshes).reshape(shape), np.array(features))
    np.savez(cache, rows=result.rows, meshes=result.meshes, features=result.features)
    return result


def _read(path: Path) -> Image:
    picture = cv2.imread(str(path))
    if picture is None:
        raise SettingsError(f"{path} is no picture that can be read; take it out of the data")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _material(
    donors: list[Donor], meshes: Floats, aligned: Floats, canonical: Canonical
) -> Material:
    layout = canonical.layout * SIDE - 0.5
    textures = []
    for donor, mesh in zip(track(donors, "unwrapping textures"), meshes, strict=True):
        image = _read(donor.path)
        scale = float(np.ptp(mesh[:, :2], axis=0).max()) / (SIDE * EXTENT)
        if scale > 1.3:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * scale), np.uint8)
        texture, mask = warp(image, mesh, layout, canonical.triangles, (SIDE, SIDE))
        textures.append(texture * mask[..., None].astype(np.uint8))
    cheeks = [np.linalg.norm(meshes[:, side, :2] - meshes[:, 4, :2], axis=1) for side in (234, 454)]
    widths = np.linalg.norm(meshes[:, 234, :2] - meshes[:, 454, :2], axis=1)
    words = [donor.labels for donor in donors]
    widths = _unless_given([donor.width for donor in donors], widths)
    yaws = _unless_given([donor.yaw for donor in donors], (cheeks[0] - cheeks[1]) / widths)
    return Material(np.stack(textures), mask, aligned, words, widths, yaws)


def _unless_given(given: list[float], measured: Floats) -> Floats:
    told = np.array(given, np.float32)
    return np.where(np.isfinite(told), told, measured).astype(np.float32)


def _train(
    textures: Image, mask: Floats, options: argparse.Namespace, work: Path, target: Path
) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from generator.export import export
    from generator.network import Architecture
    from generator.train import Recipe, train

    recipe = Recipe(epochs=options.epochs, seed=options.seed)
    model = train(textures, mask, recipe, work)
    export(model, Architecture(donors=len(textures)), target)


def _rows(
    material: Material, roles: Roles, features: Floats, canonical: Canonical, extractor: str
) -> dict[str, np.ndarray]:
    """Everything that is known per donor, and what is known of all, ready to be saved."""
    mean = features[roles.identity].mean(axis=0)
    weights = _attribute_weights(features - mean, material.labels)
    attributes = Attributes(mean, weights["sex_weights"], weights["age_weights"])
    each: dict[str, np.ndarray] = {
        "likeness": _likeness(features, material.labels, attributes),
        "features": features,
        "shapes": material.shapes.astype(np.float16),
        "codes": codes(material.shapes),
        "skin": np.stack([skin_tone(texture) for texture in material.textures]),
        "identity": roles.identity,
        "mouth": roles.mouth,
        "eyes": roles.eyes,
    }
    return each | {
        "shape": canonical.shape,
        "layout": canonical.layout,
        "triangles": canonical.triangles,
        "bend": canonical.bend,
        "rest": canonical.rest,
        "mean": mean,
        "extractor": np.array(extractor),
        **weights,
    }


def _likeness(features: Floats, words: list[str], attributes: Attributes) -> Floats:
    """(m, 2) sex and log age: as labelled, or as read off the features where no label tells."""
    told = np.array([[labels.sex(word), labels.age(word)] for word in words], np.float32)
    told[:, 1] = np.log(told[:, 1] + AGE_OFFSET)
    read = np.stack([attributes.sex(features), attributes.log_age(features)], axis=1)
    return np.where(np.isfinite(told), told, read).astype(np.float32)


def _attribute_weights(centred: Floats, words: list[str]) -> dict[str, Floats]:
    sexes = np.array([labels.sex(label) for label in words])
    ages = np.array([labels.age(label) for label in words])
    told, dated = np.isfinite(sexes), np.isfinite(ages)
    flat = np.zeros(centred.shape[1] + 1, np.float32)
    both = len(np.unique(sexes[told])) == 2
    sex = dataset.logistic(centred[told] * 10, sexes[told] > 0.5) if both else flat
    sex = np.append(sex[:-1] * 10, sex[-1]).astype(np.float32)
    age = fit_log_age(centred[dated], ages[dated]) if dated.sum() > 1 else flat
    return {"sex_weights": sex, "age_weights": age}


def _of(rows: dict[str, np.ndarray], usable: Ints) -> dict[str, np.ndarray]:
    """The rows of the usable donors, in the order of the network's table."""
    each = ("features", "likeness", "shapes", "codes", "skin", "identity", "mouth", "eyes")
    return {key: rows[key][usable] if key in each else rows[key] for key in rows}


def _switch_in(staged: Path, target: Path) -> None:
    """Move a whole generator to its place and point to it; the one before stays until then."""
    target.parent.mkdir(parents=True, exist_ok=True)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    staged.rename(target)
    (target.parent / database.POINTER).write_text(f"{target.name}\n", encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_once.sh", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of donor faces: faces.csv or pictures")
    parser.add_argument("--out", type=Path, default=database.HOME, help="the DB to add to")
    parser.add_argument("--name", default="retrained", help="the new generator's name")
    parser.add_argument(
        "--work", type=Path, help="where checkpoints lie (default: below OUT/local)"
    )
    parser.add_argument("--epochs", type=int, default=210, help="passes over the donors")
    parser.add_argument("--note", default="", help="what the pictures are, for the model card")
    parser.add_argument("--seed", type=int, default=0, help="of the network's first weights")
    parser.add_argument("--limit", type=int, default=0, help="take the first so many donors only")
    parser.add_argument("--extractor", default="dlib_resnet", help="features of the donor DB")
    return parser


if __name__ == "__main__":
    sys.exit(main())
