"""A place in which the detector sees not even a hint of a face."""

import cv2
import numpy as np
import pytest

from detector.centerface import CenterFace
from pipeline.analysis import Faults
from pipeline.contract import Frame
from pipeline.geometry import scaled
from pipeline.hints import guarded, is_unhinted
from pipeline.weights import locate


@pytest.fixture(scope="module")
def detector():
    return CenterFace(locate("centerface"))


@pytest.fixture(scope="module")
def place(astronaut, detector):
    return detector.detect(astronaut).boxes[0]


def frame(picture):
    return Frame((np.ascontiguousarray(picture),), "rgb24")


@pytest.mark.parametrize("scale", [1.0, 0.3, 0.12])
@pytest.mark.parametrize("off", [0.0, 0.5])
def test_a_face_is_hinted_at_in_any_size_and_half_beside_its_place_too(
    astronaut, detector, place, scale, off
):
    small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    shifted = (place + off * np.float32([1, 0, 1, 0]) * (place[2] - place[0])) * scale
    assert not is_unhinted(frame(small), shifted, detector.hints, 0.06)


@pytest.mark.parametrize("change", [0.3, 0.6])
def test_a_face_that_is_partly_hidden_or_dark_is_hinted_at(astronaut, detector, place, change):
    x1, y1, x2, y2 = place.round().astype(int)
    hidden = astronaut.copy()
    hidden[y1:y2, x1 : x1 + round(change * (x2 - x1))] = 90
    assert not is_unhinted(frame(hidden), place, detector.hints, 0.06)
    assert not is_unhinted(frame(np.uint8(change * astronaut)), place, detector.hints, 0.06)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_ground_is_not(astronaut, detector, place, scale):
    ground = cv2.GaussianBlur(astronaut[::-1, ::-1], (0, 0), 40)
    small = cv2.resize(ground, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert is_unhinted(frame(small), place * scale, detector.hints, 0.06)


def test_the_frame_ends_in_nothing(astronaut, detector, place):
    face = np.ascontiguousarray(astronaut[: int(place[3]) + 4, int(place[0]) :])
    moved = place - np.float32([int(place[0]), 0, int(place[0]), 0])
    assert not is_unhinted(frame(face), moved, detector.hints, 0.06)
    assert is_unhinted(frame(face), scaled(moved, 1) + 9000, detector.hints, 0.06)


def test_where_nobody_gives_hints_or_they_fail_everything_may_be_a_face(astronaut, place):
    def broken(image):
        raise RuntimeError("no hints today")

    faults = Faults()
    assert not is_unhinted(frame(astronaut), place, None, 0.06)
    assert not is_unhinted(frame(astronaut), place, guarded(broken, faults.guarded), 0.06)
    assert faults.count == 1
    assert not is_unhinted(
        frame(astronaut), place, lambda _: np.full((32, 64), np.nan, np.float32), 0.06
    )
