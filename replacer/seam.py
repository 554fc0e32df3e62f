"""The line on which closed lips meet, drawn softly.

A warp ends the lips in whole pixels, in steps that would shimmer as the face moves.
"""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image
from pipeline.geometry import bounds, pixels

_INNER: Final = np.array(
    [
        [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
        [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
    ]
)
_OUTER: Final = [0, 17]
_MEETING: Final = 1.5  # px between lips
_AROUND: Final = np.array([-2, -2, 2, 2], np.float32)
_BITS: Final = 4  # of the fraction of a pixel
_WHOLE: Final = 255


def soften(drawn: Image, mesh: Floats) -> None:
    """Soften in place, by a pixel, where the lips of a mesh (468, 3) px meet or lie over each
    other.
    """
    lips, (above, below) = mesh[_INNER, :2], mesh[_OUTER, :2]
    down = (below - above) / max(float(np.linalg.norm(below - above)), 1.0)
    meet = (lips[1] - lips[0]) @ down < _MEETING
    box = bounds(lips.reshape(-1, 2)) + _AROUND
    x1, y1, x2, y2 = pixels(box, (drawn.shape[1], drawn.shape[0]))
    if x1 >= x2 or y1 >= y2:
        return
    line = np.zeros((y2 - y1, x2 - x1), np.uint8)
    places = np.rint((lips - (x1, y1)) * 2**_BITS).astype(np.int32)
    for place in np.flatnonzero(meet[:-1] & meet[1:]).tolist():
        for start, end in places[:, place : place + 2].tolist():
            cv2.line(line, start, end, _WHOLE, 3, cv2.LINE_AA, _BITS)
    part = drawn[y1:y2, x1:x2]
    soft = cv2.GaussianBlur(part, (3, 3), 0).astype(np.float32)
    part[:] = np.rint(part + (line / np.float32(_WHOLE))[..., None] * (soft - part))
