"""The picture turned and pieces of the frame have their turn one by one, and soon enough."""

from collections import defaultdict
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline import search
from pipeline.contract import Frame
from pipeline.following import reach
from pipeline.geometry import overlap, pixels, scaled
from pipeline.search import Closer
from pipeline.settings import Settings
from pipeline.tiles import Tiles
from tests.conftest import drawn_background
from tests.pipeline.test_search import Sharp

SIZE = 1400, 800
SETTINGS = Settings(detect_size=256, min_face=8)


def shown(number, picture):
    return Frame((picture,), "rgb24", number), cv2.resize(picture, (256, 146))


def due(pictures, every=1, cut=None, settings=SETTINGS):
    """What is looked at, by frame."""
    tiles, result = Tiles(settings), {}
    for number in range(0, len(pictures), every):
        if number == cut:
            tiles.cut()
        result[number] = tiles.due(shown(number, pictures[number])[0])
    return result


def dark():
    return np.zeros((*SIZE[::-1], 3), np.uint8)


def noisy(count):
    rng = np.random.default_rng(0)
    few = [rng.integers(0, 255, (25, 44, 3), np.uint8) for _ in range(13)]
    big = [cv2.resize(f, SIZE, interpolation=cv2.INTER_NEAREST) for f in few]
    return [big[n % 13] for n in range(count)]


def waits(looks):
    """The frames between two looks at each piece and turn."""
    seen = defaultdict(list)
    for frame, closer in looks.items():
        for what in (*closer.turns, *closer.pieces):
            seen[what].append(frame)
    return {what: [b - a for a, b in pairwise(frames)] for what, frames in seen.items()}


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("side", [256, 1280])
def test_everything_is_looked_at_again_before_a_face_could_not_be_followed_back(every, side):
    settings, pictures = Settings(detect_size=side), noisy(80)
    looks = due(pictures, every, settings=settings)
    everything = search.everything(SIZE, settings)
    assert looks[0] == everything
    times = waits(looks)
    assert set(times) == {*everything.turns, *everything.pieces}
    assert max(max(some) for some in times.values()) <= reach(Frame((pictures[0],), "rgb24", 0))


def test_a_few_at_a_time_are_looked_at():
    looks = due(noisy(80))
    everything = search.everything(SIZE, SETTINGS)
    assert max(len(looks[n].pieces) for n in range(1, 80)) <= len(everything.pieces) / 12 + 2
    assert max(len(looks[n].turns) for n in range(1, 80)) == 1


def test_of_frames_that_take_much_memory_pieces_come_sooner(monkeypatch):
    """Few such frames are kept to follow a face back."""
    monkeypatch.setattr("pipeline.following._BACK_BYTES", 10 * dark().nbytes)
    times = waits(due([dark()] * 60))
    boxes = search.pieces(SIZE, SETTINGS)
    assert max(max(times[box]) for box in boxes) <= 10


def test_a_small_thing_that_appears_has_its_piece_looked_at_soon():
    late = dark()
    late[300:312, 500:512] = 255
    looks = due([dark()] * 17 + [late] * 20)
    seen = {box for frame, closer in looks.items() if frame > 16 for box in closer.pieces}
    hit = {b for b in search.pieces(SIZE, SETTINGS) if b[0] < 500 < b[2] and b[1] < 300 < b[3]}
    assert hit
    assert hit <= seen


def test_a_new_shot_is_looked_at_whole():
    assert due([dark()] * 9, cut=7)[7] == search.everything(SIZE, SETTINGS)


def test_a_face_of_few_pixels_in_a_huge_frame_is_found():
    picture = dark()
    picture[700:713, 900:913] = 255
    frame, small = shown(0, picture)
    look = Sharp(), frame, small, SETTINGS
    assert len(search.faces(*look)) == 0
    found = search.faces(*look, Tiles(SETTINGS).due(frame))
    assert found.boxes[0] == pytest.approx([900, 700, 913, 713], abs=1)
    assert len(search.faces(*look, Closer())) == 0


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
    piece = next(
        piece
        for piece in search.pieces(frame.size, settings)
        if (box[0, :2] > piece[:2]).all() and (box[0, 2:] < piece[2:]).all()
    )
    look = rooms.detector, frame, small, settings
    found = search.faces(*look, Closer(pieces=[piece]))
    assert overlap(box, found.boxes).max(initial=0) > 0.4
    assert overlap(box, search.faces(*look).boxes).max(initial=0) < 0.1
