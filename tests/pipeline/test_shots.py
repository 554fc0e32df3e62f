from itertools import pairwise

import cv2
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


@pytest.mark.parametrize("degrees", [15, 40, 60])
def test_a_spinning_camera_is_no_cut_in_every_frame(degrees):
    """Each frame would be a shot of its own, in which nobody is followed."""
    wide = drawn_background(400, 400, 1)
    turns = [cv2.getRotationMatrix2D((200, 200), degrees * step, 1) for step in range(40)]
    spun = [cv2.warpAffine(wide, turn, (400, 400))[155:245, 120:280] for turn in turns]
    assert len(cuts(spun)) <= 4


@pytest.mark.parametrize("length", [2, 3, 5])
def test_short_shots_are_told_apart(length):
    shown = [SCENES[number // length % 2] for number in range(12 * length)]
    assert cuts(shown) == list(range(length, 12 * length, length))


def blended(a, b, share):
    return np.uint8((1 - share) * a.astype(np.float32) + share * b.astype(np.float32))


SCENES = [drawn_background(160, 90, 0), 255 - drawn_background(160, 90, 5)[::-1]]


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_flash_is_no_cut(length):
    """Photographers' flashes: the scene is still there, brighter."""
    scene = SCENES[0]
    white = np.full_like(scene, 255)
    assert cuts([scene] * 3 + [blended(scene, white, 0.75)] * length + [scene] * 3) == []


def test_a_fast_pan_from_the_first_frame_is_no_cut():
    wide = drawn_background(3000, 90, 1)
    assert cuts([np.ascontiguousarray(wide[:, x : x + 160]) for x in range(0, 900, 15)]) == []


@pytest.mark.parametrize("steps", [3, 6, 12])
def test_a_cut_right_after_the_light_fades_in_is_a_cut(steps):
    """Changing light must not make the change of a cut look usual."""
    fade = [blended(SCENES[0] * 0, SCENES[0], share) for share in np.linspace(0.25, 1, steps)]
    pictures = [fade[0]] * 4 + fade + [SCENES[1]] * 3
    assert cuts(pictures) == [4 + steps]


def fading(pictures):
    shots, result = Shots(), []
    for number, picture in enumerate(pictures):
        shots.cut(picture)
        if shots.fading:
            result.append(number)
    return result


@pytest.mark.parametrize("length", [8, 16, 30])
def test_a_dissolve_is_told_while_it_lasts(length):
    shares = np.linspace(0, 1, length + 2)[1:-1]
    pictures = [SCENES[0]] * 10 + [blended(*SCENES, share) for share in shares] + [SCENES[1]] * 10
    told = fading(pictures)
    assert set(range(14, 10 + length)) <= set(told)
    assert set(told) <= set(range(10, 12 + length))


def test_neither_stillness_nor_motion_nor_a_cut_is_a_dissolve(moving):
    wide = drawn_background(3000, 90, 1)
    pan = [np.ascontiguousarray(wide[:, x : x + 160]) for x in range(0, 900, 15)]
    for pictures in ([SCENES[0]] * 20, moving, pan, [SCENES[0]] * 8 + [SCENES[1]] * 8):
        assert fading(pictures) == []


@pytest.mark.parametrize(("length", "rest"), [(8, 0), (16, 0), (16, 2), (24, 4)])
def test_a_dissolve_that_follows_another_at_once_is_another(length, rest):
    scenes = [*SCENES, SCENES[0][::-1, ::-1]]
    shares = np.linspace(0, 1, length + 2)[1:-1]
    pictures = [scenes[0]] * 10
    for old, new in pairwise(scenes):
        pictures += [blended(old, new, share) for share in shares] + [new] * rest
    shots, fades = Shots(), []
    for number, picture in enumerate(pictures + [scenes[-1]] * 10):
        shots.cut(picture)
        shots.note(fades, number)
    assert len(fades) == 2
    for (first, last), start in zip(fades, (10, 10 + length + rest), strict=True):
        assert abs(first - start) <= 2
        assert abs(last - (start + length)) <= 2
