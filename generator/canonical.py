"""The space in which surrogates are drawn: a frontal, symmetric face, laid out flat."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from generator.expression import eye_code, mouth_code
from pipeline.contract import Floats, Image, Ints
from pipeline.geometry import align

_CHEEKS: Final = ((0.24, 0.50, 0.36, 0.62), (0.64, 0.50, 0.76, 0.62), (0.40, 0.16, 0.60, 0.24))


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


def skin_tone(texture: Image) -> Floats:
    """(3,) median CIE Lab (L 0..100) of cheeks and forehead of a canonical texture (s, s, 3)."""
    side = len(texture)
    patches = []
    for x1, y1, x2, y2 in _CHEEKS:
        patch = texture[round(y1 * side) : round(y2 * side), round(x1 * side) : round(x2 * side)]
        patches.append(patch.reshape(-1, 3))
    pixels = np.concatenate(patches)[None].astype(np.float32) / 255
    return np.median(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0], axis=0).astype(np.float32)
