import cv2
import numpy as np
import pytest

from pipeline.geometry import overlap
from replacer.fill import MARGIN, Fill
from tests.conftest import RECOGNISED, drawn_background

KINDS = ["mosaic", "blur", "solid"]
SIDES = [8, 12, 20, 40, 80, 160, 300, 600]


def pasted(picture, patch):
    result = picture.copy()
    x, y = patch.corner
    place = result[y : y + len(patch.rgb), x : x + patch.rgb.shape[1]]
    alpha = patch.alpha[..., None]
    place[:] = np.rint(alpha * patch.rgb + (1 - alpha) * place).astype(np.uint8)
    return result


@pytest.fixture(scope="module")
def portrait(astronaut, face):
    """The portrait with its face `side` px wide, and the face's box."""

    def at(side):
        factor = side / float(face.boxes[0, 2] - face.boxes[0, 0])
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        x2, y2 = (face.boxes[0, 2:] + 60).astype(int)
        crop = astronaut[:y2, 100:x2]
        picture = cv2.resize(crop, None, fx=factor, fy=factor, interpolation=way)
        return picture, (face.boxes[0] - np.float32([100, 0, 100, 0])) * np.float32(factor)

    return at


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", SIDES)
def test_a_recogniser_fails_at_every_size(drawing, judge, portrait, kind, side):
    picture, box = portrait(side)
    covered = pasted(picture, Fill(kind).cover(picture, box))
    before = judge.features(*portrait(160))
    after = judge.features(covered, box)
    assert judge.alike(before, after) < RECOGNISED
    if side >= 40:  # what is smaller has hardly any features even untouched
        assert judge.alike(before, judge.features(picture, box)) > RECOGNISED


@pytest.mark.parametrize("kind", ["mosaic", "blur"])
@pytest.mark.parametrize("side", [80, 300])
def test_a_recogniser_fails_when_it_is_shown_the_same_cover(
    judge, portrait, render, donors, kind, side
):
    """Parrot attack: gallery and probe are covered alike; the mosaic's grid lies elsewhere."""
    picture, box = portrait(side)
    other, moved = portrait(side)[0], box + np.float32([3, -2, 3, -2]) * side / 80
    one = judge.features(pasted(picture, Fill(kind).cover(picture, box)), box)
    two = judge.features(pasted(other, Fill(kind).cover(other, moved)), box)
    clear = judge.features(picture, box)
    assert judge.alike(clear, one) < RECOGNISED
    assert judge.alike(clear, two) < RECOGNISED


@pytest.mark.parametrize("side", SIDES)
def test_a_mosaic_has_at_most_6_by_6_cells_across_the_face(side):
    rng = np.random.default_rng(side)
    picture = rng.integers(0, 256, (3 * side, 3 * side, 3)).astype(np.uint8)
    box = np.float32([side, side, 2 * side, 2 * side])
    patch = Fill("mosaic").cover(picture, box)
    x, y = side - patch.corner[0], side - patch.corner[1]
    for line in (patch.rgb[y + side // 2], patch.rgb[:, x + side // 2]):
        cells = 1 + np.count_nonzero(np.diff(line.astype(int), axis=0).any(axis=1))
        assert cells * side / len(line) <= 6


@pytest.mark.parametrize("side", SIDES)
def test_a_blur_leaves_nothing_fine(side):
    rng = np.random.default_rng(side)
    picture = rng.integers(0, 256, (3 * side, 3 * side, 3)).astype(np.uint8)
    patch = Fill("blur").cover(picture, np.float32([side, side, 2 * side, 2 * side]))
    assert patch.rgb.mean(axis=2).std() < 30
    steps = np.abs(np.diff(patch.rgb.astype(int), axis=1)).max()
    assert steps < 800 / side + 3


def test_solid_holds_nothing_of_the_picture(astronaut, face):
    patch = Fill("solid").cover(astronaut, face.boxes[0])
    assert len(np.unique(patch.rgb)) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "box",
    [
        [-20, -20, 30, 30],
        [90, 60, 140, 110],
        [0, 0, 120, 90],
        [-200, -200, 400, 400],
        [50, 40, 50, 40],
        [119, 89, 119.4, 89.4],
        [-50, -50, -20, -20],
        [500, 500, 530, 530],
    ],
)
def test_boxes_at_and_beyond_the_border_are_covered_inside_the_picture(kind, box):
    picture = drawn_background(120, 90)
    patch = Fill(kind).cover(picture, np.float32(box))
    height, width = patch.alpha.shape
    x, y = patch.corner
    assert 0 <= x < x + width <= 120
    assert 0 <= y < y + height <= 90
    assert patch.alpha.max() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_cover_reaches_beyond_the_box_and_no_farther_than_its_margin(kind):
    picture = drawn_background(200, 200)
    patch = Fill(kind).cover(picture, np.float32([60, 60, 140, 140]))
    covered = np.zeros((200, 200))
    x, y = patch.corner
    covered[y : y + len(patch.alpha), x : x + patch.alpha.shape[1]] = patch.alpha
    assert covered[60:140, 60:140].min() == 1
    reach = round(40 * MARGIN)
    assert covered[: 100 - reach - 1].max() == covered[:, 100 + reach + 2 :].max() == 0


def test_a_kind_that_is_not_known_is_an_error():
    with pytest.raises(KeyError):
        Fill("sparkles")


def test_a_covered_face_is_not_even_found(judge, astronaut, face):
    for kind in KINDS:
        covered = pasted(astronaut, Fill(kind).cover(astronaut, face.boxes[0]))
        found = judge.faces(covered)
        assert not (overlap(found.boxes, face.boxes) > 0.4).any()
