import cv2
import numpy as np
import pytest

from pipeline.contract import Faces
from tests.conftest import RECOGNISED


def test_a_person_is_the_same_turned_and_zoomed(judge, astronaut, moving):
    own = judge.features(astronaut)
    assert min(judge.alike(own, judge.features(frame)) for frame in moving[::12]) > RECOGNISED


@pytest.mark.parametrize("width", [24, 40, 80])
def test_a_person_is_the_same_when_small(judge, astronaut, face, width):
    factor = width / float(face.boxes[0, 2] - face.boxes[0, 0])
    small = cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    there = judge.features(small, face.boxes[0] * factor)
    assert judge.alike(judge.features(astronaut, face.boxes[0]), there) > RECOGNISED


@pytest.mark.parametrize("shift", [-10, 10])
def test_features_do_not_hang_on_the_exact_box(drawing, judge, astronaut, face, shift):
    rows = drawing.extractor.extract(
        astronaut, Faces.of(np.concatenate([face.boxes, face.boxes + shift]))
    )
    assert judge.alike(rows[0], rows[1]) > 0.9


def test_a_box_outside_the_picture_gives_a_row_all_the_same(drawing, astronaut):
    rows = drawing.extractor.extract(astronaut, Faces.of([[-90, -90, -20, -20]]))
    assert rows.shape == (1, 128)


def test_a_picture_that_is_a_view_is_taken(drawing, astronaut, face):
    wide = np.zeros((512, 700, 3), np.uint8)
    wide[:, :512] = astronaut
    one = drawing.extractor.extract(wide[:, :512], face)
    assert np.array_equal(one, drawing.extractor.extract(astronaut, face))
