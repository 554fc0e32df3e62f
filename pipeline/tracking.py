"""Follows faces from frame to frame, backwards from their first detection too.

Association: least total cost over overlap and distance (Kuhn 1955, as in scipy). Detections
too weak to start a track may continue one (Zhang et al., ByteTrack, ECCV 2022,
arXiv:2110.06864). Between detections the mesh itself is followed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from detector.facemesh import FaceMesh
from detector.iris import Iris
from pipeline import planes
from pipeline.contract import Faces, Floats, Frame, Image
from pipeline.geometry import bounds, overlap, pixels, scaled
from pipeline.tracks import Sighting, Track, unknown_gaze

MESH_FOUND: Final = 0.5
_REGION: Final = 2.2
_BACK_FRAMES: Final = 25
_BACK_BYTES: Final = 400_000_000
_SAME_FACE: Final = 0.45
_FARTHEST: Final = 1.3
_SIZE_JUMP: Final = 1.5
_PATIENCE: Final = 30

T = TypeVar("T")


class Guard(Protocol):
    """Gives what `work` gives, or `otherwise` where a room fails on one face."""

    def __call__(self, work: Callable[[], T], otherwise: T) -> T: ...


class Tracker:
    """Feed it every frame of a clip in order; it returns the tracks that have ended."""

    def __init__(
        self, mesh: FaceMesh, start_score: float, guard: Guard, eyes: Iris | None = None
    ) -> None:
        self._mesh = mesh
        self._eyes = eyes
        self._start_score = start_score
        self._guard = guard
        self._recent: deque[Frame] = deque(maxlen=_BACK_FRAMES)
        self._active: list[Track] = []
        self._ended: list[Track] = []
        self._count = 0
        self._shot = 0

    @property
    def active(self) -> list[Track]:
        """The tracks that the last frame belongs to or may return to."""
        return self._active

    def cut(self, frame: int) -> list[Track]:
        """Frame `frame` begins a new shot: every track ends."""
        ended = self._active + self._ended
        self._active, self._ended, self._shot = [], [], frame
        self._recent.clear()
        return ended

    def step(self, frame: Frame, faces: Faces | None) -> list[Track]:
        """One frame and the detector's faces in it, or None where it was not asked."""
        found = Faces.of([]) if faces is None else faces
        pairs = _pairs(self._active, found.boxes, frame.index)
        for track, row in pairs:
            track.sightings.append(self._sighting(frame, found, row))
        taken = {row for _, row in pairs}
        continued = {track.number for track, _ in pairs}
        for track in self._active:
            if track.number not in continued:
                self._follow(track, frame)
        self._drop_doubles(frame.index)
        for row in range(len(found)):
            if row not in taken and found.scores[row] >= self._start_score:
                self._start(frame, found, row)
        self._remember(frame)
        return self._retire(frame.index)

    def _sighting(self, frame: Frame, faces: Faces, row: int) -> Sighting:
        """Row `row` with its mesh, fitted in the frame's own resolution."""
        one = faces[[row]]
        at = pixels(scaled(one.boxes[0], _REGION), frame.size)
        if at[2] <= at[0] or at[3] <= at[1]:
            return Sighting.detected(frame.index, one, 0)
        region = planes.region(frame, at)
        local = one.moved(1.0, (-at[0], -at[1]))

        def fit() -> Faces:
            fitted = self._mesh.fit(region, local)
            known = local.boxes, local.landmarks, local.scores
            return Faces.of(*known, fitted.mesh, fitted.mesh_scores)

        fitted = self._guard(fit, local).moved(1.0, (at[0], at[1]))
        return self._looking(Sighting.detected(frame.index, fitted, 0), region, at)

    def _looking(
        self, sighting: Sighting, region: Image, at: tuple[int, int, int, int]
    ) -> Sighting:
        """The sighting with lids and gaze read in `region`, which lies `at` in the frame."""
        eyes, mesh = self._eyes, sighting.mesh
        if eyes is None or sighting.mesh_score < MESH_FOUND or not np.isfinite(mesh).all():
            return sighting
        shift = np.array([at[0], at[1], 0], np.float32)
        unread = mesh - shift, unknown_gaze()
        local, gaze = self._guard(lambda: eyes.look(region, mesh - shift), unread)
        return replace(sighting, mesh=local + shift, gaze=gaze)

    def _follow(self, track: Track, frame: Frame) -> None:
        if track.last.frame == frame.index - 1:
            followed = self._followed(track.last, frame)
            if followed is not None:
                track.sightings.append(followed)

    def _followed(self, near: Sighting, frame: Frame) -> Sighting | None:
        """The face of a near frame found again by its mesh, None where it is not there."""
        if near.mesh_score < MESH_FOUND or not np.isfinite(near.mesh).all():
            return None
        at = pixels(scaled(bounds(near.mesh), _REGION), frame.size)
        if at[2] <= at[0] or at[3] <= at[1]:
            return None
        region, shift = planes.region(frame, at), np.array([at[0], at[1], 0], np.float32)
        start = Faces.of([near.box], mesh=near.mesh[None] - shift)

        def follow() -> Faces:
            mesh, score = self._mesh.follow(region, start.mesh[0])
            return Faces.of([near.box], mesh=mesh[None] + shift, mesh_scores=[score])

        moved = self._guard(follow, start)
        result = Sighting.followed(frame.index, moved.mesh[0], float(moved.mesh_scores[0]))
        if result.mesh_score < MESH_FOUND or not _near(near, result):
            return None
        return self._looking(result, region, at)

    def _start(self, frame: Frame, faces: Faces, row: int) -> None:
        track = Track(self._count, self._shot, [self._sighting(frame, faces, row)])
        self._count += 1
        for earlier in reversed(self._recent):
            before = self._followed(track.first, earlier)
            if before is None or self._occupied(before):
                break
            track.sightings.insert(0, before)
        self._active.append(track)

    def _occupied(self, place: Sighting) -> bool:
        """Another track has a face there already."""
        others = (t.sightings for t in self._active + self._ended)
        boxes = [s.box for sightings in others for s in sightings[-60:] if s.frame == place.frame]
        return bool(boxes) and float(overlap(place.box[None], np.stack(boxes)).max()) > 0.3

    def _drop_doubles(self, index: int) -> None:
        """Of two tracks on one face the one that was merely followed there ends a frame earlier."""
        here = [t for t in self._active if t.last.frame == index]
        here.sort(key=lambda t: (t.last.seen, -len(t.sightings)))
        for place, track in enumerate(here):
            boxes = [t.last.box for t in here[:place] if t.last.frame == index]
            doubled = (
                bool(boxes) and overlap(track.last.box[None], np.stack(boxes)).max() > _SAME_FACE
            )
            if doubled and track.last.seen > 0:
                track.sightings.pop()

    def _remember(self, frame: Frame) -> None:
        self._recent.append(frame)
        size = sum(plane.nbytes for plane in frame.planes)
        while len(self._recent) > 1 and size * len(self._recent) > _BACK_BYTES:
            self._recent.popleft()

    def _retire(self, index: int) -> list[Track]:
        """Tracks unseen for too long leave, once nothing new can be followed back onto them."""
        gone = [t for t in self._active if not t.sightings or index - t.last.frame > _PATIENCE]
        self._active = [t for t in self._active if t not in gone]
        self._ended.extend(t for t in gone if t.sightings)
        ready = [t for t in self._ended if index - t.last.frame > _PATIENCE + _BACK_FRAMES]
        self._ended = [t for t in self._ended if t not in ready]
        return ready


def _near(a: Sighting, b: Sighting) -> bool:
    """Neither the size nor the place jumps between two frames in a row."""
    wide = np.array([np.ptp(s.mesh[:, :2], axis=0).max() for s in (a, b)])
    step = np.linalg.norm((a.mesh - b.mesh)[:, :2].mean(axis=0))
    return bool(wide.max() < _SIZE_JUMP * wide.min() and step < 0.6 * wide.min())


def _pairs(tracks: list[Track], boxes: Floats, frame: int) -> list[tuple[Track, int]]:
    """Which track goes on in which of the n boxes (n, 4)."""
    if not tracks or not len(boxes):
        return []
    expected = np.stack([track.predicted(frame) for track in tracks])
    cost = 1 - overlap(expected, boxes) + 0.3 * _distance(expected, boxes)
    possible = _plausible(expected, boxes)
    rows, columns = linear_sum_assignment(np.where(possible, cost, 1e6))
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(tracks[r], c) for r, c in pairs if possible[r, c]]


def _distance(a: Floats, b: Floats) -> Floats:
    """(n, m) distance of the boxes' centres in units of the smaller one's larger side."""
    gap = (a[:, None, :2] + a[:, None, 2:] - b[None, :, :2] - b[None, :, 2:]) / 2
    side_a, side_b = ((q[:, 2:] - q[:, :2]).max(axis=1) for q in (a, b))
    unit = np.maximum(np.minimum(side_a[:, None], side_b[None]), 1e-6)
    result: Floats = np.linalg.norm(gap, axis=2) / unit
    return result


def _plausible(a: Floats, b: Floats) -> np.ndarray:
    side_a, side_b = ((q[:, 2:] - q[:, :2]).max(axis=1) for q in (a, b))
    ratio = side_a[:, None] / np.maximum(side_b[None], 1e-6)
    alike = (ratio < 2) & (ratio > 0.5)
    result: np.ndarray = alike & ((overlap(a, b) > 0.15) | (_distance(a, b) < _FARTHEST * 0.6))
    return result
