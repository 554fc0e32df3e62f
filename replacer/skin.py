"""What of a face's own texture is surely no skin: colours compared after division by the light.

A shadow changes brightness alone; hair, hats and things change the ratios of red, green and blue
too, or are darker than shadows.
"""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Ints

_DARK: Final = 16.0  # grey levels below which colours are noise
_COLOUR: Final = (0.15, 0.27)
SHADOW: Final = (0.65, 0.95)
_PLAIN: Final = (50, 101, 118, 36, 205, 280, 330, 347, 266, 425, 4, 5, 195)  # cheeks and nose


def logarithms(texture: Floats) -> Floats:
    """(3, s, s) log colours of a texture (s, s, 3) of 0..255, in which light is a sum."""
    smooth = cv2.GaussianBlur(np.asarray(texture, np.float32), (0, 0), 0.7)
    smooth += np.float32(_DARK)
    return planes(np.log(smooth, out=smooth))


def planes(texture: Floats) -> Floats:
    """(3, s, s) of a texture (s, s, 3): one colour after the other is several times as quick."""
    return np.ascontiguousarray(texture.transpose(2, 0, 1), np.float32)


def tone(colours: Floats, layout: Floats) -> Floats:
    """(3, 1, 1) the log colour of cheeks and nose in `colours` (3, s, s); `layout` (468, 2) is in
    texture units 0..1.
    """
    side = colours.shape[1]
    at = colours.reshape(3, -1).take(_plain(layout.tobytes(), layout.dtype.str, side), axis=1)
    at.sort(axis=1)
    return at[:, len(_PLAIN) // 2, None, None]


@lru_cache(maxsize=8)
def _plain(layout: bytes, kind: str, side: int) -> Ints:
    """Flat indices into a texture of cheeks and nose; `layout` (468, 2) is of that `kind`."""
    points = np.frombuffer(layout, kind).reshape(-1, 2)[list(_PLAIN)]
    column, row = np.clip(np.rint(points * side - 0.5), 0, side - 1).astype(np.int64).T
    return np.asarray(row * side + column)


def apart(colours: Floats, other: Floats) -> tuple[Floats, Floats]:
    """How log colours (3, s, s) differ: (s, s) in brightness, and in the ratios of the channels."""
    red, green, blue = difference = colours - other
    brightness = (red + green + blue) / 3
    difference -= brightness
    difference *= difference
    return brightness, np.sqrt(red + green + blue)


def unlike(brightness: Floats, colour: Floats, shadow: tuple[float, float] = SHADOW) -> Floats:
    """In 0..1: how surely a difference is more than light makes."""
    by_colour = (colour - _COLOUR[0]) / (_COLOUR[1] - _COLOUR[0])
    by_brightness = (np.abs(brightness) - shadow[0]) / (shadow[1] - shadow[0])
    return np.clip(np.maximum(by_colour, by_brightness), 0, 1)
