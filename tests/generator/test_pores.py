import cv2
import numpy as np
import pytest

from generator.head import Head
from generator.pores import pores

EVEN = 120.0


def strength(picture):
    light = np.asarray(picture, np.float32).mean(axis=2)
    return float((light - cv2.GaussianBlur(light, (0, 0), 2.0)).std())


@pytest.mark.parametrize("side", [48, 96, 192, 256])
def test_pores_change_single_pixels_and_no_colour(side):
    noise = pores(side)
    assert noise.shape == (side, side, 1)
    assert abs(float(noise.mean())) < 0.05
    neighbours = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.1


def test_small_textures_have_less_of_it_as_if_they_were_shrunk():
    shrunk = cv2.resize(pores(192), (96, 96), interpolation=cv2.INTER_AREA)
    assert pores(96).std() == pytest.approx(shrunk.std(), rel=0.1)
    assert pores(256).std() == pytest.approx(pores(192).std(), rel=0.05)


def test_an_evenly_drawn_face_is_shown_with_the_grain_of_skin(donors):
    side = 192
    head = Head(
        lambda mixes: np.full((len(mixes), side, side, 3), EVEN, np.float32), 3, donors.canonical
    )
    face = head.face(head.draw(np.ones((1, 3), np.float32))[0])
    shown = head.shown(face, None, np.full(2, np.nan, np.float32), np.full(2, 0.1, np.float32))
    brow = shown[20:60, 60:130]
    assert 0.7 < strength(brow) < 1.4
    assert np.abs(brow.astype(float) - EVEN).max() < 8
    assert face.lips == EVEN
