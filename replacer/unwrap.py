"""A face's own texture: the picture under a mesh, laid flat in canonical space."""

import math
from copy import copy
from typing import Final, Self, TypeVar, cast

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints
from pipeline.geometry import bounds, pixels, rasterise

Pixels = TypeVar("Pixels", Image, Floats)

_UNKNOWN: Final = 128.0
_SHARPNESS: Final = 2.0


class Unwrap:
    """`layout` (468, 2) and `triangles` are those of the canonical texture; it has `side` px.

    Which triangle a texel belongs to never changes, so that only the corners are looked up.
    """

    def __init__(self, layout: Floats, triangles: Ints, side: int) -> None:
        self.side = side
        cover = rasterise(layout * side - 0.5, triangles, (side, side))
        self.inside: Floats = (cover >= 0).astype(np.float32)
        corners = triangles[np.maximum(cover, 0)]
        shares = _inside(barycentric((layout * side - 0.5)[corners]))
        self._corners = [np.ascontiguousarray(corners[..., i]) for i in range(3)]
        self._shares = [np.repeat(shares[..., i], 2, axis=1) for i in range(3)]
        self._colours = np.repeat(self.inside[..., None], 3, axis=2)

    def __call__(self, image: Image, mesh: Floats) -> Floats:
        """(side, side, 3) float32 of a picture (h, w, 3) with a face at `mesh` (468, 3) px, or the
        part of it that this unwraps.

        0 outside the layout; grey where no pixel of the picture lies under the mesh's bounds.
        """
        x1, y1, x2, y2 = pixels(bounds(mesh), image.shape[1::-1])
        region = image[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
        if region.size == 0:
            return np.full((*self.inside.shape, 3), _UNKNOWN, np.float32)
        region, factor = shrunk(region, _SHARPNESS * self.side)
        place = self.places((mesh[:, :2] - (x1, y1)) * factor + (factor - 1) / 2)
        flat = cv2.remap(region, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(flat * self._colours, np.float32)

    def part(self, where: tuple[slice, slice]) -> Self:
        """What unwraps the texture's rows and columns `where` only."""
        result = copy(self)
        result.inside = self.inside[where]
        result._colours = self._colours[where]
        rows, columns = where
        wide = rows, slice(2 * columns.start, 2 * columns.stop)
        result._corners = [np.ascontiguousarray(corner[where]) for corner in self._corners]
        result._shares = [np.ascontiguousarray(share[wide]) for share in self._shares]
        return result

    def places(self, points: Floats) -> Floats:
        """(side, side, 2) where each texel lies on a face whose points are (468, 2)."""
        # Looked up as complex numbers: one array for both axes.
        at = np.ascontiguousarray(points, np.float32).view(np.complex64).ravel()
        parts = zip(self._corners, self._shares, strict=True)
        result = np.asarray(sum(at.take(c).view(np.float32) * share for c, share in parts))
        return result.reshape(*self.inside.shape, 2)


def shrunk(picture: Pixels, side: float) -> tuple[Pixels, float]:
    """A picture whose longer side is at most `side` px long, and by what factor: that of a whole
    number, which is several times as quick. What is left over at the right and below is cut off.
    """
    times = math.ceil(max(picture.shape[:2]) / side)
    height, width = (n // times for n in picture.shape[:2])
    if times < 2 or not min(height, width):
        return picture, 1.0
    whole = picture[: height * times, : width * times]
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return cast(Pixels, small), 1 / times


def _inside(shares: Floats) -> Floats:
    """Shares (h, w, 3) of corners by which pixels outside their triangle lie on its border."""
    shares = np.clip(shares, 0, None)
    shares /= np.maximum(shares.sum(axis=-1, keepdims=True), 1e-6)
    return shares


def barycentric(corners: Floats) -> Floats:
    """(h, w, 3) shares of a triangle's corners (h, w, 3, 2) px that add up to the pixel's place."""
    height, width = corners.shape[:2]
    y, x = np.mgrid[:height, :width]
    origin, edges = corners[:, :, 0], corners[:, :, 1:] - corners[:, :, :1]
    at = np.stack([x, y], axis=-1) - origin
    det = edges[..., 0, 0] * edges[..., 1, 1] - edges[..., 0, 1] * edges[..., 1, 0]
    det = np.where(np.abs(det) < 1e-6, 1.0, det)
    b = (at[..., 0] * edges[..., 1, 1] - at[..., 1] * edges[..., 1, 0]) / det
    c = (at[..., 1] * edges[..., 0, 0] - at[..., 0] * edges[..., 0, 1]) / det
    return np.stack([1 - b - c, b, c], axis=-1).astype(np.float32)
