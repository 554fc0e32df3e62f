import numpy as np
import pytest

from generator.canonical import codes
from pipeline.expressions import EXPRESSIONS, Calm, wearing
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


def test_a_calm_surrogate_is_the_same_whatever_the_face_does(calm, donors, face):
    rows = donors.rows.rows[:4]
    laughing = wearing("open-mouth", donors.canonical) * 100
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
