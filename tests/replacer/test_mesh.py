from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline.contract import Surrogate
from pipeline.geometry import align
from replacer.mesh import Mesh
from tests.replacer.conftest import SIZE


def plain(donors, colour=(150, 120, 100), shape=None):
    texture = np.full((192, 192, 3), colour, np.uint8)
    return Surrogate(texture, donors.canonical.shape if shape is None else shape)


def whole(patch):
    """The patch's opacity over the whole picture."""
    result = np.zeros((SIZE, SIZE), np.float32)
    x, y = patch.corner
    result[y : y + len(patch.alpha), x : x + patch.alpha.shape[1]] = patch.alpha
    return result


def outline(mesh, larger=1.0):
    """1 within the contour of a mesh, or of one that is so much larger."""
    points, result = mesh[:, :2], np.zeros((SIZE, SIZE), np.uint8)
    points = points.mean(axis=0) + (points - points.mean(axis=0)) * larger
    cv2.fillConvexPoly(result, cv2.convexHull(np.rint(points).astype(np.int32)), 1)
    return result


def test_nothing_is_painted_far_outside_the_contour(drawing, donors, mesh, picture):
    alpha = whole(drawing.replacer.replace(picture, mesh, plain(donors)))
    assert alpha[cv2.dilate(outline(mesh, 1.12), np.ones((3, 3))) == 0].max() == 0
    assert alpha[cv2.erode(outline(mesh), np.ones((25, 25))) == 1].min() > 0.95


def test_the_rim_of_the_face_hardly_shows(drawing, donors, mesh, picture):
    """The edges of forehead, cheeks and jaw tell who it is as well."""
    alpha = whole(drawing.replacer.replace(picture, mesh, plain(donors)))
    face = outline(mesh)
    rim = (face == 1) & (cv2.erode(face, np.ones((13, 13))) == 0)
    assert alpha[rim].mean() > 0.55
    assert alpha[(face == 1) & (cv2.erode(face, np.ones((3, 3))) == 0)].mean() > 0.2


def test_features_stay_where_the_face_has_them(drawing, donors, mesh, picture):
    """What reaches beyond the contour is the rim alone."""
    texture = np.full((192, 192, 3), (190, 150, 130), np.uint8)
    for eye in EYES:
        x, y = donors.canonical.layout[list(eye)].mean(axis=0) * 192 - 0.5
        cv2.circle(texture, (round(x), round(y)), 5, (20, 20, 20), -1)
    surrogate = Surrogate(texture, donors.canonical.shape)
    patch = drawing.replacer.replace(np.full_like(picture, 150), mesh, surrogate)
    dark = np.where(patch.alpha > 0.9, np.maximum(90 - patch.rgb.mean(axis=2), 0), 0)
    middle = round(mesh[:, 0].mean()) - patch.corner[0]
    for eye, part in zip(EYES, (np.s_[:, :middle], np.s_[:, middle:]), strict=True):
        rows, columns = np.nonzero(dark[part])
        shown = np.array([columns.mean() + (part[1].start or 0), rows.mean()]) + patch.corner
        assert shown == pytest.approx(mesh[list(eye), :2].mean(axis=0), abs=1.5)


def test_the_edge_is_soft(drawing, donors, mesh, picture):
    alpha = whole(drawing.replacer.replace(picture, mesh, plain(donors)))
    assert np.abs(np.diff(alpha, axis=1)).max() < 0.7
    assert np.abs(np.diff(alpha, axis=0)).max() < 0.7


@pytest.mark.parametrize("size", [30, 75, 150, 225])
def test_a_patch_is_clear_at_its_own_border(drawing, donors, mesh, picture, size):
    """Else a line would be seen over hair and chin."""
    near = (mesh - np.float32([120, 120, 0])) * (size / 150) + np.float32([120, 120, 0])
    alpha = drawing.replacer.replace(picture, near, plain(donors)).alpha
    for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]):
        assert edge.max() < 0.1


def test_the_contour_stays_when_the_shape_moves(donors, mesh):
    """However much the surrogate's shape differs, the outline is the video's own."""
    face = donors.canonical
    replacer = Mesh(face.shape, face.layout, face.triangles, 1.0)
    wide = face.shape * np.float32([1.2, 0.9, 1.0])
    moved, _ = replacer._moved(mesh, wide)
    hull = cv2.convexHull(face.layout, returnPoints=False).ravel()
    assert np.abs(moved - mesh)[hull].max() < 1e-2
    assert np.abs(moved - mesh).max() > 3


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_the_inner_face_takes_on_the_surrogates_shape(donors, mesh, strength):
    face = donors.canonical
    replacer = Mesh(face.shape, face.layout, face.triangles, strength)
    other = face.shape.copy()
    other[4] += np.float32([0.02, 0.01, 0])  # the tip of the nose
    moved, _ = replacer._moved(mesh, other)
    linear, _ = align(mesh, face.shape)
    goal = np.float32([0.02, 0.01, 0]) @ np.linalg.inv(linear)
    assert (moved - mesh)[4] == pytest.approx(goal * strength, abs=0.05)


def test_the_surrogate_takes_on_the_light_of_the_picture(drawing, donors, mesh):
    """A face in the dark is not replaced by a bright one, and a coloured light stays."""
    for colour in ([40, 35, 30], [200, 160, 150], [60, 60, 120]):
        picture = np.full((SIZE, SIZE, 3), colour, np.uint8)
        patch = drawing.replacer.replace(picture, mesh, plain(donors))
        drawn = patch.rgb[patch.alpha > 0.99].mean(axis=0)
        assert drawn == pytest.approx(colour, abs=14)


def test_light_from_one_side_stays_on_that_side(drawing, donors, mesh):
    slope = np.linspace(60, 200, SIZE)[None, :, None]
    picture = np.broadcast_to(slope, (SIZE, SIZE, 3)).astype(np.uint8)
    patch = drawing.replacer.replace(picture, mesh, plain(donors))
    middle = len(patch.rgb) // 2
    row, sure = patch.rgb[middle].mean(axis=1), patch.alpha[middle] > 0.9
    assert row[sure][-1] > row[sure][0] + 20


def test_fine_detail_of_the_picture_does_not_come_through(drawing, donors, mesh):
    """Stripes over the face are gone; what is finer than light is the surrogate's alone."""
    picture = np.full((SIZE, SIZE, 3), 120, np.uint8)
    picture[::6] = picture[1::6] = picture[2::6] = 180
    patch = drawing.replacer.replace(picture, mesh, plain(donors))
    gray = patch.rgb.mean(axis=2)
    sure = cv2.erode((patch.alpha > 0.99).astype(np.uint8), np.ones((5, 5))) > 0
    fine = gray - cv2.GaussianBlur(gray, (0, 0), 6)
    assert fine[sure].std() < 3


@pytest.mark.parametrize("scale", [0.05, 0.15, 3.0])
def test_faces_of_every_size_are_drawn(drawing, donors, mesh, picture, scale):
    small = (mesh - np.float32([120, 120, 0])) * np.float32(scale) + np.float32([120, 120, 0])
    patch = drawing.replacer.replace(picture, small, plain(donors))
    assert patch.alpha.max() > 0.5 if scale > 0.1 else patch.alpha.size > 0


def test_a_face_outside_the_picture_gives_an_empty_patch(drawing, donors, mesh, picture):
    patch = drawing.replacer.replace(picture, mesh + np.float32([900, 0, 0]), plain(donors))
    assert patch.alpha.size == 0


def test_a_mesh_turned_upside_down_is_drawn_upside_down(drawing, donors, mesh, picture):
    texture = np.zeros((192, 192, 3), np.uint8)
    texture[:, :] = (150, 120, 100)
    texture[60:75, 60:130] = 20  # dark brows
    surrogate = Surrogate(texture, donors.canonical.shape)
    flipped = mesh.copy()
    flipped[:, :2] = 240 - flipped[:, :2]
    grey = np.full_like(picture, 130)
    up, down = (drawing.replacer.replace(grey, m, surrogate) for m in (mesh, flipped))

    def dark_row(patch):
        darkness = np.where(patch.alpha > 0.9, 255 - patch.rgb.mean(axis=2), 0)
        return patch.corner[1] + darkness.sum(axis=1).argmax()

    assert dark_row(up) + dark_row(down) == pytest.approx(240, abs=6)
    assert dark_row(up) < 120


def test_the_surrogate_of_a_small_face_lies_over_its_rim_too(drawing, donors, mesh, picture):
    """In few pixels the outline tells who it is; of large ones less is hidden, with no jump."""

    def share(width):
        own = mesh * np.float32(width / np.ptp(mesh[:, 0]))
        own = own - own.mean(axis=0) + np.float32([120, 120, 0])
        patch = drawing.replacer.replace(picture, own, plain(donors))
        return float((patch.alpha > 0.02).any(axis=0).sum() / width)

    shares = [share(width) for width in (24, 40, 56, 72, 100, 160)]
    assert shares[0] > 1.1
    assert max(shares[-2:]) < 1.13
    assert all(a > b - 0.04 for a, b in pairwise(shares))


def test_light_is_read_off_skin_alone(drawing, donors, mesh):
    """White or black over the forehead, as a hat or hair, is no light on the face below it."""
    skin = np.full((SIZE, SIZE, 3), (190, 145, 125), np.uint8)
    middle = []
    for colour in [(190, 145, 125), (255, 255, 255), (15, 15, 20)]:
        hat = skin.copy()
        hat[: int(mesh[10, 1]) + 18] = colour
        patch = drawing.replacer.replace(hat, mesh, plain(donors))
        row = int(mesh[168, 1]) - patch.corner[1]
        middle.append(patch.rgb[row, patch.rgb.shape[1] // 2].astype(float))
    for other in middle[1:]:
        assert other == pytest.approx(middle[0], abs=6)


EYES = ((33, 145, 133, 159), (263, 374, 362, 386))
BEHIND_LIPS = (78, 87, 317, 308, 312, 82)


@pytest.fixture(scope="module")
def shouting(donors):
    """A shape with the open mouth of the layout, its mesh in px, and where the mouth is seen."""
    shape = np.column_stack([donors.canonical.layout, donors.canonical.shape[:, 2]])
    face = ((shape - (0.5, 0.5, 0)) * 225 + (120, 120, 0)).astype(np.float32)
    return shape.astype(np.float32), face, within(face, BEHIND_LIPS)


def within(face, points):
    """True in the middle of what some points of a mesh enclose in the picture."""
    hull = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.rint(face[list(points), :2]).astype(np.int32)), 1)
    return cv2.erode(hull, np.ones((5, 5))) > 0


def drawn_over(picture, patch):
    result = picture.astype(np.float32)
    (x, y), (h, w) = patch.corner, patch.alpha.shape
    part = result[y : y + h, x : x + w]
    part += (patch.rgb - part) * patch.alpha[..., None]
    return result


def test_teeth_and_dark_lie_where_the_face_shows_them(drawing, donors, shouting):
    """Whatever the donors who lend the mouth have there."""
    shape, face, mouth = shouting
    upper = mouth & (np.arange(SIZE)[:, None] < np.nonzero(mouth)[0].mean())
    picture = np.full((SIZE, SIZE, 3), (190, 150, 130), np.uint8)
    picture[mouth] = (50, 25, 25)
    picture[upper] = (215, 210, 200)
    flat = Surrogate(np.full((192, 192, 3), (150, 120, 100), np.uint8), shape)
    shown = drawn_over(picture, drawing.replacer.replace(picture, face, flat))
    teeth, dark = shown[upper].mean(axis=0), shown[mouth & ~upper].mean(axis=0)
    assert teeth.mean() > 1.3 * dark.mean()
    assert teeth.max() - teeth.min() < 50  # the skin: 60


def test_skin_of_another_tint_does_not_stain_the_eyes(drawing, donors, mesh):
    """The white of eyes is told by the light, which is known only together with the skin."""
    texture = np.full((192, 192, 3), (190, 150, 100), np.uint8)  # yellowish
    hull = [np.rint(donors.canonical.layout[list(eye)] * 192).astype(np.int32) for eye in EYES]
    for eye in hull:
        cv2.fillConvexPoly(texture, cv2.convexHull(eye), (210, 205, 200))
    picture = np.full((SIZE, SIZE, 3), (200, 160, 150), np.uint8)  # pink
    surrogate = Surrogate(texture, donors.canonical.shape)
    shown = drawn_over(picture, drawing.replacer.replace(picture, mesh, surrogate))
    for eye in EYES:
        red, _, blue = shown[within(mesh, eye)].mean(axis=0)
        assert blue - red < 15
    assert shown[within(mesh, (50, 205, 36, 101))].mean(axis=0) == pytest.approx(
        (200, 160, 150), abs=12
    )
