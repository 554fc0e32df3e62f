"""Which detection continues which track: least total cost over overlap and distance (Kuhn 1955)."""

from typing import Final

import numpy as np

from pipeline.assigning import assigned
from pipeline.contract import Floats
from pipeline.geometry import overlap
from pipeline.tracks import Track

_FARTHEST: Final = 1.3


def pairs(tracks: list[Track], boxes: Floats, frame: int) -> list[tuple[Track, int]]:
    """Which track goes on in which of the n boxes (n, 4)."""
    if not tracks or not len(boxes):
        return []
    expected = np.stack([track.predicted(frame) for track in tracks])
    cost = 1 - overlap(expected, boxes) + 0.3 * _distance(expected, boxes)
    possible = _plausible(expected, boxes)
    best = assigned(np.where(possible, cost, 1e6), possible)
    return [(tracks[row], column) for row, column in best]


def _distance(a: Floats, b: Floats) -> Floats:
    """(n, m) distance of the boxes' centres in units of the smaller one's larger side."""
    gap = (a[:, None, :2] + a[:, None, 2:] - b[None, :, :2] - b[None, :, 2:]) / 2
    side_a, side_b = ((q[:, 2:] - q[:, :2]).max(axis=1) for q in (a, b))
    unit = np.maximum(np.minimum(side_a[:, None], side_b[None]), 1e-6)
    result: Floats = np.linalg.norm(gap, axis=2) / unit
    return result


def _plausible(a: Floats, b: Floats) -> np.ndarray:
    side_a, side_b = ((q[:, 2:] - q[:, :2]).max(axis=1) for q in (a, b))
    ratio = side_a[:, None] / np.maximum(side_b[None], 1e-6)
    alike = (ratio < 2) & (ratio > 0.5)
    result: np.ndarray = alike & ((overlap(a, b) > 0.15) | (_distance(a, b) < _FARTHEST * 0.6))
    return result
