"""Follows faces from frame to frame, backwards from their first detection too.

Association: least total cost over overlap and distance (Kuhn 1955, as in scipy). Weak detections
continue tracks (Zhang et al., ByteTrack, ECCV 2022, arXiv:2110.06864), and several of them in a
row make one. Between detections the mesh itself is followed, or what the face looks like.
"""

from bisect import bisect_left
from collections import deque
from typing import Final

import numpy as np

from detector.facemesh import FaceMesh
from detector.iris import Iris
from pipeline.absence import Absences
from pipeline.contract import Faces, Floats, Frame
from pipeline.crew import Crew
from pipeline.following import BACK_FRAMES, Follower, Guard, Look, reach
from pipeline.forefollowing import Forefollower
from pipeline.geometry import overlap, scaled
from pipeline.hints import Hints, guarded
from pipeline.packing import Sightings
from pipeline.pairing import pairs
from pipeline.resting import Resting, close
from pipeline.tracks import MESH_FOUND as MESH_FOUND
from pipeline.tracks import Seen, Sighting, Track
from pipeline.vacancy import LEAST, vacant

_SAME_FACE: Final = 0.45
_PATIENCE: Final = 30
_DOUBTED: Final = 8
_LOOKED_FOR: Final = 25
_WEAK: Final = 0.25
_LEAST: Final = 0.6
_CERTAIN: Final = 1.4
_FITS: Final = 0.8
_COVERED: Final = 0.3
_CLOSE: Final = 1.2
_KNOWN: Final = 60


class Tracker:
    """Feed it every frame of a clip in order; it returns the tracks that have ended."""

    def __init__(
        self,
        mesh: FaceMesh,
        start_score: float,
        guard: Guard,
        eyes: Iris | None = None,
        ahead: int = 0,
        crew: Crew | None = None,
        hints: Hints | None = None,
    ) -> None:
        """The last `ahead` frames of a track may be guesses that the next one puts right; `hints`
        are the detector's.
        """
        self._follower = Forefollower(Follower(mesh, guard, eyes), crew)
        self._start_score = start_score
        self._close: set[int] = set()  # tracks with another one close by
        self._looks: dict[int, Look | None] = {}  # of tracks that only their looks can follow
        self._recent: deque[Frame] = deque()
        self._resting = Resting(self._follower, self._recent, ahead)
        self._hints = None if hints is None else guarded(hints, guard)
        self._absences = Absences(self._recent, self._beside, self._hints)
        self._active: list[Track] = []
        self._ended: list[Track] = []
        self._count = 0
        self._shot = 0

    @property
    def active(self) -> list[Track]:
        """The tracks that the last frame belongs to or may return to."""
        return self._active

    @property
    def measured(self) -> list[Track]:
        """Those of them whose last sighting is no guess."""
        return [track for track in self._active if track not in self._resting]

    @property
    def held(self) -> list[Track]:
        """The tracks that were not handed out yet."""
        return self._active + self._ended

    def cut(self, frame: int) -> list[Track]:
        """Frame `frame` begins a new shot: every track ends."""
        for track in self._active:
            self._resting.waken(track)
        self._absences.cut(self._active)
        ended = [track for track in self._active + self._ended if track.sure]
        self._active, self._ended, self._shot = [], [], frame
        self._recent.clear()
        self._looks.clear()
        return ended

    def part(self, track: Track, frame: int) -> None:
        """From `frame` on, which is no later than now, it was somebody else: a track of its own."""
        self._resting.waken(track)
        place = bisect_left(track.sightings, frame, key=lambda sighting: sighting.frame)
        if not 0 < place < len(track.sightings):
            return
        rest = Sightings(track.sightings[place:])
        other = Track(self._count, self._shot, rest, track.evidence, track.doubts, track.certain)
        self._count += 1
        other.samples = [sample for sample in track.samples if sample.frame >= frame]
        other.glances = [glance for glance in track.glances if glance.frame >= frame]
        track.samples = [sample for sample in track.samples if sample.frame < frame]
        track.glances = [glance for glance in track.glances if glance.frame < frame]
        other.vacant = {number: box for number, box in track.vacant.items() if number >= frame}
        track.vacant = {number: box for number, box in track.vacant.items() if number < frame}
        track.sightings = Sightings(track.sightings[:place])
        self._looks.pop(track.number, None)
        self._active = [other if active is track else active for active in self._active]
        self._ended.append(track)

    def step(self, frame: Frame, faces: Faces | None) -> list[Track]:
        """One frame and the detector's faces in it, or None where it was not asked."""
        found = Faces.of([]) if faces is None else faces
        paired = pairs(self._active, found.boxes, frame.index)
        continued = {track.number for track, _ in paired}
        alone = [t for t in self._active if t.number not in continued]
        self._close = close(self._active)
        rests = {track.number for track in alone if self._may_rest(track, frame, None)}
        resting = [(t, row) for t, row in paired if self._may_rest(t, frame, found.boxes[row])]
        rests |= {track.number for track, _ in resting}
        watched = [(track, row) for track, row in paired if track.number not in rests]
        near = [(row, self._before(track, frame)) for track, row in watched]
        followed = (t.last for t in alone if t.number not in rests)
        going_on = [last for last in followed if last.frame == frame.index - 1]
        self._follower.foresee(frame, found, near, going_on)
        for track, row in resting:
            self._resting.rest(track, frame, found[[row]])
        for (track, row), (_, before) in zip(watched, near, strict=True):
            self._append(track, self._follower.sighting(frame, found, row, before), frame)
        for track, row in paired:
            self._believe(track, float(found.scores[row]))
            self._looks.pop(track.number, None)
        taken = {row for _, row in paired}
        for track in alone:
            if track.number in rests:
                self._resting.rest(track, frame, None)
            else:
                self._follow(track, frame)
        self._drop_doubles(frame.index)
        for row in range(len(found)):
            if row not in taken and self._starts(found, row, frame.index):
                self._start(frame, found, row)
        self._remember(frame)
        ended = self._retire(frame.index)
        self._absences.step(self._active, frame)
        return ended

    def _before(self, track: Track, frame: Frame) -> Sighting | None:
        """The last sighting if its mesh may lead on: it slips where another face is close, and
        where the border cuts the face.
        """
        own = scaled(track.last.box, _CLOSE)
        cut = (own[:2] < 0).any() or (own[2:] > frame.size).any()
        return None if cut or track.number in self._close else track.last

    def _starts(self, faces: Faces, row: int, index: int) -> bool:
        """A weak detection starts a track too, one that is forgotten unless others confirm it."""
        if faces.scores[row] >= self._start_score:
            return True
        here = [t.last.box for t in self._active if t.last.frame == index]
        return not here or not (_inside(faces.boxes[row], np.stack(here)) > _COVERED).any()

    def _follow(self, track: Track, frame: Frame) -> None:
        """By its mesh, else by its looks: a head that turns away is still covered."""
        if track.last.frame != frame.index - 1:
            return
        moved = self._follower.followed(track.last, frame)
        if track in self._resting and moved is None:
            self._resting.waken(track)
            if track.last.frame != frame.index - 1:
                return
            moved = self._follower.followed(track.last, frame)
        waited = frame.index - _surely_seen(track)
        if moved is None and track.evidence >= 1 and waited < _LOOKED_FOR:
            if track.number not in self._looks:
                self._looks[track.number] = Look.at(self._recent[-1], track.last.box)
            moved = self._sought(track, track.predicted(frame.index), frame)
        if moved is not None:
            self._append(track, moved, frame)

    def _may_rest(self, track: Track, frame: Frame, box: Floats | None) -> bool:
        return track.number not in self._close and self._resting.may_rest(track, frame, box)

    def _append(self, track: Track, seen: Sighting, frame: Frame) -> None:
        """The track goes on; what was guessed in the frames before is put right."""
        self._resting.settle(track, seen)
        if seen.seen <= Seen.FOLLOWED and frame.index - _surely_seen(track) > LEAST:
            known, shown = track.sightings[-_KNOWN:], [*self._recent, frame]
            track.vacant |= vacant(known, seen, shown, self._beside(track), self._hints)
        track.sightings.append(seen)

    def _beside(self, track: Track) -> dict[int, list[Floats]]:
        """By frame, the boxes (4,) in which other faces were lately."""
        result: dict[int, list[Floats]] = {}
        for other in self._active + self._ended:
            if other is not track:
                for sighting in other.sightings[-_KNOWN:]:
                    result.setdefault(sighting.frame, []).append(sighting.box)
        return result

    def _sought(self, track: Track, box: Floats, frame: Frame) -> Sighting | None:
        look = self._looks.get(track.number)
        found = look.found(frame, box) if look is not None else None
        return None if found is None else Sighting.sought(frame.index, found)

    def _start(self, frame: Frame, faces: Faces, row: int) -> None:
        seen = Sightings([self._follower.sighting(frame, faces, row, None)])
        track = Track(self._count, self._shot, seen)
        self._count += 1
        self._believe(track, float(faces.scores[row]))
        self._looks[track.number] = Look.at(frame, track.first.box)
        for earlier in reversed(self._recent):
            before = self._follower.followed(track.first, earlier)
            if before is None:
                before = self._sought(track, track.first.box, earlier)
            if before is None or self._occupied(before):
                break
            track.sightings.insert(0, before)
        del self._looks[track.number]
        self._active.append(track)

    def _believe(self, track: Track, score: float) -> None:
        """Several weak detections with a mesh that fits are as good as a strong one."""
        if score >= self._start_score:
            track.evidence += 1.0
            track.certain |= score >= min(_CERTAIN * self._start_score, 1.0)
        elif score >= _LEAST * self._start_score and track.last.mesh_score >= _FITS:
            track.evidence += _WEAK
        elif track.last.mesh_score < MESH_FOUND:
            track.doubts += 1
        if track.believed is None and track.evidence >= 1:
            track.believed = track.last.frame

    def _occupied(self, place: Sighting) -> bool:
        """Another track has a face there already."""
        others = (t.sightings for t in self._active + self._ended if t.evidence >= 1)
        boxes = [s.box for sightings in others for s in sightings[-60:] if s.frame == place.frame]
        return bool(boxes) and float(overlap(place.box[None], np.stack(boxes)).max()) > 0.3

    def _drop_doubles(self, index: int) -> None:
        """Of two tracks on one face the one that was merely followed there ends a frame earlier."""
        here = [t for t in self._active if t.last.frame == index]
        if len(here) < 2:
            return
        here.sort(key=lambda t: (t.last.seen, -len(t.sightings)))
        boxes = np.stack([t.last.box for t in here])
        doubled = np.tril(overlap(boxes, boxes), -1) > _SAME_FACE
        stays = np.ones(len(here), bool)
        for place in np.flatnonzero(doubled.any(axis=1)).tolist():
            track = here[place]
            if (doubled[place] & stays).any() and track.last.seen > 0:
                stays[place] = False
                track.sightings.pop()
                self._resting.forget(track)

    def _remember(self, frame: Frame) -> None:
        self._recent.append(frame)
        while len(self._recent) > reach(frame):
            self._recent.popleft()

    def _retire(self, index: int) -> list[Track]:
        """Tracks unseen for too long leave, once nothing new can be followed back onto them."""
        gone = [t for t in self._active if not t.sightings or _is_gone(t, index)]
        self._active = [t for t in self._active if t not in gone]
        self._ended.extend(t for t in gone if t.sightings and t.sure)
        for track in gone:
            self._looks.pop(track.number, None)
        ready = [t for t in self._ended if index - t.last.frame > _PATIENCE + BACK_FRAMES]
        self._ended = [t for t in self._ended if t not in ready]
        return ready


def _is_gone(track: Track, index: int) -> bool:
    """Nobody waits long for a face of which nobody is sure."""
    if track.evidence < 1 and index - _surely_seen(track, Seen.DETECTED) > _DOUBTED:
        return True
    return index - track.last.frame > _PATIENCE


def _surely_seen(track: Track, how: Seen = Seen.FOLLOWED) -> int:
    """The last frame in which the face was detected, or followed by its mesh."""
    return next((s.frame for s in reversed(track.sightings) if s.seen <= how), track.first.frame)


def _inside(box: Floats, others: Floats) -> Floats:
    """(n,) the share of a box (4,), or of each of the others (n, 4) if smaller, that they share."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    area = np.minimum((box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1))
    result: Floats = common / np.maximum(area, 1e-6)
    return result
