"""Parts of the canonical face: which points bound them, and soft masks of them."""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats

INNER_LIPS: Final = [
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324),
    *(308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
]
LIPS: Final = [
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375),
    *(291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
]
LEFT_EYE: Final = [
    *(33, 7, 163, 144, 145, 153, 154, 155),
    *(133, 173, 157, 158, 159, 160, 161, 246),
]
RIGHT_EYE: Final = [
    *(263, 249, 390, 373, 374, 380, 381, 382),
    *(362, 398, 384, 385, 386, 387, 388, 466),
]
# The row of points above each upper lid, from the outer corner inwards.
LEFT_CREASE: Final = [247, 30, 29, 27, 28, 56, 190]
RIGHT_CREASE: Final = [467, 260, 259, 257, 258, 286, 414]

_MOUTH_GROWN: Final = 0.004
_MOUTH_SOFT: Final = 0.007


def filled(layout: Floats, side: int, points: list[int]) -> Floats:
    """(s, s) 1 inside the outline that `points` of the layout draw, 0 outside."""
    canvas = np.zeros((side, side), np.uint8)
    outline = np.rint((layout[points] * side - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [outline], 1, lineType=cv2.LINE_8, shift=4)
    return canvas.astype(np.float32)


def region(layout: Floats, side: int, points: list[int], grow: float, soft: float) -> Floats:
    """(s, s) opacity: 1 on the points' outline, grown and feathered by shares of the side."""
    area = filled(layout, side, points)
    if grow > 0:
        brush = max(1, round(2 * grow * side) | 1)
        area = cv2.dilate(area, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (brush, brush)))
    result: Floats = cv2.GaussianBlur(area, (0, 0), soft * side)
    return result


def mouth_opacity(layout: Floats, side: int) -> Floats:
    """(s, s) where a texture has what lips close upon."""
    return region(layout, side, INNER_LIPS, _MOUTH_GROWN, _MOUTH_SOFT)
