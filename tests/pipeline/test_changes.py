"""What changed is told from what the camera's motion moved."""

import cv2
import numpy as np
import pytest

from pipeline import changes
from tests.conftest import drawn_background

SIZE = 320, 180
WALL = drawn_background(2400, 1320, 5)


def view(x=0.0, y=0.0, scale=6):
    """What a camera sees of the wall, `x` and `y` px of the picture farther right and down."""
    matrix = np.float32([[1, 0, -scale * (x + 20)], [0, 1, -scale * (y + 10)]])
    frame = cv2.warpAffine(WALL, matrix, (SIZE[0] * scale, SIZE[1] * scale))
    return cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("step", [(0, 0), (3.3, 0), (0, -2.4), (-9.5, 4.25), (0.4, 0.2), (14, 0)])
def test_the_motion_of_a_camera_is_told_to_a_part_of_a_pixel(step):
    assert changes.motion(view(), view(*step)) == pytest.approx(-np.array(step), abs=0.15)


def test_people_who_walk_do_not_move_the_camera():
    before, now = view(), view(2.5)
    for picture, x in ((before, 40), (now, 55)):
        picture[60:140, x : x + 20] = 150
        picture[40:120, 300 - x : 315 - x] = 80
    assert changes.motion(before, now) == pytest.approx([-2.5, 0], abs=0.2)


def test_a_picture_that_shows_nothing_is_not_moved():
    flat = np.full((*SIZE[::-1], 3), 90, np.uint8)
    there, by = changes.moved(flat, flat)
    assert not by.any()
    assert np.array_equal(there, flat)
    assert not changes.changed(there, flat, by).any()


@pytest.mark.parametrize("step", [(0, 0), (3.3, 0), (-4.5, 2.2)])
def test_of_a_wall_nothing_changes_but_what_comes_in(step):
    before, now = view(), view(*step)
    there, by = changes.moved(before, now)
    news = changes.changed(there, now, by)
    height, width = news.shape
    inside = np.s_[6 : height - 6, 6 : width - 6]
    assert news[inside].mean() < 0.01
    if step[0]:
        side = news[:, -3:] if step[0] > 0 else news[:, :3]
        assert side.all()


@pytest.mark.parametrize("step", [(0, 0), (3.3, 0)])
@pytest.mark.parametrize("place", [(100, 60), (210, 120)])
def test_a_thing_of_two_pixels_that_appears_is_told(step, place):
    x, y = place
    before, now = view(), view(*step)
    now[y : y + 2, x : x + 2] = np.clip(now[y : y + 2, x : x + 2].astype(int) + 60, 0, 255)
    there, by = changes.moved(before, now)
    assert changes.changed(there, now, by)[y : y + 2, x : x + 2].any()


def test_grain_is_no_change():
    rng = np.random.default_rng(1)
    noisy = [np.clip(view() + rng.normal(0, 1, (*SIZE[::-1], 3)), 0, 255).astype(np.uint8)
             for _ in range(2)]  # fmt: skip
    there, by = changes.moved(*noisy)
    assert not by.any()
    assert not changes.changed(there, noisy[1], by).any()
