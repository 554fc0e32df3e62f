"""Whose turn it is to be looked at closely: the picture turned, and pieces of the frame.

All of it at once would take a second or more. So each turn and piece comes by itself, soon enough
for a face found so to be followed back to its beginning; a piece in which nothing moves can wait
longer. Only a new shot is looked at whole.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from pipeline import search
from pipeline.asking import MOST
from pipeline.contract import Frame, Image
from pipeline.following import reach
from pipeline.search import TURNS, Box, Closer
from pipeline.settings import Settings

_TURNED: Final = 12  # frames from look to look
_EVERY: Final = 22
_EVERY_OF_LARGE: Final = 16
_STILL: Final = 22
_MOVED: Final = 8.0


@dataclass(slots=True, eq=False)
class _Tile:
    box: Box
    looked: int  # the frame in which it was looked at, or counts as if it were
    shown: Image  # (h, w) what it showed then, small and gray


class Tiles:
    """Tell it every frame that is looked at, in order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tiles: list[_Tile] = []
        self._turned: dict[int, int] = {}  # by quarters: the frame, as of a tile

    def cut(self) -> None:
        """A new shot begins: all of it is new."""
        self._tiles, self._turned = [], {}

    def due(self, frame: Frame, picture: Image) -> Closer:
        """The turns and pieces whose time has come; `picture` is the frame, shrunk to any size."""
        small = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        if not self._tiles:
            return self._everything(frame, small)
        turns = [n for n, looked in self._turned.items() if frame.index - looked >= _TURNED]
        self._turned |= dict.fromkeys(turns, frame.index)
        large = search.is_large(frame.size, self._settings)
        every, still = _EVERY_OF_LARGE if large else _EVERY, _STILL
        latest = max(reach(frame) - MOST + 1, 1)
        pieces = []
        for tile in self._tiles:
            age, shown = frame.index - tile.looked, _part(small, tile.box, frame)
            if age < min(every, latest):
                continue
            if age >= min(still, latest) or cv2.norm(shown, tile.shown, cv2.NORM_INF) > _MOVED:
                tile.looked, tile.shown = frame.index, shown.copy()
                pieces.append(tile.box)
        return Closer(turns, pieces)

    def _everything(self, frame: Frame, small: Image) -> Closer:
        everything = search.everything(frame.size, self._settings)
        boxes, now = everything.pieces, frame.index
        every = _EVERY_OF_LARGE if search.is_large(frame.size, self._settings) else _EVERY
        self._turned = {n: now - i * _TURNED // len(TURNS) for i, n in enumerate(TURNS)}
        self._tiles = [
            _Tile(box, now - i * every // len(boxes), _part(small, box, frame).copy())
            for i, box in enumerate(boxes)
        ]
        return everything


def _part(small: Image, box: Box, frame: Frame) -> Image:
    """(h, w) what a shrunk frame shows of a box, a view."""
    x1, y1, x2, y2 = (round(edge * small.shape[1] / frame.size[0]) for edge in box)
    return small[y1:y2, x1:x2]
