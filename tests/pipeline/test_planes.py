from fractions import Fraction

import numpy as np
import pytest

from pipeline.contract import Frame, Patch
from pipeline.planes import CHROMA_STEPS, copied, paste, picture, region, resized

LAYOUTS = [*CHROMA_STEPS, "gray", "rgb24"]
SIZES = [(1, 1), (2, 3), (7, 5), (33, 18), (64, 48)]
TURNS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


def make(layout="yuv420p", size=(64, 48), seed=0, **fields):
    rng = np.random.default_rng(seed)
    width, height = size
    if layout == "rgb24":
        planes = (rng.integers(0, 256, (height, width, 3), np.uint8),)
    else:
        planes = (rng.integers(16, 236, (height, width), np.uint8),)
    if layout in CHROMA_STEPS:
        across, down = CHROMA_STEPS[layout]
        shape = -(-height // down), -(-width // across)
        planes += tuple(rng.integers(16, 241, shape, np.uint8) for _ in range(2))
    return Frame(planes, layout, 0, 0, Fraction(1, 25), **fields)


def flat(colour, layout, size, **fields):
    frame = make(layout, size, **fields)
    rgb = np.empty((frame.size[1], frame.size[0], 3), np.uint8)
    rgb[:] = colour
    return paste(frame, [Patch(rgb, np.ones(rgb.shape[:2], np.float32), (0, 0))])


def covered_chroma(alpha, layout):
    across, down = CHROMA_STEPS[layout]
    height, width = alpha.shape
    padded = np.pad(alpha, ((0, -height % down), (0, -width % across)))
    cells = padded.reshape(padded.shape[0] // down, down, padded.shape[1] // across, across)
    return cells.any(axis=(1, 3))


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (5, 5, 5, 9), (64, 0, 70, 9), (-9, -9, 0, 0)])
def test_region_without_a_pixel_is_refused(box):
    with pytest.raises(ValueError, match="holds no pixel"):
        region(make(), box)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_region_is_the_part_of_the_whole_picture(layout, size, turns, mirrored):
    frame = make(layout, size, quarter_turns=turns, mirrored=mirrored)
    width, height = frame.size
    whole = region(frame, (-3, -3, width + 3, height + 3))
    assert whole.shape == (height, width, 3)
    x, y = width // 3, height // 2
    part = region(frame, (x, y, x + 9, y + 9))
    np.testing.assert_array_equal(part, whole[y : y + 9, x : x + 9])


@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_picture_turns_clockwise_and_then_mirrors(turns, mirrored):
    frame = make("rgb24", (7, 5), quarter_turns=turns, mirrored=mirrored)
    expected = np.rot90(frame.planes[0], -turns)
    expected = expected[:, ::-1] if mirrored else expected
    np.testing.assert_array_equal(picture(frame), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("longer", [1, 10, 40, 1000])
def test_picture_shrinks_and_never_enlarges(layout, longer):
    frame = make(layout, (40, 30), quarter_turns=1)
    shown = picture(frame, longer)
    assert max(shown.shape[:2]) == min(longer, 40)
    assert shown.shape[0] >= shown.shape[1]
    assert shown.dtype == np.uint8
    assert shown.flags.c_contiguous


def test_a_4_000_pixel_line_shrinks_to_at_least_one_pixel():
    assert picture(make("yuv420p", (4000, 1)), 64).shape == (1, 64, 3)


# Y Cb Cr of pure red, as the standards print them.
@pytest.mark.parametrize(
    ("matrix", "full", "yuv"),
    [
        ("bt601", False, (81, 90, 240)),
        ("bt601", True, (76, 85, 255)),
        ("bt709", False, (63, 102, 240)),
        ("bt709", True, (54, 99, 255)),
        ("bt2020", False, (74, 97, 240)),
    ],
)
def test_matrix_and_range_follow_the_standards(matrix, full, yuv):
    frame = flat((255, 0, 0), "yuv420p", (8, 8), matrix=matrix, full_range=full)
    for plane, value in zip(frame.planes, yuv, strict=True):
        np.testing.assert_array_equal(plane, value)
    assert np.abs(picture(frame).astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("full", [False, True])
def test_black_and_white_survive_every_layout(layout, full):
    for colour in (0, 255):
        frame = flat((colour,) * 3, layout, (9, 7), full_range=full)
        np.testing.assert_array_equal(picture(frame), colour)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_opaque_patch_leaves_nothing_of_the_original(layout, size, turns, mirrored):
    frames = [make(layout, size, seed, quarter_turns=turns, mirrored=mirrored) for seed in (1, 2)]
    width, height = frames[0].size
    rgb = np.random.default_rng(3).integers(0, 256, (height + 4, width + 4, 3), np.uint8)
    patch = Patch(rgb, np.ones(rgb.shape[:2], np.float32), (-2, -2))
    one, two = (paste(frame, [patch]) for frame in frames)
    for a, b in zip(one.planes, two.planes, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("corner", [(-3, -2), (5, 7), (21, 13), (30, 15)])
def test_only_samples_under_the_patch_change(layout, corner):
    frame = make(layout, (33, 18))
    before = [plane.copy() for plane in frame.planes]
    rng = np.random.default_rng(5)
    alpha = rng.choice(np.array([0, 0, 0.5, 1], np.float32), (11, 9))
    rgb = rng.integers(0, 256, (11, 9, 3), np.uint8)
    after = paste(frame, [Patch(rgb, alpha, corner)])
    whole = np.zeros((18 + 40, 33 + 40), np.float32)
    whole[20 + corner[1] : 31 + corner[1], 20 + corner[0] : 29 + corner[0]] = alpha
    seen = whole[20:38, 20:53]
    changed = [(a != b) for a, b in zip(before, after.planes, strict=True)]
    assert changed[0].any()
    assert not changed[0][seen == 0].any()
    for chroma in changed[1:]:
        assert not chroma[~covered_chroma(seen > 0, layout)].any()
    for a, b in zip(before, frame.planes, strict=True):
        np.testing.assert_array_equal(a, b)


def test_partly_covered_chroma_takes_the_mean_alpha():
    frame = make("yuv420p", (4, 4), full_range=True)
    frame.planes[1][:] = 128
    frame.planes[2][:] = 0
    alpha = np.zeros((4, 4), np.float32)
    alpha[0, 0] = 1
    after = paste(frame, [Patch(np.full((4, 4, 3), 90, np.uint8), alpha, (0, 0))])
    np.testing.assert_array_equal(after.planes[2], [[32, 0], [0, 0]])
    np.testing.assert_array_equal(after.planes[1], 128)


def test_region_pasted_where_it_was_gives_the_same_picture():
    frame = make("yuv444p", (40, 30), matrix="bt601", quarter_turns=3, mirrored=True)
    calm = flat((90, 140, 200), "yuv444p", (40, 30), quarter_turns=3, mirrored=True)
    for subject in (frame, calm):
        patch = Patch(region(subject, (4, 6, 20, 30)), np.ones((24, 16), np.float32), (4, 6))
        before, after = picture(subject).astype(int), picture(paste(subject, [patch])).astype(int)
        assert np.abs(before - after).max() <= 4


def test_later_patches_lie_over_earlier_ones():
    def patch(value):
        return Patch(np.full((4, 4, 3), value, np.uint8), np.ones((4, 4), np.float32), (0, 0))

    frame = paste(make("rgb24", (4, 4)), [patch(10), patch(200)])
    np.testing.assert_array_equal(frame.planes[0], 200)


@pytest.mark.parametrize("corner", [(-50, 0), (64, 0), (0, 48), (900, -900)])
def test_patch_outside_the_frame_changes_nothing(corner):
    frame = make()
    after = paste(
        frame, [Patch(np.zeros((9, 9, 3), np.uint8), np.ones((9, 9), np.float32), corner)]
    )
    for a, b in zip(frame.planes, after.planes, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_a_box_of_another_frame_is_copied_sample_for_sample(layout, turns, mirrored):
    how = {"quarter_turns": turns, "mirrored": mirrored}
    frame, other = (make(layout, (48, 40), seed, **how) for seed in (1, 2))
    x1, y1, x2, y2 = box = (8, 4, 24, 20)
    result = copied(frame, other, [box])
    shown, there = picture(result), picture(other)
    if layout in {"gray", "rgb24", "yuv444p"}:
        assert (shown[y1:y2, x1:x2] == there[y1:y2, x1:x2]).all()
    changed = [was != now for was, now in zip(frame.planes, result.planes, strict=True)]
    ones = np.zeros((frame.size[1], frame.size[0]), np.float32)
    ones[y1:y2, x1:x2] = 1
    at = np.rot90(ones[:, ::-1] if mirrored else ones, turns)
    for number, (plane, lent) in enumerate(zip(result.planes, other.planes, strict=True)):
        inside = covered_chroma(at, layout) if number else at > 0
        assert (plane[inside] == lent[inside]).all()
        assert not changed[number][~inside].any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_box_that_cuts_chroma_samples_takes_them_along_whole(layout):
    frame, other = make(layout, (33, 18), 1), make(layout, (33, 18), 2)
    result = copied(frame, other, [(-5, 3, 7, 9), (30, 15, 90, 90), (40, 0, 50, 9)])
    at = np.zeros((18, 33), np.float32)
    at[3:9, :7] = at[15:, 30:] = 1
    for number, (plane, lent) in enumerate(zip(result.planes, other.planes, strict=True)):
        inside = covered_chroma(at, layout) if number else at > 0
        assert (plane[inside] == lent[inside]).all()


@pytest.mark.parametrize(
    "other",
    [{"layout": "yuv444p"}, {"full_range": True}, {"matrix": "bt2020"}, {"quarter_turns": 2}],
)
def test_a_box_is_copied_by_its_colours_where_the_frames_are_coded_otherwise(other):
    size = (48, 40)
    frame = flat((90, 120, 60), "yuv420p", size)
    given = flat((200, 40, 80), **({"layout": "yuv420p", "size": size} | other))
    shown = picture(copied(frame, given, [(8, 8, 24, 24)])).astype(int)
    assert np.abs(shown[9:23, 9:23] - (200, 40, 80)).max() <= 3
    assert np.abs(shown[:7] - (90, 120, 60)).max() <= 3


def test_frames_of_different_size_lend_nothing():
    with pytest.raises(ValueError, match="cannot lend"):
        copied(make(size=(48, 40)), make(size=(40, 48)), [(0, 0, 4, 4)])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
@pytest.mark.parametrize("size", [(10, 8), (90, 72)])
def test_a_box_is_brought_to_another_size_as_it_is_shown(layout, turns, mirrored, size):
    frame = make(layout, (64, 48), quarter_turns=turns, mirrored=mirrored)
    for plane in frame.planes:
        plane[:] = np.linspace(100, 150, plane.shape[0], dtype=np.uint8).reshape(
            -1, *[1] * (plane.ndim - 1)
        )
    box = (8, 4, 28, 20) if turns % 2 else (8, 4, 48, 36)
    size = size[::-1] if turns % 2 else size
    shown = resized(frame, box, size)
    whole = region(frame, box)
    assert shown.shape == (*size[::-1], 3)
    assert shown.flags.c_contiguous
    rows, columns = ((np.arange(n) * m) // n for n, m in zip(size[::-1], whole.shape, strict=False))
    near = whole[rows][:, columns]
    assert np.abs(shown.astype(int) - near).mean() < 8


def test_a_box_beside_the_frame_has_no_size():
    with pytest.raises(ValueError, match="no pixel"):
        resized(make(), (70, 0, 80, 10), (5, 5))
