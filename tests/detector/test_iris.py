import cv2
import numpy as np
import pytest

from detector.iris import LEFT, RIGHT
from generator.canonical import frontal
from generator.expression import eye_code
from pipeline.expressions import EXPRESSIONS, bent
from pipeline.portraits import nobody
from pipeline.room_pictures import framed, portrait

SIZE = 256
LIDS = [*LEFT, *RIGHT]


@pytest.fixture(scope="module")
def iris(rooms):
    return rooms.eyes


@pytest.fixture(scope="module")
def drawn(drawing, donors):
    """Draws a mix with some gaze and lids: the picture and the mesh (468, 3) px."""

    def draw(first, gaze=(0, 0), lids=0.1):
        code = np.array(EXPRESSIONS["neutral"], np.float32)
        code[5:] = lids
        mesh = bent(code, donors.canonical) * np.float32(SIZE)
        rows, who = donors.rows.rows[first : first + 4], nobody(donors.canonical.shape)
        surrogate = drawing.generator.generate(rows, who, mesh, np.float32(gaze))
        picture = portrait(surrogate, donors.canonical, SIZE)
        return picture, (framed(surrogate.shape) * SIZE).astype(np.float32)

    return draw


def openings(mesh, donors):
    return eye_code(frontal(mesh[None], donors.canonical.shape))[0]


def test_the_portrait_looks_into_the_camera_with_open_eyes(iris, astronaut, face, donors):
    mesh, gaze = iris.look(astronaut, face.mesh[0])
    assert gaze.shape == (2,)
    assert np.abs(gaze).max() < 0.12
    assert openings(mesh, donors).min() > 0.08


def test_only_the_lids_and_corners_of_the_mesh_are_moved_and_not_what_was_given(
    iris, astronaut, face
):
    before = face.mesh[0].copy()
    mesh, _ = iris.look(astronaut, face.mesh[0])
    assert np.array_equal(face.mesh[0], before)
    moved = np.flatnonzero((mesh != before).any(axis=1))
    assert set(moved) <= set(LIDS)
    assert np.array_equal(mesh[:, 2], before[:, 2])
    width = np.linalg.norm(before[33, :2] - before[133, :2])
    assert np.linalg.norm((mesh - before)[:, :2], axis=1).max() < 0.6 * width


def test_a_mirrored_picture_gives_the_mirrored_gaze(iris, rooms, astronaut, face):
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    other = rooms.mesh.fit(mirrored, rooms.detector.detect(mirrored)[:1])
    gazes = [iris.look(p, f.mesh[0])[1] for p, f in ((astronaut, face), (mirrored, other))]
    assert gazes[0] * (-1, 1) == pytest.approx(gazes[1], abs=0.06)


@pytest.mark.parametrize("degrees", [-30, 20])
def test_a_leaning_head_looks_where_it_looked(iris, astronaut, face, degrees):
    centre = tuple(map(float, face.mesh[0, 4, :2]))
    turn = cv2.getRotationMatrix2D(centre, degrees, 1)
    turned = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    mesh = face.mesh[0].copy()
    mesh[:, :2] = mesh[:, :2] @ turn[:, :2].T + turn[:, 2]
    gazes = [iris.look(p, m)[1] for p, m in ((astronaut, face.mesh[0]), (turned, mesh))]
    assert gazes[0] == pytest.approx(gazes[1], abs=0.08)


@pytest.mark.parametrize("factor", [0.4, 0.2, 0.01])
def test_eyes_too_small_to_be_read_stay_and_look_nowhere(iris, astronaut, face, factor):
    small = cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    mesh = face.mesh[0] * np.float32(factor)
    refined, gaze = iris.look(small, mesh)
    assert np.array_equal(refined, mesh)
    assert np.isnan(gaze).all()
    assert gaze.shape == (2,)


def test_one_eye_too_small_leaves_the_other_unread_too(iris, astronaut, face):
    """A head turned away so far that its further eye is a line."""
    mesh = face.mesh[0].copy()
    mesh[RIGHT] = mesh[RIGHT[0]]
    refined, gaze = iris.look(astronaut, mesh)
    assert np.array_equal(refined, mesh)
    assert np.isnan(gaze).all()


@pytest.mark.parametrize("shift", [(-230, 0), (0, -110), (600, 600)])
def test_a_face_cut_by_the_border_or_beyond_it_is_read_without_failing(
    iris, astronaut, face, shift
):
    moved = face.mesh[0] + np.float32([*shift, 0])
    picture = cv2.warpAffine(
        astronaut, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), (512, 512)
    )
    mesh, gaze = iris.look(picture, moved)
    assert np.isfinite(mesh).all()
    assert np.isfinite(gaze).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_drawn_eyes_are_read_to_look_where_they_were_drawn_to(iris, drawn, axis):
    """Left is less than ahead and ahead less than right; so are up and down."""
    reach = np.eye(2)[axis] * (0.3, 0.25)
    read = np.array(
        [[iris.look(*drawn(n, s * reach))[1][axis] for n in (0, 20, 40, 60)] for s in (-1, 0, 1)]
    )
    assert (np.diff(read, axis=0).mean(axis=1) > (0.1, 0.003)[axis]).all()
    assert (read[2] > read[0]).all()


def test_drawn_eyes_that_look_aside_have_the_sign_of_their_side(iris, drawn):
    for first in (0, 20, 40):
        left, right = (iris.look(*drawn(first, (x, 0)))[1][0] for x in (-0.3, 0.3))
        assert left < -0.05
        assert right > 0.05


def test_closed_lids_are_seen_as_closed(iris, drawn, donors):
    """On a mesh whose lids are open."""
    read = {lids: [] for lids in (0.1, 0.005)}
    for first in (0, 20, 40, 60):
        _, wide = drawn(first)
        for lids, seen in read.items():
            picture, _ = drawn(first, lids=lids)
            seen.append(openings(iris.look(picture, wide)[0], donors).mean())
    open_, shut = np.array(read[0.1]), np.array(read[0.005])
    assert (shut < open_ - 0.01).all()
    assert shut.mean() < 0.75 * open_.mean()


def test_an_eye_covered_by_its_lid_is_narrower_than_the_open_one(iris, astronaut, face, donors):
    """The portrait with skin painted over one eye and a line of lashes."""
    mesh, _ = iris.look(astronaut, face.mesh[0])
    painted = astronaut.copy()
    ring = np.rint(mesh[LEFT, :2]).astype(np.int32)
    skin = np.median(astronaut[np.rint(mesh[[117, 118, 50], 1]).astype(int),
                               np.rint(mesh[[117, 118, 50], 0]).astype(int)], axis=0)  # fmt: skip
    area = cv2.fillConvexPoly(np.zeros(painted.shape[:2], np.uint8), cv2.convexHull(ring), 1)
    painted[cv2.dilate(area, np.ones((5, 5))) > 0] = skin
    lashes = np.rint(mesh[[33, 7, 163, 144, 145, 153, 154, 155, 133], :2]).astype(np.int32)
    cv2.polylines(painted, [lashes], False, (60, 40, 35), 1, cv2.LINE_AA)
    before = openings(mesh, donors)
    after = openings(iris.look(painted, face.mesh[0])[0], donors)
    assert after[0] < 0.75 * before[0]
    assert after[1] == pytest.approx(before[1], abs=0.01)


def test_the_same_picture_is_read_the_same_twice(iris, astronaut, face):
    one, other = (iris.look(astronaut, face.mesh[0]) for _ in range(2))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])
