import numpy as np
import pytest

from generator.regions import INNER_LIPS
from replacer.seam import _INNER as INNER
from replacer.seam import soften


def test_the_seam_runs_along_the_inner_lips():
    assert set(INNER.ravel().tolist()) == set(INNER_LIPS)


def lips_on_steps(donors, gap, turn=0):
    """A picture that is dark above the lips' line, in steps of a pixel; and a face whose lips are
    `gap` px apart there.
    """
    mesh = donors.canonical.shape * 160
    up, down = (p.mean(axis=0) for p in mesh[INNER])
    mesh[INNER] += ((up + down) / 2 - [[up], [down]])[:, 0, None]
    middle = mesh[INNER].mean(axis=(0, 1))
    mesh[INNER, 1] = middle[1] + np.array([[-gap / 2], [gap / 2]])
    picture = np.full((160, 160, 3), 200, np.uint8)
    picture[: round(float(middle[1]))] = 60
    return np.rot90(picture, turn).copy(), rotated(mesh, turn), round(float(middle[1]))


def rotated(mesh, turn):
    for _ in range(turn):
        mesh = np.stack([mesh[:, 1], 159 - mesh[:, 0], mesh[:, 2]], axis=1)
    return mesh.astype(np.float32)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("gap", [1.0, 0.0, -2.0])
def test_lips_meet_in_a_soft_line(donors, gap, turn):
    picture, mesh, row = lips_on_steps(donors, gap, turn)
    soften(picture, mesh)
    column = np.rot90(picture, -turn)[row - 4 : row + 4, 80, 0].astype(int)
    assert np.abs(np.diff(column)).max() < 0.7 * 140
    assert column[0] == 60
    assert column[-1] == 200


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_lips_apart_stay_sharp(donors, turn):
    picture, mesh, _ = lips_on_steps(donors, 6.0, turn)
    before = picture.copy()
    soften(picture, mesh)
    across = (np.rot90(picture, -turn) != np.rot90(before, -turn)).any(axis=(0, 2))
    assert not across[70:90].any()


def test_lips_outside_of_the_picture_are_no_fault(donors):
    picture, mesh, _ = lips_on_steps(donors, 0.0)
    before = picture.copy()
    soften(picture, mesh + np.float32([500, 0, 0]))
    assert np.array_equal(picture, before)
