"""The lips of a surrogate: as full as its own, thinned and parted as the person's are just now.

What an expression adds to a person's shape cannot be added to another's point by point: a smile
thins full lips by more than thin ones have, and the mesh would fold over.
"""

from typing import Final

import numpy as np

from generator.canonical import LIPS_ABOVE, LIPS_BELOW
from pipeline.contract import Floats, Ints

# From the outer edge to the inner one, then the skin beside the lip.
_UPPER: Final = np.array([
    [185, 40, 39, 37, 0, 267, 269, 270, 409], [184, 74, 73, 72, 11, 302, 303, 304, 408],
    [183, 42, 41, 38, 12, 268, 271, 272, 407], LIPS_ABOVE,
])  # fmt: skip
_LOWER: Final = np.array([
    [146, 91, 181, 84, 17, 314, 405, 321, 375], [77, 90, 180, 85, 16, 315, 404, 320, 307],
    [96, 89, 179, 86, 15, 316, 403, 319, 325], LIPS_BELOW,
])  # fmt: skip
_SKIN: Final = ([186, 92, 165, 167, 164, 393, 391, 322, 410],
                [43, 106, 182, 83, 18, 313, 406, 335, 273])  # fmt: skip
_CORNERS: Final = np.array([[61, 291], [76, 306], [62, 292], [78, 308]])
_GOES_ALONG: Final = 0.5
_THINNEST: Final = 0.4  # of a surrogate's lips, in the person's; points of mixes are noisy
_THINNED: Final = (0.4, 2.0)
# Of a lip's height, where its rows may lie: in corners those of meshes lie upon each other.
_BETWEEN: Final = np.array([[1, 1], [0.35, 0.8], [0.1, 0.5]], np.float32).T[..., None]
_SMOOTH: Final = 4  # degree of the curve on which lips meet
_ALONG: Final = np.vander(np.linspace(-1, 1, len(LIPS_ABOVE) + 2), _SMOOTH + 1)
_CURVE: Final = (_ALONG @ np.linalg.pinv(_ALONG)).astype(np.float32)


def with_lips(shape: Floats, own: Floats, base: Floats, mix: Floats) -> Floats:
    """`shape` (468, 3), whose lips are as far apart as they are to be, with lips like those of
    `mix`, done to as `own` does to `base`, the same person at rest; all (468, 3) and frontal.
    """
    result = shape.copy()
    line = _middle(shape)
    moved = _CURVE @ line - line
    result[[*LIPS_ABOVE, *LIPS_BELOW]] += np.tile(moved[1:-1], (2, 1))
    result[_CORNERS] += moved[[0, -1]]
    for lip, skin, down in ((_UPPER, _SKIN[0], -1), (_LOWER, _SKIN[1], 1)):
        now, rest, wanted = (_heights(s, lip) * down for s in (own, base, mix))
        least = np.maximum(rest[0], 1e-4)
        full = np.maximum(wanted[0], _THINNEST * least)
        thick = full * np.clip(now[0] / least, *_THINNED)
        share = np.clip(now / np.where(now[0] > 0, now[0], 1), *_BETWEEN)
        laid = result[lip[-1], 1] + down * thick * share
        result[skin, 1] += _GOES_ALONG * (laid[0] - result[lip[0], 1])
        result[lip[:-1], 1] = laid
    return result


def _middle(shape: Floats) -> Floats:
    """(11, 3) the line on which lips meet, from corner to corner."""
    left, right = shape[_CORNERS[-1]]
    return np.vstack([left, (shape[LIPS_ABOVE] + shape[LIPS_BELOW]) / 2, right])


def _heights(shape: Floats, lip: Ints) -> Floats:
    """(3, 9) how far under its inner edge the rows of a lip lie."""
    rows: Floats = shape[lip, 1]
    return rows[:-1] - rows[-1]
