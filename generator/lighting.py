"""Evens out light from one side: both halves of a donor's face come to be lit alike.

Only what is smooth is changed, so no feature of one half appears on the other. The replacer
exchanges the smooth part of the light for the target's anyway.
"""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image

_SIGMA: Final = 0.07  # of the side
_GAIN: Final = (0.5, 2.0)
_FLOOR: Final = 2.0


def evened(texture: Image, mask: Floats) -> tuple[Image, float]:
    """The texture (s, s, 3) lit as much from the left as from the right, and how uneven it was:
    mean difference of its smooth light from its mirror image, over its mean.

    `mask` (s, s) is 1 where the texture counts; the face's middle is the texture's.
    """
    sigma = _SIGMA * len(texture)
    weight = cv2.GaussianBlur(mask, (0, 0), sigma) + 1e-4
    light = texture.astype(np.float32).mean(axis=2) + _FLOOR
    smooth = cv2.GaussianBlur(light * mask, (0, 0), sigma) / weight
    mirrored = smooth[:, ::-1]
    inside = mask > 0.5
    uneven = np.abs(smooth - mirrored)[inside].mean() / smooth[inside].mean()
    gain = np.clip(np.sqrt(mirrored / np.maximum(smooth, 1e-3)), *_GAIN)[..., None]
    return np.clip(np.rint(texture * gain), 0, 255).astype(np.uint8), float(uneven)
