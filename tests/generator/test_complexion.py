import cv2
import numpy as np
import pytest

from generator.complexion import Complexion
from generator.regions import LIPS, filled

SIDE = 96


@pytest.fixture(scope="module")
def complexion(donors):
    return Complexion(donors.canonical.layout, SIDE)


@pytest.fixture
def patchy():
    """Skin of one brightness, left half reddish, right half greenish, in squares."""
    lab = np.zeros((SIDE, SIDE, 3), np.float32)
    squares = np.indices((SIDE, SIDE)).sum(axis=0) // 8 % 2
    lab[..., 0], lab[..., 1], lab[..., 2] = 60, np.where(squares, 24, 4), 16
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255


def hues(texture):
    return cv2.cvtColor((texture / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


def test_patches_of_skin_lose_most_of_their_difference(complexion, patchy):
    cheek = np.s_[50:60, 26:36]
    before, after = (hues(t)[cheek][..., 1].std() for t in (patchy, complexion.evened(patchy)))
    assert after < 0.6 * before


def test_brightness_stays(complexion, patchy):
    assert hues(complexion.evened(patchy))[..., 0] == pytest.approx(hues(patchy)[..., 0], abs=1)


def test_lips_keep_their_colour(complexion, patchy, donors):
    lips = filled(donors.canonical.layout, SIDE, LIPS) > 0
    before, after = hues(patchy)[lips], hues(complexion.evened(patchy))[lips]
    assert np.abs(before - after).mean() < 2


def test_an_even_face_is_left_alone(complexion):
    plain = np.full((SIDE, SIDE, 3), (190, 150, 130), np.float32)
    assert complexion.evened(plain) == pytest.approx(plain, abs=1)


def test_fine_detail_comes_out_crisper_and_smooth_light_stays(complexion):
    """What networks draw too softly is one pixel wide."""
    across = np.indices((SIDE, SIDE))[1]
    for period, least, most in ((2, 1.1, 1.8), (48, 0.98, 1.02)):
        light = (128 + 8 * np.cos(2 * np.pi * across / period)).astype(np.float32)
        crisp = complexion.evened(np.repeat(light[..., None], 3, axis=2))
        inner = np.s_[20:-20, 20:-20]
        assert least < crisp[inner].std() / light[inner].std() < most
