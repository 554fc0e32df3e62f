"""Huge frames: a few pieces are looked at closely in each look, all of them twice a second."""

from collections import Counter

import cv2
import numpy as np
import pytest

from pipeline import search
from pipeline.contract import Frame
from pipeline.geometry import overlap, pixels, scaled
from pipeline.settings import Settings
from pipeline.tiles import Tiles
from tests.conftest import drawn_background
from tests.pipeline.test_search import Sharp

SIZE = 1400, 800
SETTINGS = Settings(detect_size=256, min_face=8)


def shown(number, picture):
    return Frame((picture,), "rgb24", number), cv2.resize(picture, (256, 146))


def due(pictures, every=1, cut=None):
    """The pieces that are looked at, by frame."""
    tiles, result = Tiles(SETTINGS), {}
    for number in range(0, len(pictures), every):
        if number == cut:
            tiles.cut()
        result[number] = tiles.due(*shown(number, pictures[number]))
    return result


def dark():
    return np.zeros((*SIZE[::-1], 3), np.uint8)


def noisy(count):
    rng = np.random.default_rng(0)
    few = [rng.integers(0, 255, (25, 44, 3), np.uint8) for _ in range(13)]
    big = [cv2.resize(f, SIZE, interpolation=cv2.INTER_NEAREST) for f in few]
    return [big[n % 13] for n in range(count)]


@pytest.mark.parametrize("every", [1, 4])
def test_where_things_move_every_piece_is_looked_at_twice_a_second_a_few_at_a_time(every):
    looks = due(noisy(60), every)
    everything = search.tiles(SIZE, SETTINGS)
    assert looks[0] == everything
    later = [box for frame, boxes in looks.items() if frame for box in boxes]
    assert min(Counter(later)[box] for box in everything) >= 3
    assert max(len(boxes) for frame, boxes in looks.items() if frame) <= every * 5
    assert len(later) <= len(everything) * 60 / 12


def test_where_nothing_moves_pieces_are_looked_at_half_as_often():
    looks = due([dark()] * 60)
    counts = Counter(box for boxes in looks.values() for box in boxes)
    assert set(counts) == set(search.tiles(SIZE, SETTINGS))
    assert max(counts.values()) <= 4


def test_a_small_thing_that_appears_has_its_piece_looked_at_soon():
    late = dark()
    late[300:312, 500:512] = 255
    looks = due([dark()] * 14 + [late] * 12)
    seen = {box for frame, boxes in looks.items() if frame > 13 for box in boxes}
    hit = {b for b in search.tiles(SIZE, SETTINGS) if b[0] < 500 < b[2] and b[1] < 300 < b[3]}
    assert hit
    assert hit <= seen


def test_a_new_shot_is_looked_at_whole():
    assert due([dark()] * 9, cut=7)[7] == search.tiles(SIZE, SETTINGS)


@pytest.mark.parametrize("size", [(256, 200), (512, 300)])
def test_frames_that_can_be_looked_at_at_once_have_no_pieces(size):
    picture = np.zeros((*size[::-1], 3), np.uint8)
    assert Tiles(SETTINGS).due(Frame((picture,), "rgb24", 0), picture) is None


def test_a_face_of_few_pixels_in_a_huge_frame_is_found():
    picture = dark()
    picture[700:713, 900:913] = 255
    frame, small = shown(0, picture)
    look = Sharp(), frame, small, SETTINGS
    assert len(search.faces(*look, True)) == 0
    found = search.faces(*look, True, True, Tiles(SETTINGS).due(frame, small))
    assert found.boxes[0] == pytest.approx([900, 700, 913, 713], abs=1)
    assert len(search.faces(*look, True, True, [])) == 0


@pytest.mark.parametrize("wide", [12, 16])
def test_a_small_face_in_a_frame_of_4k_is_found_by_the_real_detector(astronaut, face, rooms, wide):
    x1, y1, x2, y2 = pixels(scaled(face.boxes[0], 1.8), (512, 512))
    scale = wide / float(face.boxes[0, 2] - face.boxes[0, 0])
    head = cv2.resize(
        astronaut[y1:y2, x1:x2], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    picture = drawn_background(3840, 2160, 1)
    picture[900 : 900 + head.shape[0], 1500 : 1500 + head.shape[1]] = head
    frame, settings = Frame((picture,), "rgb24", 0), Settings()
    small = cv2.resize(picture, (1280, 720), interpolation=cv2.INTER_AREA)
    shift = np.tile(np.float32([1500, 900]) - np.float32([x1, y1]) * scale, 2)
    box = face.boxes[:1] * scale + shift
    tile = next(
        tile
        for tile in search.tiles(frame.size, settings)
        if (box[0, :2] > tile[:2]).all() and (box[0, 2:] < tile[2:]).all()
    )
    look = rooms.detector, frame, small, settings, False, False
    assert overlap(box, search.faces(*look, [tile]).boxes).max(initial=0) > 0.4
    assert overlap(box, search.faces(*look).boxes).max(initial=0) < 0.1
