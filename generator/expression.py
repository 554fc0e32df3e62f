"""What a face does, as a few numbers read off a frontal mesh: mouth and eyes.

All lengths are in units of the distance between the outer corners of the eyes, so they
are free of size; turning is taken out before by aligning the mesh with the canonical one.
"""

from typing import Final

import numpy as np

from pipeline.contract import Floats

MOUTH: Final = ("opening", "width", "left corner", "right corner", "pucker")
EYES: Final = ("left opening", "right opening")

_LIPS = (13, 14)
_LIP_CORNERS = (78, 308)
_MOUTH_CORNERS = (61, 291)
_OUTER_EYES = (33, 263)
_NOSE_WINGS = (98, 327)
_LIDS = ((159, 145), (386, 374))


def mouth_code(shapes: Floats) -> Floats:
    """(..., 5) opening, inner width, height of both corners under the upper lip, pucker.

    `shapes` is (..., 468, 3), frontal, in any unit.
    """
    unit = _between(shapes, *_OUTER_EYES)
    upper = shapes[..., _LIPS[0], 1]
    corners = [shapes[..., corner, 1] - upper for corner in _MOUTH_CORNERS]
    nose = shapes[..., _NOSE_WINGS, 2].mean(axis=-1)
    pucker = nose - shapes[..., _LIPS, 2].mean(axis=-1)
    rows = [_between(shapes, *_LIPS), _between(shapes, *_LIP_CORNERS), *corners, pucker]
    return np.stack([row / unit for row in rows], axis=-1).astype(np.float32)


def eye_code(shapes: Floats) -> Floats:
    """(..., 2) opening of the image-left and the image-right eye; `shapes` (..., 468, 3)."""
    unit = _between(shapes, *_OUTER_EYES)
    return np.stack([_between(shapes, *lids) / unit for lids in _LIDS], axis=-1).astype(np.float32)


def _between(shapes: Floats, a: int, b: int) -> Floats:
    return np.linalg.norm(shapes[..., a, :2] - shapes[..., b, :2], axis=-1)
