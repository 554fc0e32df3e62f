"""Where in a frame the detector is asked: in each n-th frame, or as far as the clip needs it.

If it is left to the clip (`auto`), every twelfth frame is searched whole, and every fourth glanced
at: a picture of half the size shows all but small faces. In all but the twelfth that is looked at
closely which changed since somebody looked there, beside the faces that are followed well, and the
places of those that are not: through windows of the picture, which cost as much as they show.
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
WHOLE: Final = 12  # frames from one that is searched whole to the next
_GRID: Final = (64, 36)
_NEWS: Final = 18.0
_AROUND: Final = 1.8
_NEAR: Final = 1.5
_CLOSE: Final = 1.1
_FITS_WELL: Final = 0.8
_TOUCHES: Final = 0.03  # share of the smaller box
_LOST: Final = 10  # frames after which a lost face is awaited anywhere
# Px of the picture; a network is compiled once for each.
SHAPES: Final = ((320, 320), (640, 384), (384, 640))
_BESIDE: Final = 32.0  # px of the picture around what is looked for
_WORTH: Final = 0.6  # of the whole picture: more is no cheaper


class Asking:
    """Tells which frames are searched; `every` frames lie between two, or what is auto."""

    def __init__(self, every: int | str) -> None:
        self._every, self._whole = (every, every) if isinstance(every, int) else (MOST, WHOLE)
        self._start = 0

    def cut(self, frame: int) -> None:
        """Frame `frame` begins a new shot."""
        self._start = frame

    def due(self, frame: int) -> bool:
        """Whether the detector should look at a frame."""
        return (frame - self._start) % self._every == 0

    def whole(self, frame: int) -> bool:
        """Whether a frame that is due deserves more than a glance."""
        return (frame - self._start) % self._whole == 0


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
            return None
        news = np.abs(coarse - self._known).mean(axis=2) > _NEWS
        doubtful = _doubtful(frame, tracks)
        for track in tracks:
            if track not in doubtful:
                news[_cells(track.last.box, _AROUND, frame)] = False
        windows = self._around(news, frame, doubtful)
        for box in windows or ():
            place = _cells(np.array(box, np.float32), 1.0, frame)
            self._known[place] = coarse[place]
        return windows

    def awaited(self, frame: Frame, tracks: Sequence[Track]) -> list[Box] | None:
        """The same for those of `tracks` alone that are not followed well."""
        nothing = np.zeros(_GRID[::-1], bool)
        return self._around(nothing, frame, _doubtful(frame, tracks))

    def _around(self, news: Mask, frame: Frame, doubtful: Sequence[Track]) -> list[Box] | None:
        for track in doubtful:
            if frame.index - track.last.frame <= _LOST:
                news[_cells(track.predicted(frame.index), _NEAR, frame)] = True
        return _windows(news, frame.size, self._side)


def _coarse(small: Image) -> Floats:
    return cv2.resize(small, _GRID, interpolation=cv2.INTER_AREA).astype(np.float32)


def _cells(box: Floats, grow: float, frame: Frame) -> tuple[slice, slice]:
    """The part of the grid that a box, grown, touches."""
    edges = scaled(box, grow) / np.tile(frame.size, 2) * np.tile(_GRID, 2)
    x1, y1, x2, y2 = np.clip(edges, 0, np.tile(_GRID, 2)).round().astype(int).tolist()
    return slice(y1, y2), slice(x1, x2)


def _doubtful(frame: Frame, tracks: Sequence[Track]) -> list[Track]:
    """Those that are not followed well."""
    beside = _touching(tracks)
    return [
        track
        for track, touches in zip(tracks, beside, strict=True)
        if touches or not _is_calm(track, frame)
    ]


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
    shapes = [np.array(sides, np.float32) // np.float32(scale) for sides in SHAPES]
    shapes = [shape for shape in shapes if (shape <= size).all()]
    margin, cell = _BESIDE / scale, np.array(size, np.float32) / _GRID

    def shape(box: Floats) -> Floats | None:
        return next((s for s in shapes if (box[1] - box[0] <= s).all()), None)

    def cost(box: Floats) -> float:
        around = shape(box)
        return np.inf if around is None else float(around.prod())

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
        if sum(map(cost, found)) > _WORTH * size[0] * size[1]:
            return None
    result: list[Box] = []
    for one in found:
        around = shape(one)
        assert around is not None
        corner = np.clip((one.sum(axis=0) - around) / 2, 0, np.array(size) - around)
        x, y = corner.astype(int).tolist()
        result.append((x, y, x + int(around[0]), y + int(around[1])))
    return result
