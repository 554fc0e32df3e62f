"""How folders of faces are laid out: whom each picture shows, and what its name says of them.

The file names of the common research collections are known; each is translated into the words
of `pipeline.labels`. A name that fits none of them is read by the folder it lies in.
"""

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline import labels
from pipeline.atomic import is_temporary
from pipeline.errors import SettingsError
from pipeline.images import ENDINGS
from pipeline.media import MEDIA_ENDINGS

LAYOUTS: Final = {
    "faces.csv": "a faces.csv",
    "rafd": "RaFD file names",
    "yalefaces": "Yale file names",
    "yaleb": "Extended Yale B file names",
    "jaffe": "JAFFE file names",
    "kdef": "KDEF file names",
    "folders": "one folder per person",
    "flat": "one person per picture",
}
TABLE: Final = "faces.csv"
_STILLS: Final = {ending for endings in ENDINGS.values() for ending in endings} | {
    *(".gif", ".pgm", ".ppm", ".pnm", ".heic", ".heif", ".avif")
}
VIDEOS: Final = MEDIA_ENDINGS - _STILLS
_ENDINGS: Final = _STILLS | VIDEOS
_TURNED: Final = "turned (its name says so)"
_SIDE_LIGHT_DEGREES: Final = 30
_PATTERNS: Final = {
    "rafd": r"rafd(?P<camera>\d{3})_(?P<person>\d+)_(?P<group>[a-z-]+)_(?P<sex>female|male)"
    r"_(?P<emotion>[a-z]+)_(?P<gaze>frontal|left|right)",
    "yalefaces": r"subject(?P<person>\d+)(?:[._ -]?(?P<emotion>centerlight|glasses|happy|leftlight"
    r"|noglasses|normal|rightlight|sad|sleepy|surprised|wink))?",
    "yaleb": r"(?P<person>yaleb\d+)_p(?P<pose>\d\d)"
    r"(?:a(?P<azimuth>[+-]\d+)e(?P<elevation>[+-]\d+)|_ambient)",
    "jaffe": r"(?P<person>[a-z]{2})\.(?P<emotion>an|di|fe|ha|ne|sa|su)\d\.\d+",
    "kdef": r"[ab](?P<person>(?P<sex>[fm])\d\d)(?P<emotion>af|an|di|ha|ne|sa|su)"
    r"(?P<angle>s|fl|fr|hl|hr)",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a donor, or one frame of a video of them, and what is written about it."""

    path: Path
    name: str  # the path below the folder of the data
    person: str  # the same for all pictures of one person
    labels: str = ""
    width: float = float("nan")  # px from cheek to cheek
    yaw: float = float("nan")  # -1..1, 0 is frontal
    moment: int = -1  # the number of a video's frame
    unwanted: bool = False  # left out by somebody who looked

    @property
    def is_video(self) -> bool:
        """Whether the file is a video, by its ending."""
        return self.path.suffix.lower() in VIDEOS


@dataclass(frozen=True, slots=True)
class Unusable:
    """A picture that is left out, and why; what follows a colon in the reason is detail."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Collection:
    """What a folder holds."""

    pictures: list[Picture]
    unusable: list[Unusable]
    layout: str  # in words


def read(folder: Path, layout: str = "auto") -> Collection:
    """The pictures and videos of `folder`, recognised by `layout`, a key of LAYOUTS, or by each.

    Raises SettingsError where there is no such folder, nothing in it or nothing of that layout.
    """
    if not folder.is_dir():
        raise SettingsError(f"no folder {folder}; name one that holds pictures of faces")
    if layout == TABLE or (layout == "auto" and (folder / TABLE).is_file()):
        return _table(folder)
    files = list(_files(folder))
    if not files:
        raise SettingsError(f"{folder} holds no {TABLE} and no pictures to train on")
    kinds = list(_PATTERNS) if layout == "auto" else [layout] if layout in _PATTERNS else []
    named, others = [], []
    for file in files:
        found = _by_name(folder, file, kinds)
        named += [found] if found else []
        others += [] if found else [file]
    rest = layout if layout in {"folders", "flat"} else _folders_or_flat(folder, others)
    if kinds and layout != "auto":
        if not named:
            raise SettingsError(f"{folder} holds no {LAYOUTS[layout]}; leave out --layout")
        strange = [Unusable(_name(folder, file), f"no {LAYOUTS[layout]}") for file in others]
        return _collected(named, [], strange, rest)
    return _collected(named, [_by_place(folder, file, rest) for file in others], [], rest)


def leaving_out(found: Collection, path: Path) -> Collection:
    """The collection, with those pictures unwanted that a text file names, one a line.

    Raises SettingsError where a name is none of the pictures'.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--leave-out {path} cannot be read: {error}") from None
    names = {line.strip() for line in lines} - {""}
    known = {picture.name for picture in found.pictures} | {u.name for u in found.unusable}
    if unknown := sorted(names - known):
        raise SettingsError(f"--leave-out {path} names {unknown[0]}, which is no picture there")
    pictures = [replace(p, unwanted=p.name in names) for p in found.pictures]
    return replace(found, pictures=pictures)


def relabelled(found: Collection, path: Path) -> Collection:
    """The collection, with what a CSV file with the columns file and labels adds to its labels.

    Raises SettingsError where the file cannot be read or names none of the pictures.
    """
    try:
        with path.open(encoding="utf-8", newline="") as rows:
            added = {row["file"]: row["labels"] or "" for row in csv.DictReader(rows)}
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        raise SettingsError(
            f"--labels {path} cannot be read as a table with the columns file and labels: {error}"
        ) from None
    known = {picture.name for picture in found.pictures} | {u.name for u in found.unusable}
    if unknown := sorted(set(added) - known):
        raise SettingsError(f"--labels {path} names {unknown[0]}, which is no picture there")
    pictures = [
        replace(p, labels="; ".join(filter(None, (p.labels, added.get(p.name)))))
        for p in found.pictures
    ]
    return replace(found, pictures=pictures)


def _collected(
    named: list[tuple[str, Picture | Unusable]],
    placed: list[Picture],
    unusable: list[Unusable],
    rest: str,
) -> Collection:
    count = Counter(kind for kind, _ in named)
    if placed:
        count[rest] += len(placed)
    told = [LAYOUTS[kind] + (f" ({n})" if len(count) > 1 else "") for kind, n in count.items()]
    found = [entry for _, entry in named]
    return Collection(
        [entry for entry in found if isinstance(entry, Picture)] + placed,
        [entry for entry in found if isinstance(entry, Unusable)] + unusable,
        ", ".join(told),
    )


def _files(folder: Path) -> Iterator[Path]:
    """The pictures and videos below a folder in sorted order, hidden ones left out."""
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(root, name) for name in sorted(names)):
            hidden = path.name.startswith(".") or is_temporary(path)
            known = path.suffix.lower() in _ENDINGS | {".bad"}
            known = known or re.fullmatch(_PATTERNS["yalefaces"], path.name.lower()) is not None
            if known and not hidden:
                yield path


def _by_name(folder: Path, file: Path, kinds: list[str]) -> tuple[str, Picture | Unusable] | None:
    """The kind of a file's name and what it says, None where it fits none of `kinds`."""
    plain = file.name.lower()
    damaged = plain.endswith(".bad")  # Extended Yale B marks its spoilt pictures so
    plain = plain.removesuffix(".bad")
    if Path(plain).suffix in _ENDINGS:  # yalefaces has names such as subject01.glasses
        plain = plain[: plain.rindex(".")]
    for kind in kinds:
        if match := re.fullmatch(_PATTERNS[kind], plain):
            name, parts = _name(folder, file), match.groupdict()
            if damaged:
                return kind, Unusable(name, "marked as bad by its makers")
            if parts.get("angle", "s") != "s" or parts.get("camera", "090") != "090":
                return kind, Unusable(name, _TURNED)
            person = f"{kind} {parts['person']}"
            return kind, Picture(file, name, person, ", ".join(_words(kind, parts)))
    return None


def _words(kind: str, parts: dict[str, str | None]) -> Iterator[str]:
    """What a file name's parts say, in the words of `pipeline.labels`."""
    child = parts.get("group") == "kid"
    sex = "female" if kind == "jaffe" else parts.get("sex") or ""
    if sex:
        yield labels.SEXES.get(sex, sex)
        yield labels.CHILD if child else labels.ADULT
    if emotion := labels.EMOTIONS.get(parts.get("emotion") or ""):
        yield emotion
    if gaze := labels.GAZES.get(parts.get("gaze") or ""):
        yield gaze
    degrees = [abs(int(parts.get(axis) or 0)) for axis in ("azimuth", "elevation")]
    if max(degrees) > _SIDE_LIGHT_DEGREES:
        yield "side light"


def _folders_or_flat(folder: Path, files: list[Path]) -> str:
    places = {file.parent for file in files}
    return "folders" if len(places) > 1 and folder not in places else "flat"


def _by_place(folder: Path, file: Path, layout: str) -> Picture:
    """A picture whose name says nothing: its folder, or the name itself, stands for the person."""
    place = file.relative_to(folder)
    person = place.parent if layout == "folders" else place.with_suffix("")
    return Picture(file, _name(folder, file), person.as_posix())


def _name(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _table(folder: Path) -> Collection:
    try:
        with (folder / TABLE).open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{folder / TABLE} cannot be read: {error}") from error
    if rows and "file" not in rows[0]:
        raise SettingsError(f"{folder / TABLE} has no column 'file'; its first line must name it")
    pictures = [_row(folder, row, number) for number, row in enumerate(rows, 2)]
    if not pictures:
        raise SettingsError(f"{folder / TABLE} lists no pictures to train on")
    lost = [Unusable(p.name, "no such file") for p in pictures if not p.path.is_file()]
    return Collection([p for p in pictures if p.path.is_file()], lost, LAYOUTS[TABLE])


def _row(folder: Path, row: dict[str, str], line: int) -> Picture:
    name = row["file"] or ""
    try:
        width, yaw = (
            float(row.get(column) or "nan") for column in ("face_width_px", "yaw_asymmetry")
        )
    except ValueError as error:
        raise SettingsError(f"{folder / TABLE}, line {line}: {error}") from None
    person = row.get("identity") or f"{name} alone"
    return Picture(folder / name, name, person, row.get("labels") or "", width, yaw)
