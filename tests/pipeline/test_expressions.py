import numpy as np
import pytest

from generator.canonical import codes
from pipeline.expressions import EXPRESSIONS, Calm, bent, wearing
from tests.conftest import unknown_person

OPENING, WIDTH, EYES = 0, 1, slice(5, 7)


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_a_mesh_wears_the_expression_it_is_asked_for(donors, name):
    worn = codes(wearing(name, donors.canonical))
    assert worn == pytest.approx(np.array(EXPRESSIONS[name]), abs=0.004)


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_an_expression_leaves_the_head_as_it_is(donors, name):
    """No point moves far, and the forehead and temples hardly at all."""
    moved = np.linalg.norm(wearing(name, donors.canonical) - donors.canonical.shape, axis=1)
    assert moved.max() < 0.1
    assert moved[[10, 127, 356]].max() < 0.05


def test_a_wink_closes_one_eye_and_leaves_the_other(donors):
    left, right = codes(wearing("wink", donors.canonical))[EYES]
    assert left < 0.05 < 0.09 < right


@pytest.fixture
def calm(drawing):
    return Calm(drawing.generator, drawing.canonical)


def size(mesh):
    return np.ptp(mesh[:, :2], axis=0).max()


def test_a_calm_surrogate_is_the_same_whatever_the_face_does(calm, donors, face):
    rows = donors.rows.rows[:4]
    laughing = wearing("open-mouth", donors.canonical)
    laughing = laughing * np.float32(size(face.mesh[0]) / size(laughing))
    shapes = [calm.generate(rows, unknown_person(), m) for m in (face.mesh[0], laughing)]
    assert np.allclose(shapes[0].shape, shapes[1].shape, atol=1e-4)
    assert np.array_equal(shapes[0].texture, shapes[1].texture)


def test_a_calm_surrogate_has_its_mouth_closed_and_its_eyes_open(calm, donors):
    laughing = wearing("open-mouth", donors.canonical)
    for first in (0, 40, 80):
        worn = codes(
            calm.generate(donors.rows.rows[first : first + 4], unknown_person(), laughing).shape
        )
        assert worn[OPENING] < 0.03
        assert (worn[EYES] > 0.07).all()


def test_a_calm_surrogate_has_nothing_of_the_persons_own_shape(calm, donors, face):
    from dataclasses import replace

    rows, person = donors.rows.rows[:4], unknown_person()
    other = replace(person, shape=donors.faces.shapes[7])
    a, b = (calm.generate(rows, p, face.mesh[0]).shape for p in (person, other))
    assert np.array_equal(a, b)


def code(**changed):
    names = ("opening", "width", "left", "right", "pucker", "left_eye", "right_eye")
    told = dict(zip(names, EXPRESSIONS["neutral"], strict=True)) | changed
    return np.array([told[name] for name in names], np.float32)


@pytest.mark.parametrize(
    "wanted",
    [
        code(opening=0.26),
        code(left_eye=0.0),
        code(left_eye=0.12, right_eye=0.01),
        code(width=0.62, opening=0.12, right_eye=0.05),
        code(left=0.0, right=0.05),
    ],
)
def test_a_face_is_bent_to_the_codes_that_are_asked_for(donors, wanted):
    assert codes(bent(wanted, donors.canonical)) == pytest.approx(wanted, abs=0.006)


def test_lids_are_bent_without_the_mouth_and_the_mouth_without_the_lids(donors):
    still, shut = (bent(code(left_eye=o, right_eye=o), donors.canonical) for o in (0.1, 0.0))
    mouth = [13, 14, 61, 78, 291, 308, 0, 17, 152]
    assert np.array_equal(still[mouth], shut[mouth])
    assert codes(bent(code(opening=0.2), donors.canonical))[EYES] == pytest.approx(
        codes(still)[EYES], abs=1e-5
    )
