"""Where in a frame the detector is asked: in each n-th frame, or as far as the clip needs it.

If it is left to the clip (`auto`), every fourth frame is searched whole. In those between only that
is looked at which changed since somebody looked there, beside the faces that are followed well, and
the places of those that are not: through windows of the picture, which cost as much as they show.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Frame, Image, Mask
from pipeline.geometry import scaled, shared
from pipeline.search import Box
from pipeline.tracks import Seen, Track

AUTO: Final = "auto"
MOST: Final = 4
_GRID: Final = (64, 36)
_NEWS: Final = 18.0
_AROUND: Final = 1.8
_NEAR: Final = 1.5
_CLOSE: Final = 1.1
_FITS_WELL: Final = 0.8
_TOUCHES: Final = 0.03  # share of the smaller box
_LOST: Final = 10  # frames after which a lost face is awaited anywhere
SHAPES: Final = ((320, 320), (640, 384), (384, 640))  # px of the picture; one is compiled once
_BESIDE: Final = 32.0  # px of the picture around what is looked for
_WORTH: Final = 0.6  # of the whole picture: more is no cheaper


class Asking:
    """Tells which frames are searched whole; `every` frames lie between two, or what is auto."""

    def __init__(self, every: int | str) -> None:
        self._every = every if isinstance(every, int) else MOST
        self._start = 0

    def cut(self, frame: int) -> None:
        """Frame `frame` begins a new shot."""
        self._start = frame

    def due(self, frame: int) -> bool:
        """Whether the detector should look at a frame."""
        return (frame - self._start) % self._every == 0


class News:
    """Feed it every frame in order: it tells what of those between should be looked at."""

    def __init__(self, side: int) -> None:
        self._side = side
        self._known: Floats | None = None  # what each cell showed when somebody looked there

    def whole(self, small: Image) -> None:
        """A frame, shrunk to `small`, was searched whole."""
        self._known = _coarse(small)

    def windows(self, frame: Frame, small: Image, tracks: Sequence[Track]) -> list[Box] | None:
        """The windows of a frame to look through, where `tracks` go on; None for all of it."""
        coarse = _coarse(small)
        if self._known is None:
            self._known = coarse
            return None
        news = np.abs(coarse - self._known).mean(axis=2) > _NEWS
        beside = _touching(tracks)
        doubtful = [
            track
            for track, touches in zip(tracks, beside, strict=True)
            if touches or not _is_calm(track, frame)
        ]
        for track in tracks:
            if track not in doubtful:
                news[_cells(track.last.box, _AROUND, frame)] = False
        for track in doubtful:
            if frame.index - track.last.frame <= _LOST:
                news[_cells(track.predicted(frame.index), _NEAR, frame)] = True
        windows = _windows(news, frame.size, self._side)
        if windows is None:
            self._known = coarse
            return None
        for box in windows:
            place = _cells(np.array(box, np.float32), 1.0, frame)
            self._known[place] = coarse[place]
        return windows


def _coarse(small: Image) -> Floats:
    return cv2.resize(small, _GRID, interpolation=cv2.INTER_AREA).astype(np.float32)


def _cells(box: Floats, grow: float, frame: Frame) -> tuple[slice, slice]:
    """The part of the grid that a box, grown, touches."""
    edges = scaled(box, grow) / np.tile(frame.size, 2) * np.tile(_GRID, 2)
    x1, y1, x2, y2 = np.clip(edges, 0, np.tile(_GRID, 2)).round().astype(int).tolist()
    return slice(y1, y2), slice(x1, x2)


def _touching(tracks: Sequence[Track]) -> list[bool]:
    """Whose face lies over another one: there meshes slip from one to the other."""
    if not tracks:
        return []
    boxes = np.stack([track.last.box for track in tracks])
    touches: list[bool] = ((shared(boxes, boxes) > _TOUCHES).sum(axis=1) > 1).tolist()
    return touches


def _is_calm(track: Track, frame: Frame) -> bool:
    """It was followed by a good mesh into the frame before, and does not leave."""
    last = track.last
    followed = last.frame == frame.index - 1 and last.seen <= Seen.FOLLOWED
    around = scaled(last.box, _CLOSE)
    inside = (around[:2] >= 0).all() and (around[2:] <= frame.size).all()
    return bool(followed and inside and last.mesh_score >= _FITS_WELL and track.evidence >= 1)


def _windows(news: Mask, size: tuple[int, int], side: int) -> list[Box] | None:
    """Windows of a frame around the cells with news, None where that is no less than the frame."""
    scale = min(1.0, side / max(size))
    shapes = [(int(w / scale), int(h / scale)) for w, h in SHAPES]
    margin = _BESIDE / scale
    count, _, rows, _ = cv2.connectedComponentsWithStats(news.astype(np.uint8))
    result: list[Box] = []
    cell = np.array(size, np.float32) / _GRID
    for x, y, w, h, _ in sorted(rows[1:count].tolist(), key=lambda row: -row[4]):
        low = np.maximum(cell * (x, y) - margin, 0)
        high = np.minimum(cell * (x + w, y + h) + margin, size)
        if any((low >= box[:2]).all() and (high <= box[2:]).all() for box in result):
            continue
        shape = next((s for s in shapes if (high - low <= s).all() and (s <= np.array(size)).all()),
                     None)  # fmt: skip
        if shape is None:
            return None
        corner = np.clip((low + high - shape) / 2, 0, np.array(size) - shape).astype(int).tolist()
        result.append((*corner, corner[0] + shape[0], corner[1] + shape[1]))
        if sum((b[2] - b[0]) * (b[3] - b[1]) for b in result) > _WORTH * size[0] * size[1]:
            return None
    return result
