"""What a face does, as a few numbers read off a frontal mesh: mouth and eyes.

All lengths are in units of the distance between the outer corners of the eyes, so they
are free of size; turning is taken out before by aligning the mesh with the canonical one.
"""

from typing import Final

import numpy as np

from pipeline.contract import Floats, Ints

MOUTH: Final = ("opening", "width", "left corner", "right corner", "pucker")
EYES: Final = ("left opening", "right opening")

_OUTER_EYES: Final = (33, 263)
LIPS_MIDDLE: Final = (13, 14)  # the inner edges, upper and lower
_LIP_CORNERS: Final = (78, 308)
_LIDS: Final = ((159, 145), (386, 374))
_OF_MOUTH: Final = np.array([_OUTER_EYES, LIPS_MIDDLE, _LIP_CORNERS]).T
_OF_EYES: Final = np.array([_OUTER_EYES, *_LIDS]).T
_MOUTH_CORNERS: Final = np.array([61, 291, 13])  # and the upper lip
_NOSE_WINGS: Final = np.array([98, 327, 13, 14])  # and the lips


def mouth_code(shapes: Floats) -> Floats:
    """(..., 5) opening, inner width, height of both corners under the upper lip, pucker.

    `shapes` is (..., 468, 3), frontal, in any unit.
    """
    lengths = _between(shapes, _OF_MOUTH)
    result = np.empty((*shapes.shape[:-2], 5), np.float32)
    result[..., :2] = lengths[..., 1:]
    corners = shapes[..., 1].take(_MOUTH_CORNERS, axis=-1)
    result[..., 2:4] = corners[..., :2] - corners[..., 2:]
    left, right, upper, lower = np.moveaxis(shapes[..., 2].take(_NOSE_WINGS, axis=-1), -1, 0)
    result[..., 4] = (left + right - upper - lower) / 2
    result /= lengths[..., :1]
    return result


def eye_code(shapes: Floats) -> Floats:
    """(..., 2) opening of the image-left and the image-right eye; `shapes` (..., 468, 3)."""
    lengths = _between(shapes, _OF_EYES)
    result: Floats = (lengths[..., 1:] / lengths[..., :1]).astype(np.float32, copy=False)
    return result


def _between(shapes: Floats, pairs: Ints) -> Floats:
    """(..., n) how far the points of `pairs` (2, n) are apart in the plane."""
    apart = shapes.take(pairs[0], axis=-2) - shapes.take(pairs[1], axis=-2)
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]))
