"""Small pictures of several sizes on sheets of few: a network is compiled for each size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.contract import Image

# By width, from low to high.
SHAPES: Final = {640: (384,), 768: (384, 640)}
MOST: Final = (768, 640)
_GAP: Final = 16


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where some of the pictures lie: their rows with the corners x, y."""

    size: tuple[int, int]  # width, height
    places: Sequence[tuple[int, int, int]]

    def drawn(self, pictures: Mapping[int, Image]) -> Image:
        """The sheet with its pictures by rows, black between them."""
        result = np.zeros((*self.size[::-1], 3), np.uint8)
        for row, x, y in self.places:
            high, wide = pictures[row].shape[:2]
            result[y : y + high, x : x + wide] = pictures[row]
        return result


def sheets(sizes: Sequence[tuple[int, int]]) -> list[Sheet]:
    """The least of sheets for pictures of these widths and heights, none of them above MOST."""
    wide = max((size[0] for size in sizes), default=0)
    high = max((size[1] for size in sizes), default=0)
    fitting = [w for w, heights in SHAPES.items() if w >= wide and heights[-1] >= high]
    return min((_shelved(sizes, width) for width in fitting), key=_area)


def _area(some: Sequence[Sheet]) -> int:
    return sum(sheet.size[0] * sheet.size[1] for sheet in some)


def _shelved(sizes: Sequence[tuple[int, int]], width: int) -> list[Sheet]:
    """Side by side on shelves, the highest first."""
    result: list[Sheet] = []
    places: list[tuple[int, int, int]] = []
    x, y, top = 0, 0, 0  # where the next one comes, and the next shelf
    for row in sorted(range(len(sizes)), key=lambda row: (-sizes[row][1], row)):
        wide, high = sizes[row]
        if x + wide > width:
            x, y = 0, top + _GAP
        if y + high > SHAPES[width][-1]:
            result.append(_sheet(width, top, places))
            x, y, top, places = 0, 0, 0, []
        places.append((row, x, y))
        x, top = x + wide + _GAP, max(top, y + high)
    return [*result, _sheet(width, top, places)] if places else result


def _sheet(width: int, high: int, places: Sequence[tuple[int, int, int]]) -> Sheet:
    return Sheet((width, next(h for h in SHAPES[width] if h >= high)), places)
