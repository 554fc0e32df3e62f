"""Frames in which a mesh or a box has slipped onto a part of the face, and the rest would show."""

from collections.abc import Iterable, Iterator
from typing import Final

from pipeline.contract import Floats
from pipeline.tracks import Sighting

_LONGEST: Final = 2  # frames
_PART: Final = 0.6  # of the face: less is a part of it
_WITHIN: Final = 0.75
_SAME: Final = 0.5  # overlap of two boxes that agree


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
