"""Where faces should be in the frames before their first and after their last sight."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from pipeline.contract import Floats
from pipeline.dissolving import AFTER
from pipeline.geometry import bounds, scaled
from pipeline.tracks import Seen, Sighting

LEAVING: Final = 12  # frames
RECENT: Final = 6  # sightings that tell how a face moves
_GOES_ON: Final = 8  # frames
_GROWS: Final = 0.03


def motion(sightings: Sequence[Sighting]) -> Floats:
    """(2,) px a frame that a face moved over a few sightings."""
    sure = [s for s in sightings if s.seen <= Seen.FOLLOWED] or sightings
    first, last = sure[0], sure[-1]
    step = (last.box - first.box) / max(last.frame - first.frame, 1)
    return ((step[:2] + step[2:]) / 2).astype(np.float32)


def leaving(sightings: Sequence[Sighting], step: Floats, size: tuple[int, int]) -> Floats | None:
    """(2,) how fast a face at the border moves out of the picture, None where it does not: a part
    of it shows a little longer. Its box is cut off there: the inner edge tells how it moves.
    """
    first, last = sightings[0], sightings[-1]
    box = last.box
    near = np.concatenate([box[:2], np.array(size) - box[2:]]) < 0.1 * float(box[2] - box[0])
    over = near & (np.concatenate([-step, step]) > 0)
    if not over.any():
        return None
    inner = (last.box - first.box)[[2, 3, 0, 1]] / max(last.frame - first.frame, 1)
    result = step.copy()
    for edge in np.flatnonzero(over).tolist():
        axis, sign = edge % 2, 1 if edge > 1 else -1
        result[axis] = sign * max(sign * float(inner[edge]), sign * float(step[axis]))
    return result


def onward(
    sightings: Sequence[Sighting], moving: Sequence[Sighting], size: tuple[int, int]
) -> tuple[Floats, int]:
    """(2,) px a frame that a face goes on after the last of its sightings, and for how many frames
    it is expected; those that are `moving` tell how it moves.
    """
    step = motion(moving[-RECENT:])
    outward = leaving(sightings[-RECENT:], step, size)
    return (step, AFTER) if outward is None else (outward, LEAVING)


def expected(
    seen: Sighting, frame: int, step: Floats, dissolves: tuple[int, int] | None
) -> Sighting:
    """Where a face should be that was seen in a near frame: the longer ago, the less surely. Where
    a picture of that size `dissolves` its motion is doubtful too: it is expected all along its way.
    """
    away = frame - seen.frame
    moved = seen.box + np.tile(step, 2) * np.clip(away, -_GOES_ON, _GOES_ON)
    shift = np.append(moved[:2] - seen.box[:2], 0).astype(np.float32)
    if dissolves is not None:
        end = np.clip(seen.box + np.tile(step, 2) * away, 0, np.tile(dissolves, 2))
        moved = bounds(np.stack([end, seen.box]).reshape(-1, 2))
    return Sighting(
        frame,
        scaled(moved, 1 + _GROWS * min(abs(away), _GOES_ON)),
        seen.landmarks + shift[:2],
        seen.mesh + shift,
        seen.mesh_score,
        Seen.PREDICTED,
        seen.gaze,
    )
