"""Boxes of faces that were followed by their meshes, made as large as a detector tells them.

A detector's box holds forehead and chin, the bounds of a mesh end before the hair does. Covers that
took each as it comes would tremble, and show more of the face where it was followed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.carrying import believed
from pipeline.contract import Floats
from pipeline.geometry import bounds, overlap
from pipeline.tracks import Seen, Sighting

_WAITING: Final = 64
_AGREES: Final = 0.45
_MOST: Final = 0.4  # of a face's side

_Extent = tuple[int, Floats]  # a frame, and the (4,) that a box lies off a mesh's, of its side


def extended(sightings: Iterable[Sighting]) -> Iterator[Sighting]:
    """The sightings of a track, in order; the box of one that was followed reaches as far around
    its mesh as those of the detections before and after it, and never less far than it did.
    """
    before: _Extent | None = None
    waiting: list[Sighting] = []
    for sighting in sightings:
        after = _extent(sighting)
        if after is None and len(waiting) < _WAITING:
            waiting.append(sighting)
            continue
        yield from _all(waiting, before, after)
        waiting = []
        yield sighting if after is not None else _reaching(sighting, before, None)
        before = after or before
    yield from _all(waiting, before, None)


def _extent(sighting: Sighting) -> _Extent | None:
    """What a detection tells, None where its mesh is none or another face's."""
    if sighting.seen != Seen.DETECTED or not believed(sighting):
        return None
    around, box = bounds(sighting.mesh), sighting.box
    if overlap(around[None], box[None])[0, 0] < _AGREES:
        return None
    return sighting.frame, np.clip((box - around) / _side(around), -_MOST, _MOST)


def _all(
    sightings: Sequence[Sighting], before: _Extent | None, after: _Extent | None
) -> Iterator[Sighting]:
    return (_reaching(sighting, before, after) for sighting in sightings)


def _reaching(sighting: Sighting, before: _Extent | None, after: _Extent | None) -> Sighting:
    known = [extent for extent in (before, after) if extent is not None]
    if sighting.seen != Seen.FOLLOWED or not known or not believed(sighting):
        return sighting
    (first, one), (last, other) = known[0], known[-1]
    share = np.float32((sighting.frame - first) / max(last - first, 1))
    around = bounds(sighting.mesh)
    wanted = around + (one + share * (other - one)) * _side(around)
    return replace(sighting, box=bounds(np.stack([wanted, sighting.box]).reshape(-1, 2)))


def _side(box: Floats) -> float:
    return max(float((box[2:] - box[:2]).max()), 1.0)
