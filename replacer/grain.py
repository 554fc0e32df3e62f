"""What a texture lacks in a large face: pixels, and the fine grain of skin and film.

A texture of 192 px looks airbrushed in a face of 400 px. It is enlarged with crisp edges, and noise
that is fixed to the skin makes its two finest octaves as strong as the face's own: only their
strength is taken from the face, not what they show.
"""

from functools import lru_cache
from math import ceil
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints
from pipeline.geometry import bounds, pixels
from replacer.resting import Rest

_SIDES: Final = (256, 384, 512)
_STRETCHED: Final = 1.2
_SHRUNK: Final = 0.8
_STEP: Final = 16  # px between two sizes of shrunk textures
_CRISP: Final = 0.6  # px of the small texture, and strength
_GRAINED: Final = 150.0  # px; smaller faces have no pixels for it
_OCTAVES: Final = (1.0, 2.0)  # px in the picture
_MOST: Final = 6.0
_POINTS: Final = 4000
_DEVIATION: Final = 0.6745  # a normal distribution's median deviation over its standard one


def fitted(texture: Image, unit: float) -> Image:
    """The texture (s, s, 3), about as large as a face in which a canonical unit is `unit` px."""
    own = len(texture)
    if unit < _SHRUNK * own:
        side = min(ceil(unit / _STEP) * _STEP, own)
        # Of one size as long as it will do: another samples all detail anew, and it shimmers.
        way = cv2.INTER_LINEAR if own <= 2 * side else cv2.INTER_AREA
        return np.asarray(cv2.resize(texture, (side, side), interpolation=way), np.uint8)
    larger = [side for side in _SIDES if side > own]
    if unit <= _STRETCHED * own or not larger:
        return texture
    side = next((s for s in larger if unit <= _STRETCHED * s), larger[-1])
    smooth = cv2.resize(texture, (side, side), interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(smooth, (0, 0), _CRISP * side / own)
    return np.asarray(cv2.addWeighted(smooth, 1 + _CRISP, soft, -_CRISP, 0), np.uint8)


class Grain:
    """Of faces whose textures are laid out by `layout` (468, 2); `skin` (n, n) is where they show
    plain skin.
    """

    def __init__(self, layout: Floats, triangles: Ints, skin: Floats) -> None:
        self._skin = skin
        rng = np.random.default_rng(0)
        corners = triangles[rng.integers(0, len(triangles), _POINTS)]
        shares = rng.dirichlet(np.ones(3), _POINTS).astype(np.float32)
        at = np.einsum("nk,nkx->nx", shares, layout[corners])
        column, row = np.clip(np.rint(at * len(skin) - 0.5), 0, len(skin) - 1).astype(int).T
        plain = skin[row, column] > 0.9
        self._corners, self._shares, self._at = corners[plain], shares[plain], at[plain]

    def over(
        self, texture: Image, image: Image, mesh: Floats, unit: float, rest: Rest | None = None
    ) -> Image:
        """The texture (s, s, 3), as grained as the face at `mesh` (468, 3) px of a picture, in
        which a canonical unit is `unit` px; `rest` is what was read of it in frames before.
        """
        if unit < _GRAINED:
            return texture
        missing = rest.grain if rest is not None and rest.resting else None
        if missing is None:
            missing = self._missing(texture, image, mesh, unit)
        if rest is not None:
            rest.grain = missing
        if not missing.any():
            return texture
        side = len(texture)
        octaves = _noise(side)
        noise = octaves[0] * missing[0] + octaves[1] * missing[1]
        noise *= cv2.resize(self._skin, (side, side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.add(texture, cv2.merge([noise] * 3), dtype=cv2.CV_8U), np.uint8)

    def _missing(self, texture: Image, image: Image, mesh: Floats, unit: float) -> Floats:
        """(2,) grey levels that the texture's two finest octaves lack."""
        x1, y1, x2, y2 = pixels(bounds(mesh), image.shape[1::-1])
        if x2 <= x1 or y2 <= y1:
            return np.zeros(len(_OCTAVES), np.float32)
        points = np.einsum("nk,nkx->nx", self._shares, mesh[self._corners, :2])
        seen = _strengths(image[y1:y2, x1:x2], points - (x1, y1), 1.0)
        side = len(texture)
        drawn = _strengths(texture, self._at * side - 0.5, side / unit)
        return np.sqrt(np.clip(seen**2 - drawn**2, 0, _MOST**2))


def _strengths(picture: Image, points: Floats, scale: float) -> Floats:
    """(2,) grey levels: the standard deviation in the two finest octaves at `points` (n, 2) px;
    hairs, edges and spots do not count. `scale` is how large a pixel of the frame is here.
    """
    light = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    bands = _octaves(light, scale)
    column, row = np.rint(points).astype(int).T
    within = (column >= 0) & (row >= 0) & (column < light.shape[1]) & (row < light.shape[0])
    if not within.any():
        return np.zeros(len(bands), np.float32)
    at = row[within], column[within]
    return np.array([np.median(np.abs(band[at])) for band in bands], np.float32) / _DEVIATION


def _octaves(light: Floats, scale: float) -> list[Floats]:
    """The two finest octaves of a picture (h, w)."""
    fine, coarse = (cv2.GaussianBlur(light, (0, 0), sigma * scale) for sigma in _OCTAVES)
    return [light - fine, fine - coarse]


@lru_cache(maxsize=len(_SIDES) + 1)
def _noise(side: int) -> list[Floats]:
    """Two octaves of noise (side, side) with a standard deviation of 1, always the same."""
    rng = np.random.default_rng(side)
    octaves = _octaves(rng.standard_normal((side, side), np.float32), 1.0)
    return [octave / octave.std() for octave in octaves]
