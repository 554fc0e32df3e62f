"""The donor DB: one folder per generator with its network, canonical face and donor rows."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from generator.canonical import Canonical
from generator.deconv import DonorFaces
from generator.individual import kind, steps
from generator.looks import Beard
from matcher.attributes import Attributes
from matcher.cosine import centred
from matcher.donors import DonorRows
from pipeline.contract import Floats
from pipeline.errors import SettingsError, WeightsError
from pipeline.weights import DB, checksum

HOME: Final = DB
NETWORK: Final = "network.xml"
WEIGHTS: Final = "network.bin"
DONORS: Final = "donors.npz"
SEAL: Final = "seal.json"
KIND: Final = "generator.json"
DECONV: Final = "deconv"
POINTER: Final = "current"
_BROUGHT_BACK: Final = "`git checkout DB` brings it back, `./train_once.sh` makes it anew"


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """What the matcher, the generator and the replacer are made from."""

    name: str
    network: Path
    canonical: Canonical
    faces: DonorFaces
    rows: DonorRows
    beard: Beard | None = None  # reads beards and make-up; None in DBs that do not know them
    kind: str = DECONV

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.network.parent


def load(name: str, home: Path = HOME, extractor: str = "") -> Database:
    """The DB called `name`, or the one that is pointed to where `name` is empty.

    Donors are described by `extractor` where the DB knows it, else by its default one; the
    matcher refuses to compare features of different extractors.
    Raises SettingsError for an unknown name, WeightsError for a missing or altered file.
    """
    folder = _folder(name, home / "generators")
    _check_seal(folder)
    return read(folder, extractor)


def read(folder: Path, extractor: str = "") -> Database:
    """The DB in a folder that is known to be whole."""
    arrays = _arrays(folder / DONORS)
    own = folder / features_file(extractor)
    if extractor not in {"", str(arrays["extractor"])} and own.is_file():
        arrays |= _arrays(own)
    faces = donor_faces(arrays)
    return Database(
        folder.name,
        folder / NETWORK,
        Canonical(*(arrays[key] for key in ("shape", "layout", "triangles", "bend", "rest"))),
        faces,
        donor_rows(arrays, faces.steps),
        _beard(arrays),
        _kind(folder),
    )


def features_file(extractor: str) -> str:
    """Where a DB keeps what an extractor other than its default one says of the donors."""
    return f"features-{extractor.replace(':', '-')}.npz"


def seal(folder: Path) -> None:
    """Write the sha256 of each of the folder's model files beside them.

    These are the network, arrays (.npz) and generator.json; cards and pictures may change.
    """
    names = [p.name for p in folder.glob("*.npz")] + [NETWORK, WEIGHTS, KIND]
    sums = {name: checksum(folder / name) for name in sorted(names) if (folder / name).is_file()}
    (folder / SEAL).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def sums(name: str, home: Path = HOME) -> dict[str, str]:
    """sha256 of the model files of the DB called `name`, by folder and name."""
    folder = _folder(name, home / "generators")
    sealed = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    return {f"{folder.name}/{file}": sealed[file] for file in sorted(sealed)}


def _folder(name: str, generators: Path) -> Path:
    folders = [p for p in generators.glob("*/") if not p.name.startswith(".")]
    known = sorted(folder.name for folder in folders if (folder / SEAL).is_file())
    pointer = generators / POINTER
    if not name:
        if not pointer.is_file():
            raise WeightsError(f"{pointer} is missing: {_BROUGHT_BACK}")
        name = pointer.read_text(encoding="utf-8").strip()
    if name in {folder.name for folder in folders} - set(known):
        raise WeightsError(f"{generators / name / SEAL} is missing: {_BROUGHT_BACK}")
    if name not in known:
        raise SettingsError(f"no generator called {name!r}; known: {', '.join(known) or 'none'}")
    return generators / name


def _check_seal(folder: Path) -> None:
    try:
        sums = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        if not isinstance(sums, dict):
            raise ValueError("no table of sums")
    except ValueError as error:
        raise WeightsError(f"{folder / SEAL} is not readable ({error}): {_BROUGHT_BACK}") from None
    needed = (NETWORK, WEIGHTS, DONORS) if _kind(folder) == DECONV else (DONORS,)
    features = (path.name for path in folder.glob(features_file("*")))
    for name in dict.fromkeys((*needed, *features, *sums)):
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{path} is missing: {_BROUGHT_BACK}")
        if checksum(path) != sums.get(name):
            raise WeightsError(f"{path} was altered (its sha256 does not fit): {_BROUGHT_BACK}")


def _kind(folder: Path) -> str:
    """What generator.json says the folder holds: a name of the registry, never a place of code."""
    path = folder / KIND
    if not path.is_file():
        return DECONV
    try:
        kind = json.loads(path.read_text(encoding="utf-8"))["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is not readable ({error!r}): {_BROUGHT_BACK}") from None
    if not isinstance(kind, str) or not kind.isidentifier():
        raise WeightsError(f"{path}: a kind is one word, got {kind!r}; classes are named on the "
            "command line with --generator-class")  # fmt: skip
    return kind


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as rows:
        return {key: rows[key] for key in rows.files}


def donor_faces(arrays: dict[str, Any]) -> DonorFaces:
    """What the generator is told of the donors, out of the arrays of donors.npz."""
    arrays = arrays | {
        "style": _style(arrays),
        "shapes": arrays["shapes"].astype(np.float32),
        "steps": own_steps(arrays),
    }
    return DonorFaces(**{field.name: arrays[field.name] for field in fields(DonorFaces)})


def own_steps(arrays: dict[str, Any]) -> Floats:
    """(m, m) the step that each donor of the arrays of donors.npz brings along."""
    kinds = kind(arrays["skin"], arrays["likeness"], _style(arrays))
    return steps(kinds, _ancestry(arrays), arrays["identity"])


def _style(arrays: dict[str, Any]) -> Floats:
    """(m, 3) beards and make-up; a DB of older make does not know them."""
    unknown = np.full((len(arrays["skin"]), 3), np.nan, np.float32)
    style: Floats = arrays.get("style", unknown)
    return style


def _ancestry(arrays: dict[str, Any]) -> Floats:
    """(m, c) apparent ancestries; none in a DB of older make, which does not know them."""
    return np.asarray(arrays.get("ancestry", np.zeros((len(arrays["skin"]), 0), np.float32)))


def _beard(arrays: dict[str, Any]) -> Beard | None:
    """None in DBs of older make, which knew no beards or told them otherwise."""
    names = [f"beard_{field.name}" for field in fields(Beard)]
    if names[0] not in arrays:
        return None
    made = Beard(*(arrays[name] for name in names))
    return made if len(made.weights) == len(made.centre) + 1 else None


def donor_rows(arrays: dict[str, Any], each: Floats) -> DonorRows:
    """What the matcher is told of the donors who lend a whole face; `each` (m, m) is own_steps."""
    own_width = len(arrays["mean"]) + 1
    unknown = np.zeros(own_width, np.float32)  # not told by a DB, or by features, of older make
    names = ("sex_weights", "age_weights", "dark_weights")
    told = [arrays.get(name, unknown) for name in names]
    sex, age, dark = (row if len(row) == own_width else unknown for row in told)
    ancestry = arrays.get("ancestry_weights", np.zeros((0, 0), np.float32))
    if len(ancestry) != own_width:
        ancestry = np.zeros((own_width, 0), np.float32)
    own = np.flatnonzero(arrays["identity"]).astype(np.int64)
    return DonorRows(
        rows=own,
        features=arrays["features"][own],
        skin=arrays["skin"][own],
        likeness=arrays["likeness"][own],
        attributes=Attributes(arrays["mean"], sex, age, dark, ancestry),
        extractor=str(arrays["extractor"]),
        style=_style(arrays)[own],
        brought=_brought(each, centred(arrays["features"], arrays["mean"]))[own],
    )


def _brought(own: Floats, features: Floats) -> Floats:
    """(m, d) of `features` (m, d) what each donor adds to a mix: its own and those of its step."""
    return np.asarray(features + own @ features, np.float32)
