"""Which pieces of a huge frame are looked at closely, and when: a few in each look.

A 4K frame has 15; looking at all of them at once would take a second. So each has its turn twice a
second, and half as often while nothing in it moves. A face found so is followed backwards too.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from pipeline import search
from pipeline.contract import Floats, Frame, Image
from pipeline.search import Box
from pipeline.settings import Settings

_EVERY: Final = 12  # frames
_STILL: Final = 24  # frames
_MOVED: Final = 8.0
_BLUR: Final = 3


@dataclass(slots=True, eq=False)
class _Tile:
    box: Box
    looked: int  # the frame in which it was looked at, or counts as if it were
    shown: Floats  # (h, w) what it showed then, small and gray


class Tiles:
    """Tell it every frame that is looked at, in order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tiles: list[_Tile] | None = None

    def cut(self) -> None:
        """A new shot begins: all of it is new."""
        self._tiles = None

    def due(self, frame: Frame, picture: Image) -> list[Box] | None:
        """The pieces whose turn has come, None where frames are not that large; `picture` is the
        frame, shrunk.
        """
        boxes = search.tiles(frame.size, self._settings)
        if not boxes:
            return None
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        small = cv2.blur(gray, (_BLUR, _BLUR)).astype(np.float32)
        shrunk = small.shape[1] / frame.size[0]
        if self._tiles is None:
            ages = (i * _EVERY // len(boxes) for i in range(len(boxes)))
            self._tiles = [
                _Tile(box, frame.index - age, _part(small, box, shrunk))
                for box, age in zip(boxes, ages, strict=True)
            ]
            return boxes
        result = []
        for tile in self._tiles:
            shown = _part(small, tile.box, shrunk)
            if _is_due(tile, shown, frame.index):
                tile.looked, tile.shown = frame.index, shown
                result.append(tile.box)
        return result


def _is_due(tile: _Tile, shown: Floats, frame: int) -> bool:
    age = frame - tile.looked
    if age < _EVERY:
        return False
    return age >= _STILL or float(np.abs(shown - tile.shown).max()) > _MOVED


def _part(small: Floats, box: Box, shrunk: float) -> Floats:
    """(h, w) a copy of what a shrunk frame shows of a box."""
    x1, y1, x2, y2 = (round(edge * shrunk) for edge in box)
    return small[y1:y2, x1:x2].copy()
