"""Whether a detector sees not even a hint of a face in a place: far less than a detection."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from pipeline import planes
from pipeline.contract import Floats, Frame, Image
from pipeline.following import Guard
from pipeline.geometry import pixels

Hints = Callable[[Image], Floats]  # (h, w, 3) RGB → (h', w') in [0, 1]

_SIDE: Final = 128  # px of a window
_FACES: Final = (16, 28)  # px: a face's side in each of the windows, which lie beside each other
_NEAR: Final = 0.75  # of that side, from the place's centre


def guarded(hints: Hints, guard: Guard) -> Hints:
    """The same; where they fail everything may be a face."""
    return lambda image: guard(lambda: hints(image), np.ones((1, len(_FACES)), np.float32))


def is_unhinted(frame: Frame, place: Floats, hints: Hints | None, most: float) -> bool:
    """Whether nothing in or next to a box (4,) hints at a face by `most` or more.

    Of 372 faces in ten clips none that could be found did so by less than 0.14; ground does by
    0.006 to 0.06, heads that are turned away mostly by more. Of faces that are blurred over half of
    their width one in ten does so by less than 0.06: alone it proves nothing.
    """
    if hints is None:
        return False
    windows = [_window(frame, place, side) for side in _FACES]
    seen = hints(np.ascontiguousarray(np.concatenate(windows, axis=1)))
    for window, side in zip(np.split(seen, len(_FACES), axis=1), _FACES, strict=True):
        scale = window.shape[0] / _SIDE
        middle, near = window.shape[0] // 2, int(np.ceil(_NEAR * side * scale))
        around = slice(middle - near, middle + near)
        if not window[around, around].max() < most:
            return False
    return True


def _window(frame: Frame, place: Floats, side: int) -> Image:
    """(_SIDE, _SIDE, 3) a place and what is around it, so large that a face has that `side`; black
    beyond the frame.
    """
    scale = side / max(float((place[2:] - place[:2]).max()), 1.0)
    centre = (place[:2] + place[2:]) / 2
    reach = _SIDE / scale / 2
    at = pixels(np.concatenate([centre - reach, centre + reach]), frame.size)
    window = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    if at[0] >= at[2] or at[1] >= at[3]:
        return window
    corner = np.array(at[:2], np.float32)
    size = max(1, round((at[2] - at[0]) * scale)), max(1, round((at[3] - at[1]) * scale))
    shown = planes.resized(frame, at, size)
    x, y = (float(v) for v in (corner - centre + reach) * scale)
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return np.asarray(cv2.warpAffine(shown, shift, (_SIDE, _SIDE)), np.uint8)
