"""Lays a surrogate over a face along its mesh: shape, light, warp, feather.

The texture is carried triangle by triangle from canonical space onto the fitted mesh, so pose
and expression are the video's own.
"""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints, Patch, Surrogate
from pipeline.geometry import align, bounds, pixels, warp
from replacer import seam
from replacer.grain import Grain, fitted
from replacer.light import Light
from replacer.resting import Rest

_GROWING: Final = (20.0, 80.0)
_GROWTH: Final = 1.25
_BEYOND: Final = 1.12
_FEATHER: Final = 0.08
_RIGID_RIM: Final = 0.12
_WHOLE: Final = 255
_BESIDE: Final = np.array([-1, -1, 1, 1], np.float32)  # so that all of the outline is seen


class Mesh:
    """`strength` in [0, 1] is how far the inner face takes on the surrogate's shape, `beyond` how
    much farther from its middle than the face's own its contour is drawn.
    """

    def __init__(
        self,
        shape: Floats,
        layout: Floats,
        triangles: Ints,
        strength: float = 0.8,
        beyond: float = _BEYOND,
    ) -> None:
        self._shape = shape
        self._layout = layout
        self._triangles = triangles
        self._rim = beyond
        self._inner = _inside(layout, _RIGID_RIM)[:, None]
        self._give = self._inner * np.float32(strength)
        self._light = Light(layout, triangles)
        self._grain = Grain(layout, triangles, self._light.skin)

    def replace(
        self, image: Image, mesh: Floats, surrogate: Surrogate, rest: Rest | None = None
    ) -> Patch:
        """The surrogate in the place of the face at `mesh` (468, 3) px of an RGB picture.

        `rest` is what was read of this face in frames before, and is used while it rests.
        """
        moved, unit = self._moved(mesh, surrogate.shape)
        growth = _growth(moved)
        target = _grown(moved, self._beyond(growth))
        height, width = image.shape[:2]
        x1, y1, x2, y2 = pixels(bounds(target) + _BESIDE, (width, height))
        if x2 <= x1 or y2 <= y1:
            nothing = np.zeros((0, 0), np.float32)
            return Patch(np.zeros((0, 0, 3), np.uint8), nothing, (0, 0))
        unit *= growth
        texture = self._light.laid(fitted(surrogate.texture, unit), image, mesh, rest)
        texture = self._grain.over(texture, image, mesh, unit, rest)
        shift = np.array([x1, y1, 0], np.float32)
        rgb, alpha = self._draw(texture, target - shift, (x2 - x1, y2 - y1), unit)
        return Patch(rgb, alpha, (x1, y1))

    def _moved(self, mesh: Floats, shape: Floats) -> tuple[Floats, float]:
        """The mesh with its inner face moved toward the surrogate's, the contour where it is; and
        how many px a canonical unit is long.
        """
        linear, shift = align(mesh, self._shape)
        change = (shape - (mesh @ linear + shift)) * self._give
        scale = float(np.linalg.norm(linear[0]))
        result: Floats = mesh + change @ (linear.T / np.float32(scale**2))
        return result.astype(np.float32), 1 / scale

    def _beyond(self, growth: float) -> Floats:
        """(468, 1) how much larger each point's distance from the middle is drawn, where the whole
        is drawn `growth` larger.

        The rim of a face (the edges of forehead, cheeks and jaw) tells who it is as well: over it
        the surrogate reaches beyond the mesh's own contour. Over 12 people and 8 mixes each that
        made surrogates less like the person, by 0.03 of two recognisers' likeness each.
        """
        return growth + (max(growth, self._rim) - growth) * (1 - self._inner)

    def _draw(
        self, texture: Image, target: Floats, size: tuple[int, int], unit: float
    ) -> tuple[Image, Floats]:
        layout = self._layout * len(texture) - 0.5
        drawn, inside = warp(texture, layout, target, self._triangles, size)
        seam.soften(drawn, target)
        return drawn, _feathered(inside, max(_FEATHER * unit, 1.0))


def _feathered(inside: Floats, width: float) -> Floats:
    """(h, w) opacity from 0 on the outline to 1 `width` px inwards.

    Made in the picture, not in the texture, where the outline of a turned head would be ragged;
    the picture's own border is no outline.
    """
    side = 2 * round(0.41 * width - 0.5) + 1  # twice a box of it is a Gaussian of width / 3
    smooth = np.asarray(cv2.convertScaleAbs(inside, alpha=_WHOLE), np.uint8)
    for _ in range(2):
        smooth = cv2.blur(smooth, (side, side), borderType=cv2.BORDER_REPLICATE)
    _, within = cv2.threshold(smooth, 0.6 * _WHOLE, 1, cv2.THRESH_BINARY)
    ramp = np.asarray(cv2.distanceTransform(within, cv2.DIST_L2, 5), np.float32)
    ramp *= np.float32(1 / width)
    np.minimum(ramp, 1, out=ramp)
    rest = 3 - 2 * ramp
    ramp *= ramp
    ramp *= rest
    return ramp


def _growth(mesh: Floats) -> float:
    """How much larger the surrogate of a face is drawn.

    In few pixels a rim of the face tells who it is: below 80 px the surrogate lies over that too.
    """
    return float(np.interp(float(np.ptp(mesh[:, 0])), _GROWING, (_GROWTH, 1.0)))


def _grown(mesh: Floats, growth: Floats) -> Floats:
    """The mesh of a face grown about its middle, each point by its own `growth` (468, 1)."""
    middle = cv2.reduce(mesh, 0, cv2.REDUCE_AVG)
    result: Floats = middle + (mesh - middle) * growth
    return result.astype(np.float32)


def _inside(layout: Floats, width: float) -> Floats:
    """(468,) 0 on the contour of the layout, 1 from `width` inwards."""
    hull = cv2.convexHull(layout)
    depth = [cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in layout]
    return np.clip(np.array(depth, np.float32) / width, 0, 1)
