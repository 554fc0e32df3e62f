"""Notices when a track goes on with somebody else's face: who passed in front took the place.

A clear look at the face is compared with one from before: after each moment at which that may have
happened (faces crossed, or the face was out of sight), and else from time to time. Which frame it
happened in is told by small pictures of the face in every frame: that after which it looks other
than in the frames before, and goes on so.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from matcher.cosine import similarity
from pipeline import planes
from pipeline.contract import Floats, Frame, Image, Ints
from pipeline.geometry import bounds, pixels, shared
from pipeline.rooms import Drawing
from pipeline.samples import sample
from pipeline.tracks import MESH_FOUND, Sample, Seen, Sighting, Track
from pipeline.witness import CROSSED, LARGE, clarity

if TYPE_CHECKING:
    from pipeline.analysis import Faults

_SETTLED: Final = 10  # frames
_LONGEST: Final = 25  # frames
_UNLIKE: Final = 8.0  # pictures of two people differ by 11 and more, of one who nods by up to 14
_PASSED: Final = 3  # looks that are left out at most
_VANISHED: Final = 10  # frames in which somebody lost may still be before or behind another face
_MARGIN: Final = 0.04  # of a face's width, above and below
_BESIDE: Final = 0.2  # of it, left and right: of a face cut off there a detector's box is narrow
_STRANGERS: Final = 0.4
_SIDE: Final = 24  # px of a small picture
_PLAIN: Final = 4.0  # grey levels
_REMEMBERED: Final = 250  # frames


@dataclass(slots=True)
class _Look:
    sample: Sample
    features: Floats | None = None  # (d,) once they were asked for


@dataclass(slots=True)
class _Stretch:
    """Frames in which it seems to be one face; `before` is a look from an earlier stretch."""

    start: int
    before: _Look | None = None
    crossed: bool = False  # something happened between the two
    passed: int = 0  # stretches since that look in which the face went on looking alike
    best: _Look | None = None


@dataclass(slots=True)
class _Memory:
    """What a track's face looked like in its last frames, small."""

    frames: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    pictures: deque[Image] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def add(self, seen: Sighting, frame: Frame) -> None:
        """The face in one more frame."""
        fits = seen.mesh_score >= MESH_FOUND and bool(np.isfinite(seen.mesh).all())
        box = bounds(seen.mesh) if fits else seen.box  # a detector's boxes are larger
        picture = planes.shrunk(frame, pixels(box, frame.size), _SIDE)
        if picture is not None:
            self.frames.append(frame.index)
            self.pictures.append(picture)

    def changed(self, start: int, end: int) -> int:
        """The frame after `start` and up to `end` in which it came to look most unlike before."""
        frames, steps = self._steps(start, end)
        if not len(frames) or steps.max() < 0:
            return end
        return int(frames[len(frames) - 1 - int(steps[::-1].argmax())])

    def quiet(self, start: int, end: int) -> bool:
        """Whether it went on looking alike from frame to frame, in all frames after `start`."""
        frames, steps = self._steps(start, end)
        return len(frames) > 0 and bool(frames[0] <= start and steps.max() < _UNLIKE)

    def _steps(self, start: int, end: int) -> tuple[Ints, Floats]:
        """The frames, and how unlike those before it came to look in each; -1 in those up to
        `start` and after `end`.

        Both frames from it on are unlike both before it: a blink and a flash go by.
        """
        frames = np.array(self.frames)
        first = max(int(np.searchsorted(frames, start, side="right")) - 2, 0)
        frames, pictures = frames[first:], list(self.pictures)[first:]
        rows = np.arange(len(frames))
        if not len(rows):
            return frames, np.zeros(0, np.float32)
        shown = np.stack(pictures).reshape(len(rows), -1).astype(np.float32)
        shown -= shown.mean(axis=1, keepdims=True)
        shown /= shown.std(axis=1, keepdims=True) + _PLAIN
        before, after = np.maximum(rows - 1, 0), np.minimum(rows + 1, len(rows) - 1)
        earlier = np.maximum(rows - 2, 0)
        pairs = [(before, rows), (before, after), (earlier, rows), (earlier, after)]
        steps = np.min([np.linalg.norm(shown[a] - shown[b], axis=1) for a, b in pairs], axis=0)
        steps[(frames <= start) | (frames > end)] = -1
        return frames, steps


class Partings:
    """Feed it the tracks after every frame; it tells which have become another person's."""

    def __init__(self, drawing: Drawing, faults: "Faults") -> None:
        self._drawing, self._faults = drawing, faults
        self._stretches: dict[int, _Stretch] = {}
        self._memories: dict[int, _Memory] = {}

    def step(
        self, tracks: list[Track], frame: Frame, guessed: Collection[Track] = ()
    ) -> list[tuple[Track, int]]:
        """Tracks that somebody else took over, and the frame from which on.

        Where a track's place in this frame is `guessed` it gives no look.
        """
        near = [t for t in tracks if t.sightings and frame.index - t.last.frame <= _VANISHED]
        boxes = np.stack([t.last.box for t in near]) if near else np.zeros((0, 4), np.float32)
        crossed = (shared(boxes, boxes) > CROSSED).sum(axis=1) > 1
        kept = {track.number for track in tracks}
        self._stretches = {n: known for n, known in self._stretches.items() if n in kept}
        self._memories = {n: known for n, known in self._memories.items() if n in kept}
        here = [(t, c) for t, c in zip(near, crossed, strict=True) if t.last.frame == frame.index]
        result = []
        for track, doubtful in here:
            self._memories.setdefault(track.number, _Memory()).add(track.last, frame)
            now = self._stretches.setdefault(track.number, _Stretch(track.first.frame))
            hidden = doubtful or _hidden(track.last)
            if hidden or _returned(track):
                start, before = frame.index + hidden, now.best or now.before
                now = self._stretches[track.number] = _Stretch(start, before, True)
            if hidden:
                continue
            if track not in guessed:
                self._look(now, track.last, frame)
            since = self._judged(now, track, frame.index)
            if since is not None:
                result.append((track, since))
        return result

    def _look(self, now: _Stretch, seen: Sighting, frame: Frame) -> None:
        shape = self._drawing.canonical.shape
        least = 1.05 * now.best.sample.quality if now.best else 0.0
        if min(seen.width, LARGE) <= least:  # however it is turned
            return
        quality = self._faults.guarded(lambda: clarity(seen, shape), 0.0)
        if quality > least and _whole(seen, frame):
            kept = self._faults.guarded(lambda: sample(seen, frame, quality), None)
            now.best = _Look(kept) if kept else now.best

    def _judged(self, now: _Stretch, track: Track, index: int) -> int | None:
        """The frame from which on it is somebody else, None where that is not so."""
        lasted = index - now.start
        if not now.best or lasted < (_SETTLED if now.crossed else _LONGEST):
            return None
        if now.before and not now.crossed and now.passed < _PASSED:
            if self._memories[track.number].quiet(now.before.sample.frame, index):
                self._stretches[track.number] = _Stretch(
                    index + 1, now.before, passed=now.passed + 1
                )
                return None
        (before, crossed), (now.before, now.crossed) = (now.before, now.crossed), (None, False)
        if before and self._differ(before, now.best):
            del self._stretches[track.number]
            end = now.start if crossed else now.best.sample.frame
            return self._memories.pop(track.number).changed(before.sample.frame, end)
        if lasted >= _LONGEST:
            self._stretches[track.number] = _Stretch(index + 1, now.best)
        return None

    def _differ(self, before: _Look, after: _Look) -> bool:
        for look in (before, after):
            if look.features is None:
                look.features = self._faults.guarded(lambda s=look.sample: self._features(s), None)  # type: ignore[misc]
        a, b = before.features, after.features
        if a is None or b is None or not np.isfinite([a, b]).all():
            return False
        return bool(similarity(a[None], b[None], self._drawing.mean)[0, 0] < _STRANGERS)

    def _features(self, look: Sample) -> Floats:
        return self._drawing.extractor.extract(look.crop, look.faces)[0]


def _hidden(seen: Sighting) -> bool:
    """Nothing but looks or motion tells where the face is."""
    return seen.seen > Seen.FOLLOWED or seen.mesh_score < MESH_FOUND


def _returned(track: Track) -> bool:
    """It was out of sight until now."""
    return len(track.sightings) > 1 and track.last.frame - track.sightings[-2].frame > 1


def _whole(seen: Sighting, frame: Frame) -> bool:
    """The border does not cut the face."""
    width, height = frame.size
    x1, y1, x2, y2 = seen.box
    beside, above = _BESIDE * (x2 - x1), _MARGIN * (y2 - y1)
    return bool(x1 >= beside and x2 < width - beside and y1 >= above and y2 < height - above)
