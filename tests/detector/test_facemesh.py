import cv2
import numpy as np
import pytest

from pipeline.contract import MESH_POINTS, Faces
from pipeline.geometry import bounds, overlap


def test_no_face_gets_no_mesh(rooms, astronaut):
    assert rooms.mesh.fit(astronaut, Faces.of([])).mesh.shape == (0, MESH_POINTS, 3)


def test_the_mesh_lies_on_the_portraits_face(face):
    assert face.mesh_scores[0] > 0.9
    assert overlap(bounds(face.mesh[0])[None], face.boxes)[0, 0] > 0.6


def test_fitting_keeps_what_the_detector_found(rooms, astronaut, face):
    given = Faces.of(face.boxes, face.landmarks, [0.7])
    fitted = rooms.mesh.fit(astronaut, given)
    assert np.array_equal(fitted.boxes, given.boxes)
    assert np.array_equal(fitted.landmarks, given.landmarks)
    assert fitted.scores[0] == np.float32(0.7)


def test_the_mesh_is_the_same_with_and_without_landmarks(rooms, astronaut, face):
    fitted = rooms.mesh.fit(astronaut, Faces.of(face.boxes))
    apart = np.linalg.norm((fitted.mesh - face.mesh)[0, :, :2], axis=1).max()
    assert apart < 0.06 * np.ptp(face.mesh[0, :, 0])


@pytest.mark.parametrize("degrees", [-40, 25, 90])
def test_the_mesh_turns_with_the_face(rooms, astronaut, face, degrees):
    centre = tuple(map(float, face.mesh[0, 4, :2]))
    turn = cv2.getRotationMatrix2D(centre, degrees, 1)
    turned = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    goal = face.mesh[0, :, :2] @ turn[:, :2].T + turn[:, 2]
    eyes = face.landmarks[0] @ turn[:, :2].T + turn[:, 2]
    fitted = rooms.mesh.fit(turned, Faces.of([bounds(goal)], [eyes]))
    apart = np.linalg.norm(fitted.mesh[0, :, :2] - goal, axis=1).mean()
    assert apart < 0.05 * np.ptp(face.mesh[0, :, 0])


def test_a_mesh_follows_a_face_that_moved_a_little(rooms, astronaut, face):
    moved = np.roll(astronaut, (6, 9), axis=(0, 1))
    mesh, score = rooms.mesh.follow(moved, face.mesh[0])
    assert score > 0.9
    assert np.abs((mesh - face.mesh[0])[:, :2].mean(axis=0) - (9, 6)).max() < 2


def test_a_mesh_of_nothing_is_not_believed(rooms):
    """Bare walls have no face; neither has noise."""
    wall = np.full((200, 200, 3), 140, np.uint8)
    found = rooms.mesh.fit(wall, Faces.of([[50, 50, 150, 150]]))
    assert found.mesh_scores[0] < 0.5


@pytest.mark.parametrize("box", [[0, 0, 1, 1], [-30, -30, 20, 20], [500, 500, 540, 540]])
def test_boxes_at_and_beyond_the_border_give_finite_numbers(rooms, astronaut, box):
    fitted = rooms.mesh.fit(astronaut, Faces.of([box]))
    assert np.isfinite(fitted.mesh).all()
    assert 0 <= fitted.mesh_scores[0] <= 1
