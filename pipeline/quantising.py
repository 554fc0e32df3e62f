"""Makes the detector's network again in 8-bit integers, on a folder of faces, with a card.

NNCF finds the ranges of all values (min-max, weights by channel, biases corrected) on mosaics of
photographs, 12 to 760 px each. Weights take 7 bits, so that sums stay whole on processors that add
pairs of products in 16 bits. Scores of short numbers are a little lower, which is made up for.
"""

import argparse
import hashlib
import logging
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from pipeline import database, layouts
from pipeline.atomic import replacing
from pipeline.contract import Floats, Image, Mask
from pipeline.errors import SettingsError
from pipeline.options import Defaults, Parser
from pipeline.weights import locate, renewed
from pipeline.workplace import answered

FOLDER: Final = "detector"
NAME: Final = "centerface"
_ROWS: Final = {"centerface_int8": f"{NAME}.xml", "centerface_int8_weights": f"{NAME}.bin"}
_MANIFEST: Final = "weights.toml"
_WIDTH, _HEIGHT = 768, 768
_SIDES: Final = (12.0, 760.0)  # px of a photograph
_PHOTO: Final = 480
_HELD_OUT: Final = 4  # each n-th photograph and picture
_FEWEST: Final = 8
_DOUBTFUL: Final = (0.2, 0.6)  # scores that a little more lifts over a threshold
_NO_LOWER: Final = 0.75  # share of the doubtful scores that are to be no lower than they were
_COUNTS: Final = 0.35  # the default --detect-threshold

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """`./train_once.sh quantise`: exit code 0, 1 with one line why, 130 if interrupted."""
    options = _parser().parse_args(arguments)
    return answered(lambda: build(options), options.out)


def build(options: argparse.Namespace) -> None:
    """The network below `--out` made anew, and the manifest's rows of it."""
    if options.pictures < _FEWEST:
        raise SettingsError(f"--pictures must be {_FEWEST} or more, got {options.pictures}")
    manifest: Path = options.out / _MANIFEST
    if not manifest.is_file():
        raise SettingsError(f"--out {options.out}: no {_MANIFEST} in it; name the folder DB")
    photos = _photos(options.data, options.photos)
    rng = np.random.default_rng(options.seed)
    known = np.arange(len(photos)) % _HELD_OUT > 0
    seen = [_mosaic(rng, photos[known]) for _ in range(options.pictures)]
    others = [_mosaic(rng, photos[~known]) for _ in range(-(-options.pictures // _HELD_OUT))]
    model = shortened(_read(locate(NAME)), seen)
    before, after = _heat(_read(locate(NAME)), others), _heat(model, others)
    shift = lift(before, after)
    _lifted(model, shift)
    target = options.out / FOLDER
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out) as folder:
        _saved(model, Path(folder) / f"{NAME}.xml")
        for file in _ROWS.values():
            _copied((Path(folder) / file).read_bytes(), target / file)
    told = before, _heat(model, others)
    _copied(_card(options, len(photos), shift, told).encode(), target / "card.md")
    places = {row: target / file for row, file in _ROWS.items()}
    _copied(renewed(manifest.read_text(encoding="utf-8"), places).encode(), manifest)
    log.info("%s is made; log-odds + %.3f", target, shift)


def lift(before: Floats, after: Floats) -> float:
    """By how much the log-odds of short numbers are to rise to reach those before, at least 0."""
    doubtful = (before > _DOUBTFUL[0]) & (before < _DOUBTFUL[1]) & (after > 0)
    if not doubtful.any():
        return 0.0
    gap = _log_odds(before[doubtful]) - _log_odds(after[doubtful])
    return max(0.0, float(np.quantile(gap, _NO_LOWER)))


def _log_odds(scores: Floats) -> Floats:
    return np.log(scores / (1 - scores))


def shortened(model: Any, pictures: Sequence[Image]) -> Any:
    """An openvino.Model in 8-bit integers, calibrated on RGB `pictures` of one size."""
    try:
        import nncf
    except ImportError as error:
        raise SettingsError(
            f"quantise needs NNCF, which is not installed ({error}): pip install -e '.[quantise]'"
        ) from None
    nncf.set_log_level(logging.ERROR)
    data = nncf.Dataset(list(pictures), _given)
    ways = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
    made = nncf.quantize(
        model,
        data,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
        advanced_parameters=ways,
    )
    _taking_bytes(made)
    return made


def _given(picture: Image) -> Floats:
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)


def _read(path: Path) -> Any:
    """The network for pictures of our size, its constants worked out."""
    import openvino
    from openvino.passes import ConstantFolding, Manager

    model = openvino.Core().read_model(path)
    model.reshape({model.inputs[0]: [1, 3, _HEIGHT, _WIDTH]})
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(model)
    return model


def _taking_bytes(model: Any) -> None:
    """Pictures are bytes: they need no rounding to those of another range."""
    from openvino import opset8

    for used in model.inputs[0].get_node().output(0).get_target_inputs():
        node = used.get_node()
        if node.get_type_name() == "FakeQuantize":
            for place, end in enumerate((0, 255, 0, 255), 1):
                constant = opset8.constant(np.array(end, np.float32))
                node.input(place).replace_source_output(constant.output(0))


def _lifted(model: Any, shift: float) -> None:
    """The same network, the log-odds of its first output, the scores, higher by `shift`."""
    from openvino import opset8

    odds = model.outputs[0].get_node().input_value(0).get_node()
    while odds.get_type_name() != "Sigmoid":
        odds = odds.input_value(0).get_node()
    higher = opset8.add(odds.input_value(0), opset8.constant(np.array(shift, np.float32)))
    odds.input(0).replace_source_output(higher.output(0))


def _heat(model: Any, pictures: Sequence[Image]) -> Floats:
    """(n, height, width) the scores in each picture."""
    import openvino

    told = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", told)
    return np.stack([np.array(compiled([_given(one)])[0][0, 0]) for one in pictures])


def _saved(model: Any, path: Path) -> None:
    import openvino

    openvino.save_model(model, path, compress_to_fp16=False)


def _photos(data: Path, most: int) -> Image:
    """(n, _PHOTO, _PHOTO, 3) the pictures of a folder, RGB, of even spread where there are more."""
    paths = sorted({one.path for one in layouts.read(data).pictures if not one.is_video})
    paths = paths[:: max(1, len(paths) // most)]
    read = [cv2.imread(str(path)) for path in paths]
    size = (_PHOTO, _PHOTO)
    whole = [cv2.resize(one[..., ::-1], size, interpolation=cv2.INTER_AREA)
             for one in read if one is not None]  # fmt: skip
    if len(whole) < _FEWEST:
        raise SettingsError(f"{data}: {len(whole)} pictures that can be read; need {_FEWEST}")
    return np.stack(whole).astype(np.uint8)


def _mosaic(rng: np.random.Generator, photos: Image) -> Image:
    """(_HEIGHT, _WIDTH, 3) photographs in rows of different sizes; any light, and grain."""
    result = np.empty((_HEIGHT, _WIDTH, 3), np.float32)
    top = 0
    while top < _HEIGHT:
        side = round(float(np.exp(rng.uniform(*np.log(_SIDES)))))
        for left in range(0, _WIDTH, side):
            photo = photos[rng.integers(len(photos))]
            small = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
            place = result[top : top + side, left : left + side]
            place[:] = small[: place.shape[0], : place.shape[1]]
        top += side
    grain = rng.normal(0, rng.uniform(0, 6), result.shape)
    return np.clip(rng.uniform(0.4, 1.2) * result + grain, 0, 255).astype(np.uint8)


def _copied(content: bytes, target: Path) -> None:
    with replacing(target) as temporary:
        temporary.write_bytes(content)
        temporary.chmod(0o644)


def _card(
    options: argparse.Namespace, photos: int, shift: float, told: tuple[Floats, Floats]
) -> str:
    before, after = (peaks > _COUNTS for peaks in map(_peaks, told))
    found, known = before & _near(after), after & _near(before)
    digest = hashlib.sha256(locate(NAME).read_bytes()).hexdigest()
    note = f"\n- Photographs: {options.note}" if options.note else ""
    return f"""# Network `centerface_int8`

CenterFace (MIT licence; sha256 {digest[:12]}…) in 8-bit integers, for processors; what it is and
who made it: row `centerface` of weights.toml.

- Made: {date.today().isoformat()} by `./train_once.sh quantise`, post-training, with NNCF;
  weights by channel in 7 bits; {options.pictures} mosaics of {photos} photographs,
  seed {options.seed}.{note}
- Log-odds of scores + {shift:.3f}: three of four doubtful ones are no lower than in float32.
- In held-out mosaics (score > {_COUNTS}): {before.sum()} faces in float32, of which
  {found.sum()} are found, and {after.sum() - known.sum()} others.
"""


def _peaks(heat: Floats) -> Floats:
    """The heat where it is the largest around, else 0."""
    largest = np.stack([cv2.dilate(one, np.ones((5, 5), np.uint8)) for one in heat])
    return np.where(heat == largest, heat, 0)


def _near(peaks: Mask) -> Mask:
    """True within a cell of a peak."""
    wide = [cv2.dilate(one.astype(np.uint8), np.ones((3, 3), np.uint8)) for one in peaks]
    return np.stack(wide) > 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="train_once.sh quantise", formatter_class=Defaults, description=__doc__)
    parser.add_argument("data", type=Path, help="folder of faces: faces.csv or pictures")
    parser.add_argument("--out", type=Path, default=database.HOME, help="the DB to change")
    parser.add_argument("--pictures", type=int, default=40, help="mosaics to find the ranges on")
    parser.add_argument("--photos", type=int, default=200, help="photographs to take, at most")
    parser.add_argument("--note", default="", help="what the faces are, for the card")
    parser.add_argument("--seed", type=int, default=0, help="of the mosaics")
    return parser
