"""The space in which surrogates are drawn: a frontal, symmetric face, laid out flat."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from generator.expression import eye_code, mouth_code
from pipeline.contract import Floats, Image, Ints
from pipeline.geometry import align

_CHEEKS: Final = ((0.24, 0.50, 0.36, 0.62), (0.64, 0.50, 0.76, 0.62), (0.40, 0.16, 0.60, 0.24))
# Points of both upper lids and of the upper lip's inner edge, and those that they close upon.
LIPS_ABOVE: Final = [191, 80, 81, 82, 13, 312, 311, 310, 415]
LIPS_BELOW: Final = [95, 88, 178, 87, 14, 317, 402, 318, 324]
_ABOVE: Final = [
    *(246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398),
    *LIPS_ABOVE,
]
_BELOW: Final = [
    *(7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382),
    *LIPS_BELOW,
]
# Openings that the iris model reads off eyes, and how far these are open: measured on
# photographs, closed eyes read 0.02 to 0.06, since their lashes pass for an eye.
_READ: Final = np.array([0.0, 0.013, 0.045, 0.1, 1.0])
_OPEN: Final = np.array([0.0, 0.008, 0.008, 0.1, 1.0])
# The same of lips: what is seen between drawn ones is read as less than it is while it is little.
_LIPS_READ: Final = np.array([0.0, 0.015, 0.05, 0.1, 0.2, 1.0])
_LIPS_OPEN: Final = np.array([0.0, 0.015, 0.08, 0.122, 0.2, 1.0])
_USUAL: Final = 0.115  # of people whose eyes are as open as most
_NARROWEST: Final = 0.5
_WINK: Final = (0.014, 0.03)  # by how much each eye differs from the middle of both
_UNKNOWN: Final = 0.7  # a narrow eye that is open is far commoner than one that is closed


@dataclass(frozen=True, slots=True, eq=False)
class Canonical:
    """One face in three dimensions, its flat layout in a texture, and how expressions bend it."""

    shape: Floats  # (468, 3) units of a texture of side 1
    layout: Floats  # (468, 2) the same units, mouth opened
    triangles: Ints  # (t, 3) rows of both
    bend: Floats  # (codes, 468, 3) displacement for each unit of a code
    rest: Floats  # (codes,) the mean code


def frontal(meshes: Floats, shape: Floats) -> Floats:
    """Each of (m, 468, 3) meshes turned, scaled and shifted onto the canonical `shape`."""
    turned = (mesh @ linear + shift for mesh in meshes for linear, shift in [align(mesh, shape)])
    return np.stack(list(turned)).astype(np.float32)


def codes(shapes: Floats) -> Floats:
    """(..., codes) the mouth's and the eyes' numbers side by side."""
    return np.concatenate([mouth_code(shapes), eye_code(shapes)], axis=-1)


def neutral(shapes: Floats, canonical: Canonical) -> Floats:
    """Frontal shapes (m, 468, 3) with their expressions taken out."""
    excess = codes(shapes) - canonical.rest
    return (shapes - np.einsum("mc,cpx->mpx", excess, canonical.bend)).astype(np.float32)


def opened_alike(shape: Floats, own: Floats, usual: float = np.nan) -> Floats:
    """`shape` (468, 3) with its eyes and lips as far open as those of `own` (468, 3), which is
    fitted to a picture of somebody whose eyes are `usual` wide when they are open.
    """
    result = shape.copy()
    middle = (shape[_ABOVE] + shape[_BELOW]) / 2
    gap = own[_BELOW] - own[_ABOVE]
    lips = max(float(mouth_code(own)[0]), 1e-6)
    gap[-len(LIPS_ABOVE) :] *= np.float32(np.interp(lips, _LIPS_READ, _LIPS_OPEN) / lips)
    result[_ABOVE], result[_BELOW] = middle - gap / 2, middle + gap / 2
    narrow = np.clip(usual / _USUAL, _NARROWEST, 1) if np.isfinite(usual) else _UNKNOWN
    read = np.maximum(eye_code(own), 1e-6)
    both = _paired(read)
    openings = eye_code(result) * np.interp(both, _READ * narrow, _OPEN * narrow) / read
    return with_lids(result, openings.astype(np.float32))


def _paired(openings: Floats) -> Floats:
    """(2,) openings of which both are the same, unless one is so much wider that it is a wink:
    small differences are turned heads and noise, and would be seen as a squint.
    """
    middle = openings.mean()
    apart = np.abs(openings - middle).max()
    result: Floats = middle + (openings - middle) * np.interp(apart, _WINK, [0, 1])
    return result


def with_lids(shape: Floats, openings: Floats) -> Floats:
    """`shape` (468, 3) with its upper lids moved until its eyes are `openings` (2,) wide open, as
    codes tell it.
    """
    result, eyes = shape.copy(), len(_ABOVE) - len(LIPS_ABOVE)
    factors = np.repeat(openings / np.maximum(eye_code(shape), 1e-6), eyes // 2)[:, None]
    above, below = _ABOVE[:eyes], _BELOW[:eyes]
    gap = shape[below] - shape[above]
    result[above] = shape[below] - gap * factors
    return result.astype(np.float32)


def skin_tone(texture: Image) -> Floats:
    """(3,) median CIE Lab (L 0..100) of cheeks and forehead of a canonical texture (s, s, 3)."""
    side = len(texture)
    patches = []
    for x1, y1, x2, y2 in _CHEEKS:
        patch = texture[round(y1 * side) : round(y2 * side), round(x1 * side) : round(x2 * side)]
        patches.append(patch.reshape(-1, 3))
    pixels = np.concatenate(patches)[None].astype(np.float32) / 255
    return np.median(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0], axis=0).astype(np.float32)
