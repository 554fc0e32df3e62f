import numpy as np
import pytest

from pipeline.pose import landmarks_of, posed


@pytest.mark.parametrize("degrees", [(0, 0, 0), (25, 0, 0), (0, 15, 0), (0, 0, 40), (20, 10, -60)])
def test_a_pose_is_found_again_from_its_five_landmarks(donors, degrees):
    shape = donors.canonical.shape
    yaw, pitch, roll = np.radians(degrees)
    turns = []
    for a, b, angle in ((0, 2, yaw), (1, 2, pitch), (0, 1, roll)):
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = np.sin(angle), -np.sin(angle)
        turns.append(turn)
    mesh = shape @ turns[0] @ turns[1] @ turns[2] * 120 + (200, 150, 0)
    found = posed(landmarks_of(mesh)[:, :2], shape)
    assert np.linalg.norm((found - mesh)[:, :2], axis=1).mean() < 6


def test_the_portraits_landmarks_give_a_mesh_near_the_fitted_one(face, donors):
    found = posed(face.landmarks[0], donors.canonical.shape)
    apart = np.linalg.norm((found - face.mesh[0])[:, :2], axis=1).mean()
    assert apart < 0.1 * np.ptp(face.mesh[0, :, 0])


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((5, 2)), np.column_stack([np.arange(5), np.zeros(5)]), np.ones((5, 2)) * 7],
)
def test_landmarks_on_a_line_have_no_pose(donors, landmarks):
    with pytest.raises(ValueError, match="no pose"):
        posed(landmarks.astype(np.float32), donors.canonical.shape)


def test_landmarks_that_are_no_numbers_have_no_pose(donors):
    with pytest.raises((ValueError, np.linalg.LinAlgError)):
        posed(np.full((5, 2), np.nan, np.float32), donors.canonical.shape)
