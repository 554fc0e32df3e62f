"""Recognisers that users add: fetched or trained, a folder each under DB/local/extractors.

Such a folder holds an OpenVINO network and manifest.json: the sha256 of its files, where it
comes from, and from which likeness on two faces count as one person's.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.errors import WeightsError
from pipeline.weights import DB, checksum

NETWORK: Final = "network.xml"
WEIGHTS: Final = "network.bin"
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """Centred cosines of an extractor's features, in the order of their size."""

    unlike: float  # below it a surrogate no longer resembles the person who wears it
    same_person: float  # from it on two tracks are linked: reached by one stranger pair in 1,000


# Of an extractor that was never measured, strangers are hardly ever linked (a person then wears
# two surrogates, which shows but gives nobody away), and each surrogate is compared with others.
UNMEASURED: Final = Thresholds(unlike=0.0, same_person=0.85)
_MEASURED: Final = {"dlib_resnet": Thresholds(unlike=0.05, same_person=0.72)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What a manifest says besides the sums of the files."""

    source: str
    licence: str
    thresholds: Thresholds = UNMEASURED


def home_of(name: str, db: Path = DB) -> Path:
    """The folder of the extractor `name`, there or not."""
    return db / "local" / "extractors" / name


def added(db: Path = DB) -> list[str]:
    """The names of all extractors that users added, in alphabetical order."""
    found = home_of("", db).glob(f"*/{MANIFEST}")
    return sorted(path.parent.name for path in found if not path.parent.name.startswith("."))


def locate(name: str, db: Path = DB) -> Path:
    """The verified network of an added extractor. Raises WeightsError: missing or altered."""
    folder, way_out = home_of(name, db), f"`facesurrogate fetch {name}` brings it"
    if not folder.is_dir():
        raise WeightsError(f"{folder} is missing; {way_out}")
    sums = _manifest(folder)["files"]
    for file in (NETWORK, WEIGHTS):
        path = folder / file
        if not path.is_file():
            raise WeightsError(f"{path} is missing; delete the folder, then fetch or train it anew")
        if checksum(path) != sums.get(file):
            raise WeightsError(
                f"{path} is altered (its sha256 does not fit); delete the folder, then fetch or "
                "train it anew"
            )
    return folder / NETWORK


def thresholds(name: str, db: Path = DB) -> Thresholds:
    """Those measured for the extractor `name`, else careful ones."""
    if name in _MEASURED or name not in added(db):
        return _MEASURED.get(name, UNMEASURED)
    try:
        return Thresholds(**_manifest(home_of(name, db))["thresholds"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{home_of(name, db) / MANIFEST} tells no thresholds: {error}") from None


def publish(staged: Path, name: str, origin: Origin, db: Path = DB) -> Path:
    """Seal a folder with a whole network and move it to its place; returns that."""
    sums = {file: checksum(staged / file) for file in (NETWORK, WEIGHTS)}
    text = json.dumps({"files": sums, **asdict(origin)}, indent=1)
    (staged / MANIFEST).write_text(text + "\n", encoding="utf-8")
    folder = home_of(name, db)
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f".{name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    staged.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told, dict) or not isinstance(told.get("files"), dict):
            raise ValueError("no table of sums")
        return told
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} cannot be used ({error}); delete the folder, then fetch or train it anew"
        ) from None
