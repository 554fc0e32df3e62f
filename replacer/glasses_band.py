"""The band of a canonical texture in which glasses lie: over the brows to the tip of the nose."""

from typing import Final

import numpy as np

from pipeline.contract import Floats, Image

SIDE: Final = 192
TOP: Final = 36
HEIGHT: Final = 80


def prepared(band: Image | Floats) -> Floats:
    """The network's input (HEIGHT, SIDE, 5): colours and places (x, y) in [-1, 1]."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : SIDE * 1j]
    return np.dstack([band.astype(np.float32) / 127.5 - 1, x, y]).astype(np.float32)
