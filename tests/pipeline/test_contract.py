import numpy as np
import pytest

from pipeline.contract import MESH_POINTS, Faces, Matches, Patch, Person, Surrogate
from pipeline.errors import ContractError, DeidError

F = np.float32


def zeros(*shape):
    return np.zeros(shape, F)


def faces(**other):
    parts = {
        "boxes": zeros(2, 4), "landmarks": zeros(2, 5, 2), "scores": zeros(2),
        "mesh": zeros(2, MESH_POINTS, 3), "mesh_scores": zeros(2),
    }  # fmt: skip
    return Faces(**(parts | other))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("boxes", zeros(2, 5)),
        ("boxes", zeros(3, 4)),
        ("boxes", np.zeros((2, 4), np.int64)),
        ("landmarks", zeros(2, 5, 3)),
        ("mesh", zeros(2, 478, 3)),
        ("mesh_scores", zeros(1)),
        ("boxes", None),
        ("boxes", [[0, 0, 1, 1]] * 2),
    ],
)
def test_faces_of_a_wrong_shape_say_what_was_expected(name, value):
    with pytest.raises(ContractError, match=rf"Faces\.{name} must have shape"):
        faces(**{name: value})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Matches(np.zeros((1, 4), np.int64), zeros(1, 3)),
        lambda: Matches(zeros(1, 4), zeros(1, 4)),
        lambda: Person(zeros(128), zeros(4), zeros(MESH_POINTS, 3)),
        lambda: Person(zeros(1, 128), zeros(3), zeros(MESH_POINTS, 3)),
        lambda: Surrogate(np.zeros((8, 9, 3), np.uint8), zeros(MESH_POINTS, 3)),
        lambda: Surrogate(zeros(8, 8, 3), zeros(MESH_POINTS, 3)),
        lambda: Patch(np.zeros((4, 5, 3), np.uint8), zeros(5, 4), (0, 0)),
        lambda: Patch(np.zeros((4, 5, 4), np.uint8), zeros(4, 5), (0, 0)),
    ],
)
def test_arrays_of_a_wrong_shape_are_refused(make):
    with pytest.raises(ContractError):
        make()


def test_a_contract_error_is_told_in_one_line_and_is_a_type_error():
    with pytest.raises(TypeError) as caught:
        faces(boxes=zeros(1))
    assert isinstance(caught.value, DeidError)
    assert "\n" not in str(caught.value)


def test_no_faces_are_a_valid_answer():
    none = Faces.of([])
    assert len(none) == 0
    assert none.mesh.shape == (0, MESH_POINTS, 3)
    assert len(none.moved(2.0)) == 0


def test_what_is_not_known_of_a_face_is_nan():
    one = Faces.of([[0, 0, 5, 5]])
    assert np.isnan(one.landmarks).all()
    assert np.isnan(one.mesh).all()
    assert (one.scores[0], one.mesh_scores[0]) == (1, 0)


@pytest.mark.parametrize(
    ("rows", "left"),
    [([1], [2]), (slice(0, 2), [1, 2]), (np.array([True, False, True]), [1, 3]), ([], [])],
)
def test_rows_are_picked_by_list_slice_or_mask(rows, left):
    three = Faces.of([[1, 0, 9, 9], [2, 0, 9, 9], [3, 0, 9, 9]])
    assert three[rows].boxes[:, 0].tolist() == left


def test_moved_faces_grow_then_shift_and_come_back():
    one = Faces.of([[1, 2, 3, 4]], np.ones((1, 5, 2)), [0.5], np.ones((1, MESH_POINTS, 3)))
    moved = one.moved(2.0, (10, 20))
    assert moved.boxes[0].tolist() == [12, 24, 16, 28]
    assert moved.mesh[0, 0].tolist() == [12, 22, 2]
    back = moved.moved(1.0, (-10, -20)).moved(0.5)
    assert np.array_equal(back.boxes, one.boxes)
    assert np.array_equal(back.mesh, one.mesh)


def test_moving_leaves_the_original_alone():
    one = Faces.of([[1, 2, 3, 4]], mesh=np.ones((1, MESH_POINTS, 3)))
    one.moved(3.0, (5, 5))
    assert one.boxes[0].tolist() == [1, 2, 3, 4]
    assert (one.mesh == 1).all()
