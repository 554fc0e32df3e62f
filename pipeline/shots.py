"""Where one shot ends and the next begins."""

from collections import deque
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image

_GRID: Final = (32, 18)
_LEAST: Final = 24.0
_TIMES_USUAL: Final = 3.0
_MEMORY: Final = 12


class Shots:
    """Tells cuts from motion: they change a coarse picture much more than the frames before."""

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._usual: deque[float] = deque(maxlen=_MEMORY)

    def cut(self, picture: Image) -> bool:
        """True where `picture`, the next frame as RGB of any size, begins a new shot."""
        coarse = cv2.resize(picture, _GRID, interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._last is None:
            self._last = coarse
            return False
        change = float(np.abs(coarse - self._last).mean())
        self._last = coarse
        usual = float(np.median(self._usual)) if self._usual else 0.0
        self._usual.append(change)
        if change < max(_LEAST, _TIMES_USUAL * usual):
            return False
        self._usual.clear()
        return True
