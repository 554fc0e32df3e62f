"""Looks again and again at every face of a clip, so that a keep decision can be checked later.

A few looks at once, one a second later on; anew after each moment after which it might be another
face. What is too small, turned or blurred to be recognised is no look: whoever is not seen is not
kept.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from matcher.keep import LOOKS
from pipeline.contract import Floats, Frame
from pipeline.geometry import shared, yaw
from pipeline.samples import sample
from pipeline.tracks import MESH_FOUND, Glance, Sample, Seen, Sighting, Track

if TYPE_CHECKING:
    from pipeline.analysis import Faults
    from pipeline.keeping import Keeper

_WINDOW: Final = 25  # frames
_FIRST: Final = 5
SMALLEST: Final = 40.0  # px
LARGE: Final = 150.0
FRONTAL: Final = 45.0  # degrees
CROSSED: Final = 0.15  # share of the smaller box


@dataclass(slots=True)
class _Window:
    start: int
    looks: int = 0  # before this one, since the last doubtful moment
    best: Sample | None = None

    def over(self, frame: int) -> bool:
        """Whether it is time for a new one."""
        return frame - self.start >= (_FIRST if self.looks < LOOKS else _WINDOW)


class Witness:
    """Feed it the tracks after every frame, and those that have ended."""

    def __init__(self, keeper: "Keeper", faults: "Faults") -> None:
        self._keeper, self._faults = keeper, faults
        self._windows: dict[int, _Window] = {}

    def step(self, tracks: list[Track], frame: Frame) -> None:
        """A look at each of the faces that this frame shows well."""
        here = [t for t in tracks if t.sightings and t.last.frame == frame.index]
        boxes = np.stack([t.last.box for t in here]) if here else np.zeros((0, 4), np.float32)
        crossed = (shared(boxes, boxes) > CROSSED).sum(axis=1) > 1
        for track, doubtful in zip(here, crossed.tolist(), strict=True):
            window = self._windows.setdefault(track.number, _Window(frame.index))
            if doubtful or track.last.seen > Seen.FOLLOWED:
                self._close(track)
                self._windows[track.number] = _Window(frame.index + 1)
                continue
            if window.over(frame.index):
                found = window.looks + self._close(track)
                window = self._windows[track.number] = _Window(frame.index, found)
            self._look(window, track.last, frame)

    def ended(self, tracks: list[Track]) -> None:
        """What was seen last of these tracks counts too."""
        for track in tracks:
            if track.number in self._windows:
                self._close(track)
                del self._windows[track.number]

    def _look(self, window: _Window, seen: Sighting, frame: Frame) -> None:
        quality = self._faults.guarded(lambda: clarity(seen, self._keeper.shape), 0.0)
        if quality > 0 and (window.best is None or quality > 1.05 * window.best.quality):
            window.best = self._faults.guarded(lambda: sample(seen, frame, quality), window.best)

    def _close(self, track: Track) -> bool:
        """Ask the extractor who the best look of a window shows; whether it could tell."""
        best = self._windows[track.number].best
        if best is None:
            return False
        features = self._faults.guarded(lambda: self._keeper.features(best), None)
        if features is not None:
            track.glances.append(Glance(best.frame, best.quality, features))
        return features is not None


def clarity(seen: Sighting, shape: Floats) -> float:
    """How well a face can be recognised, 0 where it cannot."""
    clear = seen.mesh_score >= MESH_FOUND and bool(np.isfinite(seen.mesh).all())
    turned = yaw(seen.mesh, shape) if clear else FRONTAL
    if seen.width < SMALLEST or turned >= FRONTAL:
        return 0.0
    return min(seen.width, LARGE) * float(np.cos(np.radians(turned)))
