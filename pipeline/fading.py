"""How surrogate and cover share a face-frame where one follows the other: no flash between them."""

import numpy as np

from pipeline.contract import Floats, Patch
from pipeline.coverage import FADE, Rung
from pipeline.planning import Planned
from pipeline.tracks import Seen


def around(track: Planned, row: int) -> float:
    """How much of the cover is seen beside the surrogate in a frame of a track, in [0, 1].

    All of it where the face's place is not sure, less in each of the frames before and after.
    """
    least = 1 - track.mix[row]
    around_it = track.rungs[max(row - FADE, 0) : row + FADE + 1]
    if least == 0 and around_it.count(Rung.SURROGATE) == len(around_it):
        return 0.0
    for apart in range(FADE + 1):
        near = {max(row - apart, 0), min(row + apart, len(track.rungs) - 1)}
        if any(unsure(track, other) for other in near):
            return max(least, 1 - apart / (FADE + 1))
    return least


def unsure(track: Planned, row: int) -> bool:
    """Whether a frame needs its whole cover: without a mesh of its own the face may lie beside."""
    rung = track.rungs[row]
    guessed = track.sightings[row].seen > Seen.FOLLOWED
    return rung == Rung.COVER or (rung == Rung.PASTED and guessed)


def faded(cover: Patch, surrogate: Patch, share: float, beside: float) -> list[Patch]:
    """`share` of the surrogate over its cover, of which `beside` is seen next to it.

    Below the surrogate the cover is whole, so that what is mixed never shows the face.
    """
    seen: Floats = np.full_like(cover.alpha, beside)
    (x, y), (left, top) = surrogate.corner, cover.corner
    height, width = surrogate.alpha.shape
    x1, y1 = max(x, left), max(y, top)
    x2, y2 = min(x + width, left + seen.shape[1]), min(y + height, top + seen.shape[0])
    if x1 < x2 and y1 < y2:
        place = seen[y1 - top : y2 - top, x1 - left : x2 - left]
        np.maximum(place, surrogate.alpha[y1 - y : y2 - y, x1 - x : x2 - x], out=place)
    below = Patch(cover.rgb, _scaled(cover.alpha, seen), cover.corner)
    return [below, Patch(surrogate.rgb, _scaled(surrogate.alpha, share), surrogate.corner)]


def _scaled(alpha: Floats, share: Floats | float) -> Floats:
    return np.asarray(alpha * share, np.float32)
