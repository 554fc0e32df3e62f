import cv2
import numpy as np
import pytest

from extractor.crops import MARGIN, crop, eyes
from pipeline.contract import MESH_POINTS, Faces

GRADIENT = np.dstack([*np.meshgrid(np.arange(200), np.arange(160)), np.full((160, 200), 7)]).astype(
    np.uint8
)


def test_a_crop_is_the_square_around_the_box_with_a_margin():
    """Red tells a pixel's column, green its row."""
    square = crop(GRADIENT, np.float32([80, 50, 120, 80]), 53)
    assert square.shape == (53, 53, 3)
    half = 40 * MARGIN / 2
    wanted = np.linspace(100 - half, 100 + half, 53 + 1)[:-1] + half / 53
    assert square[26, :, 0].astype(float) == pytest.approx(wanted - 0.0, abs=1.1)
    assert square[26, 26, 1] == pytest.approx(65, abs=1)


def test_a_face_that_leans_is_set_upright():
    turned = cv2.getRotationMatrix2D((100, 80), 30, 1)
    picture = cv2.warpAffine(GRADIENT, turned, (200, 160), borderMode=cv2.BORDER_REPLICATE)
    points = np.float32([[90, 80], [110, 80]]) @ turned[:, :2].T + turned[:, 2]
    box = np.float32([80, 60, 120, 100])
    level, leaning = crop(picture, box, 40, points.astype(np.float32)), crop(picture, box, 40)
    assert np.ptp(level[5:35, 20, 0].astype(int)) <= 2
    assert np.ptp(leaning[5:35, 20, 0].astype(int)) > 8


def test_a_large_face_is_averaged_before_it_is_shrunk():
    board = np.kron((np.indices((400, 400)).sum(axis=0) % 2)[..., None], np.ones((1, 1, 3)))
    square = crop((board * 255).astype(np.uint8), np.float32([0, 0, 400, 400]), 20)
    assert square[2:-2, 2:-2].std() < 8


@pytest.mark.parametrize(
    "box",
    [
        [np.nan] * 4,
        [10, 10, 10, 30],
        [30, 10, 10, 30],
        [10, 10, np.inf, 30],
        [900, 900, 950, 950],
        [-99, -99, -50, -50],
    ],
)
def test_a_box_with_nothing_in_it_gives_no_crop(box):
    assert crop(GRADIENT, np.float32(box), 32) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 33), (40, 1)])
def test_tiny_pictures_give_crops(size):
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    square = crop(picture, np.float32([0, 0, *size]), 16)
    assert (square == 90).all()


@pytest.mark.parametrize("line", [None, [[5, 5], [5, 5]], [[np.nan, 1], [4, 1]]])
def test_unknown_eyes_leave_the_square_as_it_is(line):
    box = np.float32([80, 50, 120, 80])
    points = None if line is None else np.float32(line)
    assert np.array_equal(crop(GRADIENT, box, 24, points), crop(GRADIENT, box, 24))


def test_eyes_come_from_the_mesh_where_there_are_no_landmarks():
    mesh = np.arange(MESH_POINTS * 3, dtype=np.float32).reshape(1, MESH_POINTS, 3)
    landmarks = np.float32([[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]])
    both = Faces.of([[0, 0, 9, 9]], landmarks, None, mesh)
    neither, one = Faces.of([[0, 0, 9, 9]]), Faces.of([[0, 0, 9, 9]], None, None, mesh)
    assert eyes(both, 0).tolist() == [[1, 2], [3, 4]]
    assert np.array_equal(eyes(one, 0), mesh[0, [33, 263], :2])
    assert np.isnan(eyes(neither, 0)).all()
