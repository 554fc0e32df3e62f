"""Covers for a box: mosaic, blur or one colour. Strong at every size, for they must hold alone."""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Patch
from pipeline.geometry import pixels, scaled

MARGIN: Final = 1.3
_CELLS: Final = 5
_BLUR_SHARE: Final = 0.22
_ROUNDNESS: Final = 4


class Fill:
    """Covers a face by its box: `kind` is "mosaic", "blur" or "solid"."""

    def __init__(self, kind: str) -> None:
        self._paint = {"mosaic": _mosaic, "blur": _blur, "solid": _solid}[kind]

    def cover(self, image: Image, box: Floats) -> Patch:
        """A patch over the box (4,) px grown by MARGIN; one pixel at least is covered."""
        height, width = image.shape[:2]
        x1, y1, x2, y2 = pixels(scaled(box, MARGIN), (width, height))
        x1, y1 = min(x1, width - 1), min(y1, height - 1)
        x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
        region = image[y1:y2, x1:x2]
        alpha = _rounded(scaled(box, MARGIN), (x1, y1, x2, y2))
        return Patch(self._paint(region, box), alpha, (x1, y1))


def _mosaic(region: Image, box: Floats) -> Image:
    cell = max(float((box[2:] - box[:2]).max()) / _CELLS, 1.0)
    height, width = region.shape[:2]
    grid = max(1, int(width / cell)), max(1, int(height / cell))
    few = cv2.resize(region, grid, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(few, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _blur(region: Image, box: Floats) -> Image:
    """Gaussian blur of a small picture: it looks the same and keeps nothing finer."""
    height, width = region.shape[:2]
    sigma = max(float((box[2:] - box[:2]).max()) * _BLUR_SHARE, 2.0)
    step = max(1.0, sigma / 3)
    small = max(1, round(width / step)), max(1, round(height / step))
    few = cv2.resize(region, small, interpolation=cv2.INTER_AREA)
    few = cv2.GaussianBlur(few, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _solid(region: Image, box: Floats) -> Image:
    return np.full_like(region, 96)


def _rounded(box: Floats, at: tuple[int, int, int, int]) -> Floats:
    """(h, w) 1 inside the superellipse of the box over the pixels `at`, 0 outside."""
    x1, y1, x2, y2 = at
    centre, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 0.5)
    x = (np.arange(x1, x2) - centre[0]) / half[0]
    y = (np.arange(y1, y2) - centre[1]) / half[1]
    inside = np.abs(y)[:, None] ** _ROUNDNESS + np.abs(x)[None] ** _ROUNDNESS <= 1
    if not inside.any():
        inside[:] = True
    return inside.astype(np.float32)
