from dataclasses import replace

import numpy as np
import pytest

from pipeline.carrying import believed, carried, fitted, placed
from pipeline.coverage import Rung, rung
from pipeline.geometry import bounds
from pipeline.pose import landmarks_of
from pipeline.smoothing import steadied
from pipeline.tracks import Seen, Sighting

WIDTH = 16.0


@pytest.fixture
def shape(donors):
    """(468, 3) px a face of few pixels."""
    face = donors.canonical.shape
    return ((face - face.mean(axis=0)) * (WIDTH / np.ptp(face[:, 0]))).astype(np.float32)


def detected(frame, mesh, score=0.9, off=(0, 0)):
    """A detection whose landmarks lie `off` the mesh."""
    landmarks = (landmarks_of(mesh)[:, :2] + off).astype(np.float32)
    return Sighting(frame, bounds(mesh), landmarks, mesh, score, Seen.DETECTED)


def unmeshed(frame, mesh):
    """A detection of the face at `mesh`, which was not found."""
    seen = detected(frame, mesh)
    return replace(seen, mesh=np.full((468, 3), np.nan, np.float32), mesh_score=0.1)


def at(shape, x, y=0.0, size=1.0):
    return (shape * np.float32(size) + np.float32([x, y, 0])).astype(np.float32)


def test_a_face_without_a_mesh_has_that_of_the_frames_around_where_its_landmarks_lie(shape):
    given = [detected(0, at(shape, 100)), unmeshed(1, at(shape, 107, 3, 1.1))]
    given.append(detected(2, at(shape, 108)))
    result = carried(given)[1]
    assert result.mesh[:, :2] == pytest.approx(at(shape, 107, 3, 1.1)[:, :2], abs=1e-3)
    assert believed(result)
    assert not fitted(result)
    assert all(fitted(given[row]) for row in (0, 2))


def test_how_a_mesh_lies_beside_the_landmarks_stays(shape):
    given = [detected(n, at(shape, 100 + n), off=(1, -1)) for n in range(3)]
    given[1] = replace(unmeshed(1, at(shape, 101)), landmarks=given[1].landmarks)
    assert carried(given)[1].mesh == pytest.approx(at(shape, 101), abs=1e-3)


@pytest.mark.parametrize(("gap", "is_carried"), [(2, True), (12, True), (14, False), (40, False)])
def test_meshes_are_carried_into_the_middle_of_short_gaps_only(shape, gap, is_carried):
    given = [unmeshed(n, at(shape, 100)) for n in range(gap + 1)]
    given[0], given[-1] = detected(0, at(shape, 100)), detected(gap, at(shape, 100))
    assert believed(carried(given)[gap // 2]) is is_carried


@pytest.mark.parametrize(("away", "is_carried"), [(1, True), (6, True), (7, False)])
@pytest.mark.parametrize("later", [True, False])
def test_meshes_are_carried_a_little_beyond_the_last_one(shape, away, is_carried, later):
    given = [detected(0, at(shape, 100))]
    given += [unmeshed(n, at(shape, 100 + n)) for n in range(1, away + 1)]
    if not later:
        given = [replace(seen, frame=away - seen.frame) for seen in reversed(given)]
    assert believed(carried(given)[-1 if later else 0]) is is_carried


def test_a_mesh_beside_its_face_is_not_carried(shape):
    given = [detected(0, at(shape, 100), off=(0.5 * WIDTH, 0)), unmeshed(1, at(shape, 100))]
    assert carried(given)[1] is given[1]


@pytest.mark.parametrize("seen", [Seen.SOUGHT, Seen.FILLED, Seen.PREDICTED])
def test_a_face_that_was_not_detected_gets_no_mesh(shape, seen):
    given = [detected(0, at(shape, 100)), replace(unmeshed(1, at(shape, 100)), seen=seen)]
    assert carried(given)[1] is given[1]


def test_a_face_that_was_only_sought_between_two_others_lies_between_them(shape, drawing):
    given = [detected(n, at(shape, 100 + n)) for n in range(3)]
    given[1] = Sighting.sought(1, given[1].box)
    result = carried(given)[1]
    assert result.mesh == pytest.approx(at(shape, 101), abs=1e-3)
    assert result.seen == Seen.SOUGHT
    assert rung(result, drawing) == Rung.PASTED


@pytest.mark.parametrize("frames", [(0, 2, 5), (0, 1, 5)])
def test_a_face_that_was_sought_in_a_longer_gap_gets_no_mesh(shape, frames):
    given = [detected(n, at(shape, 100 + n)) for n in frames]
    given[1] = Sighting.sought(frames[1], given[1].box)
    assert carried(given)[1] is given[1]


def test_landmarks_in_one_point_are_no_fault(shape):
    one = np.full((5, 2), 100, np.float32)
    given = [replace(detected(0, at(shape, 100)), landmarks=one), unmeshed(1, at(shape, 100))]
    assert carried(given)[1] is given[1]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_made_of_nothing(shape, count):
    given = [unmeshed(0, at(shape, 100))][:count]
    assert carried(given) == placed(given) == given


def test_a_face_with_a_mesh_now_and_then_moves_as_its_landmarks_do(shape):
    """Where the mesh lies two px beside the landmarks, as a posed face would lie beside it."""
    rng, given = np.random.default_rng(0), []
    for number in range(30):
        seen = detected(number, at(shape, 100 + number), off=(2, 1))
        lost = number % 3 and rng.random() < 0.8
        given.append(replace(seen, mesh_score=0.2) if lost else seen)
    after = list(steadied(given))
    middles = np.array([s.mesh.mean(axis=0)[:2] for s in after])
    assert all(believed(s) for s in after)
    assert np.abs(np.diff(middles, 2, axis=0)).max() < 0.05


def test_a_carried_mesh_is_drawn_as_one_that_was_not_seen_in_its_frame(shape, drawing):
    given = [detected(0, at(shape, 100)), unmeshed(1, at(shape, 101)), detected(2, at(shape, 102))]
    rungs = [rung(seen, drawing) for seen in carried(given)]
    assert rungs == [Rung.SURROGATE, Rung.PASTED, Rung.SURROGATE]


def followed(frame, mesh):
    return Sighting.followed(frame, mesh, 0.9)


def test_landmarks_of_a_face_that_is_followed_between_two_detections_are_known(shape):
    given = [detected(0, at(shape, 100), off=(1, 1)), followed(2, at(shape, 103, 5))]
    given.append(detected(4, at(shape, 104), off=(1, 1)))
    wanted = landmarks_of(at(shape, 103, 5))[:, :2] + 1
    assert placed(given)[1].landmarks == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize(
    ("frames", "scores"),
    [((0, 2, 5), (0.9, 0.9)), ((0, 1, 2), (0.1, 0.9)), ((0, 1, 2), (0.9, 0.1))],
)
def test_landmarks_are_not_guessed_over_long_gaps_nor_without_meshes(shape, frames, scores):
    given = [
        detected(frames[0], at(shape, 100), scores[0]),
        followed(frames[1], at(shape, 101)),
        detected(frames[2], at(shape, 102), scores[1]),
    ]
    assert placed(given)[1] is given[1]


def test_sightings_given_are_not_changed(shape):
    given = [detected(0, at(shape, 100)), unmeshed(1, at(shape, 101)), followed(2, at(shape, 102))]
    before = [(s.mesh.copy(), s.landmarks.copy(), s.mesh_score) for s in given]
    carried(placed(given))
    for seen, (mesh, landmarks, score) in zip(given, before, strict=True):
        assert np.array_equal(seen.mesh, mesh, equal_nan=True)
        assert np.array_equal(seen.landmarks, landmarks, equal_nan=True)
        assert seen.mesh_score == score
