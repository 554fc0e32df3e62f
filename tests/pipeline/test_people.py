from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from matcher.cosine import agreed
from pipeline import people
from pipeline.contract import Faces
from pipeline.extractors import Thresholds
from pipeline.people import beside, clustered, described, linked
from pipeline.tracks import Sample, Seen, Sighting, Track

NAN5 = np.full((5, 2), np.nan, np.float32)
NO_MESH = np.full((468, 3), np.nan, np.float32)
SIDE = 60
DRAWING = SimpleNamespace(
    mean=np.zeros(16, np.float32), thresholds=Thresholds(unlike=0.1, same_person=0.72)
)


def sighting(frame, x, y=50.0, side=SIDE):
    box = np.float32([x, y, x + side, y + side])
    return Sighting(frame, box, NAN5, NO_MESH, 0.0, Seen.DETECTED)


def track(frames, x, features=None, speed=0.0, number=0, shot=0, side=SIDE):
    """A face that is at `x` in the first of `frames` and moves `speed` px a frame."""
    frames = list(frames)
    seen = [sighting(frame, x + speed * (frame - frames[0]), side=side) for frame in frames]
    return Track(number, shot, seen, evidence=1.0, features=features)


def look(side):
    """A look at a face that is `side` px wide."""
    return Sample(0, 1.0, np.zeros((2, 2, 3), np.uint8), Faces.of([[0, 0, side, side]]))


def somebody(seed, like=None, alike=0.0):
    """(16,) features, `alike` in cosine to `like`."""
    own = np.random.default_rng(seed).normal(size=16)
    if like is not None:
        own -= (own @ like) * like
        own = alike * like + np.sqrt(1 - alike**2) * own / np.linalg.norm(own)
    return (own / np.linalg.norm(own)).astype(np.float32)


ANN, BEN = somebody(1), somebody(2, somebody(1), 0.0)


@pytest.mark.parametrize(
    ("again", "numbers"),
    [
        (track(range(20, 30), 105), [0, 0]),
        (track(range(20, 30), 300), [0, 1]),
        (track(range(70, 80), 105), [0, 1]),
        (track(range(20, 30), 105, side=130), [0, 1]),
        (track(range(20, 30), 105, shot=15), [0, 1]),
    ],
    ids=["same place", "elsewhere", "much later", "much larger", "after a cut"],
)
def test_an_unknown_face_that_goes_on_where_one_ended_is_the_same_person(again, numbers):
    assert linked([track(range(10), 100), again], None) == numbers


def test_people_who_walk_behind_each_other_come_out_on_their_own_sides():
    """Neither can be recognised; both are lost for 14 frames around frame 25."""
    right = [track(range(18), 0, speed=8), track(range(32, 50), 8 * 32, speed=8)]
    left = [track(range(18), 400, speed=-8), track(range(32, 50), 400 - 8 * 32, speed=-8)]
    assert linked([right[0], left[0], left[1], right[1]], None) == [0, 1, 1, 0]


def test_between_two_equal_claims_nobody_is_linked():
    left, right = track(range(20, 30), 80), track(range(20, 30), 120)
    assert linked([track(range(10), 100), left, right], None) == [0, 1, 2]


def test_a_stranger_in_the_same_place_is_another_person():
    tracks = [track(range(10), 100, ANN), track(range(20, 30), 100, BEN)]
    assert linked(tracks, DRAWING) == [0, 1]


def test_a_face_nobody_knows_does_not_tie_two_strangers():
    tracks = [
        track(range(10), 100, ANN),
        track(range(20, 30), 100),
        track(range(40, 50), 100, BEN),
    ]
    first, middle, last = linked(tracks, DRAWING)
    assert first != last
    assert middle in {first, last}


def test_a_poor_look_after_an_occlusion_does_not_make_another_person():
    poor = somebody(3, ANN, 0.5)
    tracks = [track(range(10), 100, ANN), track(range(16, 20), 100, poor)]
    assert linked(tracks, DRAWING) == [0, 0]
    tracks[1] = track(range(16, 20), 400, poor)
    assert linked(tracks, DRAWING) == [0, 1]


@pytest.mark.parametrize(("alike", "numbers"), [(0.8, [0, 1]), (0.9, [0, 0])])
def test_faces_of_a_few_pixels_must_be_much_more_alike(alike, numbers):
    again = somebody(4, ANN, alike)
    tracks = [track(range(10), 100, ANN), track(range(500, 510), 30, again, shot=500)]
    assert linked(tracks, DRAWING) == [0, 0]
    tracks[1].look = look(30)
    assert linked(tracks, DRAWING) == numbers
    tracks[1].look = look(50)
    assert linked(tracks, DRAWING) == [0, 0]


def test_somebody_who_returns_after_a_cut_is_recognised():
    tracks = [
        track(range(10), 100, ANN),
        track(range(10, 20), 100, BEN, shot=10),
        track(range(500, 510), 30, somebody(4, ANN, 0.9), shot=500),
    ]
    assert linked(tracks, DRAWING) == [0, 1, 0]


def test_two_faces_in_one_frame_are_two_people_however_alike():
    tracks = [track(range(10), 100, ANN), track(range(9, 20), 300, ANN)]
    assert beside(tracks) == [{1}, {0}]
    assert linked(tracks, DRAWING) == [0, 1]


def test_twins_beside_each_other_stay_apart_whoever_else_is_like_them():
    tracks = [
        track(range(10), 100, ANN),
        track(range(10), 300, ANN),
        track(range(200, 210), 100, ANN),
    ]
    first, second, again = linked(tracks, DRAWING)
    assert first != second
    assert again in {first, second}


def test_one_face_that_was_followed_twice_is_one_person():
    assert linked([track(range(20), 100), track(range(15, 40), 110)], None) == [0, 0]


def test_faces_that_overlap_in_a_photo_are_several_people():
    assert linked([track([0], 100), track([0], 110)], None) == [0, 1]


def test_one_look_like_two_people_does_not_tie_all_their_looks():
    """The nearest of each other's looks would tie them: single linkage does."""
    between = (ANN + BEN) / np.linalg.norm(ANN + BEN)
    looks = [ANN] * 4 + [BEN] * 4 + [somebody(5, between, 0.999)]
    tracks = [
        track(range(200 * i, 200 * i + 9), 90, row, shot=200 * i) for i, row in enumerate(looks)
    ]
    drawing = SimpleNamespace(
        mean=DRAWING.mean, thresholds=Thresholds(unlike=0.1, same_person=0.65)
    )
    numbers = linked(tracks, drawing)
    assert len(set(numbers[:4])) == len(set(numbers[4:8])) == 1
    assert numbers[0] != numbers[4]


def test_more_tracks_than_are_compared_at_once_are_linked_all_the_same(monkeypatch):
    monkeypatch.setattr(people, "_AT_ONCE", 4)
    tracks = [
        track(range(90 * i, 90 * i + 3), 90, (ANN, BEN)[i % 2], shot=90 * i) for i in range(13)
    ]
    assert linked(tracks, DRAWING) == [i % 2 for i in range(13)]


@pytest.mark.parametrize("count", [0, 1])
def test_few_tracks_are_numbered(count):
    assert linked([track(range(5), 100, ANN)] * count, DRAWING) == [0] * count


def test_people_are_numbered_as_their_tracks_come():
    tracks = [track(range(90 * i, 90 * i + 3), 90, f) for i, f in enumerate([BEN, ANN, BEN])]
    assert linked(tracks, DRAWING) == [0, 1, 0]


def test_clusters_are_as_wide_as_allowed_on_average():
    apart = np.float32([[0, 0.2, 0.5], [0.2, 0, 0.3], [0.5, 0.3, 0]])
    assert len(set(clustered(apart, 0.25).tolist())) == 2
    assert len(set(clustered(apart, 0.45).tolist())) == 1


def test_a_look_at_something_else_does_not_count():
    """A hand before the face, say."""
    hand = somebody(7, ANN, 0.1)
    looks = np.stack([somebody(3, ANN, 0.9), hand, somebody(5, ANN, 0.9)])
    assert agreed(looks, DRAWING.mean) @ ANN > 0.9
    assert agreed(looks[[1, 0, 2]], DRAWING.mean) @ ANN > 0.9


def test_of_two_looks_that_disagree_the_better_one_counts():
    assert agreed(np.stack([ANN, BEN]), DRAWING.mean) == pytest.approx(ANN, abs=1e-6)
    assert agreed(ANN[None], DRAWING.mean) == pytest.approx(ANN, abs=1e-6)


def test_of_somebody_never_seen_well_nothing_is_known():
    person = described([track(range(3), 100)])
    assert np.isnan(person.features).all()
    assert np.isnan(person.shape).all()


@pytest.mark.parametrize(("how", "numbers"), [(Seen.FOLLOWED, [0, 0]), (Seen.DETECTED, [0, 1])])
def test_a_track_that_merely_ran_on_does_not_bar_the_persons_next_one(how, numbers):
    """Its last frames lie on somebody who walks by, while the person is found again elsewhere."""
    first, again = track(range(20), 100, ANN), track(range(12, 40), 300, ANN)
    first.sightings[10:] = [replace(s, seen=how) for s in first.sightings[10:]]
    assert linked([first, again], DRAWING) == numbers
