"""The donor DB: one folder per generator with its network, canonical face and donor rows."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from generator.canonical import Canonical
from generator.deconv import DonorFaces
from matcher.attributes import Attributes
from matcher.donors import DonorRows
from pipeline.contract import Floats
from pipeline.errors import SettingsError, WeightsError
from pipeline.weights import DB

HOME: Final = DB
NETWORK: Final = "network.xml"
WEIGHTS: Final = "network.bin"
DONORS: Final = "donors.npz"
SEAL: Final = "seal.json"
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


def load(name: str, home: Path = HOME) -> Database:
    """The DB called `name`, or the one that is pointed to where `name` is empty.

    Raises SettingsError for an unknown name, WeightsError for a missing or altered file.
    """
    folder = _folder(name, home / "generators")
    _check_seal(folder)
    with np.load(folder / DONORS, allow_pickle=False) as rows:
        arrays = {key: rows[key] for key in rows.files}
    return Database(
        folder.name,
        folder / NETWORK,
        Canonical(*(arrays[key] for key in ("shape", "layout", "triangles", "bend", "rest"))),
        *_donors(arrays),
    )


def seal(folder: Path) -> None:
    """Write the sha256 of each of the folder's model files beside them."""
    sums = {name: _sum(folder / name) for name in (NETWORK, WEIGHTS, DONORS)}
    (folder / SEAL).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def _folder(name: str, generators: Path) -> Path:
    known = sorted(p.name for p in generators.glob("*/") if (p / SEAL).is_file())
    pointer = generators / POINTER
    if not name:
        if not pointer.is_file():
            raise WeightsError(f"{pointer} is missing: {_BROUGHT_BACK}")
        name = pointer.read_text(encoding="utf-8").strip()
    folders = [folder.name for folder in generators.glob("*/")]
    if name in folders and name not in known:
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
    for name in (NETWORK, WEIGHTS, DONORS):
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{path} is missing: {_BROUGHT_BACK}")
        if _sum(path) != sums.get(name):
            raise WeightsError(f"{path} was altered (its sha256 does not fit): {_BROUGHT_BACK}")


def _sum(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _donors(arrays: dict[str, Any]) -> tuple[DonorFaces, DonorRows]:
    attributes = Attributes(*(arrays[key] for key in ("mean", "sex_weights", "age_weights")))
    features: Floats = arrays["features"]
    faces = DonorFaces(
        shapes=arrays["shapes"].astype(np.float32),
        codes=arrays["codes"],
        skin=arrays["skin"],
        likeness=arrays["likeness"],
        mouth=arrays["mouth"],
        eyes=arrays["eyes"],
    )
    own = np.flatnonzero(arrays["identity"]).astype(np.int64)
    rows = DonorRows(
        rows=own,
        features=features[own],
        skin=arrays["skin"][own],
        likeness=arrays["likeness"][own],
        attributes=attributes,
        extractor=str(arrays["extractor"]),
    )
    return faces, rows
