"""What an edit of a record changes in each frame, and what may be copied of the output before."""

import pytest

from pipeline.edits import Edits, additions, fallbacks, pasted
from pipeline.record import (
    FALLBACK,
    IGNORE,
    KEEP,
    ORIGINAL,
    PASTED,
    REPLACE,
    SURROGATE,
    Added,
    Input,
    Output,
    PersonEntry,
    Record,
    Rendered,
    TrackEntry,
)

SIZE = 400, 200
LEFT, RIGHT, NEAR = [20, 20, 60, 70], [220, 20, 260, 70], [55, 20, 95, 70]


def grown(box, by=6):
    return [box[0] - by, box[1] - by, box[2] + by, box[3] + by]


def track(number, box, decision=REPLACE, was=None, person=None, first=0, count=5, how=SURROGATE):
    """A face that does not move, covered or not as the output before has it."""
    before = was or decision
    person = person or number
    hidden = grown(box) if before == REPLACE else None
    return TrackEntry(
        number, person, decision, "", first, [box] * count, [hidden] * count,
        [[how if before == REPLACE else ORIGINAL, first, first + count - 1]],
        Rendered(before, number),
    )  # fmt: skip


def a_record(tracks=(), added=(), persons=2):
    return Record(
        "1", {}, {}, {}, Input("a.mp4", "0" * 64, 20, *SIZE, [[0, 0.0]]), Output("o", "0" * 64),
        [PersonEntry(n + 1, [n]) for n in range(persons)], list(tracks), list(added),
    )  # fmt: skip


def test_nothing_is_drawn_where_nothing_was_edited():
    edits = Edits([track(1, LEFT), track(2, RIGHT)], SIZE)
    assert edits.drawn() == {}
    assert edits.scene(3).copied == [tuple(grown(LEFT)), tuple(grown(RIGHT))]
    assert edits.scene(9).copied == []


@pytest.mark.parametrize("decision", [KEEP, IGNORE])
def test_of_a_face_that_is_to_be_seen_nothing_is_copied_or_drawn(decision):
    edits = Edits([track(1, LEFT, decision, was=REPLACE), track(2, RIGHT)], SIZE)
    assert edits.drawn() == {}
    assert edits.scene(0).copied == [tuple(grown(RIGHT))]


@pytest.mark.parametrize("was", [KEEP, IGNORE])
def test_a_face_that_was_seen_is_drawn_in_all_its_frames(was):
    edits = Edits([track(1, LEFT, REPLACE, was=was, first=2), track(2, RIGHT)], SIZE)
    assert edits.drawn() == {0: [2, 3, 4, 5, 6]}
    assert edits.scene(2).copied == [tuple(grown(RIGHT))]


def test_a_face_that_gets_another_person_is_drawn_anew():
    edits = Edits([track(1, LEFT), track(2, RIGHT, person=1)], SIZE)
    assert edits.drawn() == {1: [0, 1, 2, 3, 4]}


def test_a_neighbour_whose_rectangle_holds_a_surrogate_of_somebody_kept_now_is_drawn_anew():
    edits = Edits([track(1, LEFT, KEEP, was=REPLACE), track(2, NEAR, first=3)], SIZE)
    assert edits.drawn() == {1: [3, 4]}
    scene = edits.scene(3)
    assert (scene.copied, scene.drawn) == ([], [1])
    assert edits.scene(6).copied == [tuple(grown(NEAR))]


def test_a_neighbour_whose_rectangle_shows_somebody_replaced_now_is_drawn_anew():
    edits = Edits([track(1, LEFT, REPLACE, was=KEEP), track(2, NEAR)], SIZE)
    assert edits.scene(0).drawn == [0, 1]


def test_neighbours_of_neighbours_are_drawn_anew_too():
    third = [90, 20, 130, 70]
    edits = Edits([track(1, LEFT, KEEP, was=REPLACE), track(2, NEAR), track(3, third)], SIZE)
    assert edits.scene(0).drawn == [1, 2]


def test_without_the_output_before_all_is_drawn_but_what_is_kept():
    tracks = [track(1, LEFT), track(2, RIGHT, KEEP), track(3, NEAR, KEEP, was=REPLACE)]
    assert Edits(tracks, SIZE, afresh=True).drawn() == {0: [0, 1, 2, 3, 4]}


def test_a_kept_face_stays_covered_where_the_output_before_covers_it():
    mixed = track(1, LEFT, KEEP)
    mixed.altered[2] = grown(LEFT)
    mixed.coverage = [[ORIGINAL, 0, 1], [SURROGATE, 2, 2], [ORIGINAL, 3, 4]]
    assert Edits([mixed], SIZE).scene(2).copied == [tuple(grown(LEFT))]
    assert Edits([mixed], SIZE, afresh=True).drawn() == {0: [2]}
    mixed.decision, mixed.rendered = KEEP, Rendered(REPLACE, 1)
    assert Edits([mixed], SIZE).scene(2).copied == []


@pytest.mark.parametrize("hidden", [None, [20, 20, 60, 30], [300, 100, 340, 150]])
def test_what_the_output_before_does_not_hide_is_drawn(hidden):
    open_ = track(1, LEFT)
    open_.altered[1] = hidden
    assert Edits([open_], SIZE).drawn() == {0: [1]}


def test_where_a_face_is_out_of_the_picture_nothing_is_drawn():
    gone = track(1, LEFT, REPLACE, was=KEEP)
    gone.coverage = [[ORIGINAL, 0, 1], [ORIGINAL, 4, 4]]
    assert Edits([gone], SIZE).drawn() == {0: [0, 1, 4]}


def test_a_track_of_which_no_coverage_is_told_is_drawn_all_along():
    bare = track(1, LEFT, REPLACE, was=KEEP)
    bare.coverage = []
    assert Edits([bare], SIZE).drawn() == {0: [0, 1, 2, 3, 4]}


def test_added_boxes_are_tracks_of_new_persons_unless_told():
    new = additions(a_record(
        [track(7, LEFT)], [Added(RIGHT, 3, 5), Added(LEFT, 0, 0, 2), Added(NEAR, 1, 2)]
    ))  # fmt: skip
    assert [t.number for t in new] == [8, 9, 10]
    assert [t.person for t in new] == [3, 2, 4]
    assert [(t.first, t.last) for t in new] == [(3, 5), (0, 0), (1, 2)]
    assert all(t.edited and t.decision == REPLACE for t in new)
    assert Edits(new, SIZE).drawn() == {0: [3, 4, 5], 1: [0], 2: [1, 2]}


def test_frames_are_told_by_how_they_were_covered():
    told = track(1, LEFT)
    told.coverage = [[FALLBACK, 0, 1], [PASTED, 2, 2], [FALLBACK, 4, 4]]
    assert (fallbacks(told), pasted(told)) == ({0, 1, 4}, {2})


def test_coverage_beyond_the_boxes_is_passed_over():
    longer = track(1, LEFT, REPLACE, was=KEEP)
    longer.coverage = [[ORIGINAL, 0, 30]]
    assert Edits([longer], SIZE).drawn() == {0: [0, 1, 2, 3, 4]}


def test_another_person_of_who_was_kept_at_times_hides_what_was_hidden():
    """A keep that was given up after another face crossed stays given up."""
    doubtful = track(1, LEFT, KEEP)
    doubtful.altered[3:] = [grown(LEFT)] * 2
    doubtful.coverage = [[ORIGINAL, 0, 2], [SURROGATE, 3, 4]]
    doubtful.person = 2
    for afresh in (False, True):
        edits = Edits([doubtful], SIZE, afresh=afresh)
        assert [edits.scene(frame).drawn for frame in range(5)] == [[], [], [], [0], [0]]
