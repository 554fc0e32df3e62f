"""Gives frames in which no mesh is believed that of near frames, carried by their landmarks.

A face of few pixels has a mesh in one frame and none in the next. Were each drawn by what it has,
along its mesh or posed by its landmarks, the surrogate would jump to and fro between the two.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.contract import Floats
from pipeline.geometry import similarity
from pipeline.pose import landmarks_of
from pipeline.tracks import MESH_FOUND, Seen, Sighting

_CARRIED: Final = MESH_FOUND  # the score of a mesh that was carried
_BRIDGED: Final = 12  # frames between two meshes
_BESIDE: Final = 6  # frames from the only one
_AGREES: Final = 0.25  # of the box's width: farther off the landmarks a mesh lies elsewhere
_ASKED: Final = 4  # frames between two detections of a face that is followed


def carried(sightings: Sequence[Sighting]) -> list[Sighting]:
    """The same sightings; those that were detected close to some with a mesh have one too, and
    those that were only sought in a gap between two.
    """
    result = list(sightings)
    known = [row for row, seen in enumerate(sightings) if _is_anchor(seen)]
    for row, seen in enumerate(sightings):
        if not believed(seen) and _is_placed(seen):
            near = _near(known, row, sightings)
            if near is not None:
                result[row] = _carried(seen, *near)
    for row, seen in enumerate(result[1:-1], 1):
        before, after = result[row - 1], result[row + 1]
        if seen.seen == Seen.SOUGHT and believed(before) and believed(after):
            if after.frame - before.frame <= _ASKED:
                mesh, landmarks, gaze = _between(before, after, seen.frame)
                result[row] = replace(
                    seen, mesh=mesh, landmarks=landmarks, gaze=gaze, mesh_score=_CARRIED
                )
    return result


def placed(sightings: Sequence[Sighting]) -> list[Sighting]:
    """The same sightings; those that were followed between two detections have landmarks too:
    theirs, moved as the meshes are.
    """
    result = list(sightings)
    known = [row for row, seen in enumerate(sightings) if believed(seen) and _is_placed(seen)]
    for row, seen in enumerate(sightings):
        if seen.seen != Seen.FOLLOWED or not believed(seen):
            continue
        place = bisect_left(known, row)
        if 0 < place < len(known):
            before, after = sightings[known[place - 1]], sightings[known[place]]
            if after.frame - before.frame <= _ASKED:
                mesh, landmarks, _ = _between(before, after, seen.frame)
                goal = landmarks + (landmarks_of(seen.mesh) - landmarks_of(mesh))[:, :2]
                result[row] = replace(seen, landmarks=goal)
    return result


def believed(seen: Sighting) -> bool:
    """Whether a mesh was found that would not pull its neighbours away."""
    return seen.mesh_score >= MESH_FOUND and bool(np.isfinite(seen.mesh).all())


def fitted(seen: Sighting) -> bool:
    """Whether the mesh was found in its own frame."""
    return seen.seen <= Seen.FOLLOWED and believed(seen) and seen.mesh_score != _CARRIED


def _is_placed(seen: Sighting) -> bool:
    return seen.seen == Seen.DETECTED and bool(np.isfinite(seen.landmarks).all())


def _is_anchor(seen: Sighting) -> bool:
    if not (believed(seen) and _is_placed(seen)):
        return False
    off = np.linalg.norm(landmarks_of(seen.mesh)[:, :2] - seen.landmarks, axis=1).mean()
    return bool(off < _AGREES * seen.width and np.ptp(seen.landmarks, axis=0).max() > 0)


def _near(
    known: list[int], row: int, sightings: Sequence[Sighting]
) -> tuple[Sighting, Sighting] | None:
    """The sightings with a mesh just before and just after a row where both are close, the one
    that is close twice, None where none is.
    """
    place, frame = bisect_left(known, row), sightings[row].frame
    around = [sightings[i] for i in known[max(place - 1, 0) : place + 1]]
    if len(around) == 2 and around[0].frame < frame < around[1].frame:
        if around[1].frame - around[0].frame <= _BRIDGED:
            return around[0], around[1]
    nearest = min(around, key=lambda s: abs(s.frame - frame), default=None)
    if nearest is None or abs(nearest.frame - frame) > _BESIDE:
        return None
    return nearest, nearest


def _carried(seen: Sighting, before: Sighting, after: Sighting) -> Sighting:
    mesh, landmarks, gaze = _between(before, after, seen.frame)
    mesh = _moved(mesh, landmarks, seen.landmarks)
    return replace(seen, mesh=mesh, mesh_score=_CARRIED, gaze=gaze)


def _between(before: Sighting, after: Sighting, frame: int) -> tuple[Floats, Floats, Floats]:
    """Mesh, landmarks and gaze in a frame between two, on a straight line."""
    share = np.float32((frame - before.frame) / max(after.frame - before.frame, 1))
    if before is after:
        share = np.float32(0)
    pairs = [(getattr(before, n), getattr(after, n)) for n in ("mesh", "landmarks", "gaze")]
    mesh, landmarks, gaze = (a * (1 - share) + b * share for a, b in pairs)
    return mesh, landmarks, gaze


def _moved(mesh: Floats, landmarks: Floats, goal: Floats) -> Floats:
    """The mesh (468, 3) moved as its landmarks (5, 2) move to `goal`; its depth grows with it."""
    turn = similarity(landmarks, goal)
    moved = np.empty_like(mesh)
    moved[:, :2] = mesh[:, :2] @ turn[:, :2].T + turn[:, 2]
    moved[:, 2] = mesh[:, 2] * np.float32(np.hypot(*turn[:, 0]))
    return moved
