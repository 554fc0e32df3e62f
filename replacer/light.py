"""Light: the surrogate's low frequencies are exchanged for the face's, which keeps shadows and skin
tone and drops what is finer.
"""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints
from replacer import skin
from replacer.outlines import BEHIND_LIPS, EYES
from replacer.resting import Rest
from replacer.unwrap import Unwrap

LIGHT_SIDE: Final = 48
_LIGHT_SIGMA: Final = 0.2
_SMALL_FACE: Final = (40.0, 140.0)
_PLAIN_RIM: Final = (0.03, 0.12)
_GAIN: Final = (0.6, 1.25)
_CONTRAST: Final = (0.65, 1.2)
_FLOOR: Final = 12.0
_STRANGE: Final = 0.97
_FEATURES: Final = (
    (70, 63, 105, 66, 107, 55, 133, 145, 153, 163, 33),
    (300, 293, 334, 296, 336, 285, 362, 374, 380, 390, 263),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 270, 0, 40),
    (98, 97, 2, 326, 327, 4),
)
# How much of a change of colour is left out in eyes: their white follows the light's colour and not
# the skin's, of which only the product is known.
_PALE: Final = 0.5
_COARSE: Final = 0.8  # texels
_LIKENED: Final = (0.4, 2.2)
_FINER: Final = 8


def _gaussian(side: int, sigma: float) -> Floats:
    """(side, side) what a blur whose outside is 0 does along a line."""
    kernel = cv2.getGaussianKernel(2 * side + 1, sigma).ravel()
    rows = [kernel[side - row : 2 * side - row] for row in range(side)]
    return np.array(rows, np.float32)


_BLUR: Final = _gaussian(LIGHT_SIDE, _LIGHT_SIGMA * LIGHT_SIDE)


class Light:
    """Of faces whose textures are laid out by `layout` (468, 2) and `triangles`."""

    def __init__(self, layout: Floats, triangles: Ints) -> None:
        self._layout = layout
        self._unwrap = Unwrap(layout, triangles, LIGHT_SIDE)
        self._inside = np.flatnonzero(self._unwrap.inside)
        side = (LIGHT_SIDE, LIGHT_SIDE)
        skin_only = self._unwrap.inside * (1 - _features(layout, LIGHT_SIDE))
        self.skin = np.asarray(skin_only, np.float32)  # where a texture shows plain skin
        self._core = np.asarray(cv2.resize(_core(layout), side, interpolation=cv2.INTER_AREA))
        self._core_skin = np.asarray(self._core * self.skin, np.float32)
        self._pale = _soft(layout, LIGHT_SIDE, EYES, 0.7) * np.float32(_PALE)
        self._behind_lips = _soft(layout, LIGHT_SIDE, BEHIND_LIPS, 0.5)
        rows, columns = (np.flatnonzero(self._behind_lips.any(axis=axis)) for axis in (1, 0))
        self._mouth = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self._unwrap_mouth = self._unwrap.part(self._mouth[1:])

    def laid(self, texture: Image, image: Image, mesh: Floats, rest: Rest | None = None) -> Image:
        """The texture (s, s, 3) under the light of the face at `mesh` (468, 3) px of a picture.

        `rest` is what was read of this face in frames before, and is used while it rests.
        """
        small = skin.planes(cv2.resize(texture, (LIGHT_SIDE,) * 2, interpolation=cv2.INTER_AREA))
        keep = _kept_light(float(np.ptp(mesh[:, 0])))
        at = self._mouth
        if rest is None or not rest.resting or rest.light is None:
            seen = self._unwrap(image, mesh)
            light = self._read(seen, small, keep)
            mouth = skin.planes(seen[at[1:]])
            if rest is not None:
                rest.light = light
        else:
            light, mouth = rest.light, skin.planes(self._unwrap_mouth(image, mesh))
        gain, more = (change.copy() for change in light)
        drawn = small[at] * gain[at] + more[at]
        behind = _likened(drawn, mouth, self._behind_lips[at[1:]] * keep)
        gain[at] *= behind
        more[at] *= behind
        return _exchanged(texture, gain, more)

    def _read(self, seen: Floats, drawn: Floats, keep: float) -> tuple[Floats, Floats]:
        """What a texture is to be multiplied with, and what is added then, both
        (3, LIGHT_SIDE, LIGHT_SIDE), to have the light of the face's own, `seen`
        (LIGHT_SIDE, LIGHT_SIDE, 3); `drawn` (3, LIGHT_SIDE, LIGHT_SIDE) is what it shows.
        """
        face = skin.planes(seen)
        wanted = _low(face, self._seen(seen), keep)
        own = _low(drawn, self._core_skin, keep)
        contrast = self._detail(face - wanted) / max(self._detail(drawn - own), 1.0)
        contrast = min(max(contrast, _CONTRAST[0]), _CONTRAST[1])
        gain = np.clip(np.sqrt((wanted + _FLOOR) / (own + _FLOOR)), *_GAIN)
        gain *= self._core * np.float32(contrast)
        more = wanted - own * gain
        for change in (gain, more):
            change += (change.mean(axis=0) - change) * self._pale
        return gain, more

    def _detail(self, difference: Floats) -> float:
        """The standard deviation of a texture (3, s, s) within the face."""
        values = difference.reshape(3, -1).take(self._inside, axis=1)
        mean = values.mean(dtype=np.float64)
        return float(np.sqrt(max(np.vdot(values, values) / values.size - mean**2, 0)))

    def _seen(self, face: Floats) -> Floats:
        """(LIGHT_SIDE, LIGHT_SIDE) how much of the face's texture tells the light on its skin."""
        colours = skin.logarithms(face)
        strange = skin.unlike(*skin.apart(colours, skin.tone(colours, self._layout)))
        return np.asarray(self.skin * (1 - np.float32(_STRANGE) * strange), np.float32)


def _exchanged(texture: Image, gain: Floats, more: Floats) -> Image:
    """The texture (s, s, 3) times `gain`, plus `more`, both (3, LIGHT_SIDE, LIGHT_SIDE)."""
    size = texture.shape[1::-1]
    times, plus = (
        cv2.resize(cv2.merge(list(low)), size, interpolation=cv2.INTER_LINEAR)
        for low in (gain, more)
    )
    # Rounds and saturates in one pass.
    return np.asarray(cv2.add(texture * times, plus, dtype=cv2.CV_8U), np.uint8)


def _kept_light(width: float) -> float:
    """How much of the light's changes over a face `width` px wide is kept.

    The smaller the face, the more of its identity lies in its low frequencies: below 140 px they
    fade towards their mean.
    """
    small, large = _SMALL_FACE
    return float(0.35 + 0.65 * np.clip((width - small) / (large - small), 0, 1))


def _low(picture: Floats, weight: Floats, keep: float) -> Floats:
    """The low frequencies (3, s, s) of what `weight` (s, s) counts, mixed with its mean."""
    layers = np.concatenate([picture * weight, weight[None]])
    *mean, total = layers.reshape(4, -1).sum(axis=1)
    soft = _BLUR @ layers @ _BLUR  # blurs this wide are quickest as products
    low = soft[:3] / (soft[3] + np.float32(1e-3))
    rest = np.array(mean, np.float32) / max(float(total), 1e-3)
    return np.asarray(low * keep + rest[:, None, None] * (1 - keep), np.float32)


def _hull(layout: Floats, side: int) -> Floats:
    filled = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(np.rint(layout * side - 0.5).astype(np.int32)), 1)
    return filled.astype(np.float32)


def _features(layout: Floats, side: int) -> Floats:
    """(side, side) 1 where brows, eyes, nostrils and mouth are, which are dark in any light."""
    filled = np.zeros((side, side), np.uint8)
    for part in _FEATURES:
        points = np.rint(layout[list(part)] * side - 0.5).astype(np.int32)
        cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled.astype(np.float32)


def _likened(drawn: Floats, face: Floats, where: Floats) -> Floats:
    """(3, h, w) factors that make `drawn` as light and dark as `face`, both (3, h, w), in coarse
    lines and as far as `where` (h, w) tells: teeth, tongue and dark lie where they are seen.
    """
    coarse = (cv2.GaussianBlur(cv2.merge(list(p)), (0, 0), _COARSE) for p in (face, drawn))
    seen, own = (skin.planes(picture) for picture in coarse)
    factors = np.clip((seen + _FLOOR) / (own + _FLOOR), *_LIKENED)
    return np.asarray(1 + (factors - 1) * where, np.float32)


def _soft(layout: Floats, side: int, parts: tuple[list[int], ...], soft: float) -> Floats:
    """(side, side) 1 within the outlines of `parts`, feathered by `soft` texels."""
    filled = np.zeros((side * _FINER, side * _FINER), np.uint8)
    for part in parts:
        cv2.fillPoly(filled, [np.rint(layout[part] * len(filled) - 0.5).astype(np.int32)], 1)
    share = cv2.resize(filled.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(share, (0, 0), soft), np.float32)


def _ramp(layout: Floats, start: float, end: float, side: int = 256) -> Floats:
    """(side, side) in canonical space: 0 up to `start` from the contour, 1 from `end` inwards."""
    depth = cv2.distanceTransform(np.pad(_hull(layout, side), 1).astype(np.uint8), cv2.DIST_L2, 5)
    ramp = np.clip((depth[1:-1, 1:-1] / side - start) / (end - start), 0, 1)
    result: Floats = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return result


def _core(layout: Floats) -> Floats:
    """(s, s) 1 where a donor's picture surely shows the face, 0 where its cheeks and brow may end.

    Toward the contour donors show hair and background between the triangles; there the surrogate
    is plain skin under the face's own light. Mouth and chin are always the donor's.
    """
    sides = _ramp(layout, *_PLAIN_RIM)
    across, down = (np.arange(len(sides), dtype=np.float32) / len(sides) for _ in range(2))
    middle = np.clip((0.24 - np.abs(across - 0.5)) / 0.07, 0, 1)[None]
    lower = np.clip((down - 0.5) / 0.08, 0, 1)[:, None]
    return np.maximum(sides, middle * lower * _ramp(layout, 0.0, 0.04))
