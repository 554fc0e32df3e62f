"""Irises and lids of painted eyes: white, with a dark disc, on skin."""

import cv2
import numpy as np
import pytest

from generator.eyes import Eyes
from generator.regions import LEFT_EYE, RIGHT_EYE, filled

WIDE_OPEN = np.float32([0.1, 0.1])
BOTH = (LEFT_EYE, RIGHT_EYE)
SKIN, WHITE, DARK = (190, 150, 130), (235, 230, 228), (40, 30, 25)


@pytest.fixture
def layout(donors):
    return donors.canonical.layout


def painted(layout, side, irises=(DARK, DARK)):
    texture = np.empty((side, side, 3), np.float32)
    texture[:] = SKIN
    for eye, colour in zip(BOTH, irises, strict=True):
        within = filled(layout, side, eye) > 0
        texture[within] = WHITE
        centre = layout[[eye[0], eye[8]]].mean(axis=0) * side - 0.5
        half = np.ptp(layout[[eye[0], eye[8]], 0]) * side / 2
        y, x = np.mgrid[:side, :side]
        iris = np.hypot(x - centre[0], y - centre[1] + 0.16 * half) < 0.4 * half
        texture[within & iris] = colour
    return cv2.GaussianBlur(texture, (0, 0), 0.004 * side)


def iris(texture, layout, eye):
    """(2,) centre of what is dark between the lids, in halves of the eye's width."""
    side = len(texture)
    dark = np.clip(120 - texture.mean(axis=2), 0, None) * filled(layout, side, eye)
    y, x = np.mgrid[:side, :side]
    half = np.ptp(layout[[eye[0], eye[8]], 0]) * side / 2
    return np.array([(dark * x).sum(), (dark * y).sum()]) / dark.sum() / half


@pytest.mark.parametrize("side", [64, 192, 256])
@pytest.mark.parametrize(
    ("gaze", "axis", "sign"),
    [((-0.25, 0), 0, -1), ((0.25, 0), 0, 1), ((0, -0.2), 1, -1), ((0, 0.2), 1, 1)],
)
def test_irises_go_where_they_are_sent(layout, side, gaze, axis, sign):
    eyes, texture = Eyes(layout, side, WIDE_OPEN), painted(layout, side)
    ahead, aside = (eyes.looking(texture, np.float32(g), WIDE_OPEN) for g in ((0, 0), gaze))
    for eye in BOTH:
        moved = (iris(aside, layout, eye) - iris(ahead, layout, eye))[axis]
        assert sign * moved > 0.05


def test_lids_that_open_wider_leave_the_iris_where_it_is(layout):
    """Their shape moves the upper lid alone, and with it all that lies over the lower one."""
    side, eyes = 256, Eyes(layout, 256, WIDE_OPEN)
    texture = painted(layout, side)
    for eye in BOTH:
        lower = layout[eye, 1].max() * side - 0.5
        half = np.ptp(layout[[eye[0], eye[8]], 0]) * side / 2
        shown = []
        for opening in (0.09, 0.1, 0.12):
            drawn = eyes.looking(texture, np.zeros(2, np.float32), np.float32([opening] * 2))
            dark = (drawn.mean(axis=2) < 120) & (filled(layout, side, eye) > 0)
            bottom = np.flatnonzero(dark.any(axis=1)).max()
            shown.append((lower + (bottom - lower) * opening / 0.1) / half)
        assert np.ptp(shown) < 0.06


@pytest.mark.parametrize("opening", [0.06, 0.075, 0.09, 0.12])
def test_an_iris_that_looks_up_does_not_vanish_behind_its_lid(layout, opening):
    side, eyes = 256, Eyes(layout, 256, WIDE_OPEN)
    texture, openings = painted(layout, side), np.float32([opening] * 2)
    ahead, up = (eyes.looking(texture, np.float32([0, y]), openings) for y in (0, -9))
    for eye in BOTH:
        within = filled(layout, side, eye) > 0
        dark = [(t.mean(axis=2) < 120)[within].sum() for t in (ahead, up)]
        assert 0.4 * dark[0] < dark[1] < 0.9 * dark[0]


def test_eyes_that_look_aside_in_the_picture_are_brought_to_look_ahead(layout):
    eyes, texture = Eyes(layout, 192, WIDE_OPEN), painted(layout, 192)
    aside = eyes.looking(texture, np.float32([0.2, 0]), WIDE_OPEN)
    ahead = eyes.looking(aside, np.zeros(2, np.float32), WIDE_OPEN)
    for eye in BOTH:
        there, back, start = (iris(t, layout, eye)[0] for t in (aside, ahead, texture))
        assert abs(back - start) < 0.35 * abs(there - start)


@pytest.mark.parametrize("gaze", [(0, 0), (0.3, -0.2), (-9, 9)])
@pytest.mark.parametrize("openings", [(0.1, 0.1), (0.0, 0.1), (0.0, 0.0)])
def test_nothing_but_the_eyes_changes(layout, gaze, openings):
    """And no colour appears that lies outside those of the eye."""
    side = 96
    eyes, texture = Eyes(layout, side, WIDE_OPEN), painted(layout, side)
    before = texture.copy()
    result = eyes.looking(texture, np.float32(gaze), np.float32(openings))
    near = sum(filled(layout, side, eye) for eye in BOTH).astype(np.uint8)
    near = cv2.dilate(near, np.ones((33, 33))) > 0
    assert np.array_equal(result[~near], texture[~near])
    assert np.array_equal(texture, before)
    assert result.min() >= 0
    assert result.max() <= 255


def test_a_gaze_beyond_the_corner_stops_at_it(layout):
    eyes, texture = Eyes(layout, 192, WIDE_OPEN), painted(layout, 192)
    far, beyond = (eyes.looking(texture, np.float32([x, 0]), WIDE_OPEN) for x in (2, 50))
    assert np.array_equal(far, beyond)


@pytest.mark.parametrize("gaze", [(np.nan, np.nan), (0.3, np.nan)])
def test_open_eyes_of_unknown_gaze_stay(layout, gaze):
    texture = painted(layout, 96)
    assert np.array_equal(
        Eyes(layout, 96, WIDE_OPEN).looking(texture, np.float32(gaze), WIDE_OPEN), texture
    )


def test_an_eye_without_contrast_is_let_be(layout):
    """There is no iris to be found; nothing is divided by nothing."""
    plain = np.full((96, 96, 3), 128, np.float32)
    drawn = Eyes(layout, 96, WIDE_OPEN).looking(plain, np.float32([0.3, 0]), WIDE_OPEN)
    assert drawn == pytest.approx(plain, abs=1e-3)


def test_the_fringe_of_the_upper_lid_stays_when_an_iris_moves(layout):
    """Else every face would stare."""
    side = 256
    texture = painted(layout, side)
    upper = np.zeros((side, side), bool)
    for eye in BOTH:
        within = filled(layout, side, eye)
        upper |= (within > 0) & (np.roll(within, 2, axis=0) == 0)
    texture[upper] = DARK
    eyes = Eyes(layout, side, WIDE_OPEN)
    for gaze in ((0, 0), (0.3, 0), (0, -0.2), (0, 0.2)):
        drawn = eyes.looking(texture, np.float32(gaze), WIDE_OPEN)
        assert drawn[upper].mean() < 80


def colours(texture, layout):
    """(2, 3) of the middles of both irises."""
    side, result = len(texture), []
    for eye in BOTH:
        across, down = layout[[eye[0], eye[8]]].mean(axis=0) * side
        half = np.ptp(layout[[eye[0], eye[8]], 0]) * side / 2
        row, column = round(float(down - 0.1 * half)), round(float(across))
        result.append(texture[row - 1 : row + 2, column - 1 : column + 2].mean(axis=(0, 1)))
    return np.stack(result)


@pytest.mark.parametrize("side", [96, 192])
def test_a_brown_and_a_blue_eye_become_of_one_colour(layout, side):
    eyes = Eyes(layout, side, WIDE_OPEN)
    texture = painted(layout, side, [(80, 50, 35), (60, 75, 95)])
    paired = eyes.paired(texture, eyes.drawn(texture))
    before, after = (np.ptp(colours(t, layout), axis=0) for t in (texture, paired))
    assert before.max() > 40
    assert after.max() < 0.5 * before.max()
    untouched = sum(filled(layout, side, eye) for eye in BOTH) == 0
    grown = cv2.dilate((~untouched).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert (paired[~grown] == texture[~grown]).all()


def test_irises_almost_as_pale_as_the_white_become_darker_and_dark_ones_stay(layout):
    eyes = Eyes(layout, 192, WIDE_OPEN)
    for colour, least, most in (((180, 185, 190), 90, 130), (DARK, 20, 50)):
        texture = painted(layout, 192, [colour, colour])
        paired = eyes.paired(texture, eyes.drawn(texture))
        assert least < colours(paired, layout).mean() < most
