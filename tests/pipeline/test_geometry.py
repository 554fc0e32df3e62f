import numpy as np
import pytest

from pipeline import geometry

SQUARE = np.float32([[0, 0], [10, 0], [10, 10], [0, 10]])
TWO = np.array([[0, 1, 2], [0, 2, 3]])


def turned(points, degrees, scale=1.0, shift=(0, 0)):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ turn.T * scale + shift).astype(np.float32)


@pytest.mark.parametrize(
    ("degrees", "scale", "shift"), [(0, 1, (0, 0)), (30, 2, (5, -7)), (180, 0.1, (0, 3))]
)
def test_a_similarity_is_found_again(degrees, scale, shift):
    goal = turned(SQUARE, degrees, scale, shift)
    found = geometry.similarity(SQUARE, goal)
    assert SQUARE @ found[:, :2].T + found[:, 2] == pytest.approx(goal, abs=1e-4)


def test_similarity_never_mirrors():
    found = geometry.similarity(SQUARE, SQUARE * np.float32([-1, 1]))
    assert np.linalg.det(found[:, :2]) >= 0


@pytest.mark.parametrize("count", [1, 4])
def test_similarity_of_one_point_says_why(count):
    with pytest.raises(ValueError, match=r"coincide at \[3.0, 4.0\]"):
        geometry.similarity(np.float32([[3, 4]] * count), SQUARE[:count])


def test_an_alignment_in_space_is_found_again():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(20, 3)).astype(np.float32)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    goal = (points @ turn * 3 + (1, 2, 3)).astype(np.float32)
    linear, shift = geometry.align(points, goal)
    assert points @ linear + shift == pytest.approx(goal, abs=1e-4)


def test_an_alignment_of_coinciding_points_says_why():
    with pytest.raises(ValueError, match="no alignment"):
        geometry.align(np.ones((5, 3), np.float32), np.zeros((5, 3), np.float32))


def test_the_mean_of_turned_copies_is_the_shape_itself():
    rng = np.random.default_rng(1)
    shape = rng.normal(size=(12, 3))
    copies = [shape @ np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(6)]
    copies = np.stack(
        [c if np.linalg.det(np.linalg.lstsq(shape, c)[0]) > 0 else c * 0 + shape for c in copies]
    )
    aligned, mean = geometry.procrustes(copies.astype(np.float32))
    assert np.linalg.norm(mean) == pytest.approx(1)
    assert np.abs(aligned - mean).max() < 1e-4


@pytest.mark.parametrize("degrees", [0, 20, 60, 90])
def test_yaw_is_the_angle_of_turning(donors, degrees):
    angle = np.radians(degrees)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    shape = donors.canonical.shape
    assert geometry.yaw((shape @ turn * 90).astype(np.float32), shape) == pytest.approx(
        degrees, abs=0.1
    )


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1),
        ([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3),
        ([0, 0, 1, 1], [2, 2, 3, 3], 0),
        ([0, 0, 0, 0], [0, 0, 0, 0], 0),
        ([2, 2, 1, 1], [0, 0, 3, 3], 0),
    ],
)
def test_overlap_is_intersection_over_union(a, b, share):
    assert geometry.overlap(np.float32([a]), np.float32([b]))[0, 0] == pytest.approx(share)


def test_no_boxes_overlap_no_boxes():
    none = np.zeros((0, 4), np.float32)
    assert geometry.overlap(none, np.float32([[0, 0, 1, 1]])).shape == (0, 1)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([1, 1, 2, 2], (1, 1, 3, 3)),
        ([0.4, 0.6, 1.2, 1.4], (0, 0, 3, 3)),
        ([-9, -9, 99, 99], (0, 0, 8, 6)),
        ([-9, -9, -3, -3], (0, 0, -2, -2)),
        ([20, 20, 30, 30], (20, 20, 8, 6)),
    ],
)
def test_the_pixels_under_a_box_are_clipped(box, expected):
    assert geometry.pixels(np.float32(box), (8, 6)) == expected


def test_a_box_grows_about_its_centre():
    assert geometry.scaled(np.float32([2, 4, 4, 8]), 2).tolist() == [1, 2, 5, 10]


def test_bounds_hold_every_point():
    assert geometry.bounds(np.float32([[3, 1, 9], [0, 5, 9], [2, 2, 9]])).tolist() == [0, 1, 3, 5]


def test_every_pixel_of_a_mesh_is_covered_and_none_outside():
    cover = geometry.rasterise(SQUARE + 2, TWO, (16, 16))
    assert (cover[2:13, 2:13] >= 0).all()
    cover[2:13, 2:13] = -1
    assert (cover == -1).all()


def test_the_nearer_triangle_lies_on_top():
    points = np.float32([[0, 0, 5], [9, 0, 5], [0, 9, 5], [0, 0, 1], [9, 0, 1], [0, 9, 1]])
    for triangles, top in ([[0, 1, 2], [3, 4, 5]], 1), ([[3, 4, 5], [0, 1, 2]], 0):
        assert geometry.rasterise(points, np.array(triangles), (10, 10))[2, 2] == top


def test_a_warp_onto_itself_changes_nothing():
    picture = np.random.default_rng(0).integers(0, 255, (14, 14, 3)).astype(np.uint8)
    moved, inside = geometry.warp(picture, SQUARE + 2, SQUARE + 2, TWO, (14, 14))
    assert np.array_equal(moved[3:12, 3:12], picture[3:12, 3:12])
    assert set(np.unique(inside)) == {0, 1}


def test_a_warp_to_half_the_size_shows_every_second_pixel():
    picture = np.tile(np.arange(40, dtype=np.float32)[None, :, None], (40, 1, 1))
    moved, _ = geometry.warp(picture, SQUARE * 3.9, SQUARE * 1.95, TWO, (20, 20))
    assert np.asarray(moved).reshape(20, 20)[5, 2:18] == pytest.approx(np.arange(4, 36, 2), abs=0.1)


def test_flat_triangles_give_finite_numbers():
    flat = np.float32([[0, 0], [5, 0], [10, 0], [0, 0]])
    moved, _ = geometry.warp(np.ones((8, 8, 3), np.uint8), SQUARE, flat, TWO, (12, 4))
    assert np.isfinite(moved).all()


@pytest.mark.parametrize("height", [0.0, 1e-7, 1e-4, 0.01])
def test_a_sliver_is_drawn_no_longer_than_it_is(height):
    """Lips that close are such slivers."""
    points = np.float32([[3, 5], [9, 5 + height], [6, 5]])
    rows, columns = np.nonzero(geometry.rasterise(points, np.array([[0, 1, 2]]), (40, 12)) >= 0)
    assert set(rows) <= {5, 6}
    assert columns.min(initial=3) >= 2
    assert columns.max(initial=9) <= 10


def test_triangles_side_by_side_leave_no_gap():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:9, 0:9].astype(np.float32) * 11.37
    points = np.stack([x, y], axis=-1) + rng.uniform(-3, 3, (9, 9, 2)).astype(np.float32)
    first = np.array([row * 9 + column for row in range(8) for column in range(8)])
    halves = [[first, first + 1, first + 10], [first, first + 10, first + 9]]
    triangles = np.concatenate([np.stack(half, axis=1) for half in halves])
    cover = geometry.rasterise(points.reshape(-1, 2), triangles, (96, 96))
    assert (cover[8:80, 8:80] >= 0).all()


def test_a_mesh_outside_the_picture_covers_nothing():
    assert (geometry.rasterise(SQUARE + 900, TWO, (8, 8)) == -1).all()
