"""Steadies a track's meshes without lag: what moves slowly is averaged, what moves fast is not.

The idea of the One-Euro filter (Casiez, Roussel, Vogel, CHI 2012, doi:10.1145/2207676.2208639),
looking both ways, since the whole track is known.
"""

from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np

from pipeline.contract import Floats
from pipeline.tracking import MESH_FOUND
from pipeline.tracks import Sighting

_KERNEL: Final = np.array([0.06, 0.24, 0.4, 0.24, 0.06], np.float32)
_STILL: Final = 0.004
_FAST: Final = 0.03


def steady(sightings: list[Sighting]) -> list[Sighting]:
    """The same sightings, their meshes averaged over two frames each way where they hardly move."""
    result = list(sightings)
    for start, end in _runs(sightings):
        meshes = np.stack([s.mesh for s in sightings[start:end]])
        for row, mesh in enumerate(_averaged(meshes)):
            result[start + row] = replace(sightings[start + row], mesh=mesh)
    return result


def _runs(sightings: list[Sighting]) -> list[tuple[int, int]]:
    """Stretches of frames in a row, each with a mesh that fits."""
    runs = []
    stretches = groupby(enumerate(sightings), lambda p: (_known(p[1]), p[1].frame - p[0]))
    for (known, _), stretch in stretches:
        rows = [row for row, _ in stretch]
        if known and len(rows) > 2:
            runs.append((rows[0], rows[-1] + 1))
    return runs


def _known(sighting: Sighting) -> bool:
    """A mesh that is not believed would pull its neighbours away."""
    return sighting.mesh_score >= MESH_FOUND and bool(np.isfinite(sighting.mesh).all())


def _averaged(meshes: Floats) -> Floats:
    padded = np.concatenate([meshes[:1], meshes[:1], meshes, meshes[-1:], meshes[-1:]])
    mean = sum(w * padded[i : i + len(meshes)] for i, w in enumerate(_KERNEL))
    width = np.ptp(meshes[:, :, 0], axis=1)[:, None]
    speed = np.linalg.norm(padded[3:-1] - padded[1:-3], axis=2) / (2 * np.maximum(width, 1e-6))
    still = np.clip((_FAST - speed) / (_FAST - _STILL), 0, 1)[:, :, None]
    result: Floats = (meshes + still * (mean - meshes)).astype(np.float32)
    return result
