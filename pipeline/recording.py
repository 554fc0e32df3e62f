"""Writes the record of a file while it is rendered: the plan, and what was done of it."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline import k_same, suspects
from pipeline import record as records
from pipeline.analysis import Analysis, digest
from pipeline.box_rows import BoxRows
from pipeline.contract import Frame, Patch
from pipeline.errors import MediaError
from pipeline.planning import Plan, Planned
from pipeline.record import (
    KEEP,
    REPLACE,
    Input,
    Output,
    PersonEntry,
    Record,
    Rendered,
    TrackEntry,
)
from pipeline.settings import Settings

_TOLERANCE: Final = 0.002  # seconds that times may be off: containers round them
_BLOCK: Final = 4  # px over which chroma planes may share a sample
_NOWHERE: Final = (0, 0, 0, 0)

REASONS: Final = {
    ("", REPLACE): "nobody is to be kept",
    ("keep", REPLACE): "not surely on the keep-list",
    ("keep", KEEP): "on the keep-list",
    ("only", REPLACE): "named, or not surely somebody else",
    ("only", KEEP): "none of those named",
}


def tool() -> str:
    """Our version."""
    try:
        return version("facesurrogate")
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True, slots=True)
class Job:
    """What the records of a job have in common."""

    settings: Settings
    models: dict[str, str]
    names: tuple[str, ...] = ()  # of the keep-list, where the record may tell them
    listed: str = ""  # "keep" or "only": what the list of people says
    boxes: str = "ours"  # as Input.boxes


@dataclass(slots=True)
class _Done:
    """What was done to one track, a row a sighting."""

    frames: array = field(default_factory=lambda: array("i"))  # type: ignore[type-arg]
    how: list[str] = field(default_factory=list)
    altered: array = field(default_factory=lambda: array("i"))  # type: ignore[type-arg]
    faults: list[int] = field(default_factory=list)  # frames


class Recorder:
    """Told of every frame and face as they are rendered; `write` puts down all of it."""

    def __init__(self, target: Path, job: Job) -> None:
        self.target, self._job = target, job
        self.guarantee = k_same.NO_CLAIM
        self._times = Times()
        self._done: dict[int, _Done] = defaultdict(_Done)
        self._size = (0, 0)

    def frame(self, frame: Frame) -> None:
        """A frame was rendered."""
        self._times.add(frame.index, frame.seconds)
        self._size = frame.size

    def face(self, place: tuple[int, int], how: str, patches: list[Patch], failed: bool) -> None:
        """In `place`, a track and a frame, a face was covered."""
        done = self._done[place[0]]
        done.frames.append(place[1])
        done.how.append(how)
        done.altered.extend(altered(patches, self._size))
        if failed:
            done.faults.append(place[1])

    def faces(self, track: int) -> Iterator[tuple[int, str, records.Box | None]]:
        """Of a track of the plan each frame, how it was covered there, and what was altered."""
        done = self._done[track]
        for row, (frame, how) in enumerate(zip(done.frames, done.how, strict=True)):
            box = done.altered[4 * row : 4 * row + 4]
            yield frame, how, None if tuple(box) == _NOWHERE else box.tolist()

    def faults(self, track: int) -> list[int]:
        """The frames in which a room failed on the face of a track."""
        return self._done[track].faults

    def write(self, source: Path, target: Path, planned: tuple[Analysis, Plan]) -> None:
        """Put down what was done to `source` for `target`, which is whole. Raises MediaError."""
        made = self.made(source, target, planned)
        try:
            records.write(made, self.target)
        except MediaError as error:
            raise MediaError(
                f"{error}; {target} is whole: --overwrite writes both again"
            ) from error

    def made(self, source: Path, target: Path, planned: tuple[Analysis, Plan]) -> Record:
        """All that there is to tell."""
        analysis, todo = planned
        read = Input(
            source.name, analysis.digest.hex(), analysis.frames, *self._size, self._times.knots(),
            self._job.boxes,
        )  # fmt: skip
        shows = Output(records.relative(target, self.target.parent), digest(target).hex())
        job = self._job
        result = Record(
            tool(), job.settings.record(), job.models, self.guarantee, read, shows,
            persons(todo, job.names), [],
        )  # fmt: skip
        moments: list[suspects.Moment] = []
        for row, track in enumerate(todo.tracks):
            if not len(track.sightings):
                continue
            entry = self._entry(row, track)
            result.tracks.append(entry)
            asked = entry.coverage if job.settings.mode == "surrogate" else []
            moments.extend(suspects.of_track(track, entry.number, asked, self._done[row].faults))
        busy = {frame for done in self._done.values() for frame in done.frames}
        moments.extend(suspects.cuts(analysis.shots, analysis.fades, busy))
        result.suspects = suspects.told(moments, read)
        return result

    def _entry(self, row: int, track: Planned) -> TrackEntry:
        done = self._done[row]
        decision = KEEP if any(track.kept) else REPLACE
        first, boxes = boxes_of(track)
        drawn = BoxRows(None for _ in boxes)
        for frame, _, box in self.faces(row):
            drawn[frame - first] = box
        number = track.person + 1
        return TrackEntry(
            number=row + 1,
            person=number,
            decision=decision,
            reason=REASONS[self._job.listed, decision],
            first=first,
            boxes=boxes,
            altered=drawn,
            coverage=coverage(done.frames, done.how),
            rendered=Rendered(decision, number),
        )


class Times:
    """Frames' times as few points between which they lie on straight lines.

    A point is set where the next time would be off by more than `_TOLERANCE`: the "swinging door"
    of Bristol, "Data compression for display and storage", US patent 4,669,097 (1987, expired).
    """

    def __init__(self) -> None:
        self._points: list[tuple[int, float]] = []
        self._last = (0, 0.0)
        self._slopes = (-np.inf, np.inf)
        self._start = 0.0

    def add(self, frame: int, seconds: float) -> None:
        """Frame by frame."""
        if not self._points:
            self._start = seconds
        point = frame, seconds - self._start
        if not self._points:
            self._points.append(point)
        else:
            start, at = self._points[-1]
            slope = (point[1] - at) / (frame - start)
            if not self._slopes[0] <= slope <= self._slopes[1]:
                self._points.append(self._last)
                start, at = self._last
                self._slopes = (-np.inf, np.inf)
            away, apart = point[1] - at, frame - start
            self._slopes = (
                max(self._slopes[0], (away - _TOLERANCE) / apart),
                min(self._slopes[1], (away + _TOLERANCE) / apart),
            )
        self._last = point

    def knots(self) -> list[list[float]]:
        """[frame, seconds], seconds counted from the first frame."""
        ends = [*self._points, self._last] if self._last[0] > 0 else self._points
        return [[frame, round(seconds, 4)] for frame, seconds in ends]


def altered(patches: list[Patch], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The rectangle outside of which laying the patches over a picture changes nothing."""
    edges = []
    for patch in patches:
        rows, columns = (np.flatnonzero((patch.alpha > 0).any(axis=axis)) for axis in (1, 0))
        if len(rows):
            (x, y), ends = patch.corner, (rows[[0, -1]], columns[[0, -1]])
            edges.append((x + ends[1][0], y + ends[0][0], x + ends[1][1] + 1, y + ends[0][1] + 1))
    if not edges:
        return _NOWHERE
    low, high = np.min(edges, axis=0)[:2], np.max(edges, axis=0)[2:]
    low, high = low // _BLOCK * _BLOCK, -(-high // _BLOCK) * _BLOCK
    x1, y1 = np.clip(low, 0, size).tolist()
    x2, y2 = np.clip(high, 0, size).tolist()
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else _NOWHERE


def boxes_of(track: Planned) -> tuple[int, BoxRows]:
    """The first frame and a box for it and each later one; where a face is out of the picture
    its last box stands.
    """
    boxes = BoxRows()
    first = next(iter(track.sightings)).frame
    for sighting in track.sightings:
        low, high = np.floor(sighting.box[:2]), np.ceil(sighting.box[2:])
        box = [int(edge) for edge in (*low, *high)]
        boxes.extend([boxes[-1]] * (sighting.frame - first - len(boxes)) if boxes else [])
        boxes.append(box)
    return first, boxes


def coverage(frames: Iterable[int], how: list[str]) -> list[list[Any]]:
    """[how, first, last] of each run of frames that are covered in one way."""
    result: list[list[Any]] = []
    for frame, name in zip(frames, how, strict=True):
        if result and result[-1][0] == name and result[-1][2] == frame - 1:
            result[-1][2] = frame
        else:
            result.append([name, frame, frame])
    return result


def persons(todo: Plan, names: tuple[str, ...]) -> list[PersonEntry]:
    """Everybody of the plan; whom of the keep-list they are by number, or by name."""
    kept: dict[int, int | str] = {}
    for track in todo.tracks:
        if any(track.kept) and track.listed >= 0:
            kept[track.person] = names[track.listed] if names else track.listed + 1
    return [
        PersonEntry(row + 1, None if mix is None else mix.tolist(), kept.get(row))
        for row, mix in enumerate(todo.donors)
    ]
