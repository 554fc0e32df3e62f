"""In which frames the detector is asked: in each n-th, or as often as the clip needs it."""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Frame, Image
from pipeline.geometry import scaled
from pipeline.tracks import Seen, Track

AUTO: Final = "auto"
MOST: Final = 4
_GRID: Final = (64, 36)
_NEWS: Final = 18.0
_AROUND: Final = 1.8
_FITS_WELL: Final = 0.8
_THOROUGH: Final = 12
_CLOSELY: Final = 24


class Asking:
    """Feed it every frame in order, after its cut and before its detection.

    `every` frames lie between two looks, or, where it is "auto", up to `MOST` while all faces are
    followed well by their meshes and the picture around them stays as it was at the last look.
    """

    def __init__(self, every: int | str) -> None:
        self._every = every
        self._start = 0
        self._last = -MOST
        self._thorough, self._closely = -_THOROUGH, -_CLOSELY
        self._calm = 1
        self._coarse: Floats | None = None

    def cut(self, frame: int) -> None:
        """Frame `frame` begins a new shot."""
        self._start, self._last = frame, frame - MOST
        self._thorough, self._closely = frame - _THOROUGH, frame - _CLOSELY
        self._calm, self._coarse = 1, None

    def due(self, frame: Frame, picture: Image, tracks: list[Track]) -> bool:
        """Whether the detector should look at a frame, small as `picture`, where `tracks` go on."""
        if isinstance(self._every, int):
            return (frame.index - self._start) % self._every == 0
        coarse = cv2.resize(picture, _GRID, interpolation=cv2.INTER_AREA).astype(np.float32)
        calm = all(_is_calm(track, frame.index) for track in tracks)
        calm = calm and not self._news(coarse, tracks, frame.size)
        self._calm = min(self._calm + 1, 2 * MOST) if calm else 0
        if calm and frame.index - self._last < min(MOST, 1 + self._calm // 2):
            return False
        self._last, self._coarse = frame.index, coarse
        return True

    def thorough(self, frame: int) -> bool:
        """Whether a look at this frame should be a thorough one: it is slow, and done rarely."""
        if frame - self._thorough < _THOROUGH:
            return False
        self._thorough = frame
        return True

    def closely(self, frame: int) -> bool:
        """Whether a thorough look at this frame should also be a close one: it is slower still."""
        if frame - self._closely < _CLOSELY:
            return False
        self._closely = frame
        return True

    def _news(self, coarse: Floats, tracks: list[Track], size: tuple[int, int]) -> bool:
        """Whether anything but the known faces changed since the last look."""
        if self._coarse is None:
            return True
        change = np.abs(coarse - self._coarse).mean(axis=2)
        for track in tracks:
            cells = scaled(track.last.box, _AROUND) / np.tile(size, 2) * np.tile(_GRID, 2)
            x1, y1, x2, y2 = np.clip(cells, 0, np.tile(_GRID, 2)).round().astype(int).tolist()
            change[y1:y2, x1:x2] = 0
        return float(change.max()) > _NEWS


def _is_calm(track: Track, frame: int) -> bool:
    """It was followed by a good mesh into the frame before."""
    last = track.last
    followed = last.frame == frame - 1 and last.seen <= Seen.FOLLOWED
    return followed and last.mesh_score >= _FITS_WELL and track.evidence >= 1
