"""Faces that look as they did a frame ago: what was read off them holds for a frame or two more.

To read the light on a face, and what is in front of it, takes longer than to draw with them, and
both move with the face. Whatever changes one of them changes one of a few coarse cells too.
"""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image
from pipeline.geometry import bounds, pixels

_CELLS: Final = 3
_SAMPLES: Final = 8 * _CELLS
_CHANGED: Final = 4.0  # grey levels, of a cell
_LONGEST: Final = 3  # frames


class Rest:
    """Of one track: `resting` says whether what was read of the face still holds."""

    def __init__(self) -> None:
        self.resting = False
        self.light: tuple[Floats, Floats] | None = None
        self.grain: Floats | None = None
        self._seen: Floats | None = None
        self._frames = 0

    def look(self, image: Image, mesh: Floats) -> None:
        """One more frame, a picture with the face at `mesh` (468, 3) px."""
        seen = _coarse(image, mesh)
        calm = self._seen is not None and _alike(seen, self._seen)
        self.resting = calm and self._frames < _LONGEST
        self._frames = self._frames + 1 if self.resting else 0
        if not self.resting:
            self._seen = seen


def _alike(one: Floats | None, other: Floats) -> bool:
    return one is not None and float(np.abs(one - other).max()) <= _CHANGED


def _coarse(image: Image, mesh: Floats) -> Floats | None:
    """(_CELLS, _CELLS, 3) mean colours under the bounds of a mesh, None where it has no pixels."""
    x1, y1, x2, y2 = pixels(bounds(mesh), image.shape[1::-1])
    if min(x2 - x1, y2 - y1) < _CELLS:
        return None
    # Two pixels each way are looked at, some 60 times in a cell: several times as quick as all.
    some = cv2.resize(image[y1:y2, x1:x2], (_SAMPLES,) * 2, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(some, (_CELLS,) * 2, interpolation=cv2.INTER_AREA), np.float32)
