import numpy as np
import pytest

from generator.canonical import opened_alike, with_lids
from generator.expression import eye_code, mouth_code
from generator.regions import INNER_LIPS, LEFT_EYE, LIPS, RIGHT_EYE, filled, region

MOVING = [*LEFT_EYE, *RIGHT_EYE, *INNER_LIPS]
CORNERS = [33, 133, 263, 362, 78, 308]


@pytest.fixture
def rest(donors):
    return donors.canonical.shape


@pytest.fixture
def loud(rest, donors):
    """A mouth wide open under eyes wide open."""
    return with_lids(rest + np.float32(0.2) * donors.canonical.bend[0], np.float32([0.15, 0.15]))


@pytest.mark.parametrize("openings", [(0, 0), (0.005, 0.1), (0.12, 0.03), (0.2, 0.2)])
def test_lids_open_as_far_as_they_are_asked_to(rest, openings):
    assert eye_code(with_lids(rest, np.float32(openings))) == pytest.approx(openings, abs=1e-5)


def test_upper_lids_move_and_all_else_stays(rest):
    moved = with_lids(rest, np.float32([0.01, 0.01])) != rest
    upper = sorted([*LEFT_EYE[9:], *RIGHT_EYE[9:]])
    assert np.flatnonzero(moved.any(axis=1)).tolist() == upper


def test_lids_that_lie_upon_each_other_stay_finite(rest):
    shut = with_lids(rest, np.zeros(2, np.float32))
    assert np.isfinite(with_lids(shut, np.float32([0.1, 0.1]))).all()


def test_eyes_and_lips_are_opened_as_another_face_has_them(rest, loud):
    worn = opened_alike(rest, loud)
    for above, below in ((159, 145), (386, 374), (13, 14)):
        gaps = [np.linalg.norm(shape[above] - shape[below]) for shape in (worn, loud, rest)]
        assert gaps[0] == pytest.approx(gaps[1], abs=1e-5)
        assert abs(gaps[0] - gaps[2]) > 0.01


def test_opening_them_moves_no_other_point_and_not_what_was_given(rest, loud):
    before = rest.copy()
    worn = opened_alike(rest, loud)
    still = np.setdiff1d(np.arange(468), MOVING)
    assert np.array_equal(worn[[*still, *CORNERS]], rest[[*still, *CORNERS]])
    assert np.array_equal(rest, before)


def eyed(rest, left, right):
    return with_lids(rest, np.array([left, right], np.float32))


@pytest.mark.parametrize(("left", "right"), [(0.07, 0.09), (0.1, 0.085), (0.04, 0.06)])
def test_eyes_that_differ_a_little_are_drawn_alike(rest, left, right):
    """A turned head and noise read so; drawn as they are read, they would be a squint."""
    drawn = eye_code(opened_alike(rest, eyed(rest, left, right), 0.115))
    assert drawn[0] == pytest.approx(drawn[1], rel=0.05)


@pytest.mark.parametrize(("left", "right"), [(0.008, 0.1), (0.11, 0.01)])
def test_a_wink_stays_a_wink(rest, left, right):
    drawn = eye_code(opened_alike(rest, eyed(rest, left, right), 0.115))
    assert drawn == pytest.approx([left, right], abs=0.008)


def spoken(rest, donors, opening):
    """The face at rest with lips `opening` apart, as codes tell it."""
    shape = rest
    for _ in range(8):
        missing = opening - mouth_code(shape)[0]
        shape = shape + np.float32(missing) * donors.canonical.bend[0]
    return shape


@pytest.mark.parametrize("opening", [0.002, 0.012, 0.21])
def test_a_face_opened_like_itself_stays(rest, donors, opening):
    shape = spoken(rest, donors, opening)
    assert opened_alike(shape, shape) == pytest.approx(shape, abs=1e-3)


def test_lips_that_open_a_little_are_drawn_further_open(rest, donors):
    own = [spoken(rest, donors, o) for o in (0.004, 0.02, 0.03, 0.05, 0.08, 0.12, 0.16, 0.21)]
    asked, drawn = (
        np.array([np.linalg.norm(shape[13] - shape[14]) for shape in shapes])
        for shapes in (own, [opened_alike(rest, shape) for shape in own])
    )
    assert (np.diff(drawn) > 0).all()
    more = drawn / asked
    assert more[[0, -1]] == pytest.approx(1, abs=0.02)
    assert (more[2:6] > 1.1).all()
    assert more.max() < 1.7


@pytest.mark.parametrize("points", [INNER_LIPS, LIPS, LEFT_EYE, RIGHT_EYE])
@pytest.mark.parametrize("side", [24, 192])
def test_the_middle_of_a_part_lies_in_its_outline_and_the_border_does_not(donors, points, side):
    area = filled(donors.canonical.layout, side, points)
    x, y = (donors.canonical.layout[points].mean(axis=0) * side - 0.5).round().astype(int)
    assert area[y, x] == 1
    assert set(np.unique(area)) == {0, 1}
    assert not area[[0, -1]].any()
    assert not area[:, [0, -1]].any()


def test_a_region_grows_and_has_a_soft_edge(donors):
    layout, side = donors.canonical.layout, 192
    tight, wide = (region(layout, side, LIPS, grow, 0.01) for grow in (0, 0.03))
    assert tight.min() >= 0
    assert wide.max() <= 1 + 1e-6
    assert wide.sum() > 1.2 * tight.sum()
    assert ((tight > 0.1) & (tight < 0.9)).any()


def test_the_lips_enclose_what_lies_between_them(donors):
    layout = donors.canonical.layout
    outer, inner = (filled(layout, 192, points) for points in (LIPS, INNER_LIPS))
    assert inner.sum() > 0
    assert (inner * (1 - outer)).sum() < 0.02 * inner.sum()
