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


@pytest.mark.parametrize("known", ["mesh", "landmarks"])
@pytest.mark.parametrize("degrees", [40, 90, 180, -120])
def test_a_head_that_leans_or_hangs_is_the_same_person(
    drawing, rooms, judge, astronaut, face, degrees, known
):
    """dlib's own points lie anywhere then."""
    fitted = rooms.mesh.fit(astronaut, face)
    x1, y1, x2, y2 = face.boxes[0].tolist()
    turn = cv2.getRotationMatrix2D(((x1 + x2) / 2, (y1 + y2) / 2), degrees, 1)
    turned = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    mesh = fitted.mesh.copy()
    mesh[..., :2] = mesh[..., :2] @ turn[:, :2].T + turn[:, 2]
    landmarks = face.landmarks @ turn[:, :2].T + turn[:, 2]
    score = [1.0 if known == "mesh" else 0.0]
    there = Faces.of(
        [[*mesh[0, :, :2].min(0), *mesh[0, :, :2].max(0)]], landmarks, None, mesh, score
    )
    own = drawing.extractor.extract(astronaut, face)[0]
    assert judge.alike(own, drawing.extractor.extract(turned, there)[0]) > 0.8


@pytest.mark.parametrize("degrees", [-20, 0, 20])
def test_an_upright_head_is_shown_as_it_is(drawing, astronaut, face, degrees):
    """The donors' features were made so: the same pixels give the same features."""
    across = np.float32([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    landmarks = face.landmarks.copy()
    landmarks[0, 1] = landmarks[0, 0] + 50 * across
    leaning = Faces.of(face.boxes, landmarks, face.scores)
    unknown = drawing.extractor.extract(astronaut, Faces.of(face.boxes))
    assert np.array_equal(drawing.extractor.extract(astronaut, leaning), unknown)
