import numpy as np
import pytest

from pipeline.tracks import Seen, Sighting, Track

NO_MESH = np.full((468, 3), np.nan, np.float32)
NO_POINTS = np.full((5, 2), np.nan, np.float32)
FADES = [(10, 20), (40, 60)]


def seen(frame, how=Seen.DETECTED, wide=40.0, mesh_score=0.0):
    box = np.float32([10, 10, 10 + wide, 60])
    return Sighting(frame, box, NO_POINTS, NO_MESH, mesh_score, how)


def track(*sightings, certain=False):
    return Track(0, 0, list(sightings), evidence=3.0, certain=certain)


def test_what_looks_like_a_face_only_while_pictures_lie_over_each_other_is_none():
    followed = [seen(n, Seen.SOUGHT) for n in range(23, 40)]
    assert track(*(seen(n) for n in range(12, 23)), *followed, seen(45)).is_blend(FADES)


@pytest.mark.parametrize("fades", [[], [(40, 60)]])
def test_a_face_that_is_also_seen_outside_of_dissolves_is_one(fades):
    assert not track(*(seen(n) for n in range(12, 50))).is_blend(fades)


def test_a_face_in_a_dissolve_is_one_if_it_is_certain_has_a_mesh_or_is_too_small_for_one():
    frames = range(12, 18)
    assert not track(*(seen(n) for n in frames), certain=True).is_blend(FADES)
    assert not track(*(seen(n, mesh_score=0.6) for n in frames)).is_blend(FADES)
    assert not track(*(seen(n, wide=14.0) for n in frames)).is_blend(FADES)


def test_what_was_never_detected_but_taken_from_another_track_stays():
    assert not track(*(seen(n, Seen.FOLLOWED) for n in range(12, 18))).is_blend(FADES)


@pytest.mark.parametrize(
    ("doubts", "mesh_score", "certain", "sure"),
    [
        (0, 0.0, False, True),
        (10, 0.0, False, True),
        (11, 0.0, False, False),
        (11, 0.6, False, True),
        (16, 0.6, False, False),
        (50, 0.0, True, True),
    ],
)
def test_few_strong_looks_among_many_weak_ones_are_an_accident(doubts, mesh_score, certain, sure):
    """Three strong ones here; where a mesh lay on it once, more doubts are borne."""
    one = track(seen(1, mesh_score=mesh_score), certain=certain)
    one.doubts = doubts
    assert one.sure == sure
    one.evidence = 0.5
    assert not one.sure


@pytest.mark.parametrize(
    ("frames", "shift", "mesh_score", "stays"),
    [((4, 8), 0, 0.9, True), ((4, 8), 4, 0.9, True), ((4, 8), 12, 0.9, False),
     ((4, 9), 0, 0.9, False), ((4, 8), 0, 0.3, False)],
)  # fmt: skip
def test_a_mesh_stays_between_two_near_looks_at_the_same_place(frames, shift, mesh_score, stays):
    before, after = (seen(frame) for frame in frames)
    between = seen(6, Seen.FOLLOWED, mesh_score=mesh_score)
    between.box[[0, 2]] += shift
    assert between.stays(before, after) == stays
