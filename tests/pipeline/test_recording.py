"""What a record says of a rendered file, and which moments it names."""

import numpy as np
import pytest

from pipeline.contract import Patch
from pipeline.coverage import Rung
from pipeline.planning import Plan, Planned
from pipeline.record import Input
from pipeline.recording import Times, altered, boxes_of, coverage, persons
from pipeline.suspects import cuts, of_track, spans, told
from pipeline.tracks import Seen, Sighting

MESH = np.zeros((468, 3), np.float32)


def sighting(frame, seen=Seen.DETECTED, score=0.95, box=(1.2, 2.0, 3.7, 4.5)):
    return Sighting(
        frame, np.array(box, np.float32), np.zeros((5, 2), np.float32), MESH, score, seen
    )


def planned(sightings, **more):
    count = len(sightings)
    return Planned(sightings, [Rung.SURROGATE] * count, 0, [1.0] * count, **more)


def times_of(seconds):
    times = Times()
    for frame, at in enumerate(seconds):
        times.add(frame, at)
    return times.knots()


def seconds_at(knots, frame):
    return Input("a", "0", 1, 1, 1, knots).seconds(frame)


def test_a_steady_pace_takes_two_points():
    assert times_of([7 + frame / 25 for frame in range(1000)]) == [[0, 0.0], [999, 39.96]]


def test_rounded_times_take_few_points_and_are_kept_to_milliseconds():
    seconds = [round(frame / 29.97, 3) for frame in range(2000)]
    knots = times_of(seconds)
    assert len(knots) <= 3
    assert max(abs(seconds_at(knots, f) - at) for f, at in enumerate(seconds)) < 0.005


def test_a_change_of_pace_is_kept():
    steps = np.random.default_rng(1).choice([0.02, 0.04, 0.5], 300)
    seconds = np.concatenate([[0.0], np.cumsum(steps)])
    knots = times_of(seconds.tolist())
    assert max(abs(seconds_at(knots, f) - at) for f, at in enumerate(seconds)) < 0.005


def test_one_frame_has_one_time():
    assert times_of([3.0]) == [[0, 0.0]]


def patch(corner, shape=(5, 6), alpha=1.0):
    return Patch(np.zeros((*shape, 3), np.uint8), np.full(shape, alpha, np.float32), corner)


@pytest.mark.parametrize(
    ("patches", "rectangle"),
    [
        ([], (0, 0, 0, 0)),
        ([patch((8, 9))], (8, 8, 16, 16)),
        ([patch((8, 9)), patch((30, 1))], (8, 0, 36, 16)),
        ([patch((-3, -3))], (0, 0, 4, 4)),
        ([patch((60, 50))], (60, 48, 64, 52)),
        ([patch((8, 9), alpha=0.0)], (0, 0, 0, 0)),
        ([patch((80, 80))], (0, 0, 0, 0)),
    ],
)
def test_what_is_drawn_over_is_one_rectangle_in_the_picture(patches, rectangle):
    assert altered(patches, (64, 52)) == rectangle


def test_patches_alter_nothing_outside_of_the_rectangle(astronaut):
    from pipeline import planes
    from pipeline.contract import Frame

    full = astronaut[:96, :128]
    frame = Frame(
        (full[..., 0].copy(), full[::2, ::2, 1].copy(), full[::2, ::2, 2].copy()), "yuv420p"
    )
    for x in range(17, 25):
        some = [patch((x, 2 * x - 1), (13, 11), 0.6)]
        x1, y1, x2, y2 = altered(some, frame.size)
        pairs = zip(frame.planes, planes.paste(frame, some).planes, strict=True)
        for step, (before, after) in zip((1, 2, 2), pairs, strict=True):
            changed = before != after
            assert changed.any()
            changed[y1 // step : y2 // step, x1 // step : x2 // step] = False
            assert not changed.any()


def test_boxes_are_whole_pixels_around_the_face():
    assert boxes_of(planned([sighting(4), sighting(5)])) == (4, [[1, 2, 4, 5], [1, 2, 4, 5]])


def test_where_a_face_is_out_of_the_picture_its_last_box_stands():
    some = [sighting(4), sighting(7, box=(8, 8, 9, 9))]
    assert boxes_of(planned(some)) == (4, [[1, 2, 4, 5]] * 3 + [[8, 8, 9, 9]])


def test_coverage_is_told_in_runs():
    told = coverage([3, 4, 5, 7, 8], ["surrogate", "surrogate", "fallback", "fallback", "original"])
    assert told == [
        ["surrogate", 3, 4], ["fallback", 5, 5], ["fallback", 7, 7], ["original", 8, 8]
    ]  # fmt: skip


@pytest.mark.parametrize(("names", "kept"), [((), 2), (("Ann", "Ben"), "Ben")])
def test_kept_people_are_numbers_unless_names_may_be_told(names, kept):
    tracks = [planned([sighting(0)], kept=[True], listed=1), planned([sighting(0)], listed=0)]
    tracks[1].person = 1
    plan = Plan(tracks, [], [None, np.array([4, 5])])
    shown, replaced = persons(plan, names)
    assert (shown.kept, shown.donors) == (kept, None)
    assert (replaced.kept, replaced.donors) == (None, [4, 5])


def test_nobody_is_told_whom_a_replaced_person_resembles():
    track = planned([sighting(0)], kept=[False], listed=1, near=True)
    assert persons(Plan([track], [], [None]), ("Ann", "Ben"))[0].kept is None
    assert list(of_track(track, 1, [["surrogate", 0, 0]], [])) == []


@pytest.mark.parametrize(
    ("frames", "found"),
    [([], []), ([3], [(3, 3)]), ([3, 4, 16], [(3, 16)]), ([3, 4, 17], [(3, 4), (17, 17)])],
)
def test_doubtful_frames_that_are_near_are_one_moment(frames, found):
    assert list(spans(frames)) == found


@pytest.mark.parametrize(
    ("track", "covered", "faults", "found"),
    [
        (planned([sighting(0), sighting(1)]), [["surrogate", 0, 1]], [], []),
        (planned([sighting(0), sighting(1)]), [["fallback", 1, 1]], [], [(1, 1, "fallback", 7)]),
        (planned([sighting(0, Seen.PREDICTED), sighting(1)]), [["fallback", 0, 0]], [], []),
        (planned([sighting(0), sighting(1, Seen.SOUGHT)]), [], [], [(1, 1, "low score", 7)]),
        (planned([sighting(0), sighting(1, score=0.6)]), [], [], [(1, 1, "low score", 7)]),
        (planned([sighting(0), sighting(1)], certain=False), [], [], [(0, 1, "low score", 7)]),
        (planned([sighting(0), sighting(1)]), [], [1], [(1, 1, "fault", 7)]),
        (
            planned([sighting(0), sighting(1)], kept=[True, True], near=True),
            [],
            [],
            [(0, 1, "near the threshold", 7)],
        ),
    ],
)
def test_a_track_names_its_weak_moments(track, covered, faults, found):
    assert list(of_track(track, 7, covered, faults)) == found


def test_cuts_are_named_where_faces_are_near():
    assert list(cuts([0, 10, 50], [(70, 74), (90, 94)], {9, 72})) == [
        (9, 10, "cut with faces", None),
        (70, 74, "cut with faces", None),
    ]


def test_moments_come_in_the_order_of_time():
    source = Input("a", "0", 100, 1, 1, [[0, 0.0], [99, 9.9]])
    some = told([(50, 60, "fallback", 1), (10, 20, "fault", None)], source)
    assert [(s.first, s.timecode, s.track) for s in some] == [
        (10, "00:00:01.000", None), (50, "00:00:05.000", 1)
    ]  # fmt: skip
