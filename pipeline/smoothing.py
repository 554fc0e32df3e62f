"""Steadies a track's meshes without lag: what moves slowly is averaged, what moves fast is not.

The idea of the One-Euro filter (Casiez, Roussel, Vogel, CHI 2012, doi:10.1145/2207676.2208639),
looking both ways, since the whole track is known. A head's place goes through the parabola that
lies nearest to the frames around (Savitzky, Golay, Analytical Chemistry 1964,
doi:10.1021/ac60214a047), which no even motion and no even acceleration is drawn away from; and
so does what it looks like apart from its place, which steadies faces before shaken cameras too.
The corners of eyes and of the mouth go with the head. Lids and lips turn back at once: they are
steadied between their corners, and told by how far they are off their mean: a little off is
trembling.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np

from detector.iris import LEFT, RIGHT
from generator.regions import INNER_LIPS, LIPS
from pipeline.carrying import believed, carried, placed
from pipeline.contract import MESH_POINTS, Floats, Ints
from pipeline.tracks import Sighting

_KERNEL: Final = np.array([0.06, 0.24, 0.4, 0.24, 0.06], np.float32)
_PARABOLA: Final = np.array([-2, 3, 6, 7, 6, 3, -2], np.float32) / np.float32(21)
_ASTRAY: Final = 0.01  # of the face's width, off its parabola; by twice it turned back
_STILL: Final = 0.004  # of the face's width, a frame
_FAST: Final = 0.03
_TREMBLES: Final = 0.003  # of the width, off where the frames around have it; by twice it moves
_TREMBLES_PX: Final = 0.4
_PIECE: Final = 512
_CONTEXT: Final = 16
SPEAKING: Final = [*LEFT, *RIGHT, *LIPS, *INNER_LIPS]
_HEAD: Final = np.setdiff1d(np.arange(MESH_POINTS), SPEAKING)
_MOUTH: Final = [*LIPS, *INNER_LIPS]
# Points of each part that moves by itself, and which two of them are its corners.
_PARTS: Final = [
    (LEFT, np.array([LEFT.index(33), LEFT.index(133)])),
    (RIGHT, np.array([RIGHT.index(263), RIGHT.index(362)])),
    (_MOUTH, np.array([_MOUTH.index(61), _MOUTH.index(291)])),
]
_STILL_GAZE: Final = 0.03
_FAST_GAZE: Final = 0.15


def steadied(sightings: Sequence[Sighting]) -> Iterator[Sighting]:
    """`steady` for tracks of any length, some hundred sightings at a time."""
    for start in range(0, len(sightings), _PIECE):
        before = min(start, _CONTEXT)
        piece = sightings[start - before : start + _PIECE + _CONTEXT]
        yield from steady(carried(settled(placed(piece))))[before : before + _PIECE]


def steady(sightings: list[Sighting]) -> list[Sighting]:
    """The same sightings, their meshes and gazes averaged over two frames each way where they
    hardly move.
    """
    result = list(sightings)
    for start, end in _runs(sightings, believed):
        meshes = _steady_meshes(np.stack([s.mesh for s in sightings[start:end]]))
        gazes = np.stack([s.gaze for s in sightings[start:end]])[:, None]
        gazes = _drawn(gazes, _slow(gazes, _STILL_GAZE, _FAST_GAZE))[:, 0]
        for row, (mesh, gaze) in enumerate(zip(meshes, gazes, strict=True), start):
            own = sightings[row].gaze
            gaze = gaze if np.isfinite(gaze).all() else own
            result[row] = replace(sightings[row], mesh=mesh, gaze=gaze)
    return result


def settled(sightings: Sequence[Sighting]) -> list[Sighting]:
    """The same sightings, their landmarks steadied as a head is."""
    result = list(sightings)
    for start, end in _runs(sightings, _is_placed):
        points = np.stack([s.landmarks for s in sightings[start:end]])
        width = np.array([[s.width] for s in sightings[start:end]], np.float32)
        for row, landmarks in enumerate(_steady_head(points, width), start):
            result[row] = replace(sightings[row], landmarks=landmarks)
    return result


def _runs(
    sightings: Sequence[Sighting], is_known: Callable[[Sighting], bool]
) -> list[tuple[int, int]]:
    """Stretches of three frames in a row and more in which something is known."""
    runs = []
    stretches = groupby(enumerate(sightings), lambda p: (is_known(p[1]), p[1].frame - p[0]))
    for (known, _), stretch in stretches:
        rows = [row for row, _ in stretch]
        if known and len(rows) > 2:
            runs.append((rows[0], rows[-1] + 1))
    return runs


def _is_placed(sighting: Sighting) -> bool:
    return bool(np.isfinite(sighting.landmarks).all())


def _steady_meshes(meshes: Floats) -> Floats:
    """(t, 468, 3) meshes: the head as a whole, and how lids and lips move in it."""
    width = np.ptp(meshes[:, :, 0], axis=1)[:, None]
    head = meshes[:, _HEAD]
    result = meshes.copy()
    result[:, _HEAD] = steadier = _steady_head(head, width)
    middle, calm = (points.mean(axis=1, keepdims=True) for points in (head, steadier))
    for part, corners in _PARTS:
        result[:, part] = calm + _steady_part(meshes[:, part] - middle, corners, width)
    return result


def _steady_part(points: Floats, corners: Ints, width: Floats) -> Floats:
    """(t, p, c) points of an eye or a mouth: where it is in the head, by its `corners`, two of its
    rows, and what it does there.
    """
    place = points[:, corners].mean(axis=1, keepdims=True)
    own = points - place
    moves = _drawn(own, _trembling(own, width))
    return _steady_points(place, width) + moves


def _steady_head(points: Floats, width: Floats) -> Floats:
    """(t, p, c) points of a head `width` (t, 1) wide: where its middle is, and apart from that
    where they lie around it, which is steadier than what a shaken camera shows.
    """
    middle = points.mean(axis=1, keepdims=True)
    return _steady_points(middle, width) + _steady_points(points - middle, width)


def _steady_points(points: Floats, width: Floats) -> Floats:
    """(t, p, c) points of a head `width` (t, 1) wide: all as a whole, then each by itself."""
    even = _even(points, width)
    calm = _trembling(even, width)
    return _drawn(even, np.maximum(calm, _slow(even, _STILL * width, _FAST * width)))


def _even(points: Floats, width: Floats) -> Floats:
    """(t, p, c) points drawn to their parabolas, all alike, where they lie hardly off these."""
    nearest = _weighed(points, _PARABOLA)
    off = np.sqrt(((nearest - points)[..., :2] ** 2).sum(axis=2).mean(axis=1, keepdims=True))
    share = np.clip(2 - off / np.maximum(_ASTRAY * width, _TREMBLES_PX), 0, 1)
    result: Floats = (points + share[..., None] * (nearest - points)).astype(np.float32)
    return result


def _trembling(points: Floats, width: Floats) -> Floats:
    """(t, p) 1 where a point lies hardly off the mean of the frames around it: it moves evenly,
    however fast, or trembles; 0 where it turns back.
    """
    off = np.linalg.norm((points - _mean(points))[..., :2], axis=2)
    result: Floats = np.clip(2 - off / np.maximum(_TREMBLES * width, _TREMBLES_PX), 0, 1)
    return result


def _slow(points: Floats, still: Floats | float, fast: Floats | float) -> Floats:
    """(t, p) 1 below a speed of `still` a frame, 0 above `fast`."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    speed = np.linalg.norm(padded[2:] - padded[:-2], axis=2) / 2
    result: Floats = np.clip((fast - speed) / np.maximum(fast - still, 1e-6), 0, 1)
    return result


def _drawn(points: Floats, shares: Floats) -> Floats:
    """(t, p, c) points, drawn by some shares (t, p) to their means over the frames around."""
    return (points + shares[:, :, None] * (_mean(points) - points)).astype(np.float32)


def _mean(points: Floats) -> Floats:
    """(t, p, c) points, averaged over two frames each way."""
    return _weighed(points, _KERNEL)


def _weighed(points: Floats, kernel: Floats) -> Floats:
    """(t, p, c) points mixed with those of the frames around; at both ends they go on evenly."""
    beyond = len(kernel) // 2
    ends = (beyond, beyond), (0, 0), (0, 0)
    padded = np.pad(points, ends, mode="reflect", reflect_type="odd")
    result: Floats = sum(w * padded[i : i + len(points)] for i, w in enumerate(kernel))
    return result
