import numpy as np
import pytest

from pipeline.shots import Shots
from tests.conftest import drawn_background


def cuts(pictures):
    shots = Shots()
    return [number for number, picture in enumerate(pictures) if shots.cut(picture)]


def test_the_first_frame_is_no_cut():
    assert cuts([drawn_background(64, 36)]) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (640, 480)])
def test_pictures_of_every_size_are_taken(size):
    width, height = size
    black, white = (
        np.zeros((height, width, 3), np.uint8),
        np.full((height, width, 3), 255, np.uint8),
    )
    assert cuts([black, black, white, white]) == [2]


def test_another_scene_is_a_cut():
    scenes = [drawn_background(160, 90, seed) for seed in (0, 0, 0)]
    other = 255 - drawn_background(160, 90, 5)[::-1]
    assert cuts([*scenes, other, other, other]) == [3]


def test_motion_is_no_cut(moving):
    assert cuts(moving) == []


def test_a_slow_fade_is_no_cut():
    assert cuts([np.full((36, 64, 3), 6 * step, np.uint8) for step in range(40)]) == []


def test_a_wild_pan_is_no_cut_but_a_cut_within_it_after_a_calm_start_is():
    wide = drawn_background(3000, 90, 1)
    pan = [np.ascontiguousarray(wide[:, x : x + 160]) for x in range(0, 1500, 30)]
    assert len(cuts(pan)) <= 2
