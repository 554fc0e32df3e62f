"""The fine grain of skin, which a deconvolution cannot draw.

Pores and film make every pixel of a photographed face a little uneven. A network that is asked for
the strength of details leaves that away where it is less than its losses see: over skin the finest
octave of the donors has 0.77 grey levels, that of their mixes 0.41.
"""

from functools import lru_cache
from typing import Final

import numpy as np

from pipeline.contract import Floats

_STRENGTH: Final = 1.0  # grey levels in a texture of _SIDE, which fills the octave up
_SIDE: Final = 192
_SEED: Final = 12


@lru_cache(maxsize=8)
def pores(side: int) -> Floats:
    """(s, s, 1) grey levels to add to a texture: noise that is the same for every face, fixed to
    the skin, and less in small textures, as what is seen from afar is the mean of many pores.
    """
    noise = np.random.default_rng(_SEED).standard_normal((side, side, 1), np.float32)
    return noise * np.float32(_STRENGTH * min(side / _SIDE, 1))
