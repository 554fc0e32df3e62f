"""Whose turn it is to be looked at closely: the picture turned, and pieces of the frame.

All of it at once would take a second or more. So each turn and piece comes by itself, soon enough
for a face found so to be followed back to its beginning. Only a new shot is looked at whole.
"""

from typing import Final

from pipeline import search
from pipeline.asking import MOST
from pipeline.contract import Frame
from pipeline.following import reach
from pipeline.search import TURNS, Box, Closer
from pipeline.settings import Settings

_EVERY: Final = 20  # frames from look to look


class Tiles:
    """Tell it every frame that is looked at, in order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turned: dict[int, int] = {}  # the frame in which each was looked at, by quarters
        self._pieces: dict[Box, int] = {}

    def cut(self) -> None:
        """A new shot begins: all of it is new."""
        self._turned, self._pieces = {}, {}

    def due(self, frame: Frame) -> Closer:
        """The turns and pieces whose time has come."""
        now = frame.index
        every = min(_EVERY, max(reach(frame) - MOST + 1, 1))
        if not self._pieces:
            boxes = search.pieces(frame.size, self._settings)
            self._turned = {n: now - i * every // len(TURNS) for i, n in enumerate(TURNS)}
            self._pieces = {box: now - i * every // len(boxes) for i, box in enumerate(boxes)}
            return Closer(TURNS, boxes)
        turns = [n for n, looked in self._turned.items() if now - looked >= every]
        pieces = [box for box, looked in self._pieces.items() if now - looked >= every]
        self._turned |= dict.fromkeys(turns, now)
        self._pieces |= dict.fromkeys(pieces, now)
        return Closer(turns, pieces)
