"""A face's own texture: the picture under a mesh, laid flat in canonical space."""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints
from pipeline.geometry import barycentric, bounds, pixels, rasterise

_UNKNOWN: Final = 128.0
_SHARPNESS: Final = 1.5


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
        # Products with whole pixels are several times as quick as with one number for each.
        self._shares = [np.repeat(shares[..., i, None], 2, axis=2) for i in range(3)]
        self._colours = np.repeat(self.inside[..., None], 3, axis=2)

    def __call__(self, image: Image, mesh: Floats) -> Floats:
        """(side, side, 3) float32 of a picture (h, w, 3) with a face at `mesh` (468, 3) px.

        0 outside the layout; grey where no pixel of the picture lies under the mesh's bounds.
        """
        x1, y1, x2, y2 = pixels(bounds(mesh), image.shape[1::-1])
        region = image[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
        if region.size == 0:
            return np.full((self.side, self.side, 3), _UNKNOWN, np.float32)
        factor = min(1.0, _SHARPNESS * self.side / max(region.shape[:2]))
        size = [max(1, round(n * factor)) for n in region.shape[1::-1]]
        region = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
        place = self.places((mesh[:, :2] - (x1, y1)) * factor + (factor - 1) / 2)
        flat = cv2.remap(region, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(flat * self._colours, np.float32)

    def places(self, points: Floats) -> Floats:
        """(side, side, 2) where each texel lies on a face whose points are (468, 2)."""
        points = np.ascontiguousarray(points, np.float32)
        parts = zip(self._corners, self._shares, strict=True)
        return np.asarray(sum(points.take(c, axis=0) * share for c, share in parts))


def _inside(shares: Floats) -> Floats:
    """Shares (h, w, 3) of corners by which pixels outside their triangle lie on its border."""
    shares = np.clip(shares, 0, None)
    shares /= np.maximum(shares.sum(axis=-1, keepdims=True), 1e-6)
    return shares
