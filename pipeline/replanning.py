"""The plan for the faces of a record that are drawn anew."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np

from pipeline import steering
from pipeline.analysis import Analysis, Faults, learn
from pipeline.cast import drawn, keyed
from pipeline.contract import Floats, Ints
from pipeline.coverage import between, mixes, rung
from pipeline.edits import fallbacks, pasted
from pipeline.packing import Sightings
from pipeline.people import People, best_look, described
from pipeline.planning import Plan, Planned
from pipeline.record import Record, TrackEntry
from pipeline.rooms import Drawing, Rooms
from pipeline.settings import Settings
from pipeline.smoothing import steadied
from pipeline.tracks import Seen, Sighting, Track

_STUDIED: Final = 32  # frames of a track that tell how its person looks
_LONGEST: Final = 3  # tracks of a person that do
_BRIDGED: Final = 30  # frames between two sights over which a mesh may be guessed


@dataclass(slots=True, eq=False)
class Draft:
    """Which of the `tracks`, those of a record and those added, are drawn in which frames."""

    record: Record
    tracks: list[TrackEntry]
    drawn: dict[int, list[int]]  # row → frames
    rows: list[int] = field(init=False)  # of the tracks of the plan

    def __post_init__(self) -> None:
        self.rows = sorted(self.drawn)

    @property
    def persons(self) -> list[int]:
        """Who is drawn."""
        return sorted({self.tracks[row].person for row in self.rows})

    def wanted(self) -> dict[int, set[int]]:
        """The frames of each track that tell where to draw a face, or how its person looks."""
        result = {row: set(self.drawn[row]) for row in self.rows}
        for person in self.persons:
            own = [row for row, track in enumerate(self.tracks) if track.person == person]
            own.sort(key=lambda row: -len(self.tracks[row].boxes))
            result.update((row, set()) for row in own[:_LONGEST] if row not in result)
        for row, frames in result.items():
            every = range(self.tracks[row].first, self.tracks[row].last + 1)
            frames.update(every[:: max(1, -(-len(every) // _STUDIED))])
        return result

    def hopeless(self, row: int) -> set[int]:
        """The frames in which no mesh can be expected, for none was found before."""
        track = self.tracks[row]
        before = [p for p in self.record.persons if p.number == track.rendered.person]
        return fallbacks(track) if before and before[0].donors is not None else set()


def planned(
    draft: Draft,
    known: dict[int, Track],
    analysis: Analysis,
    job: tuple[Rooms, Settings, bytes],
) -> Plan:
    """The plan for a draft of which the tracks `known`, by their rows, were looked at again.

    Its tracks are in the order of the draft's rows. `job` ends with the salt.
    """
    rooms, settings, salt = job
    for row in draft.rows:
        known.setdefault(row, _unseen(draft.tracks[row], row, draft.drawn[row]))
    learn(analysis, list(known.values()), rooms)
    groups = [
        [track for row, track in known.items() if draft.tracks[row].person == person]
        for person in draft.persons
    ]
    people = People([], groups, [described(group) for group in groups])
    plan = Plan([], people.persons, [None] * len(groups))
    if rooms.drawing is not None:
        plan.donors = _donors(draft, people, analysis, (rooms.drawing, settings, salt))
    for number, row in enumerate(draft.rows):
        frames = set(draft.drawn[row])
        seen = Sightings(s for s in known[row].sightings if s.frame in frames)
        bridged = Sightings(_bridged(seen, pasted(draft.tracks[row])))
        sightings = Sightings(steadied(bridged))
        rungs = [rung(sighting, rooms.drawing) for sighting in sightings]
        person = draft.persons.index(draft.tracks[row].person)
        plan.tracks.append(Planned(sightings, rungs, person, mixes(rungs)))
        for place, sighting in enumerate(sightings):
            plan.at.add(sighting.frame, number, place)
    return plan


def _donors(
    draft: Draft, people: People, analysis: Analysis, job: tuple[Drawing, Settings, bytes]
) -> list[Ints | None]:
    """(k,) donors of each person who is drawn: as recorded, else new ones that nobody wears."""
    drawing, settings, salt = job
    recorded = {p.number: p.donors for p in draft.record.persons if p.donors is not None}
    taken = [np.array(mix, np.int64) for mix in recorded.values()]
    fixed = steering.identity(settings.identity)
    result: list[Ints | None] = []
    for number, person, tracks in zip(draft.persons, people.persons, people.tracks, strict=True):
        mix: Ints | None = None
        if number in recorded or fixed:
            mix = np.array(recorded.get(number, fixed), np.int64)
        else:
            rng = keyed(salt, analysis.digest, number)
            wearer = person, best_look(tracks)
            told: tuple[int, tuple[list[Ints], list[Floats]], Faults]
            told = settings.k, (taken, []), analysis.faults
            mix, _ = drawn(person, [wearer], rng, told, drawing)
            taken.extend([] if mix is None else [mix])
        result.append(mix)
    return result


def _unseen(track: TrackEntry, row: int, frames: list[int]) -> Track:
    """A track of which nothing is known but its boxes."""
    boxes = (np.array(track.boxes[frame - track.first], np.float32) for frame in frames)
    sought = (Sighting.sought(frame, box) for frame, box in zip(frames, boxes, strict=True))
    return Track(row, 0, Sightings(sought))


def _bridged(seen: Sightings, guessed: set[int]) -> Iterator[Sighting]:
    """The sightings, with mesh and landmarks guessed between their neighbours in frames in which
    they were so before.
    """
    filled = {s.frame: s for s in _between(seen) if s.frame in guessed}
    for sighting in seen:
        guess = filled.get(sighting.frame) if sighting.seen == Seen.SOUGHT else None
        yield replace(guess, box=sighting.box) if guess else sighting


def _between(seen: Sightings) -> Iterator[Sighting]:
    for a, b in pairwise(sighting for sighting in seen if sighting.seen != Seen.SOUGHT):
        if 1 < b.frame - a.frame <= _BRIDGED:
            yield from between(a, b)
