"""The plan for what is drawn anew: who wears what, and what is guessed between two sights."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.analysis import Analysis
from pipeline.contract import Faces
from pipeline.coverage import Rung
from pipeline.packing import Sightings
from pipeline.record import FALLBACK, PASTED, REPLACE, SURROGATE, PersonEntry, Rendered, TrackEntry
from pipeline.replanning import Draft, planned
from pipeline.rooms import furnish
from pipeline.settings import Settings
from pipeline.tracks import Seen, Sighting, Track
from tests.pipeline.test_edits import a_record

BOX = [100, 60, 160, 140]


@pytest.fixture(scope="module")
def mesh(drawing):
    shape = (drawing.canonical.shape - np.float32([0.5, 0.5, 0])) * 90
    return (shape + np.float32([130, 100, 0])).astype(np.float32)


def entry(number=1, person=1, first=0, count=6, coverage=((SURROGATE, 0, 5),), rendered=None):
    return TrackEntry(
        number, person, REPLACE, "", first, [BOX] * count, [None] * count,
        [list(span) for span in coverage], Rendered(REPLACE, rendered or person),
    )  # fmt: skip


def sight(frame, mesh=None):
    box = np.float32(BOX)
    if mesh is None:
        return Sighting.sought(frame, box)
    return Sighting.detected(frame, Faces.of([box], mesh=[mesh], mesh_scores=[0.9]), 0)


def make(rooms, tracks, known, persons=None, settings=None, drawn=None):
    told = a_record(tracks)
    told.persons = persons or [PersonEntry(1, [0, 1, 2, 3]), PersonEntry(2, None)]
    frames = drawn or {row: list(range(t.first, t.last + 1)) for row, t in enumerate(tracks)}
    draft = Draft(told, tracks, frames)
    seen = {row: Track(row, 0, Sightings(some)) for row, some in known.items()}
    analysis = Analysis(b"clip", 20, (400, 200))
    return planned(draft, seen, analysis, (rooms, settings or Settings(), b"salt"))


def test_everybody_wears_what_is_recorded(rooms, mesh):
    tracks = [entry(), entry(2, 1), entry(3, 2)]
    known = {row: [sight(frame, mesh) for frame in range(6)] for row in range(3)}
    plan = make(rooms, tracks, known)
    assert [track.person for track in plan.tracks] == [0, 0, 1]
    assert plan.donors[0].tolist() == [0, 1, 2, 3]
    new = set(plan.donors[1].tolist())
    assert len(new) == Settings().k
    assert len(new & {0, 1, 2, 3}) <= Settings().k - 2
    assert plan.at == {frame: [(0, frame), (1, frame), (2, frame)] for frame in range(6)}


def test_new_donors_hang_on_the_salt_and_are_not_those_of_others(rooms, mesh):
    tracks, known = [entry(1, 2)], {0: [sight(frame, mesh) for frame in range(6)]}
    alone = [make(rooms, tracks, known).donors[0].tolist() for _ in range(2)]
    assert alone[0] == alone[1]
    worn = [PersonEntry(1, alone[0]), PersonEntry(2, None)]
    beside = make(rooms, tracks, known, worn).donors[0].tolist()
    assert len(set(beside) & set(alone[0])) <= Settings().k - 2


def test_new_persons_wear_the_donors_that_the_settings_fix(rooms, mesh):
    tracks, known = [entry(1, 2)], {0: [sight(frame, mesh) for frame in range(6)]}
    plan = make(rooms, tracks, known, settings=Settings(identity="5,6,7"))
    assert plan.donors[0].tolist() == [5, 6, 7]


def test_a_mesh_is_guessed_where_it_was_before_and_nowhere_else(rooms, mesh):
    track = entry(coverage=[(SURROGATE, 0, 0), (PASTED, 1, 2), (SURROGATE, 3, 3), (FALLBACK, 4, 5)])
    seen = [sight(0, mesh), sight(1), sight(2), sight(3, mesh), sight(4), sight(5)]
    (made,) = make(rooms, [track], {0: seen}).tracks
    kinds = [Rung.SURROGATE, Rung.PASTED, Rung.PASTED, Rung.SURROGATE, Rung.COVER, Rung.COVER]
    assert made.rungs == kinds
    assert [s.seen for s in made.sightings][1:3] == [Seen.FILLED] * 2
    assert all((s.box == np.float32(BOX)).all() for s in made.sightings)


def test_a_track_of_which_only_boxes_are_known_is_covered(rooms):
    plan = make(rooms, [entry()], {})
    assert plan.tracks[0].rungs == [Rung.COVER] * 6


def test_without_surrogates_nobody_has_donors(rooms):
    plan = make(furnish(Settings(mode="blur")), [entry()], {})
    assert plan.donors == [None]
    assert plan.tracks[0].rungs == [Rung.COVER] * 6


def test_only_the_frames_that_are_drawn_are_planned(rooms, mesh):
    known = {0: [sight(frame, mesh) for frame in range(6)]}
    plan = make(rooms, [entry()], known, drawn={0: [2, 4]})
    assert [s.frame for s in plan.tracks[0].sightings] == [2, 4]
    assert plan.at == {2: [(0, 0)], 4: [(0, 1)]}


def test_a_person_is_looked_at_in_some_frames_of_their_longest_tracks():
    tracks = [entry(1, 1, 0, 4), entry(2, 1, 0, 300), entry(3, 2, 0, 50)]
    tracks += [entry(4 + n, 1, 0, 10 + n) for n in range(3)]
    draft = Draft(a_record(tracks), tracks, {0: [1, 2]})
    wanted = draft.wanted()
    assert set(wanted) == {0, 1, 4, 5}  # nobody else, and no more than three for their looks
    assert wanted[0] == {0, 1, 2, 3}
    assert 25 <= len(wanted[1]) <= 32
    assert {1, 2} <= wanted[0]


def test_of_a_person_who_was_never_drawn_no_frame_is_without_hope():
    bare = entry(coverage=[(FALLBACK, 0, 5)])
    told = a_record([bare])
    assert Draft(told, [bare], {0: [0]}).hopeless(0) == set(range(6))
    told = replace(told, persons=[PersonEntry(1, None)])
    assert Draft(told, [bare], {0: [0]}).hopeless(0) == set()
