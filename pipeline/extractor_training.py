"""`./train_once.sh extractor DATA`: a recogniser of one's own, from a folder for each person.

Pictures → faces → level crops → training → the best network, its thresholds and a curve of how
well it verifies people whom it was not shown, all in DB/local/extractors/NAME.
"""

import argparse
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from extractor.crops import crop, eyes
from extractor.verification import RATES, likeness, thresholds, true_accepts
from pipeline import extractors, fetch, layouts, measuring, registry, roc_plot, stills, weights
from pipeline.contract import Faces, Floats, Image, Ints
from pipeline.errors import SettingsError, WeightsError
from pipeline.extractors import Origin, Thresholds
from pipeline.layouts import Picture
from pipeline.measuring import Measured
from pipeline.options import Parser
from pipeline.progress import steps
from pipeline.weights import DB
from pipeline.workplace import answered

if TYPE_CHECKING:
    from extractor.train import Backbone, Crops, Recipe

SMALL: Final = "small"
AUTO: Final = "auto"
_PREFERRED: Final = ("vggface_resnet50", "vggface")
_FEWEST_PEOPLE: Final = 4
_MOST_CHECKED: Final = 3000  # pictures; all their pairs are compared
_STRANGERS_LINKED: Final = 1e-3

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The rows of the pictures to learn from and to check with; no person is in both."""

    learnt: Ints
    checked: Ints


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, 1 after one line that says why, 130 when interrupted."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    log.setLevel(logging.INFO)
    options = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    return answered(lambda: build(options), options.db)


def build(options: argparse.Namespace) -> Path:
    """Train an extractor and put it in its place; returns its folder."""
    _check_name(options.name)
    _check_libraries()
    pictures = _of_several(layouts.read(options.data).pictures)
    backbone, path = _backbone(options)
    work = options.work or options.db / "local" / "training"
    faces = work / f"faces-{_digest(_files(pictures))}"
    work = work / f"extractor-{options.name}-{_digest(_files(pictures), _how(options, backbone))}"
    work.mkdir(parents=True, exist_ok=True)
    measured = measuring.faces(pictures, faces)
    numbers = _numbers(measured.pictures)
    split = split_by_identity(numbers, options.seed)
    log.info("%d people in %d pictures to learn from, %d in %d to check with; backbone %s",
             len(set(numbers[split.learnt].tolist())), len(split.learnt),
             len(set(numbers[split.checked].tolist())), len(split.checked), backbone)  # fmt: skip
    return _trained(measured, numbers, split, options, (backbone, path, work))


def split_by_identity(people: Ints, seed: int) -> Split:
    """A fifth of the people, at least two, to check with; `people` (n,) numbers of n pictures.

    Raises SettingsError where fewer than four people have two pictures or more.
    """
    count = Counter(people.tolist())
    several = sorted(person for person, pictures in count.items() if pictures > 1)
    if len(several) < _FEWEST_PEOPLE:
        raise SettingsError(
            f"only {len(several)} people have two pictures with a face or more; "
            f"need {_FEWEST_PEOPLE}: put the pictures of each person in a folder of their own"
        )
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(several)[: max(2, len(several) // 5)]
    checked = np.flatnonzero(np.isin(people, drawn))
    return Split(np.flatnonzero(~np.isin(people, drawn)), checked[:_MOST_CHECKED])


def _trained(
    measured: Measured,
    numbers: Ints,
    split: Split,
    options: argparse.Namespace,
    chosen: tuple[str, Path | None, Path],
) -> Path:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from extractor.export import export
    from extractor.train import Crops, Recipe, describe, train

    name, path, work = chosen
    backbone = _made(name, path, options.side)
    side = backbone.build().input_shape[1]
    crops = _crops(measured, side, work / f"crops-{side}.npy")
    learners = np.unique(numbers[split.learnt], return_inverse=True)[1].astype(np.int64)
    learnt = Crops(crops, split.learnt, learners)
    checked = Crops(crops, split.checked, numbers[split.checked])
    recipe = Recipe(
        head=options.head,
        frozen_epochs=options.frozen_epochs,
        epochs=options.epochs,
        batch=options.batch,
        seed=options.seed,
    )
    total = _batches(recipe, backbone, learnt)
    with steps(f"training {options.name}", total) as report:
        model = train(learnt, checked, backbone, recipe, work, report)
    same, strangers = likeness(describe(model, checked), checked.people)
    staged = work / "extractor"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    accepted = true_accepts(same, strangers, RATES)
    title = f"{options.name}: {len(same)} pairs of one person, {len(strangers)} of two"
    roc_plot.write(staged / "roc.png", RATES, accepted, title)
    export(model, staged / extractors.NETWORK)
    origin = _origin(options, name, len(measured.pictures), thresholds_of(strangers))
    folder = extractors.publish(staged, options.name, origin, options.db)
    log.info("accepts %.1f %% of pairs of one person at 1 %% of strangers; %s shows the curve",
             100 * np.interp(0.01, RATES, accepted), folder / "roc.png")  # fmt: skip
    log.info("ready: facesurrogate run --extractor %s, once `./train_once.sh` has made donor "
             "features with it", options.name)  # fmt: skip
    return folder


def thresholds_of(strangers: Floats) -> Thresholds:
    """Those at which strangers are as alike as half of them are, and as one in 1,000 are.

    Fewer pairs of strangers than 1,000 cannot tell the latter; the careful ones are kept then.
    """
    if len(strangers) * _STRANGERS_LINKED < 1:
        return extractors.UNMEASURED
    told = thresholds(strangers, np.array([0.5, _STRANGERS_LINKED], np.float32))
    return Thresholds(unlike=float(told[0]), same_person=float(told[1]))


def _batches(recipe: "Recipe", backbone: "Backbone", learnt: "Crops") -> int:
    epochs = sum(count for _, count in recipe.phases(backbone))
    return epochs * -(-len(learnt.people) // recipe.batch)


def _made(name: str, path: Path | None, side: int) -> "Backbone":
    from extractor.train import Backbone, small

    if path is None:
        return Backbone(lambda: small(side), pretrained=False)
    from extractor.vggface import features

    return Backbone(lambda: features(fetch.NETWORKS[name], path), pretrained=True)


def _crops(measured: Measured, side: int, target: Path) -> Image:
    """(m, side, side, 3) the level faces, kept on disk; made once."""
    if not target.is_file():
        part = target.with_suffix(".part")
        shape = (len(measured.pictures), side, side, 3)
        kept = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        with steps("cutting out faces", len(kept)) as advance:
            for row, image in enumerate(stills.each(measured.pictures)):
                box, points = measured.boxes[row], measured.landmarks[row]
                face = Faces.of([box], [points], None, [measured.meshes[row]])
                square = crop(image, box, side, eyes(face, 0))
                kept[row] = 0 if square is None else square
                advance(row + 1)
        kept.flush()
        part.replace(target)
    return np.load(target, mmap_mode="r")


def _backbone(options: argparse.Namespace) -> tuple[str, Path | None]:
    """The backbone's name and, of a fetched one, its h5 file."""
    wanted: str = options.backbone
    fetched = {}
    for name in fetch.NETWORKS:
        path = fetch.downloads(options.db) / weights.manifest()[name].file
        if path.is_file():
            fetched[name] = path
    if wanted == AUTO:
        wanted = next((name for name in _PREFERRED if name in fetched), SMALL)
        if wanted == SMALL:
            log.info("nothing is fetched: a small network is trained from scratch (`facesurrogate "
                     "fetch vggface_resnet50` brings one to build on)")  # fmt: skip
    if wanted == SMALL:
        return SMALL, None
    if wanted not in fetch.NETWORKS:
        known = ", ".join([AUTO, SMALL, *fetch.NETWORKS])
        raise SettingsError(f"no backbone called {wanted!r}; known: {known}")
    if wanted not in fetched:
        raise WeightsError(f"{wanted} is not there; `facesurrogate fetch {wanted}` brings it")
    return wanted, fetched[wanted]


def _origin(options: argparse.Namespace, backbone: str, count: int, told: Thresholds) -> Origin:
    licence = "as the pictures it was trained on allow"
    if backbone != SMALL:
        licence += f"; backbone: {weights.manifest()[backbone].licence}"
    source = f"trained here on {count} pictures, backbone {backbone}, head {options.head}"
    return Origin(source=source, licence=licence, thresholds=told)


def _of_several(pictures: list[Picture]) -> list[Picture]:
    """Without those that lie in no person's folder."""
    return [picture for picture in pictures if picture.person != "."]


def _numbers(pictures: list[Picture]) -> Ints:
    names = [picture.person for picture in pictures]
    return np.unique(names, return_inverse=True)[1].astype(np.int64) if names else np.zeros(0, int)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise SettingsError(f"--name takes letters, digits, - and _, got {name!r}")
    if name in registry.BACKENDS["extractor"]:
        raise SettingsError(f"--name {name}: that extractor is built in; take another name")


def _check_libraries() -> None:
    missing = [lib for lib in ("tensorflow", "keras") if not importlib.util.find_spec(lib)]
    if missing:
        raise WeightsError(f"training needs {', '.join(missing)}, which `./train_once.sh` installs")


def _how(options: argparse.Namespace, backbone: str) -> tuple[object, ...]:
    told = ("head", "epochs", "frozen_epochs", "batch", "side", "seed")
    return (backbone, *(getattr(options, name) for name in told))


def _files(pictures: list[Picture]) -> list[tuple[str, int, int]]:
    stats = [(picture.name, picture.path.stat()) for picture in pictures]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _digest(*told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()[:10]


def whole(text: str) -> int:
    """A count of 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="train_once.sh extractor", description=__doc__)
    add = parser.add_argument
    add("data", type=Path, help="a folder that holds a folder of pictures for each person")
    add("--name", default="mine", help="the new extractor's name (default: mine)")
    add("--out", "--db", dest="db", type=Path, default=DB, help="the DB to add to (default: DB)")
    add("--work", type=Path, help="where checkpoints lie (default: below OUT/local)")
    named = f"{SMALL}, {', '.join(fetch.NETWORKS)} or {AUTO}, what is fetched, else {SMALL}"
    add("--backbone", default=AUTO, help=f"{named} (default: {AUTO})")
    add("--head", choices=("arcface", "softmax"), default="arcface", help="(default: arcface)")
    add("--epochs", type=whole, default=30, help="passes over the pictures (default: 30)")
    add("--frozen-epochs", type=whole, default=5,
        help="passes before, while a fetched backbone stays as it is (default: 5)")  # fmt: skip
    add("--side", type=whole, default=112, help=f"px of a crop for {SMALL} (default: 112)")
    add("--batch", type=whole, default=32, help="pictures at once (default: 32)")
    add("--seed", type=int, default=0, help="of the split and the first weights (default: 0)")
    return parser
