"""What is known of faces where one picture dissolves into another, and both lie over each other."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

import numpy as np

from pipeline.geometry import bounds
from pipeline.tracks import MESH_FOUND, Seen, Sighting

BEFORE: Final = 3
AFTER: Final = 5
LONGEST_FADE: Final = 15
_UNSEEN: Final = 0.4  # of a dissolve: the detector finds a face that is half there
LIKELY: Final = 0.6  # of one that is known less well


def faded(
    sightings: Sequence[Sighting], fades: list[tuple[int, int]], unseen: float = _UNSEEN
) -> tuple[int | None, int | None]:
    """Where a face comes or goes in a dissolve, the first and last frame in which it may be seen.

    It is found too late there and lost too soon, for `unseen` of the dissolve; what only looks like
    it is something else.
    """
    if not fades:
        return None, None
    first, last = (
        next((s.frame for s in some if s.seen <= Seen.FOLLOWED), end.frame)
        for some, end in ((sightings, sightings[0]), (reversed(sightings), sightings[-1]))
    )
    coming = (fade for fade in reversed(fades) if fade[0] <= first <= fade[1] + BEFORE)
    early = next(coming, None)
    late = next((fade for fade in fades if fade[0] - BEFORE <= last <= fade[1]), None)
    return (
        None
        if early is None
        else min(max(early[0], first - _lasts(early, unseen)), first - BEFORE),
        None if late is None else max(min(late[1], last + _lasts(late, unseen)), last + AFTER),
    )


def _lasts(fade: tuple[int, int], unseen: float) -> int:
    """For how many frames of a dissolve a face may be seen that is not found."""
    return min(LONGEST_FADE, ceil(unseen * (fade[1] - fade[0] + 1)))


def within(sightings: Sequence[Sighting], early: int | None, late: int | None) -> range:
    """The rows of the sightings that do not lie before `early` or after `late`."""
    start, end = 0, len(sightings)
    while early is not None and sightings[start].frame < early:
        start += 1
    while late is not None and sightings[end - 1].frame > late:
        end -= 1
    return range(start, end)


def in_dissolves(
    every_frame: Iterator[Sighting], seen: Sequence[Sighting], fades: list[tuple[int, int]]
) -> Iterator[Sighting]:
    """Where two pictures lie over each other only detections with a mesh count, and meshes that
    stay between two of them: others slip from one face to the other, so that the box grows to
    where the face was last sure, and to where it soon will be.
    """
    sure: Sighting | None = None
    ahead = (s for s in seen if _is_sure(s, fades))
    coming = next(ahead, None)
    for sighting in every_frame:
        while coming is not None and coming.frame <= sighting.frame:
            sure, coming = coming, next(ahead, None)
        stays = sure is not None and coming is not None and sighting.stays(sure, coming)
        if stays or not blended(sighting.frame, fades) or _is_sure(sighting, fades):
            yield sighting
            continue
        boxes = [sighting.box] + ([] if sure is None else [sure.box])
        if coming is not None and coming.frame - sighting.frame <= LONGEST_FADE:
            boxes.append(coming.box)
        yield Sighting.sought(sighting.frame, bounds(np.stack(boxes).reshape(-1, 2)))


def _is_sure(sighting: Sighting, fades: list[tuple[int, int]]) -> bool:
    """Whether a face was detected there, with a mesh if a dissolve is near."""
    fits = sighting.mesh_score >= MESH_FOUND
    return sighting.seen == Seen.DETECTED and (fits or not blended(sighting.frame, fades))


def blended(frame: int, fades: Sequence[tuple[int, int]]) -> bool:
    """Whether two pictures lie over each other in a frame, or in one close by."""
    return any(first - BEFORE <= frame <= last + BEFORE for first, last in fades)


def found(sightings: Sequence[Sighting]) -> Sequence[Sighting]:
    """Those of the sightings that tell how a face moves there: meshes slip."""
    return [s for s in sightings if s.seen == Seen.DETECTED] or sightings
