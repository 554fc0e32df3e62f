"""Lids of painted eyes: white with a dark disc and broad dark lashes, on skin."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from generator.canonical import opened_alike, with_lids
from generator.expression import eye_code
from generator.lids import Lids
from generator.regions import LEFT_EYE, RIGHT_EYE, filled
from pipeline.geometry import warp

BOTH = (LEFT_EYE, RIGHT_EYE)
SKIN, WHITE, DARK = (190, 150, 130), (235, 230, 228), (40, 30, 25)
ASLEEP, AWAKE = 0.01, 0.1


@pytest.fixture
def canonical(donors):
    return donors.canonical


def painted(layout, side):
    """Lashes as broad as a mix of made-up donors has them."""
    texture = np.empty((side, side, 3), np.float32)
    texture[:] = SKIN
    for eye in BOTH:
        within = filled(layout, side, eye)
        brush = np.ones((max(3, side // 24) | 1,) * 2)
        texture[cv2.dilate(within, brush) > 0] = DARK
        texture[within > 0] = WHITE
        centre = layout[eye].mean(axis=0) * side - 0.5
        y, x = np.mgrid[:side, :side]
        iris = np.hypot(x - centre[0], y - centre[1]) < 0.03 * side
        texture[(within > 0) & iris] = DARK
    return cv2.GaussianBlur(texture, (0, 0), 0.004 * side)


def closed(layout, side, openings):
    texture = painted(layout, side)
    Lids(layout, side).close(texture, np.float32(openings))
    return texture


def drawn(canonical, texture, openings, size=256):
    """The texture on the canonical shape with its eyes that far open."""
    shape = with_lids(canonical.shape, np.float32(openings)) * size
    layout = canonical.layout * len(texture) - 0.5
    return warp(texture, layout, shape, canonical.triangles, (size, size))[0]


def darkness(canonical, picture, eye):
    """How many rows of a picture of the canonical face are dark where that eye is widest."""
    ring = canonical.shape[eye, :2] * len(picture)
    middle, (top, low) = round(float(ring[:, 0].mean())), (ring[:, 1].min(), ring[:, 1].max())
    high = low - top
    column = picture[round(top - high) : round(low + high), middle - 2 : middle + 3]
    return float(np.clip(1 - column.mean(axis=(1, 2)) / 140, 0, 1).sum())


@pytest.mark.parametrize("side", [48, 96, 192, 256])
def test_a_closed_eye_is_a_thin_line_on_skin(canonical, side):
    """Without lids the texture shows a broad dark band there."""
    openings = (ASLEEP, ASLEEP)
    band = drawn(canonical, painted(canonical.layout, side), openings)
    line = drawn(canonical, closed(canonical.layout, side, openings), openings)
    for eye in BOTH:
        assert darkness(canonical, line, eye) < 0.5 * darkness(canonical, band, eye)
        assert darkness(canonical, line, eye) > 0.4


@pytest.mark.parametrize("side", [48, 192])
def test_no_white_is_left_of_a_closed_eye(canonical, side):
    texture = closed(canonical.layout, side, (ASLEEP, ASLEEP))
    for eye in BOTH:
        assert texture[filled(canonical.layout, side, eye) > 0].max() <= max(SKIN) + 15


@pytest.mark.parametrize("openings", [(0.09, 0.09), (0.1, 0.2), (np.nan, np.nan)])
def test_open_eyes_stay_as_they_are(canonical, openings):
    before = painted(canonical.layout, 96)
    assert np.array_equal(closed(canonical.layout, 96, openings), before)


@pytest.mark.parametrize(("eye", "other"), [(0, 1), (1, 0)])
def test_a_wink_closes_one_eye(canonical, eye, other):
    openings = np.full(2, AWAKE)
    openings[eye] = ASLEEP
    before, after = painted(canonical.layout, 96), closed(canonical.layout, 96, openings)
    half = np.s_[:, :48], np.s_[:, 48:]
    assert not np.array_equal(after[half[eye]], before[half[eye]])
    assert np.array_equal(after[half[other]], before[half[other]])


def test_an_eye_closes_smoothly(canonical):
    steps = [closed(canonical.layout, 96, (o, o)) for o in np.linspace(0.095, 0.0, 39)]
    jumps = [np.abs(b - a).max() for a, b in pairwise(steps)]
    whole = np.abs(steps[-1] - steps[0]).max()
    assert whole > 50
    assert max(jumps) < 0.25 * whole


@pytest.mark.parametrize("colour", [0, 255])
def test_a_texture_of_one_colour_gets_no_other_ones(canonical, colour):
    texture = np.full((96, 96, 3), colour, np.float32)
    Lids(canonical.layout, 96).close(texture, np.float32([0, 0]))
    assert texture.min() >= 0
    assert texture.max() <= colour + 1e-3


def shown(canonical, read, usual):
    shapes = [with_lids(canonical.shape, np.float32([r, r])) for r in read]
    worn = [opened_alike(canonical.shape, own, usual) for own in shapes]
    return np.array([eye_code(shape).mean() for shape in worn])


def test_lids_that_read_as_closed_eyes_do_are_closed(canonical):
    """The iris model reads 0.02 to 0.06 off closed eyes, and open ones as they are."""
    read = np.linspace(0, 0.13, 27)
    seen = shown(canonical, read, 0.115)
    assert (np.diff(seen) >= -1e-4).all()
    assert (seen[read <= 0.045] < 0.016).all()
    assert seen[read >= 0.1] == pytest.approx(read[read >= 0.1], abs=2e-3)


def test_narrow_eyes_that_are_open_stay_open_and_close_when_they_close(canonical):
    narrow = shown(canonical, [0.06, 0.02], 0.06)
    assert narrow[0] == pytest.approx(0.06, abs=3e-3)
    assert narrow[1] < 0.011


def test_of_somebody_seen_too_briefly_only_what_surely_reads_closed_is_closed(canonical):
    open_, shut = shown(canonical, [0.075, 0.03], np.nan)
    assert open_ == pytest.approx(0.075, abs=3e-3)
    assert shut < 0.016
