"""The way of a frame of a stream: the same three steps over a sliding window.

A frame waits for `lookahead` seconds, while those behind it are analysed; then it is planned for
with what is known by then, covered and let go. What was decided for a person stays decided.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from itertools import chain as chained
from typing import Final

from pipeline import chain
from pipeline.analysis import Analysis, Analyst, describe
from pipeline.asking import AUTO
from pipeline.cast import Cast
from pipeline.chain import Report
from pipeline.contract import Frame, Ints, Person
from pipeline.crew import Crew
from pipeline.live import LiveSource, LiveWriter
from pipeline.packing import Sightings
from pipeline.people import People, beside, best_look, described, is_small, linked
from pipeline.planning import Plan, arranged
from pipeline.portraits import nobody
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from pipeline.tracks import Seen, Sighting, Track
from replacer.occlusion import Own

LONGEST: Final = 10.0  # s of frames that are held at most
_EARLY: Final = 40  # frames before its first sight in which a face may be covered at most
_LATE: Final = 100  # frames after its last one in which its track is of use
_PAST: Final = 40  # frames in which a track goes back, so that it can be steadied
_AWAITED: Final = 30  # frames in which a lost track may go on
_SPARE: Final = 40
_AHEAD: Final = 0.2  # s in which at least one more frame comes
_SOON: Final = 1.0  # s in which what a glance has missed may not yet be found
_HELD: Final = 200  # shots, looks
_DRESSED: Final = 1000  # persons


class Window:
    """Takes every frame of a stream in order and gives each back covered, `lookahead` s later."""

    def __init__(
        self,
        rooms: Rooms,
        settings: Settings,
        salt: bytes,
        lookahead: float,
        report: Report,
        crew: Crew | None = None,
    ) -> None:
        """With a `crew` several faces are worked on at once."""
        self._rooms, self._settings, self._salt = rooms, settings, salt
        self._lookahead = Fraction(lookahead).limit_denominator(1000)
        self._report = report
        self._seen = Analysis(b"stream", faults=report.faults)
        self._crew = crew
        ahead = lookahead >= _AHEAD
        if not ahead and settings.detect_every == AUTO:
            settings = replace(settings, detect_every=1)  # nothing found later can be put right
        elif lookahead < _SOON and settings.detect_every == AUTO:
            settings = replace(settings, detect_every=2)
        self._analyst = Analyst(self._seen, rooms, settings, ahead=ahead, crew=crew)
        self._frames: deque[Frame] = deque()
        self._cast = Cast(b"stream")
        self._roles: dict[int, int] = {}  # track → person
        self._dressed: dict[int, tuple[Person, Ints | None]] = {}
        self._own: dict[int, Own] = {}
        self._met: set[int] = set()  # tracks that have ended and were learnt from

    def push(self, frame: Frame) -> Iterator[Frame]:
        """Take one frame, give those whose time has come."""
        self._analyst.step(frame)
        self._frames.append(frame)
        now = frame.pts * frame.time_base
        while self._frames and now - self._frames[0].pts * frame.time_base >= self._lookahead:
            yield self._covered(self._frames.popleft())

    def flush(self) -> Iterator[Frame]:
        """The stream has ended: give all that are left."""
        self._analyst.finish()
        while self._frames:
            yield self._covered(self._frames.popleft())

    def _covered(self, frame: Frame) -> Frame:
        tracks = self._near(frame.index)
        plan = self._planned(tracks)
        here = [tracks[row] for row, _ in plan.at.get(frame.index, [])]
        new = [t for t in here if t.number not in self._roles and t.sure]
        if new:
            self._decide(new, tracks)
            plan = self._planned(tracks)
        own = {row: self._own[t.number] for row, t in enumerate(tracks) if t.number in self._own}
        covered = chain.covered(frame, plan, self._rooms, self._report, own, self._crew)
        self._own = {tracks[row].number: known for row, known in own.items()}
        self._report.frames += 1
        self._forget(frame.index)
        return covered

    def _near(self, index: int) -> list[Track]:
        """The tracks that a frame may show, or that help to tell who is in it."""
        tracks = [t for t in (*self._seen.tracks, *self._analyst.held) if t.sightings]
        near = [t for t in tracks if t.first.frame - _EARLY <= index <= t.last.frame + _LATE]
        return sorted(near, key=lambda track: (track.first.frame, track.number))

    def _planned(self, tracks: list[Track]) -> Plan:
        """What is known by now; who might be no face at all has a cover, but no surrogate yet."""
        seen = self._seen
        awaited = [self._awaited(track) for track in tracks]
        view = Analysis(seen.digest, seen.frames, seen.size, seen.shots, seen.looks, awaited)
        view.closely, view.blends = seen.closely, sorted([*seen.fades, *seen.blends])
        roles = self._expected(tracks)
        shown = list(dict.fromkeys(roles))
        unknown = nobody(), None
        worn = [self._dressed[role] if role >= 0 else unknown for role in shown]
        people = People([shown.index(role) for role in roles], [], [who for who, _ in worn])
        return arranged(view, people, [donors for _, donors in worn], self._rooms)

    def _awaited(self, track: Track) -> Track:
        """The track, until now where it was lost if it may still go on beyond the window."""
        now, last = self._seen.frames - 1, track.last
        held = any(track is other for other in self._analyst.held)
        if not (held and track.sure and 0 < now - last.frame <= _AWAITED):
            return track
        width, height = self._seen.size
        x1, y1, x2, y2 = last.box
        if x1 <= 0 or y1 <= 0 or x2 >= width or y2 >= height:
            return track
        place = replace(Sighting.sought(now, last.box), seen=Seen.PREDICTED)
        return replace(track, sightings=[*track.sightings, place])

    def _expected(self, tracks: list[Track]) -> list[int]:
        """The person of each track, negative where undecided.

        Who will go on where somebody known is lost counts as them, so that the gap is covered.
        """
        roles = [self._roles.get(track.number, -1 - track.number) for track in tracks]
        coming = [row for row, role in enumerate(roles) if role < 0 and tracks[row].sure]
        if not coming or max(roles) < 0:
            return roles
        labels = linked(tracks, None)
        known = {label: role for label, role in zip(labels, roles, strict=True) if role >= 0}
        for row in coming:
            roles[row] = known.get(labels[row], roles[row])
        return roles

    def _decide(self, new: list[Track], tracks: list[Track]) -> None:
        """Who is on the tracks that come into sight, for good; `tracks` are all that are near."""
        drawing, faults = self._rooms.drawing, self._report.faults
        for track in new:
            if drawing is not None and track.samples:
                describe(track, drawing, faults)
        company, labels = beside(tracks), linked(tracks, drawing)
        for track in new:
            row = tracks.index(track)
            present = {self._roles.get(tracks[other].number, -1) for other in company[row]}
            same = [
                self._roles.get(other.number, -1)
                for other, label in zip(tracks, labels, strict=True)
                if label == labels[row] and other is not track
            ]
            before = next((n for n in same if n >= 0 and n not in present), None)
            self._enter(track, before, frozenset(present))

    def _enter(self, track: Track, before: int | None, present: frozenset[int]) -> None:
        person = described([track])
        drawing = self._rooms.drawing
        if before is None:
            few = frozenset({0} if is_small([track]) else ())
            (number,) = self._cast.enter([person], drawing, present, few)
        else:
            number = self._cast.meet(before, person, is_small([track]))
        self._roles[track.number] = number
        self._report.tracks += 1
        if number not in self._dressed:
            donors = None
            if drawing is not None:
                told = self._settings, self._salt, self._report.faults
                donors = self._cast.dress(number, (person, best_look([track])), drawing, told)
            self._dressed[number] = person, donors
        self._report.persons = self._cast.count

    def _forget(self, index: int) -> None:
        """Learn from ended tracks, and let go what no later frame needs."""
        seen = self._seen
        for track in seen.tracks:
            if track.number in self._roles and track.number not in self._met:
                again = described([track]), is_small([track])
                self._cast.meet(self._roles[track.number], *again)
                self._met.add(track.number)
        seen.tracks = [t for t in seen.tracks if t.last.frame + _LATE >= index]
        kept = {track.number for track in (*seen.tracks, *self._analyst.held)}
        self._roles = {track: role for track, role in self._roles.items() if track in kept}
        self._met &= kept
        wearing = set(self._roles.values())
        for number in list(self._dressed)[: max(0, len(self._dressed) - _DRESSED)]:
            if number not in wearing:
                del self._dressed[number]
        del seen.shots[:-_HELD], seen.fades[:-_HELD], seen.blends[:-_HELD]
        for looks in (seen.looks, seen.closely):
            del looks[: max(0, len(looks) - len(self._frames) - _HELD)]
        for track in self._analyst.held:
            frames = [sighting.frame for sighting in track.sightings]
            old = bisect_left(frames, index - _PAST) - 1
            if old > _SPARE:
                track.sightings = Sightings(track.sightings[old:])


def run(
    source: LiveSource, writer: LiveWriter, window: Window, crew: Crew | None = None
) -> Iterator[int]:
    """Write every frame of a stream; yields how many were written, after each. A `crew` writes one
    while the next is worked on.

    Raises RoomError where a frame could be shown only uncovered; it is not written then.
    """
    ready = (covered for frame in source.frames() for covered in window.push(frame))
    with crew.behind(writer) if crew is not None else nullcontext(writer) as taker:
        for written, covered in enumerate(chained(ready, window.flush()), 1):
            taker.write(covered)
            yield written
