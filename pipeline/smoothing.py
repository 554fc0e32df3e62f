"""Steadies a track's meshes without lag: what moves slowly is averaged, what moves fast is not.

The idea of the One-Euro filter (Casiez, Roussel, Vogel, CHI 2012, doi:10.1145/2207676.2208639),
looking both ways, since the whole track is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np

from detector.iris import LEFT, RIGHT
from generator.regions import INNER_LIPS, LIPS
from pipeline.contract import Floats, Mask
from pipeline.tracks import MESH_FOUND, Sighting

_KERNEL: Final = np.array([0.06, 0.24, 0.4, 0.24, 0.06], np.float32)
_STILL: Final = 0.004
_PIECE: Final = 512
_CONTEXT: Final = 4
_FAST: Final = 0.03
SPEAKING: Final = [*LEFT, *RIGHT, *LIPS, *INNER_LIPS]
_FAST_PARTS: Final = 0.008  # a blink is over in five frames: lids and lips are steadied less
_STILL_GAZE: Final = 0.03
_FAST_GAZE: Final = 0.15


def steadied(sightings: Sequence[Sighting]) -> Iterator[Sighting]:
    """`steady` for tracks of any length, some hundred sightings at a time."""
    for start in range(0, len(sightings), _PIECE):
        before = min(start, _CONTEXT)
        piece = sightings[start - before : start + _PIECE + _CONTEXT]
        yield from steady(list(piece))[before : before + _PIECE]


def steady(sightings: list[Sighting]) -> list[Sighting]:
    """The same sightings, their meshes and gazes averaged over two frames each way where they
    hardly move.
    """
    result = list(sightings)
    for start, end in _runs(sightings):
        meshes = _steady_meshes(np.stack([s.mesh for s in sightings[start:end]]))
        gazes = np.stack([s.gaze for s in sightings[start:end]])
        gazes = _averaged(gazes[:, None], 1.0, _STILL_GAZE, _FAST_GAZE)[:, 0]
        for row, (mesh, gaze) in enumerate(zip(meshes, gazes, strict=True), start):
            own = sightings[row].gaze
            gaze = gaze if np.isfinite(gaze).all() else own
            result[row] = replace(sightings[row], mesh=mesh, gaze=gaze)
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


def _steady_meshes(meshes: Floats) -> Floats:
    width = np.ptp(meshes[:, :, 0], axis=1)[:, None]
    fast = np.full(meshes.shape[1], _FAST, np.float32)
    fast[SPEAKING] = _FAST_PARTS
    turning = np.zeros(meshes.shape[1], np.bool_)
    turning[SPEAKING] = True
    return _averaged(meshes, width, _STILL, fast, turning)


def _mean_speed(padded: Floats) -> Floats:
    result: Floats = np.linalg.norm(padded[3:-1] - padded[1:-3], axis=2) / 2
    return result


def _averaged(
    points: Floats,
    unit: Floats | float,
    still: float,
    fast: Floats | float,
    turning: Mask | bool = False,
) -> Floats:
    """(t, p, c) points, averaged below a speed of `still` units a frame, untouched above `fast`;
    points that are `turning` (p,) are fast also where they only turn back.
    """
    padded = np.concatenate([points[:1], points[:1], points, points[-1:], points[-1:]])
    mean = sum(w * padded[i : i + len(points)] for i, w in enumerate(_KERNEL))
    steps = np.linalg.norm(np.diff(padded[1:-1], axis=0), axis=2)
    # Both neighbours count: at the turning point of a blink their mean does not move at all.
    speed = np.where(turning, np.maximum(steps[1:], steps[:-1]), _mean_speed(padded))
    speed = speed / np.maximum(unit, 1e-6)
    share = np.clip((fast - speed) / (fast - still), 0, 1)[:, :, None]
    result: Floats = (points + share * (mean - points)).astype(np.float32)
    return result
