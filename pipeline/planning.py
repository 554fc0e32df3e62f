"""Between the passes: whole tracks, persons, their donors, and how each face-frame is covered."""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from matcher.keep import NOBODY, Decision
from pipeline.analysis import Analysis, Faults
from pipeline.cast import Cast
from pipeline.contract import Ints, Person
from pipeline.coverage import Rung, covered
from pipeline.keeping import Crossed, Keeper, crossings, shown
from pipeline.people import People, best_look, is_small, people
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from pipeline.tracks import Sighting


@dataclass(slots=True, eq=False)
class Planned:
    """One track with a rung for each of its sightings, and how much of the surrogate shows."""

    sightings: Sequence[Sighting]
    rungs: list[Rung]
    person: int
    mix: list[float]  # share of the surrogate over the fallback cover, in [0, 1]
    kept: list[bool] = field(default_factory=list)  # shown as it is; empty: nowhere
    listed: int = NOBODY  # who of the keep-list it is
    near: bool = False  # whether that was decided near the threshold
    certain: bool = True  # whether any detection left no doubt that it is a face

    def shows(self, row: int) -> bool:
        """Whether a sighting stays as it is."""
        return bool(self.kept) and self.kept[row]


class Places(Mapping[int, list[tuple[int, int]]]):
    """frame → (track, row) of each face in it, eight bytes a face: a long clip has millions."""

    def __init__(self) -> None:
        self._known: dict[int, array[int]] = {}

    def add(self, frame: int, track: int, row: int) -> None:
        """In a frame lies row `row` of a track."""
        self._known.setdefault(frame, array("i")).extend((track, row))

    def __getitem__(self, frame: int) -> list[tuple[int, int]]:
        known = self._known[frame]
        return list(zip(known[::2], known[1::2], strict=True))

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@dataclass(slots=True, eq=False)
class Plan:
    """What the second pass does: plain data."""

    tracks: list[Planned]
    persons: list[Person]
    donors: list[Ints | None]  # (k,) per person; None: cover by box
    at: Places = field(default_factory=Places)

    def counts(self) -> Counter[Rung]:
        """Face-frames by rung."""
        return Counter(rung for track in self.tracks for rung in track.rungs)


def plan(
    analysis: Analysis, rooms: Rooms, settings: Settings, salt: bytes, cast: Cast | None = None
) -> Plan:
    """Decide for every face of the file before its first frame is written.

    Whoever of the file is in `cast` already keeps their surrogate, the others join it. Of a long
    clip the analysis' tracks are empty afterwards: what is needed of them is in the plan.
    """
    known = people(analysis, rooms)
    cast = Cast(analysis.digest) if cast is None else cast
    small = frozenset(row for row, tracks in enumerate(known.tracks) if is_small(tracks))
    numbers = cast.enter(known.persons, rooms.drawing, small=small)
    donors: list[Ints | None] = [None] * len(numbers)
    if rooms.drawing is not None:
        told = settings, salt, analysis.faults
        wearers = zip(known.persons, map(best_look, known.tracks), strict=True)
        donors = [
            cast.dress(number, wearer, rooms.drawing, told)
            for number, wearer in zip(numbers, wearers, strict=True)
        ]
    keeper = rooms.keeper
    kept = None if keeper is None else _decided(analysis, keeper)
    result = arranged(analysis, known, donors, rooms, True)
    if kept is not None:
        _keep(result, kept, analysis.faults)
    return result


def _decided(analysis: Analysis, keeper: Keeper) -> tuple[list[Decision], list[Crossed] | None]:
    """Who is kept, and where others lie over them; None if that cannot be told."""
    decisions = keeper.decisions(analysis)
    return decisions, analysis.faults.guarded(lambda: crossings(analysis.tracks, decisions), None)


def _keep(result: Plan, kept: tuple[list[Decision], list[Crossed] | None], faults: Faults) -> None:
    """Leave the people of the keep-list as they are; if deciding fails, nobody."""
    decisions, crossed = kept
    sightings = [track.sightings for track in result.tracks]
    rows: list[list[bool]] = [[] for _ in sightings]
    if crossed is not None:
        rows = faults.guarded(lambda: shown(decisions, crossed, sightings), rows)
    for track, own, decision in zip(result.tracks, rows, decisions, strict=True):
        track.kept, track.listed, track.near = own, decision.person, decision.near


def arranged(
    analysis: Analysis,
    known: People,
    donors: list[Ints | None],
    rooms: Rooms,
    spent: bool = False,
) -> Plan:
    """The plan in which each person wears the mix of `donors`, or a cover where that is None.

    Nobody needs the analysis' tracks any more where they are `spent`.
    """
    tracks = covered(analysis, known.numbers, rooms.drawing, spent)
    planned = [
        Planned(track.sightings, track.rungs, number, track.mix, certain=seen.certain)
        for track, number, seen in zip(tracks, known.numbers, analysis.tracks, strict=True)
    ]
    result = Plan(planned, known.persons, donors)
    for number, track in enumerate(tracks):
        for row, frame in enumerate(track.frames):
            result.at.add(frame, number, row)
    return result
