"""A face is found again by what it looks like; small ones farther away for their size."""

import cv2
import numpy as np
import pytest

from pipeline.contract import Frame
from pipeline.following import Look

GROUND = np.random.default_rng(3).normal(120, 6, (240, 320, 3))


def head(side):
    rough = np.random.default_rng(5).normal(128, 60, (6, 6, 3)).astype(np.float32)
    return cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC)


def frame(x, side):
    picture = GROUND.copy()
    picture[100 : 100 + side, x : x + side] = head(side)
    return Frame((np.clip(picture, 0, 255).astype(np.uint8),), "rgb24")


def box(x, side):
    return np.float32([x, 100, x + side, 100 + side])


def found(side, moved):
    look = Look.at(frame(100, side), box(100, side))
    assert look is not None
    return look.found(frame(100 + moved, side), box(100, side))


@pytest.mark.parametrize("side", [10, 16, 40])
@pytest.mark.parametrize("way", [-0.3, 0.3])
def test_a_face_that_moves_a_little_is_found_again(side, way):
    moved = round(way * side)
    assert found(side, moved) == pytest.approx(box(100 + moved, side), abs=0.08 * side)


@pytest.mark.parametrize("side", [10, 16])
@pytest.mark.parametrize("way", [-1.2, 1.2])
def test_a_small_one_is_found_farther_away_for_its_size(side, way):
    moved = round(way * side)
    assert found(side, moved) == pytest.approx(box(100 + moved, side), abs=0.08 * side)


def test_a_large_one_is_followed_by_its_mesh_and_sought_nearby_only():
    assert found(40, 48) is None


@pytest.mark.parametrize("side", [10, 40])
def test_a_face_that_is_gone_is_not_found(side):
    look = Look.at(frame(100, side), box(100, side))
    assert look is not None
    assert look.found(frame(220, side), box(100, side)) is None
