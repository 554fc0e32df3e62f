"""Lets the mesh of a small face that hardly moves rest in every other frame.

In the meantime it goes on as it went; once it was followed into the next frame it lies between the
two. Where that is no straight line, or it was not found again, it is followed as always.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.contract import Floats, Frame
from pipeline.geometry import bounds, scaled, shared
from pipeline.smoothing import SPEAKING
from pipeline.tracks import Seen, Sighting, Track

_LARGEST: Final = 110.0  # px: of larger faces everything is seen
_SURELY: Final = 0.9  # mesh score
_SETTLED: Final = 4  # sightings
_SLOW: Final = 0.12  # of the mesh's width, a frame
_STILL: Final = 0.03  # lids and lips, beside the face's own motion
_STRAIGHT: Final = 0.03  # farther from where it was expected it went another way
_AROUND: Final = 1.4
_SPEAKING: Final = np.array(SPEAKING)


def may_rest(track: Track, frame: Frame) -> bool:
    """Whether nothing is lost if nobody looks at the track's face in `frame`, which comes next;
    no other face is close.
    """
    if track.evidence < 1 or len(track.sightings) < _SETTLED:
        return False
    before, last = track.sightings[-2], track.last
    if (before.frame, last.frame) != (frame.index - 2, frame.index - 1):
        return False
    if not (_is_sure(before) and _is_sure(last)) or _width(last) > _LARGEST:
        return False
    around = scaled(bounds(last.mesh), _AROUND)
    if (around[:2] < 0).any() or (around[2:] > frame.size).any():
        return False
    step = _step(before, last)
    own = step.mean(axis=0)
    return bool(
        np.hypot(*own) < _SLOW and np.linalg.norm(step[_SPEAKING] - own, axis=1).max() < _STILL
    )


def close(tracks: Sequence[Track]) -> set[int]:
    """The numbers of the tracks that have another one close by."""
    if len(tracks) < 2:
        return set()
    boxes = np.stack([track.last.box for track in tracks])
    centres, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    grown = np.concatenate([centres - _AROUND * halves, centres + _AROUND * halves], axis=1)
    beside = (shared(grown, grown) > 0).sum(axis=1) > 1
    return {track.number for track, other in zip(tracks, beside, strict=True) if other}


def expected(track: Track, frame: int) -> Sighting:
    """The face in `frame`, the next one, if it goes on as it went."""
    last = track.last
    shift = np.zeros(3, np.float32)
    shift[:2] = (last.mesh - track.sightings[-2].mesh)[:, :2].mean(axis=0)
    moved = last.mesh + shift
    return replace(Sighting.followed(frame, moved, last.mesh_score), gaze=last.gaze)


def between(known: Sequence[Sighting], after: Sighting) -> Sighting | None:
    """The face halfway between two sightings, None where it may have gone another way than by the
    guess that was made for it; `known` are the sighting before and the guess.
    """
    if len(known) < 2 or not (_is_sure(known[0]) and _is_sure(after)):
        return None
    before, guess = known
    first, second = _step(before, guess).mean(axis=0), _step(guess, after)
    own = second.mean(axis=0)
    parts = float(np.linalg.norm(_step(before, after)[_SPEAKING] - first - own, axis=1).max())
    if np.hypot(*(own - first)) >= _STRAIGHT or parts >= 2 * _STILL:
        return None
    half = np.float32(0.5)
    mesh, gaze = (before.mesh + after.mesh) * half, (before.gaze + after.gaze) * half
    score = min(before.mesh_score, after.mesh_score)
    return replace(Sighting.followed(guess.frame, mesh, score), gaze=gaze)


def _is_sure(seen: Sighting) -> bool:
    fits = seen.mesh_score >= _SURELY and bool(np.isfinite(seen.mesh).all())
    return fits and seen.seen <= Seen.FOLLOWED


def _width(seen: Sighting) -> float:
    return float(np.ptp(seen.mesh[:, 0]))


def _step(before: Sighting, after: Sighting) -> Floats:
    """(468, 2) how far each point moved, in widths of the mesh."""
    result: Floats = (after.mesh - before.mesh)[:, :2] / max(_width(after), 1e-6)
    return result
