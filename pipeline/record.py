"""The record of one file: what was decided for each face, where people can check and correct it.

It holds no features, no crops, no salt, and of a replaced person nothing but boxes, donors and how
they were covered. docs/record.md explains it, faces.schema.json is its JSON Schema.
"""

import json
import os
from bisect import bisect_right
from collections.abc import Iterator, MutableSequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pipeline import atomic
from pipeline.errors import RecordError

KIND: Final = "facesurrogate record"
VERSION: Final = 1
ENDING: Final = ".faces.json"
REPLACE, KEEP, IGNORE = "replace", "keep", "ignore"
SURROGATE, PASTED, FALLBACK, ORIGINAL = "surrogate", "pasted", "fallback", "original"
SCHEMA: Final = Path(__file__).with_name("faces.schema.json")

Box = list[int]  # x1 y1 x2 y2, px


@dataclass(slots=True)
class Input:
    """The file that was read."""

    name: str
    sha256: str
    frames: int
    width: int
    height: int
    times: list[list[float]]  # [frame, seconds] where the pace changes
    boxes: str = "ours"  # or "given" or "both": whose boxes the faces were found by

    def seconds(self, frame: int) -> float:
        """When a frame is shown."""
        starts = [start for start, _ in self.times]
        after = min(max(bisect_right(starts, frame), 1), len(starts))
        start, at = self.times[after - 1]
        if after == len(self.times):
            return at
        end, until = self.times[after]
        return at + (until - at) * (frame - start) / (end - start)


@dataclass(slots=True)
class Output:
    """The file that was written."""

    path: str  # from the folder of the record
    sha256: str


@dataclass(slots=True)
class PersonEntry:
    """Those tracks that wear one surrogate."""

    number: int
    donors: list[int] | None
    kept: int | str | None = None


@dataclass(slots=True)
class Rendered:
    """What the output shows of a track."""

    decision: str
    person: int


@dataclass(slots=True)
class TrackEntry:
    """One face through one shot; `decision` and `person` may be edited."""

    number: int
    person: int
    decision: str
    reason: str
    first: int
    boxes: MutableSequence[Box]
    altered: MutableSequence[Box | None]
    coverage: list[list[Any]]  # [how, first, last]
    rendered: Rendered

    @property
    def last(self) -> int:
        """The frame of the last box."""
        return self.first + len(self.boxes) - 1

    @property
    def edited(self) -> bool:
        """Whether the output shows something else than what is decided now."""
        return Rendered(self.decision, self.person) != self.rendered


@dataclass(slots=True)
class Added:
    """A face that was missed: its box in the frame `first`, to be followed until `last`."""

    box: Box
    first: int
    last: int
    person: int | None = None


@dataclass(slots=True)
class Suspect:
    """A moment to look at."""

    first: int
    last: int
    seconds: float
    timecode: str
    why: str
    track: int | None = None


@dataclass(slots=True)
class Record:
    """All of one file."""

    tool: str
    settings: dict[str, Any]
    models: dict[str, str]
    guarantee: dict[str, Any]
    input: Input
    output: Output
    persons: list[PersonEntry]
    tracks: list[TrackEntry]
    added: list[Added] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)

    def person(self, number: int) -> PersonEntry:
        """The person of that number."""
        return next(person for person in self.persons if person.number == number)


def timecode(seconds: float) -> str:
    """As 01:02:03.450."""
    milliseconds = round(max(seconds, 0.0) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def write(record: Record, target: Path) -> None:
    """Whole or not at all, readable by its owner only. Raises MediaError."""
    with atomic.replacing(target, private=True) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(_written(record))


def dumps(record: Record) -> str:
    """As JSON that people can read and edit: a line for each list of numbers."""
    return "".join(_written(record))


def _written(record: Record) -> Iterator[str]:
    """The same in pieces: of two hours it is too much to be held as a whole."""
    from pipeline.record_check import seal

    yield from _lines({"kind": KIND, "version": VERSION, **_plain(record), "seal": seal(record)}, 0)
    yield "\n"


def read(path: Path) -> Record:
    """The record in a file. Raises RecordError where it is none, or a newer or damaged one."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors add a mark
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise RecordError(f"{path}: is no record: not UTF-8 text") from None
    try:
        return loads(text)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from None


def loads(text: str) -> Record:
    """The record that JSON describes. Raises RecordError."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"is no record: {error}") from None
    _check_version(plain)
    import fastjsonschema

    try:
        _validator()(plain)
    except fastjsonschema.JsonSchemaException as error:
        raise RecordError(str(error).removeprefix("data.").removeprefix("data ")) from None
    from pipeline.record_check import check, seal

    result = _made(plain)
    check(result)
    if plain["seal"] != seal(result):
        raise RecordError(
            "something was changed besides decision, person, persons and added, which alone may "
            "be edited: take the record that `run --record` wrote, and edit that"
        )
    return result


def check_fits(record: Record, path: Path, sha256: str) -> None:
    """Raise RecordError where a record was not made from the file at `path`."""
    if sha256 != record.input.sha256:
        raise RecordError(
            f"the record was made from {record.input.name!r}, and {path} is another file or was "
            "changed since: give the record of this one"
        )


def relative(target: Path, folder: Path) -> str:
    """The path of `target` as a file in `folder` names it."""
    try:
        return Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(target.resolve())


def _check_version(plain: Any) -> None:
    if not isinstance(plain, dict) or plain.get("kind") != KIND:
        raise RecordError(f"is no record: it does not say that its kind is {KIND!r}")
    version = plain.get("version")
    if isinstance(version, int) and version > VERSION:
        raise RecordError(
            f"has version {version} of the record, newer than {VERSION}: update facesurrogate"
        )


@cache
def _validator() -> Any:
    import fastjsonschema

    return fastjsonschema.compile(json.loads(SCHEMA.read_text(encoding="utf-8")))


def _made(plain: dict[str, Any]) -> Record:
    rest = {name: plain[name] for name in ("tool", "settings", "models", "guarantee")}
    tracks = [
        TrackEntry(**{**track, "rendered": Rendered(**track["rendered"])})
        for track in plain["tracks"]
    ]
    return Record(
        **rest,
        input=Input(**plain["input"]),
        output=Output(**plain["output"]),
        persons=[PersonEntry(**person) for person in plain["persons"]],
        tracks=tracks,
        added=[Added(**added) for added in plain["added"]],
        suspects=[Suspect(**suspect) for suspect in plain["suspects"]],
    )


def _plain(value: Any) -> Any:
    """A dataclass as a dict of its fields, without what is optional and not known."""
    if not is_dataclass(value):
        return value
    known = {name.name: getattr(value, name.name) for name in fields(value)}
    optional = {Added: "person", Suspect: "track"}.get(type(value), "")
    return {name: own for name, own in known.items() if name != optional or own is not None}


def _lines(value: Any, depth: int) -> Iterator[str]:
    """Objects a field a line; lists of objects an object a paragraph; other lists in one line."""
    value, inside, margin = _plain(value), " " * (depth + 1), " " * depth
    if isinstance(value, dict) and value and depth < 4:
        for row, (name, own) in enumerate(value.items()):
            yield f"{',' if row else '{'}\n{inside}{json.dumps(name)}: "
            yield from _lines(own, depth + 1)
        yield f"\n{margin}}}"
    elif isinstance(value, list) and value and isinstance(_plain(value[0]), dict):
        for row, own in enumerate(value):
            yield f"{',' if row else '['}\n{inside}"
            yield from _lines(own, depth + 1)
        yield f"\n{margin}]"
    else:
        yield json.dumps(value, ensure_ascii=False, default=list)
