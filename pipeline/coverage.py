"""How long each face stays covered, and with what: whole tracks and the rungs of the ladder."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Final

import numpy as np

from pipeline.analysis import Analysis
from pipeline.carrying import fitted
from pipeline.dissolving import BEFORE, LIKELY, blended, faded, found, in_dissolves, within
from pipeline.expecting import RECENT, expected, motion, onward
from pipeline.extents import extended
from pipeline.geometry import bounds, overlap, yaw
from pipeline.packing import Sightings
from pipeline.pose import has_pose
from pipeline.rooms import Drawing
from pipeline.slips import undrawn, unslipped
from pipeline.smoothing import steadied
from pipeline.tracks import MESH_FOUND, Seen, Sighting, Track, surely
from pipeline.unasked import unasked
from pipeline.vacancy import is_vacant

FADE: Final = 4
_SOON: Final = 8  # frames after a cut: who is found then was hardly absent before
_SHARES: Final = [apart / (FADE + 1) for apart in range(FADE + 2)]
_FRONTAL_ENOUGH: Final = 68.0
_LOOSE: Final = 20_000  # sightings of 6 KB
_SHOWN: Final = 0.15
_AGREE: Final = 0.3
_SMALLEST_MESH: Final = 14.0
_MOMENT: Final = 4  # frames


class Rung(IntEnum):
    """How a face-frame is covered: the ladder, best first."""

    SURROGATE = 0  # along the fitted mesh
    PASTED = 1  # along a mesh known only from landmarks or from other frames
    COVER = 2  # its box


@dataclass(frozen=True, slots=True, eq=False)
class Covered:
    """One track as it is covered: a rung and a mix for each of its sightings."""

    sightings: Sequence[Sighting]
    rungs: list[Rung]
    mix: list[float]  # share of the surrogate over the fallback cover, in [0, 1]

    @property
    def frames(self) -> Iterable[int]:
        """The frame of each sighting."""
        return (sighting.frame for sighting in self.sightings)


def covered(
    analysis: Analysis, persons: list[int], drawing: Drawing | None, spent: bool = False
) -> list[Covered]:
    """The tracks of a file, each with what covers it in every frame.

    `persons` numbers the person of each. Long tracks that are `spent` are emptied.
    """
    result = []
    many = sum(len(track.sightings) for track in analysis.tracks) > _LOOSE
    spans = [range(first, last + 1) for first, last in map(surely, analysis.tracks)]
    for row, (track, person) in enumerate(zip(analysis.tracks, persons, strict=True)):
        elsewhere = [s for i, s in enumerate(spans) if persons[i] == person and i != row]
        sightings = whole(track, analysis, elsewhere)
        own = drawing if track.certain or track.fits else None  # else it may be a pattern
        if many:
            sightings.pack()
            track.sightings = [] if spent else track.sightings
        rungs = [rung(sighting, own) for sighting in sightings]
        result.append(Covered(sightings, rungs, mixes(rungs)))
    return result


def mixes(rungs: Sequence[Rung]) -> list[float]:
    """The share in [0, 1] of the surrogate over the cover, for each frame of a track.

    It is 0 where there is no surrogate and grows to 1 over the `FADE` frames next to such a frame,
    on both sides. The cover below stays whole: what is mixed never lets the original through.
    """
    drawn = np.array([rung != Rung.COVER for rung in rungs], np.bool_)
    if drawn.all():
        return [1.0] * len(drawn)
    rows = np.arange(len(drawn))
    covers = np.flatnonzero(~drawn)
    after = np.searchsorted(covers, rows)
    nearest = np.minimum(
        np.abs(covers[np.maximum(after - 1, 0)] - rows),
        np.abs(covers[np.minimum(after, len(covers) - 1)] - rows),
    )
    return [_SHARES[min(apart, FADE + 1)] for apart in nearest.tolist()]


def whole(track: Track, analysis: Analysis, elsewhere: Sequence[range] = ()) -> Sightings:
    """The track without gaps, steadied, and a little longer than it was seen.

    At least until the frame in which the detector, when it was next asked, did not see it; but
    nobody is expected in the frames in which they are seen `elsewhere`, nor after these.
    """
    again = (frames.start for frames in elsewhere if frames.start > track.last.frame)
    end = min((s for s in analysis.shots if s > track.shot), default=analysis.frames)
    every_frame = undrawn(_every_frame(track, analysis, min([end, *again])), track.sightings)
    if analysis.fades:
        every_frame = in_dissolves(every_frame, track.sightings, analysis.fades)
    seen = _unvacated(every_frame, track, analysis.fades)
    return Sightings(s for s in seen if _shows(s, analysis.size, elsewhere))


def _every_frame(track: Track, analysis: Analysis, end: int) -> Iterator[Sighting]:
    some = track.sightings
    early, late = faded(some, analysis.fades)
    stay = range(len(some)) if early is None and late is None else within(some, early, late)
    before, after = unasked(analysis, some[stay[0]], some[stay[-1]])
    seen = unslipped(extended(islice(steadied(some), stay[0], stay[-1] + 1)))
    last = next(seen)
    ahead = max(BEFORE - track.doubted, 0)
    start = min(before, last.frame - ahead) if early is None else min(early, last.frame)
    comes, goes = faded(some, analysis.blends, LIKELY)
    dissolves = None if early is None and comes is None else analysis.size
    step = motion((some if early is None else found(some))[:RECENT])
    start = start if comes is None else min(start, comes)
    start = start if last.frame - track.shot > _SOON else track.shot
    yield from (
        expected(last, frame, step, dissolves)
        for frame in range(max(track.shot, start), last.frame)
    )
    yield last
    for sighting in seen:
        yield from between(last, sighting)
        yield sighting
        last = sighting
    dissolves = None if late is None and goes is None else analysis.size
    step, more = onward(some, some if late is None else found(some), analysis.size)
    until = max(after, last.frame + 1 + more) if late is None else late + 1
    until = until if goes is None else max(until, goes + 1)
    yield from (
        expected(last, frame, step, dissolves) for frame in range(last.frame + 1, min(end, until))
    )


def _unvacated(
    every_frame: Iterable[Sighting], track: Track, fades: Sequence[tuple[int, int]]
) -> Iterator[Sighting]:
    """The sightings without those where nothing of the face is seen, for some frames in a row:
    between two covers a moment is covered too.
    """
    waiting: list[Sighting] = []
    for sighting in every_frame:
        if is_vacant(sighting, track.vacant) and not blended(sighting.frame, fades):
            waiting.append(sighting)
            continue
        if len(waiting) < _MOMENT and waiting and waiting[0].frame > track.first.frame:
            yield from waiting
        waiting = []
        yield sighting


def _shows(sighting: Sighting, size: tuple[int, int], elsewhere: Sequence[range]) -> bool:
    """Whether enough of a face is in the picture to cover it, where it is only expected."""
    expected = sighting.seen == Seen.PREDICTED
    if expected and any(sighting.frame in frames for frames in elsewhere):
        return False
    box = sighting.box
    part = np.minimum(box[2:], size) - np.maximum(box[:2], 0)
    least = _SHOWN if expected else 0.0
    return bool((part > least * (box[2:] - box[:2])).all())


def between(a: Sighting, b: Sighting) -> Iterator[Sighting]:
    """The frames between two sightings, on a straight line."""
    for frame in range(a.frame + 1, b.frame):
        t = np.float32((frame - a.frame) / (b.frame - a.frame))
        box, landmarks, mesh, gaze = (
            getattr(a, name) * (1 - t) + getattr(b, name) * t
            for name in ("box", "landmarks", "mesh", "gaze")
        )
        score = min(a.mesh_score, b.mesh_score)
        yield Sighting(frame, box, landmarks, mesh, score, Seen.FILLED, gaze)


def rung(sighting: Sighting, drawing: Drawing | None) -> Rung:
    """The best rung that what is known of a face in a frame allows.

    Where a face is only expected it may be gone: a surrogate that floats over the background is
    worse than a cover.
    """
    if drawing is None or sighting.seen == Seen.PREDICTED:
        return Rung.COVER
    mesh, box = sighting.mesh, sighting.box
    if np.isfinite(mesh).all() and sighting.mesh_score >= MESH_FOUND:
        around = bounds(mesh)
        fits = overlap(around[None], box[None])[0, 0] > _AGREE
        wide = float((around[2:] - around[:2]).max()) >= _SMALLEST_MESH
        ahead = yaw(mesh, drawing.canonical.shape) < _FRONTAL_ENOUGH
        if fits and wide and ahead:
            return Rung.SURROGATE if fitted(sighting) else Rung.PASTED
        if sighting.seen != Seen.DETECTED and not (fits and ahead):
            return Rung.COVER
    posable = has_pose(sighting.landmarks, drawing.canonical.shape)
    return Rung.PASTED if posable else Rung.COVER
