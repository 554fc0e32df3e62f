"""Where a picture seems to dissolve into another, told also while cameras and people move.

Half-way through a dissolve the picture is like the one before and like the one after, which are not
like each other, wherever their motion has carried what they show; and it has less contrast than
both. Somebody who walks by changes the picture too, but not its contrast. Pans over plain walls may
look so, if they are slow: what is told here may lengthen a cover, and must not shorten any.
"""

from collections import deque
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image

_GRID: Final = (64, 36)
_MIDDLE: Final = (slice(7, 29), slice(12, 52))
_FAR: Final = 6  # cells: a camera that whips round moves on farther
_HALVES: Final = (4, 8, 14)  # frames from the middle of a dissolve to where it is over
_UNLIKE: Final = 0.4
_LIKE: Final = 0.45
_FLATTER: Final = 0.85  # variance
_PLAIN: Final = 16.0  # variance, grey levels²

Span = tuple[int, int]


class Blends:
    """Feed it every frame of a shot in order."""

    def __init__(self) -> None:
        self._near: deque[Floats] = deque(maxlen=2 * max(_HALVES) + 1)
        self._told = 0, -1  # the half by which the last one was told, and the last frame of it

    def cut(self) -> None:
        """The next frame begins a new shot."""
        self._near.clear()

    def step(self, picture: Image, frame: int) -> Span | None:
        """The first and the last of some earlier frames in which one picture seems to lie over
        another, told by `picture`, which is RGB of any size; None where none does.
        """
        coarse = cv2.resize(picture, _GRID, interpolation=cv2.INTER_AREA)
        self._near.append(coarse.astype(np.float32).mean(axis=2))
        known = len(self._near)
        for half in _HALVES:
            span = frame - 2 * half + 1, frame - 1
            shorter = half > self._told[0] and span[0] <= self._told[1]
            if known <= 2 * half or shorter:
                continue
            if _lies_over(*(self._near[-away - 1] for away in (2 * half, half, 0))):
                self._told = half, span[1]
                return span
        return None


def note(spans: list[Span], span: Span) -> None:
    """Add a span of frames to those that are known, the last of which it may lengthen."""
    if spans and span[0] <= spans[-1][1] + 1:
        last = spans.pop()
        span = min(last[0], span[0]), max(last[1], span[1])
    spans.append(span)


def _lies_over(first: Floats, middle: Floats, last: Floats) -> bool:
    """Whether `middle` seems to be a mix of two other pictures."""
    spread = (float(first.var()) + float(last.var())) / 2
    if spread < _PLAIN or float(middle.var()) > _FLATTER * spread:
        return False
    if _found(first, last)[0] > _UNLIKE:
        return False
    seen = [_found(one, middle) for one in (first, last)]
    return all(like >= _LIKE and away <= _FAR for like, away in seen)


def _found(one: Floats, other: Floats) -> tuple[float, int]:
    """How well the middle of one picture is found anywhere in the other: correlation, up to 1, and
    how many cells away.
    """
    part = np.ascontiguousarray(one[_MIDDLE])
    if part.std() < 1 or other.std() < 1:
        return 0.0, 0
    _, like, _, place = cv2.minMaxLoc(cv2.matchTemplate(other, part, cv2.TM_CCOEFF_NORMED))
    return float(like), max(abs(place[0] - _MIDDLE[1].start), abs(place[1] - _MIDDLE[0].start))
