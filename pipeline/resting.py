"""Lets the mesh of a small face that hardly moves rest for a few frames.

In the meantime it goes on as it went; once it was followed into the next frame it lies between the
two, on the parabola that its motion before tells. Where it went quite another way the frame in the
middle is measured after all, and where it was not found again each is.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.contract import Faces, Floats, Frame
from pipeline.following import Look
from pipeline.forefollowing import Forefollower
from pipeline.geometry import bounds, overlap, scaled, shared
from pipeline.smoothing import SPEAKING
from pipeline.tracks import Seen, Sighting, Track

_LARGEST: Final = 110.0  # px: of larger faces everything is seen
_SURELY: Final = 0.9  # mesh score
_SETTLED: Final = 4  # sightings
_SLOW: Final = 0.12  # of the mesh's width, a frame
_STILL: Final = 0.03  # lids and lips, beside the face's own motion
_BENT: Final = 0.025  # farther from where it was expected, for each frame of rest, it turned
_SHARP: Final = 0.06  # and farther than that, it turned at once
_BESIDE: Final = 0.02  # and farther beside the line between two others
_AROUND: Final = 1.4
_AGREES: Final = 0.45
_SPEAKING: Final = np.array(SPEAKING)


class Resting:
    """Knows which of the last sightings of tracks are guesses, and puts them right."""

    def __init__(self, follower: Forefollower, recent: deque[Frame], longest: int) -> None:
        """`recent` holds the last frames; a face rests for `longest` of them at most."""
        self._follower, self._recent, self._longest = follower, recent, longest
        self._guesses: dict[int, int] = {}  # by track: how many of its last sightings

    def __contains__(self, track: Track) -> bool:
        return track.number in self._guesses

    def may_rest(self, track: Track, frame: Frame, box: Floats | None) -> bool:
        """Whether nothing is lost if nobody measures the track's face in `frame`, which comes
        next; no other face is close. The detector found it in `box`, if it was asked.
        """
        count = self._guesses.get(track.number, 0)
        if count >= self._longest or len(self._recent) <= count + 1:
            return False
        if not (_goes_on(track, frame) if count else _is_calm(track, frame)):
            return False
        mesh = expected(track, frame.index).mesh
        return box is None or float(overlap(bounds(mesh)[None], box[None])[0, 0]) >= _AGREES

    def rest(self, track: Track, frame: Frame, found: Faces | None) -> None:
        """The track goes on into `frame` by a guess; `found` is what the detector saw of it."""
        guess = expected(track, frame.index)
        if found is not None:
            seen = Seen.DETECTED
            guess = replace(guess, box=found.boxes[0], landmarks=found.landmarks[0], seen=seen)
        track.sightings.append(guess)
        self._guesses[track.number] = self._guesses.get(track.number, 0) + 1

    def settle(self, track: Track, after: Sighting) -> None:
        """Put right what was guessed before the sighting `after`, which comes next."""
        count = self._guesses.get(track.number, 0)
        if not count:
            return
        some = track.sightings[-count - 1 :]
        true = self._between(some[0], some[1:], after, None) if len(some) > count else None
        if true is None:
            self.waken(track)
            return
        del self._guesses[track.number]
        for place, sighting in enumerate(true, len(track.sightings) - count):
            track.sightings[place] = sighting

    def waken(self, track: Track) -> None:
        """Follow a resting track through its guesses after all, by its mesh or by its looks."""
        count = self._guesses.pop(track.number, 0)
        guesses = [track.sightings.pop() for _ in range(min(count, len(track.sightings) - 1))]
        for guess in reversed(guesses):
            frame = self._frame(guess.frame)
            moved = self._measured(track.last, guess)
            if moved is None:
                look = Look.at(self._frame(track.last.frame), track.last.box)
                box = None if look is None else look.found(frame, guess.box)
                moved = None if box is None else Sighting.sought(guess.frame, box)
            if moved is not None:
                track.sightings.append(moved)

    def forget(self, track: Track) -> None:
        """Its last sighting is taken away, and it ends."""
        if self._guesses.get(track.number, 0) > 1:
            self._guesses[track.number] -= 1
            self.waken(track)
        self._guesses.pop(track.number, None)

    def _between(
        self, before: Sighting, guesses: Sequence[Sighting], after: Sighting, bend: float | None
    ) -> list[Sighting] | None:
        """What lies between two sightings in the frames of `guesses`; `bend` is how far beside a
        line the face went around there, if that is known. None where it cannot be told.
        """
        if not (_is_sure(before) and _is_sure(after)):
            return None
        if not guesses:
            return []
        curve, smooth = np.zeros(2, np.float32), bend is not None and bend < _BESIDE
        if bend is None:
            curve = _bend(before, guesses, after)
            turned = float(np.hypot(*curve)) / len(guesses)
            smooth = turned < _BENT
            if turned > _SHARP:
                return None
        if smooth and _is_still(before, after):
            return [_on_curve(before, guess, after, curve) for guess in guesses]
        middle = len(guesses) // 2
        line = _on_curve(before, guesses[middle], after, curve)
        seen = self._measured(line, guesses[middle])
        if seen is None or not _is_sure(seen):
            return None
        bend = float(np.hypot(*_step(line, seen).mean(axis=0)))
        first = self._between(before, guesses[:middle], seen, bend)
        second = self._between(seen, guesses[middle + 1 :], after, bend)
        return None if first is None or second is None else [*first, seen, *second]

    def _measured(self, near: Sighting, guess: Sighting) -> Sighting | None:
        frame = self._frame(guess.frame)
        moved = self._follower.followed(near, frame)
        if guess.seen != Seen.DETECTED:
            return moved
        if moved is None:
            found = Faces.of(guess.box[None], guess.landmarks[None], [1.0])
            return self._follower.sighting(frame, found, 0)
        return replace(moved, box=guess.box, landmarks=guess.landmarks, seen=guess.seen)

    def _frame(self, index: int) -> Frame:
        return next(frame for frame in reversed(self._recent) if frame.index == index)


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


def _is_calm(track: Track, frame: Frame) -> bool:
    """The last two sightings are sure, and the face hardly moves from one to the other."""
    if track.evidence < 1 or len(track.sightings) < _SETTLED:
        return False
    before, last = track.sightings[-2], track.last
    if (before.frame, last.frame) != (frame.index - 2, frame.index - 1):
        return False
    if not (_is_sure(before) and _is_sure(last)) or _width(last) > _LARGEST:
        return False
    step = _step(before, last)
    own = step.mean(axis=0)
    still = np.linalg.norm(step[_SPEAKING] - own, axis=1).max() < _STILL
    return bool(np.hypot(*own) < _SLOW and still and _goes_on(track, frame))


def _goes_on(track: Track, frame: Frame) -> bool:
    """It is far from the picture's border."""
    around = scaled(bounds(track.last.mesh), _AROUND)
    return bool((around[:2] >= 0).all() and (around[2:] <= frame.size).all())


def _bend(before: Sighting, guesses: Sequence[Sighting], after: Sighting) -> Floats:
    """(2,) how far from where it was expected when it began to rest, in widths of the mesh."""
    first = _step(before, guesses[0]).mean(axis=0)
    result: Floats = _step(guesses[-1], after).mean(axis=0) - first
    return result


def _is_still(before: Sighting, after: Sighting) -> bool:
    """Lids and lips hardly moved beside the face's own motion."""
    step = _step(before, after)
    parts = np.linalg.norm(step[_SPEAKING] - step.mean(axis=0), axis=1)
    return bool(parts.max() < 2 * _STILL)


def _on_curve(before: Sighting, guess: Sighting, after: Sighting, bend: Floats) -> Sighting:
    """A guess, put between two sightings, where it passes if it turns evenly and got so far from
    its way, as it was in the frame before these; in widths of the mesh.
    """
    gone, all_of_it = guess.frame - before.frame, after.frame - before.frame
    share = np.float32(gone / all_of_it)
    mesh = before.mesh + share * (after.mesh - before.mesh)
    mesh[:, :2] -= bend * (_width(after) * share * (all_of_it - gone) / (all_of_it + 1))
    gaze = before.gaze + share * (after.gaze - before.gaze)
    score = min(before.mesh_score, after.mesh_score)
    line = replace(Sighting.followed(guess.frame, mesh, score), gaze=gaze)
    if guess.seen != Seen.DETECTED:
        return line
    return replace(line, box=guess.box, landmarks=guess.landmarks, seen=guess.seen)


def _is_sure(seen: Sighting) -> bool:
    fits = seen.mesh_score >= _SURELY and bool(np.isfinite(seen.mesh).all())
    return fits and seen.seen <= Seen.FOLLOWED


def _width(seen: Sighting) -> float:
    return float(np.ptp(seen.mesh[:, 0]))


def _step(before: Sighting, after: Sighting) -> Floats:
    """(468, 2) how far each point moved, in widths of the mesh."""
    result: Floats = (after.mesh - before.mesh)[:, :2] / max(_width(after), 1e-6)
    return result
