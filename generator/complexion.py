"""Evens out the colour of drawn skin, since in a mix patches of several donors' tones meet, and
sharpens what small heads draw too softly: the finest detail.
"""

from typing import Final

import cv2
import numpy as np

from generator.regions import LEFT_EYE, LIPS, RIGHT_EYE, region
from pipeline.contract import Floats

_SIGMA: Final = 0.036  # of the side
_KEPT: Final = 0.35
_SOFT: Final = 0.08
_FINE: Final = 0.5  # px, in every size
_SHARPENED: Final = ((96, 192), (0.38, 0.0))  # by the side
_FEATURES: Final = ((LIPS, 0.02), (LEFT_EYE, 0.03), (RIGHT_EYE, 0.03))


class Complexion:
    """Of textures of one side; `layout` is (468, 2) in shares of it."""

    def __init__(self, layout: Floats, side: int) -> None:
        masks = [region(layout, side, points, grow, _SOFT / 5) for points, grow in _FEATURES]
        hull = np.zeros((side, side), np.float32)
        outline = cv2.convexHull(np.rint(layout * side - 0.5).astype(np.int32))
        cv2.fillConvexPoly(hull, outline, 1)
        self._features = np.clip(np.max(masks, axis=0), 0, 1)
        self._skin = hull * (1 - self._features) + np.float32(1e-3)
        self._sigma = _SIGMA * side
        self._sharpened = np.float32(np.interp(side, *_SHARPENED))
        self._weight = cv2.GaussianBlur(self._skin, (0, 0), self._sigma)

    def cast(self, texture: Floats) -> Floats:
        """(3,) the tint of the skin of a texture (s, s, 3), whose mean is 1."""
        skin = np.einsum("yx,yxc->c", self._skin, np.clip(texture, 0, 255)) + 1
        result: Floats = (skin / skin.mean()).astype(np.float32)
        return result

    def evened(self, texture: Floats) -> Floats:
        """The texture (s, s, 3) in 0..255 with little change of hue over skin, lips and eyes as
        they are, and crisper brightness if it is small.
        """
        lab = cv2.cvtColor(np.clip(texture, 0, 255) / np.float32(255), cv2.COLOR_RGB2LAB)
        for channel in (1, 2):
            own = np.ascontiguousarray(lab[..., channel])
            low = cv2.GaussianBlur(own * self._skin, (0, 0), self._sigma) / self._weight
            even = low + _KEPT * (own - low)
            lab[..., channel] = even + (own - even) * self._features
        if self._sharpened:
            light = np.ascontiguousarray(lab[..., 0])
            lab[..., 0] += self._sharpened * (light - cv2.GaussianBlur(light, (0, 0), _FINE))
        result: Floats = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * np.float32(255)
        return result
