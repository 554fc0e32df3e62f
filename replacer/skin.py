"""What of a face's own texture is surely no skin: colours compared after division by the light.

A shadow changes brightness alone; hair, hats and things change the ratios of red, green and blue
too, or are darker than shadows.
"""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats

_DARK: Final = 16.0  # grey levels below which colours are noise
_COLOUR: Final = (0.15, 0.27)
SHADOW: Final = (0.65, 0.95)
_PLAIN: Final = (50, 101, 118, 36, 205, 280, 330, 347, 266, 425, 4, 5, 195)  # cheeks and nose


def logarithms(texture: Floats) -> Floats:
    """(s, s, 3) log colours of a texture 0..255, in which light is a sum."""
    smooth = cv2.GaussianBlur(np.asarray(texture, np.float32), (0, 0), 0.7)
    result: Floats = np.log(smooth + np.float32(_DARK))
    return result


def tone(colours: Floats, layout: Floats) -> Floats:
    """(3,) the log colour of cheeks and nose in `colours` (s, s, 3); `layout` (468, 2) is in
    texture units 0..1.
    """
    at = np.clip(np.rint(layout[list(_PLAIN)] * len(colours) - 0.5), 0, len(colours) - 1)
    column, row = at.astype(np.int64).T
    return np.asarray(np.sort(colours[row, column], axis=0)[len(at) // 2], np.float32)


def apart(colours: Floats, other: Floats) -> tuple[Floats, Floats]:
    """How log colours (..., 3) differ: in brightness, and in the ratios of the channels."""
    red, green, blue = np.moveaxis(colours - other, -1, 0)
    brightness = (red + green + blue) / 3
    squares = sum((channel - brightness) ** 2 for channel in (red, green, blue))
    return brightness, np.sqrt(squares)


def unlike(brightness: Floats, colour: Floats, shadow: tuple[float, float] = SHADOW) -> Floats:
    """In 0..1: how surely a difference is more than light makes."""
    by_colour = (colour - _COLOUR[0]) / (_COLOUR[1] - _COLOUR[0])
    by_brightness = (np.abs(brightness) - shadow[0]) / (shadow[1] - shadow[0])
    return np.clip(np.maximum(by_colour, by_brightness), 0, 1).astype(np.float32)
