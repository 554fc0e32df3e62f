import numpy as np
import pytest

from generator.canonical import codes, frontal
from generator.deconv import _LEFT, _LIPS, _RIGHT
from pipeline.contract import Person
from tests.conftest import unknown_person

SIDE = 200


@pytest.fixture(scope="module")
def mesh(donors):
    """A frontal face at rest, (468, 3) px."""
    return donors.canonical.shape * np.float32(SIDE)


def open_mouth(mesh, donors):
    low = np.float32(donors.canonical.layout[:, 1:] > 0.6)
    return mesh + SIDE * np.float32(0.3) * donors.canonical.bend[0] * low


def shut_eyes(mesh, donors):
    code = codes(donors.canonical.shape)
    bend = donors.canonical.bend
    return mesh - SIDE * 0.9 * (code[5] * bend[5] + code[6] * bend[6])


def box_of(donors, points, side, grow=0.02):
    """The region around some points of the layout, as slices of a texture."""
    part = donors.canonical.layout[points]
    x1, y1 = ((part.min(axis=0) - grow) * side).astype(int)
    x2, y2 = ((part.max(axis=0) + grow) * side).astype(int)
    return np.s_[y1:y2, x1:x2]


def change(a, b, where):
    return float(np.abs(a.texture[where].astype(float) - b.texture[where]).mean())


@pytest.mark.parametrize("first", [0, 30, 77])
def test_an_open_mouth_changes_the_mouth_and_nothing_else(drawing, donors, mesh, first):
    rows = donors.rows.rows[first : first + 4]
    calm = drawing.generator.generate(rows, unknown_person(), mesh)
    wide = drawing.generator.generate(rows, unknown_person(), open_mouth(mesh, donors))
    side = len(calm.texture)
    assert change(calm, wide, box_of(donors, _LIPS, side)) > 5
    assert change(calm, wide, np.s_[: side // 2]) < 1.5


@pytest.mark.parametrize("first", [0, 30, 77])
def test_closed_eyes_change_the_eyes_and_nothing_else(drawing, donors, mesh, first):
    rows = donors.rows.rows[first : first + 4]
    calm = drawing.generator.generate(rows, unknown_person(), mesh)
    shut = drawing.generator.generate(rows, unknown_person(), shut_eyes(mesh, donors))
    side = len(calm.texture)
    for eye in (_LEFT, _RIGHT):
        assert change(calm, shut, box_of(donors, eye, side)) > 3
    assert change(calm, shut, np.s_[round(0.62 * side) :]) < 1


def test_the_shape_opens_its_mouth_with_the_face(drawing, donors, mesh):
    rows = donors.rows.rows[:4]
    base = frontal(mesh[None], donors.canonical.shape)[0]
    person = Person(unknown_person().features, unknown_person().skin, base)
    calm, wide = (
        codes(drawing.generator.generate(rows, person, m).shape)
        for m in (mesh, open_mouth(mesh, donors))
    )
    assert wide[0] > calm[0] + 0.15


def test_other_donors_give_another_face(drawing, donors, mesh):
    faces = [
        drawing.generator.generate(donors.rows.rows[i : i + 4], unknown_person(), mesh)
        for i in (0, 40, 90)
    ]
    middle = np.s_[60:-60, 60:-60]
    assert change(faces[0], faces[1], middle) > 5
    assert change(faces[1], faces[2], middle) > 5


def test_calls_do_not_hang_on_what_was_drawn_before(drawing, donors, mesh):
    rows = donors.rows.rows
    first = drawing.generator.generate(rows[:4], unknown_person(), mesh)
    drawing.generator.generate(rows[9:13], unknown_person(), open_mouth(mesh, donors))
    again = drawing.generator.generate(rows[:4], unknown_person(), mesh)
    assert np.array_equal(first.texture, again.texture)


def test_the_size_and_place_of_the_face_change_nothing(drawing, donors, mesh):
    rows = donors.rows.rows[:4]
    near = drawing.generator.generate(rows, unknown_person(), mesh)
    far = drawing.generator.generate(rows, unknown_person(), mesh * 0.2 + np.float32([300, 40, 0]))
    assert change(near, far, np.s_[:]) < 1
    assert near.shape == pytest.approx(far.shape, abs=1e-3)
