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
from pipeline.windows import SHAPES as SHAPES
from pipeline.windows import around, cells

AUTO: Final = "auto"
MOST: Final = 4
WHOLE: Final = 12  # frames from one that is searched whole to the next
_NEWS: Final = 18.0
_INSIDE: Final = 2  # frames from look to look at what changed away from the borders
_INNER: Final = np.s_[2:-2, 2:-2]
_AROUND: Final = 1.8
_NEAR: Final = 1.5
_CLOSE: Final = 1.1
_FITS_WELL: Final = 0.8
_TOUCHES: Final = 0.03  # share of the smaller box
_GRID: Final = (64, 36)
_WORTH: Final = 0.6  # of the whole picture: more is no cheaper
_LOST: Final = 10  # frames after which a lost face is awaited anywhere


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
        if frame.index % _INSIDE:
            news[_INNER] = False
        doubtful = _doubtful(frame, tracks)
        for track in tracks:
            if track not in doubtful:
                news[cells(track.last.box, _AROUND, frame.size, news)] = False
        windows = self._around(news, frame, doubtful)
        for box in windows or ():
            place = cells(np.array(box, np.float32), 1.0, frame.size, news)
            self._known[place] = coarse[place]
        return windows

    def awaited(self, frame: Frame, tracks: Sequence[Track]) -> list[Box] | None:
        """The same for those of `tracks` alone that are not followed well."""
        nothing = np.zeros(_GRID[::-1], bool)
        return self._around(nothing, frame, _doubtful(frame, tracks))

    def _around(self, news: Mask, frame: Frame, doubtful: Sequence[Track]) -> list[Box] | None:
        for track in doubtful:
            if frame.index - track.last.frame <= _LOST:
                news[cells(track.predicted(frame.index), _NEAR, frame.size, news)] = True
        scale, (width, height) = min(1.0, self._side / max(frame.size)), frame.size
        return around(news, frame.size, scale, _WORTH * width * height)


def _coarse(small: Image) -> Floats:
    return cv2.resize(small, _GRID, interpolation=cv2.INTER_AREA).astype(np.float32)


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
