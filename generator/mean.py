"""How the canonical face is made from all donor meshes. Offline only.

Their mean gives the shape; the mouth is opened in the flat layout, so that teeth and tongue own
some of the texture instead of being squeezed into a line.
"""

from typing import Final

import numpy as np
from scipy.spatial import Delaunay
from scipy.spatial.distance import cdist

from generator.bending import learn
from generator.canonical import Canonical, codes, frontal
from generator.expression import mouth_code
from pipeline.contract import Floats
from pipeline.geometry import procrustes

EXTENT: Final = 0.86
_MOUTH_OPENING: Final = 0.22
_OUTER_EYES: Final = (33, 263)


def fit(meshes: Floats) -> tuple[Canonical, Floats]:
    """The canonical face of (m, 468, 3) meshes, and each mesh aligned with it.

    Generalised Procrustes mean, eyes level, made symmetric by its own mirror twins, scaled
    to EXTENT of the unit square.
    """
    _, mean = procrustes(meshes)
    mean = _symmetric(_level(mean))
    mean = mean * (EXTENT / np.ptp(mean[:, :2], axis=0).max())
    middle = (mean.max(axis=0) + mean.min(axis=0)) / 2
    mean = (mean - middle + (0.5, 0.5, 0.0)).astype(np.float32)
    aligned = frontal(meshes, mean)
    bend = learn(aligned, mean)
    layout = _opened(mean, bend[0])
    triangles = Delaunay(layout).simplices.astype(np.int64)
    return Canonical(mean, layout, triangles, bend, codes(aligned).mean(axis=0)), aligned


def _level(shape: Floats) -> Floats:
    for depth in (1, 2):
        across = shape[_OUTER_EYES[1]] - shape[_OUTER_EYES[0]]
        angle = np.arctan2(across[depth], across[0])
        turn = np.eye(3)
        turn[0, 0] = turn[depth, depth] = np.cos(angle)
        turn[0, depth], turn[depth, 0] = -np.sin(angle), np.sin(angle)
        shape = (shape @ turn).astype(np.float32)
    return shape


def _symmetric(shape: Floats) -> Floats:
    mirrored = shape * (-1, 1, 1)
    twins = cdist(shape, mirrored).argmin(axis=1)
    return (shape + mirrored[twins]) / 2


def _opened(shape: Floats, bend: Floats) -> Floats:
    missing = _MOUTH_OPENING - mouth_code(shape)[0]
    opened = (shape + missing * bend)[:, :2]
    contour_kept = opened - opened.mean(axis=0) + shape[:, :2].mean(axis=0)
    low, high = contour_kept.min(axis=0), contour_kept.max(axis=0)
    factor = EXTENT / (high - low).max()
    return ((contour_kept - (low + high) / 2) * factor + 0.5).astype(np.float32)
