"""Windows of a frame around what should be looked at, in few shapes."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Mask
from pipeline.geometry import scaled
from pipeline.search import Box

Shapes = Sequence[tuple[int, int]]  # px of the picture, by their areas

# A network is compiled once for each.
SHAPES: Final = ((320, 320), (640, 384), (384, 640))
_BESIDE: Final = 32.0  # px of the picture around what is looked for


def cells(box: Floats, grow: float, size: tuple[int, int], news: Mask) -> tuple[slice, slice]:
    """The cells of `news` (h, w), a grid over a frame of `size`, that a box, grown, touches."""
    grid = np.tile(news.shape[::-1], 2)
    edges = scaled(box, grow) / np.tile(size, 2) * grid
    x1, y1, x2, y2 = np.clip(edges, 0, grid).round().astype(int).tolist()
    return slice(y1, y2), slice(x1, x2)


def around(
    news: Mask, size: tuple[int, int], scale: float, most: float, shapes: Shapes = SHAPES
) -> list[Box] | None:
    """Windows of a frame of `size` around the cells with `news`, a grid (h, w) over it, for looks
    at a picture `scale` times as large; None where they would show more than `most` px.
    """
    sides = [np.array(shape, np.float32) // np.float32(scale) for shape in shapes]
    sides = [shape for shape in sides if (shape <= size).all()]
    margin, cell = _BESIDE / scale, np.array(size, np.float32) / news.shape[::-1]

    def shape(box: Floats) -> Floats | None:
        return next((s for s in sides if (box[1] - box[0] <= s).all()), None)

    def cost(box: Floats) -> float:
        fitting = shape(box)
        return np.inf if fitting is None else float(fitting.prod())

    count, _, rows, _ = cv2.connectedComponentsWithStats(news.astype(np.uint8))
    found: list[Floats] = []  # (2, 2) least and largest x, y
    for x, y, w, h, _ in sorted(rows[1:count].tolist(), key=lambda row: -row[4]):
        low, high = cell * (x, y) - margin, cell * (x + w, y + h) + margin
        one = np.stack([np.maximum(low, 0), np.minimum(high, size)])
        for place, known in enumerate(found):
            both = np.stack([np.minimum(known[0], one[0]), np.maximum(known[1], one[1])])
            if cost(both) <= cost(known) + cost(one):
                found[place] = both
                break
        else:
            found.append(one)
        if sum(map(cost, found)) > most:
            return None
    result: list[Box] = []
    for one in found:
        fitting = shape(one)
        assert fitting is not None
        corner = np.clip((one.sum(axis=0) - fitting) / 2, 0, np.array(size) - fitting)
        x, y = corner.astype(int).tolist()
        result.append((x, y, x + int(fitting[0]), y + int(fitting[1])))
    return result
