"""Frames in which a mesh or a box has slipped onto a part of the face, and the rest would show."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from pipeline.contract import Floats
from pipeline.pose import landmarks_of
from pipeline.tracks import MESH_FOUND, Seen, Sighting

_LONGEST: Final = 2  # frames
_PART: Final = 0.6  # of the face: less is a part of it
_WITHIN: Final = 0.75
_SAME: Final = 0.5  # overlap of two boxes that agree
_LANDMARKED: Final = 40.0  # px: landmarks of smaller faces are no surer than meshes
_ELSEWHERE: Final = 0.25  # of a face's width: landmarks so far off are another face's
_UPRIGHT: Final = 0.8
_NARROW: Final = 0.6  # of the way down to the mouth: faces from the front have eyes 1.1 apart
_NARROWER: Final = 0.85  # than the mesh's


def unslipped(sightings: Iterable[Sighting]) -> Iterator[Sighting]:
    """The sightings of a track, in order, without those that lie on a part of the face only.

    For a frame or two a box covers much less than before, and lies within what it covered; then it
    is back. What is left out is to be filled from both sides. A face that goes or shrinks is not
    back, and keeps its sightings.
    """
    whole: Sighting | None = None
    parts: list[Sighting] = []
    for sighting in sightings:
        if whole is not None and len(parts) < _LONGEST and _is_part(sighting.box, whole.box):
            parts.append(sighting)
            continue
        if whole is not None and not _agree(sighting.box, whole.box):
            yield from parts
        parts = []
        yield sighting
        whole = sighting
    yield from parts


def undrawn(sightings: Iterable[Sighting], seen: Iterable[Sighting]) -> Iterator[Sighting]:
    """The sightings of a track, in order, of which none can be drawn on while the face is turned
    away farther than its mesh tells.

    In profiles meshes slip toward the front and stay as sure of themselves: what is drawn on them
    lies beside the face. Detectors tell the landmarks of upright heads, and where two in a row of
    those `seen` are turned away, all is in doubt from the one before to the one after.
    """
    frames = _turned_away(seen)
    nowhere = np.full((5, 2), np.nan, np.float32)
    for sighting in sightings:
        if sighting.frame in frames:
            yield replace(sighting, mesh_score=0.0, landmarks=nowhere)
        else:
            yield sighting


def _turned_away(seen: Iterable[Sighting]) -> set[int]:
    found = [(s.frame, _is_turned(s)) for s in seen if s.seen == Seen.DETECTED]
    frames: set[int] = set()
    for row, ((first, one), (second, other)) in enumerate(pairwise(found)):
        if one and other:
            before = found[row - 1][0] + 1 if row else first
            after = found[row + 2][0] if row + 2 < len(found) else second + 1
            frames.update(range(before, after))
    return frames


def _is_turned(sighting: Sighting) -> bool:
    """Whether a mesh is turned too little for the landmarks that a detector told."""
    mesh, landmarks, box = sighting.mesh, sighting.landmarks, sighting.box
    width = float(box[2] - box[0])
    known = np.isfinite(mesh).all() and np.isfinite(landmarks).all()
    if sighting.mesh_score < MESH_FOUND or width < _LANDMARKED or not known:
        return False
    own = landmarks_of(mesh)[:, :2]
    off = float(np.linalg.norm(own - landmarks, axis=1).mean()) / width
    down = _down(own)
    upright = down[1] > _UPRIGHT * np.linalg.norm(down)
    narrow = _breadth(landmarks) < min(_NARROW, _NARROWER * _breadth(own))
    return bool(off < _ELSEWHERE and upright and narrow)


def _down(landmarks: Floats) -> Floats:
    """(2,) px from between the eyes to the middle of the mouth."""
    return np.asarray(landmarks[3:].mean(axis=0) - landmarks[:2].mean(axis=0), np.float32)


def _breadth(landmarks: Floats) -> float:
    """How far the eyes are apart, where the mouth is 1 below."""
    apart = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    return apart / max(float(np.linalg.norm(_down(landmarks))), 1e-3)


def _is_part(box: Floats, face: Floats) -> bool:
    """Whether a box (4,) lies on a part of a face's."""
    both = _both(box, face)
    return both < _PART * _area(face) and both > _WITHIN * _area(box)


def _agree(box: Floats, other: Floats) -> bool:
    both = _both(box, other)
    return both >= _SAME * (_area(box) + _area(other) - both)


def _both(a: Floats, b: Floats) -> float:
    """Area px² that both boxes (4,) cover."""
    (x1, y1, x2, y2), (left, top, right, bottom) = a.tolist(), b.tolist()
    return max(min(x2, right) - max(x1, left), 0) * max(min(y2, bottom) - max(y1, top), 0)


def _area(box: Floats) -> float:
    x1, y1, x2, y2 = box.tolist()
    return (x2 - x1) * (y2 - y1)
