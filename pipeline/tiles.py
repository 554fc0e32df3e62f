"""Whose turn it is to be looked at closely: the picture turned, and pieces of the frame.

All of it at once would take a second or more. So each turn and piece comes by itself, soon enough
for a face found so to be followed back to its beginning. Only a new shot is looked at whole. Of a
piece whose turn it is only that is looked at which changed beside the camera's motion, and the
places of the small faces that it has shown; in every other turn all of it.
"""

from dataclasses import dataclass, field
from threading import Event
from typing import Final

import cv2
import numpy as np

from pipeline import atlas, changes, search
from pipeline.asking import AUTO, MOST
from pipeline.contract import Faces, Floats, Frame, Image, Mask
from pipeline.following import reach
from pipeline.search import TURNS, Box, Closer
from pipeline.settings import Settings
from pipeline.windows import cells

_EVERY: Final = 20  # frames from look to look
_ROUNDS: Final = 2  # looks from one at all of a piece to the next
_SMALL: Final = 27.0  # px of the picture: larger faces are found there
_NEAR: Final = 2.0
_GRID: Final = (128, 72)
_BESIDE: Final = 28.0  # px of the enlarged picture around what is looked for
_WORTH: Final = 0.7  # of the piece: more is no cheaper


class Told:
    """What somebody has found who may still be at work."""

    def __init__(self) -> None:
        self._ended, self._faces = Event(), Faces.of([])

    def tell(self, faces: Faces) -> None:
        """All that was found."""
        self._faces = faces

    def end(self) -> None:
        """Nobody works on it any more."""
        self._ended.set()

    @property
    def boxes(self) -> Floats:
        """(n, 4) of the faces that were found, once the work has ended."""
        self._ended.wait()
        return self._faces.boxes


@dataclass(slots=True)
class _Piece:
    due: int  # the frame in which it has its next turn
    frame: int  # in which it had its last one
    picture: Image  # that frame, and where nobody looked then what was there before
    told: Told
    places: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    rounds: int = 0  # since all of it was looked at


class Tiles:
    """Tell it every frame that is looked at, in order."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rounds = _ROUNDS if settings.detect_every == AUTO else 1
        self._turned: dict[int, int] = {}  # the frame in which each was looked at, by quarters
        self._pieces: dict[Box, _Piece] = {}

    def cut(self) -> None:
        """A new shot begins: all of it is new."""
        self._turned, self._pieces = {}, {}

    def due(self, frame: Frame, small: Image) -> tuple[Closer, Told]:
        """The turns and pieces of a frame, shrunk to `small`, whose time has come; whoever looks
        tells what they found, and in any case that they have ended.
        """
        now, told = frame.index, Told()
        every = min(_EVERY, max(reach(frame) - MOST + 1, 1))
        if not self._pieces:
            boxes = search.pieces(frame.size, self._settings)
            self._turned = {n: now - i * every // len(TURNS) for i, n in enumerate(TURNS)}
            for i, box in enumerate(boxes):
                due, rounds = now + every - i * every // len(boxes), i % self._rounds
                self._pieces[box] = _Piece(due, now, small, told, rounds=rounds)
            return Closer(TURNS, boxes), told
        turns = [n for n, looked in self._turned.items() if now - looked >= every]
        self._turned |= dict.fromkeys(turns, now)
        pieces: list[Box] = []
        parts: list[Box] = []
        for box, piece in self._pieces.items():
            if now >= piece.due:
                some = self._parts(box, piece, frame, small)
                if some is None:
                    pieces.append(box)
                else:
                    parts += some
                piece.due, piece.frame, piece.told = now + every, now, told
        return Closer(turns, pieces, parts), told

    def rest(self, frame: Frame, small: Image) -> tuple[Closer, Told]:
        """What of the pieces is due if this frame is the last one of its shot."""
        told = Told()
        looked = {box: piece for box, piece in self._pieces.items() if piece.frame < frame.index}
        some = [self._parts(box, piece, frame, small, True) for box, piece in looked.items()]
        pieces = [box for box, parts in zip(looked, some, strict=True) if parts is None]
        return Closer((), pieces, [part for parts in some for part in parts or ()]), told

    def _parts(
        self, box: Box, piece: _Piece, frame: Frame, small: Image, few: bool = False
    ) -> list[Box] | None:
        """What of a piece has its turn, `few` if that may be put off; None for all of it."""
        piece.rounds += 1
        there, by = changes.moved(piece.picture, small)
        found = np.concatenate([piece.places, self._small(piece.told.boxes, box, frame)])
        found += np.tile(by * np.float32(frame.size[0] / small.shape[1]), 2)
        if few or piece.rounds < self._rounds:
            parts = self._around(box, changes.changed(there, small, by), found, frame)
            if parts is not None:
                piece.places, piece.picture = found, _patched(there, small, parts, frame.size)
                return parts
        # One look may miss a face: where it was found before, somebody looks in the next turn too.
        piece.places = found[len(piece.places) :]
        piece.rounds, piece.picture = 0, small
        return None

    def _around(self, piece: Box, changed: Mask, places: Floats, frame: Frame) -> list[Box] | None:
        """Boxes around what `changed` in a piece, and `places` (n, 4); None where all of it is as
        quickly looked at.
        """
        size = frame.size
        news = np.zeros(_GRID[::-1], bool)
        inside = cells(np.array(piece, np.float32), 1.0, size, news)
        news[inside] = _coarse(changed)[inside]
        for place in places:
            news[cells(place, _NEAR, size, news)] = True
        scale = search.closeness(size, self._settings)[0]
        boxes = _boxes(news, size, _BESIDE / scale)
        if sum(map(_area, boxes)) > _WORTH * _area(piece):
            return None
        most = (atlas.MOST[0] - 1) / scale, (atlas.MOST[1] - 1) / scale
        return [part for box in boxes for part in search.split(box, most)]

    def _small(self, boxes: Floats, piece: Box, frame: Frame) -> Floats:
        """Those of `boxes` (n, 4) that only a look as close shows surely."""
        scale = min(1.0, self._settings.detect_size / max(frame.size))
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = ((middle >= piece[:2]) & (middle <= piece[2:])).all(axis=1)
        result: Floats = boxes[inside & (scale * (boxes[:, 2] - boxes[:, 0]) < _SMALL)]
        return result


def _coarse(mask: Mask) -> Mask:
    """The cells of the grid in which the mask (h, w) is anywhere true."""
    share = cv2.resize(mask.astype(np.float32), _GRID, interpolation=cv2.INTER_AREA)
    result: Mask = share > 0
    return result


def _boxes(news: Mask, size: tuple[int, int], margin: float) -> list[Box]:
    """Boxes of a frame of `size` around the cells with news; two are one where that is smaller."""
    cell = np.array(size, np.float32) / news.shape[::-1]
    count, _, rows, _ = cv2.connectedComponentsWithStats(news.astype(np.uint8))
    found: list[Box] = []
    for x, y, w, h, _ in rows[1:count].tolist():
        low = np.maximum(np.floor(cell * (x, y) - margin), 0).astype(int).tolist()
        high = np.minimum(np.ceil(cell * (x + w, y + h) + margin), size).astype(int).tolist()
        one, place = (low[0], low[1], high[0], high[1]), 0
        while place < len(found):
            both = _both(found[place], one)
            if _area(both) <= _area(found[place]) + _area(one):
                del found[place]
                one, place = both, 0
            else:
                place += 1
        found.append(one)
    return found


def _both(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _patched(before: Image, now: Image, windows: list[Box], size: tuple[int, int]) -> Image:
    """The picture `before` with what `now` shows in the windows of a frame of `size`."""
    result = before.copy()
    for window in windows:
        edges = np.array(window) * np.tile(now.shape[1::-1], 2) / np.tile(size, 2)
        x1, y1 = np.ceil(edges[:2]).astype(int).tolist()
        x2, y2 = np.floor(edges[2:]).astype(int).tolist()
        result[y1:y2, x1:x2] = now[y1:y2, x1:x2]
    return result
