import cv2
import numpy as np
import pytest

from pipeline.blending import Blends, note


def scene(seed):
    """(90, 400, 3) patches of light and dark."""
    patches = np.random.default_rng(seed).normal(0, 1, (15, 66, 3))
    wide = cv2.resize(patches, (400, 90), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 50 * wide, 0, 255).astype(np.uint8)


WIDE = [scene(1), scene(2)]


def view(which, number, speed=1):
    """A camera that pans over one of the scenes."""
    start = 20 + speed * number
    return np.ascontiguousarray(WIDE[which][:, start : start + 160])


def blended(a, b, share):
    return np.uint8((1 - share) * a.astype(np.float32) + share * b.astype(np.float32))


def told(pictures):
    blends, spans = Blends(), []
    for number, picture in enumerate(pictures):
        span = blends.step(picture, number)
        if span is not None:
            note(spans, span)
    return spans


def dissolve(length, speed):
    shares = np.clip((np.arange(60 + length) - 29) / (length + 1), 0, 1)
    return [blended(view(0, n, speed), view(1, n, speed), share) for n, share in enumerate(shares)]


@pytest.mark.parametrize("length", [6, 12, 24])
@pytest.mark.parametrize("speed", [0, 1, 2])
def test_a_dissolve_is_told_while_the_camera_moves(length, speed):
    (span,) = told(dissolve(length, speed))
    assert abs(span[0] - 30) <= 10
    assert abs(span[1] - (29 + length)) <= 10
    middle = 30 + length // 2
    assert span[0] <= middle <= span[1]


def test_neither_pans_nor_stillness_nor_what_passes_is_a_dissolve(moving):
    passing = [view(0, 0) for _ in range(60)]
    for number, picture in enumerate(passing):
        picture[:, max(0, 4 * number - 60) : 4 * number] = (180, 60, 60)
    for pictures in (
        [view(0, n, 2) for n in range(60)],
        [view(0, 0)] * 60,
        moving,
        passing,
        [np.full((36, 64, 3), 4 * step, np.uint8) for step in range(60)],
    ):
        assert told(pictures) == []


def test_a_camera_that_whips_round_makes_no_dissolve():
    """In between all is blurred: flat, and like what was and what comes."""
    ways = np.clip(np.arange(80) - 25, 0, 28) * 3
    moving = (np.arange(80) > 25) & (np.arange(80) < 53)
    pictures = [
        cv2.GaussianBlur(WIDE[0][:, way : way + 160], (0, 0), 1 + 8 * blurred)
        for way, blurred in zip(ways.tolist(), moving.tolist(), strict=True)
    ]
    assert told(pictures) == []


def test_a_cut_is_no_dissolve():
    blends = Blends()
    for number in range(60):
        if number == 30:
            blends.cut()
        assert blends.step(view(number // 30, number), number) is None


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (640, 480)])
def test_pictures_of_every_size_are_taken(size):
    blends = Blends()
    black = np.zeros((*size, 3), np.uint8)
    assert [blends.step(black, number) for number in range(40)] == [None] * 40


def test_spans_that_touch_are_one():
    spans = []
    for span in ((3, 9), (5, 11), (12, 14), (30, 40)):
        note(spans, span)
    assert spans == [(3, 14), (30, 40)]
