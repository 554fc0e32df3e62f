"""Finds the faces of a record again: nobody looks for them, their boxes are known.

A mesh is fitted at each box; where none fits, the detector is shown that box alone. A box that a
person added is followed by what the detector sees near its last place, by mesh and by looks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np

from pipeline import planes
from pipeline.analysis import Faults, keep_looks
from pipeline.contract import Faces, Floats, Frame
from pipeline.coverage import Rung, rung
from pipeline.following import Follower, Look
from pipeline.geometry import bounds, overlap, pixels, scaled
from pipeline.media import Source
from pipeline.packing import Sightings
from pipeline.record import TrackEntry
from pipeline.replanning import Draft
from pipeline.rooms import Rooms
from pipeline.tracks import MESH_FOUND, Seen, Sighting, Track

_AGREE: Final = 0.5  # of a mesh's bounds and its box, which on real clips was 0.58 or more
_NEAR: Final = 0.3
_AROUND: Final = 2.2
_ASKED: Final = 160  # px, always the same: detectors are slow where a picture's size is new
_SAME_FACE: Final = 0.45
_GROWS: Final = 0.03
_GOES_ON: Final = 8  # frames
# Eyes of faces that lie on their side or hang head down, image-left first, from the box's centre.
_EYES: Final = np.array(
    [[[0, -1], [0, 1]], [[1, 0], [-1, 0]], [[0, 1], [0, -1]]], np.float32
)  # fmt: skip


@dataclass(slots=True, eq=False)
class _Trail:
    """A face that is followed from the box that a person drew."""

    entry: TrackEntry
    track: Track
    box: Floats  # (4,) where it was last seen
    look: Look | None
    beside: list[TrackEntry]  # faces that are surely others
    lost: int = 0  # frames

    def strays(self, found: Sighting) -> bool:
        """Whether a sighting is that of somebody else."""
        return any(_lies_over(found.box, other, found.frame) for other in self.beside)

    def add(self, found: Sighting, frame: Frame) -> None:
        """The face is seen in a frame."""
        self.box = found.box
        if found.mesh_score >= MESH_FOUND:
            self.look = Look.at(frame, found.box) or self.look
        self.put(found)

    def put(self, found: Sighting) -> None:
        """The face is, or should be, there."""
        self.track.sightings.append(found)
        low, high = np.floor(found.box[:2]), np.ceil(found.box[2:])
        self.entry.boxes[found.frame - self.entry.first] = [int(edge) for edge in (*low, *high)]


@dataclass(slots=True, eq=False)
class Retracer:
    """Makes the tracks of faces whose boxes are known."""

    rooms: Rooms
    faults: Faults = field(default_factory=Faults)
    tracks: dict[int, Track] = field(default_factory=dict)  # by row of the record
    _follower: Follower = field(init=False)

    def __post_init__(self) -> None:
        self._follower = Follower(self.rooms.mesh, self.faults.guarded, self.rooms.eyes)

    def follow(
        self, source: Source, added: dict[int, TrackEntry], others: list[TrackEntry]
    ) -> Iterator[int]:
        """Follow the boxes that were added, and put down in their entries where they lie; `others`
        are the known faces. Yields how many frames were read.
        """
        trails: dict[int, _Trail] = {}
        end = max((entry.last for entry in added.values()), default=-1)
        for frame in _until(source, end):
            for row, entry in added.items():
                if entry.first == frame.index:
                    self.tracks[row] = Track(row, 0, Sightings())
                    trails[row] = self._started(frame, entry, self.tracks[row], others)
                elif entry.first < frame.index <= entry.last:
                    self._followed(frame, trails[row])
            self._look([trail.track for trail in trails.values() if not trail.lost], frame)
            yield frame.index + 1

    def study(self, source: Source, draft: Draft, wanted: dict[int, set[int]]) -> Iterator[int]:
        """Fit meshes to the draft's tracks in the frames that are `wanted` of each row. Yields how
        many frames were read.
        """
        at: dict[int, list[int]] = defaultdict(list)
        hopeless = {row: draft.hopeless(row) for row in wanted}
        for row, frames in wanted.items():
            self.tracks[row] = Track(row, 0, Sightings())
            for number in frames:
                at[number].append(row)
        for frame in _until(source, max(at, default=-1)):
            here = at.get(frame.index, [])
            for row in here:
                entry, track = draft.tracks[row], self.tracks[row]
                box = np.array(entry.boxes[frame.index - entry.first], np.float32)
                before = track.last if track.sightings else None
                some = frame.index not in hopeless[row]
                seen = self._fitted(frame, box, before) if some else None
                track.sightings.append(seen or Sighting.sought(frame.index, box))
            self._look([self.tracks[row] for row in here], frame)
            yield frame.index + 1

    def _look(self, tracks: list[Track], frame: Frame) -> None:
        drawing = self.rooms.drawing
        if drawing is not None:
            self.faults.guarded(lambda: keep_looks(tracks, frame, drawing), None)

    def _fitted(self, frame: Frame, box: Floats, before: Sighting | None) -> Sighting | None:
        """The face in a box (4,) as it can be drawn best, None where nothing of it is found."""
        best: tuple[Rung, Sighting] | None = None
        for found in self._tries(frame, box, before):
            fits = _agrees(found, box)
            placed = replace(found, box=box, mesh_score=found.mesh_score if fits else 0.0)
            how = rung(placed, self.rooms.drawing)
            if how == Rung.SURROGATE or (fits and self.rooms.drawing is None):
                return placed
            if (fits or how < Rung.COVER) and (best is None or how < best[0]):
                best = how, placed
        return best[1] if best is not None else None

    def _tries(self, frame: Frame, box: Floats, before: Sighting | None) -> Iterator[Sighting]:
        yield self._follower.sighting(frame, Faces.of([box]), 0)
        if before is not None and before.frame == frame.index - 1:
            moved = self._follower.followed(before, frame)
            if moved is not None:
                yield moved
        near = self._detected(frame, box)
        if len(near):
            yield self._follower.sighting(frame, near, 0)
        centre, side = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max() / 5
        for eyes in _EYES:
            landmarks = np.full((5, 2), np.nan, np.float32)
            landmarks[:2] = centre + eyes * side
            found = self._follower.sighting(frame, Faces.of([box], [landmarks]), 0)
            yield replace(found, landmarks=np.full((5, 2), np.nan, np.float32))

    def _detected(self, frame: Frame, box: Floats) -> Faces:
        """The face that the detector sees in a box (4,), if any: it tells landmarks."""
        side = max(float((box[2:] - box[:2]).max()) * _AROUND, 1.0)
        corner = (box[:2] + box[2:]) / 2 - side / 2
        at = pixels(np.concatenate([corner, corner + side]), frame.size)
        nobody = Faces.of([])
        if at[2] <= at[0] or at[3] <= at[1]:
            return nobody
        scale = _ASKED / side
        matrix = np.array([[scale, 0, at[0] - corner[0]], [0, scale, at[1] - corner[1]]])
        matrix[:, 2] *= scale
        square = cv2.warpAffine(planes.region(frame, at), matrix, (_ASKED, _ASKED))
        found = self.faults.guarded(
            lambda: self.rooms.detector.detect(np.asarray(square, np.uint8)), nobody
        )
        found = found.moved(1 / scale, (float(corner[0]), float(corner[1])))
        if not len(found):
            return nobody
        alike = overlap(found.boxes, box[None])[:, 0]
        return found[[int(alike.argmax())]] if alike.max() > _NEAR else nobody

    def _started(
        self, frame: Frame, entry: TrackEntry, track: Track, others: list[TrackEntry]
    ) -> _Trail:
        """Where a person drew a box there is a face, whether or not it can be found."""
        box = np.array(entry.boxes[0], np.float32)
        beside = [t for t in others if not _lies_over(box, t, frame.index)]
        trail = _Trail(entry, track, box, Look.at(frame, box), beside)
        seen = self._seen(frame, trail) or self._fitted(frame, box, None)
        trail.add(seen or Sighting.sought(frame.index, box), frame)
        return trail

    def _followed(self, frame: Frame, trail: _Trail) -> None:
        """As the detector sees it near its last place, or by its mesh, or by its looks; else its
        last place stays covered.
        """
        for found in self._ways(frame, trail):
            if found is not None and not trail.strays(found):
                trail.lost = 0
                trail.add(found, frame)
                return
        trail.lost = min(trail.lost + 1, _GOES_ON)
        place = scaled(trail.box, 1 + _GROWS * trail.lost)
        trail.put(replace(Sighting.sought(frame.index, place), seen=Seen.PREDICTED))

    def _ways(self, frame: Frame, trail: _Trail) -> Iterator[Sighting | None]:
        yield self._seen(frame, trail)
        yield self._moved(frame, trail)
        box = trail.look.found(frame, trail.box) if trail.look is not None else None
        if box is not None:
            yield self._fitted(frame, box, None) or Sighting.sought(frame.index, box)

    def _seen(self, frame: Frame, trail: _Trail) -> Sighting | None:
        near = self._detected(frame, trail.box)
        if not len(near):
            return None
        found = self._follower.sighting(frame, near, 0)
        return found if _agrees(found, found.box) else replace(found, mesh_score=0.0)

    def _moved(self, frame: Frame, trail: _Trail) -> Sighting | None:
        """The box keeps its size: a mesh alone may shrink bit by bit to a part of the face."""
        last = trail.track.last
        moved = self._follower.followed(last, frame)
        if moved is None:
            return None
        step = (bounds(moved.mesh) - bounds(last.mesh)).reshape(2, 2).mean(axis=0)
        box = (trail.box + np.tile(step, 2)).astype(np.float32)
        return replace(moved, box=box) if _agrees(moved, box) else None


def _agrees(found: Sighting, box: Floats) -> bool:
    """Whether a mesh was found, and in the box (4,)."""
    if found.mesh_score < MESH_FOUND or not np.isfinite(found.mesh).all():
        return False
    return bool(overlap(bounds(found.mesh)[None], box[None])[0, 0] > _AGREE)


def _lies_over(box: Floats, entry: TrackEntry, frame: int) -> bool:
    """Whether a box lies where the record knows a face."""
    if not entry.first <= frame <= entry.last:
        return False
    other = np.array(entry.boxes[frame - entry.first], np.float32)
    return bool(overlap(box[None], other[None])[0, 0] > _SAME_FACE)


def _until(source: Source, end: int) -> Iterable[Frame]:
    """The frames of a file up to number `end`."""
    if end < 0:
        return
    for frame in source.frames():
        yield frame
        if frame.index >= end:
            return
