"""The picture turned and pieces of the frame have their turn one by one, and soon enough."""

from collections import defaultdict
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline import search
from pipeline.contract import Faces, Frame
from pipeline.following import reach
from pipeline.geometry import overlap, pixels, scaled
from pipeline.search import Closer
from pipeline.settings import Settings
from pipeline.tiles import Tiles
from tests.conftest import drawn_background
from tests.pipeline.test_search import Sharp

SIZE = 1400, 800
SETTINGS = Settings(detect_size=256, min_face=8)
NOBODY = Faces.of([])
SPOT = 500, 300, 512, 312


def shown(number, picture):
    return Frame((picture,), "rgb24", number), cv2.resize(picture, (320, 183))


def due(pictures, every=1, cut=None, settings=SETTINGS, found=NOBODY):
    """What is looked at, by frame; each look has `found` the same."""
    tiles, result = Tiles(settings), {}
    for number in range(0, len(pictures), every):
        if number == cut:
            tiles.cut()
        result[number], told = tiles.due(*shown(number, pictures[number]))
        told.tell(found)
        told.end()
    return result


def seen(looks, box):
    """The frames in which a look showed all of a box."""
    x1, y1, x2, y2 = box
    return [
        frame
        for frame, closer in looks.items()
        if any(
            a <= x1 and b <= y1 and c >= x2 and d >= y2
            for a, b, c, d in (*closer.pieces, *closer.parts)
        )
    ]


def dark():
    return np.zeros((*SIZE[::-1], 3), np.uint8)


def noisy(count):
    rng = np.random.default_rng(0)
    few = [rng.integers(0, 255, (25, 44, 3), np.uint8) for _ in range(29)]
    big = [cv2.resize(f, SIZE, interpolation=cv2.INTER_NEAREST) for f in few]
    return [big[n % 29] for n in range(count)]


def waits(looks):
    """The frames between two looks at each piece and turn."""
    seen = defaultdict(list)
    for frame, closer in looks.items():
        for what in (*closer.turns, *closer.pieces):
            seen[what].append(frame)
    return {what: [b - a for a, b in pairwise(frames)] for what, frames in seen.items()}


def longest(looks, boxes):
    """The most frames between two looks at the middle of one of the boxes."""
    middles = [((x1 + x2) // 2, (y1 + y2) // 2) for x1, y1, x2, y2 in boxes]
    frames = [seen(looks, (x - 6, y - 6, x + 6, y + 6)) for x, y in middles]
    return max(b - a for some in frames for a, b in pairwise(some))


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("side", [256, 1280])
def test_everything_that_changes_is_looked_at_again_before_a_face_could_not_be_followed_back(
    every, side
):
    settings, pictures = Settings(detect_size=side), noisy(80)
    looks = due(pictures, every, settings=settings)
    everything = search.everything(SIZE, settings)
    assert looks[0] == everything
    times, most = waits(looks), reach(Frame((pictures[0],), "rgb24", 0))
    assert set(times) == {*everything.turns, *everything.pieces}
    assert max(max(times[turn]) for turn in everything.turns) <= most
    assert longest(looks, everything.pieces) <= most


def test_a_few_at_a_time_are_looked_at():
    looks = due(noisy(80))
    everything = search.everything(SIZE, SETTINGS)
    assert max(len(looks[n].pieces) for n in range(1, 80)) <= len(everything.pieces) / 12 + 2
    assert max(len(looks[n].turns) for n in range(1, 80)) == 1


def test_of_frames_that_take_much_memory_pieces_come_sooner(monkeypatch):
    """Few such frames are kept to follow a face back."""
    monkeypatch.setattr("pipeline.following._BACK_BYTES", 10 * dark().nbytes)
    assert longest(due(noisy(60)), search.pieces(SIZE, SETTINGS)) <= 10


@pytest.mark.parametrize("every", [1, 4])
def test_a_small_thing_that_appears_is_looked_at_before_it_could_not_be_followed_back(every):
    late = dark()
    late[300:312, 500:512] = 40
    looks = due([dark()] * 17 + [late] * 40, every)
    assert any(17 <= frame < 17 + reach(Frame((late,), "rgb24", 0)) for frame in seen(looks, SPOT))


def test_where_nothing_changes_each_piece_is_looked_at_now_and_then():
    looks = due([dark()] * 240)
    assert not any(closer.parts for closer in looks.values())
    times = waits(looks)
    for box in search.pieces(SIZE, SETTINGS):
        assert 30 <= max(times[box]) <= 60


def test_who_tells_how_often_has_each_piece_looked_at_in_its_turn():
    looks = due([dark()] * 80, settings=Settings(detect_size=256, detect_every=1))
    times = waits(looks)
    assert max(max(times[box]) for box in search.pieces(SIZE, SETTINGS)) <= 20


def test_where_a_small_face_was_found_somebody_looks_in_each_turn_though_nothing_changes():
    face = Faces.of([SPOT], scores=[0.9])
    frames = seen(due([dark()] * 200, found=face), SPOT)
    assert max(b - a for a, b in pairwise(frames)) <= 20


def test_where_it_was_found_somebody_looks_again_after_it_was_missed_once():
    face, tiles, frames = Faces.of([SPOT], scores=[0.9]), Tiles(SETTINGS), []
    for number in range(100):
        closer, told = tiles.due(*shown(number, dark()))
        told.tell(NOBODY if number else face)
        told.end()
        frames += seen({number: closer}, SPOT)
    assert len(frames) > 3


def test_what_changes_a_little_at_a_time_is_looked_at_too():
    pictures = [dark() for _ in range(90)]
    for number, picture in enumerate(pictures):
        picture[300:324, 500:524] = number // 2
    early = [frame for frame in seen(due(pictures), SPOT) if frame]
    assert len(early) > 1


def test_of_a_picture_that_the_camera_passes_only_what_comes_in_is_looked_at():
    wall = drawn_background(SIZE[0] + 100, SIZE[1], 3)
    pictures = [np.ascontiguousarray(wall[:, n : n + SIZE[0]]) for n in range(90)]
    looks = due(pictures, 4)
    area = sum((c - a) * (d - b) for n in looks if n for a, b, c, d in looks[n].parts)
    whole = sum((c - a) * (d - b) for n in looks if n for a, b, c, d in looks[n].pieces)
    assert area + whole < 0.75 * 90 / 20 * SIZE[0] * SIZE[1]
    assert all(len(seen(looks, (SIZE[0] - 8, y, SIZE[0], y + 8))) > 2 for y in (10, 400, 780))


def test_at_the_end_of_a_shot_what_came_in_since_is_looked_at():
    tiles, late = Tiles(SETTINGS), dark()
    late[300:312, 500:512] = 90
    for number in range(30):
        picture = late if number > 26 else dark()
        _, told = tiles.due(*shown(number, picture))
        told.end()
    closer, told = tiles.rest(*shown(30, late))
    told.end()
    assert seen({30: closer}, SPOT)
    assert not closer.turns
    assert len(closer.pieces) < len(search.pieces(SIZE, SETTINGS))
    again, told = tiles.rest(*shown(30, late))
    assert again == Closer((), [], [])


def test_a_shot_of_one_frame_has_nothing_left_to_look_at():
    """Nobody has told yet what they found in that frame."""
    tiles = Tiles(SETTINGS)
    tiles.due(*shown(0, dark()))
    assert tiles.rest(*shown(0, dark()))[0] == Closer((), [], [])


def test_a_new_shot_is_looked_at_whole():
    assert due([dark()] * 9, cut=7)[7] == search.everything(SIZE, SETTINGS)


def test_a_face_of_few_pixels_in_a_huge_frame_is_found():
    picture = dark()
    picture[700:713, 900:913] = 255
    frame, small = shown(0, picture)
    look = Sharp(), frame, small, SETTINGS
    assert len(search.faces(*look)) == 0
    found = search.faces(*look, Tiles(SETTINGS).due(frame, small)[0])
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
