"""Looking for faces: upright, turned, and piece by piece."""

from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline import search
from pipeline.contract import Faces, Frame
from pipeline.geometry import overlap
from pipeline.settings import Settings

WHERE = np.float32([100, 40, 130, 76])


class Upright:
    """Sees the bright head whose chin, its brightest part, is below."""

    def detect(self, image):
        rows, columns = np.nonzero(image[..., 0] > 120)
        chin = np.argwhere(image[..., 0] > 240)
        if len(rows) < 30 or not len(chin) or chin[:, 0].mean() < rows.mean() + 3:
            return Faces.of([])
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        eyes = np.float32([[box[0], box[1]], [box[2], box[1]]])
        points = np.concatenate([eyes, np.repeat(eyes.mean(axis=0)[None], 3, axis=0)])
        return Faces.of([box], points[None], [0.9])


def frame(turns):
    """A head, turned `turns` quarters against the clock in its frame of 200 by 120."""
    head = np.full((36, 30, 3), 180, np.uint8)
    head[26:] = 255
    head = np.rot90(head, turns)
    picture = np.zeros((120, 200, 3), np.uint8)
    picture[40 : 40 + head.shape[0], 100 : 100 + head.shape[1]] = head
    return Frame((picture,), "rgb24", 0, 0, Fraction(1, 25)), head.shape


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_thorough_look_finds_heads_that_lie_or_hang(turns):
    shown, (height, width, _) = frame(turns)
    everything = search.everything(shown.size, Settings())
    found = search.faces(Upright(), shown, shown.planes[0], Settings(), everything)
    truth = np.float32([[100, 40, 100 + width, 40 + height]])
    assert len(found) == 1
    assert overlap(found.boxes, truth)[0, 0] > 0.85
    middle = (truth[0, :2] + truth[0, 2:]) / 2
    up = [(0, -1), (-1, 0), (0, 1), (1, 0)][turns]
    assert (found.landmarks[0, :2].mean(axis=0) - middle) @ np.float32(up) > 10


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quick_look_knows_upright_heads_only(turns):
    shown, _ = frame(turns)
    assert len(search.faces(Upright(), shown, shown.planes[0], Settings())) == 0


class SurerAside(Upright):
    """Sees the head however it lies, and is surest where its chin points aside."""

    def detect(self, image):
        rows, columns = np.nonzero(image[..., 0] > 120)
        chin = np.argwhere(image[..., 0] > 240)
        if not len(rows):
            return Faces.of([])
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        upright = chin[:, 0].mean() > rows.mean() + 3
        top = np.full((5, 2), box[:2], np.float32)
        return Faces.of([box], top[None], [0.6 if upright else 0.95])


def test_a_head_seen_upright_is_never_taken_for_one_that_lies():
    """However sure the detector is of it on its side: its mesh would be tilted."""
    shown, _ = frame(0)
    everything = search.everything(shown.size, Settings())
    found = search.faces(SurerAside(), shown, shown.planes[0], Settings(), everything)
    assert len(found) == 1
    assert found.scores[0] == pytest.approx(0.6)
    assert found.landmarks[0, 0] == pytest.approx([100, 40], abs=1)


def test_a_face_upside_down_is_found_by_the_real_detector(astronaut, face, rooms):
    """As is: a person who hangs, or a camera that does."""
    turned = np.ascontiguousarray(astronaut[::-1, ::-1])
    shown = Frame((turned,), "rgb24", 0, 0, Fraction(1, 25))
    found = search.faces(rooms.detector, shown, turned, Settings(), search.Closer((2,)))
    truth = 511 - face.boxes[:1, [2, 3, 0, 1]]
    assert overlap(truth.astype(np.float32), found.boxes).max() > 0.5


class Sharp:
    """Sees bright squares of 16 px and more, as strongly as they are large."""

    def detect(self, image):
        bright = (image[..., 0] > 200).astype(np.uint8)
        rows = cv2.connectedComponentsWithStats(bright)[2][1:]
        boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in rows if w >= 16]
        return Faces.of(boxes, None, [min(0.5 + 0.01 * (b[2] - b[0]), 1) for b in boxes])


@pytest.mark.parametrize("size", [(320, 200), (900, 700), (1400, 1400)])
def test_a_closer_look_finds_faces_too_small_for_the_picture(size):
    picture = np.zeros((*size[::-1], 3), np.uint8)
    x, y = size[0] - 60, size[1] - 40
    picture[y : y + 13, x : x + 13] = 255
    shown = Frame((picture,), "rgb24", 0, 0, Fraction(1, 25))
    settings = Settings(detect_size=640, min_face=8)
    shrunk = cv2.resize(picture, None, fx=640 / max(640, *size), fy=640 / max(640, *size))
    look = Sharp(), shown, np.asarray(shrunk), settings
    assert len(search.faces(*look)) == 0
    found = search.faces(*look, search.everything(size, settings))
    assert len(found) == 1
    assert found.boxes[0] == pytest.approx([x, y, x + 13, y + 13], abs=1)


def test_a_window_shows_what_the_picture_shows_there():
    picture = np.zeros((1080, 1920, 3), np.uint8)
    picture[500:530, 700:730] = 255
    picture[100:130, 100:130] = 255
    shown = Frame((picture,), "rgb24", 0, 0, Fraction(1, 25))
    settings = Settings(min_face=8)
    found = search.through(Sharp(), shown, [(480, 300, 960, 780)], settings)
    assert found.boxes[0] == pytest.approx([700, 500, 730, 530], abs=1.5)
    assert len(search.through(Sharp(), shown, [(710, 300, 1190, 780)], settings)) == 0
    assert len(search.through(Sharp(), shown, [], settings)) == 0


@pytest.mark.parametrize(
    "size", [(1, 1), (30, 2000), (480, 270), (1280, 720), (1920, 1080), (3840, 2160), (4001, 999)]
)
def test_pieces_cover_the_frame_overlap_and_fit_into_the_detector(size):
    settings = Settings()
    covered = np.zeros(size[::-1], np.uint8)
    enlarged = 1.25 if search.is_large(size, settings) else 1.5
    pieces = search.pieces(size, settings)
    for x1, y1, x2, y2 in pieces:
        assert 0 <= x1 < x2 <= size[0]
        assert 0 <= y1 < y2 <= size[1]
        assert max(x2 - x1, y2 - y1) * enlarged <= settings.detect_size + 1
        covered[y1:y2, x1:x2] += 1
    assert covered.min() >= 1
    columns = {(x1, x2) for x1, _, x2, _ in pieces}
    if len(columns) > 1:
        starts, ends = zip(*sorted(columns), strict=True)
        assert min(b - a for a, b in zip(starts[1:], ends, strict=False)) >= 60


@pytest.mark.parametrize(("trusted", "best"), [(True, 0.8), (False, 0.2)])
def test_of_one_face_seen_twice_the_surer_one_stays_if_it_is_trusted(trusted, best):
    weak = Faces.of([[9, 487, 22, 503], [300, 300, 340, 350]], scores=[0.2, 0.9])
    strong = Faces.of([[10, 485, 21, 499], [310, 320, 320, 330]], scores=[0.8, 0.95])
    found = search.joined(weak, strong, trusted)
    assert sorted(found.scores.tolist()) == pytest.approx([best, 0.9])


def test_one_joined_to_nothing_is_one():
    some = Faces.of([[9, 487, 22, 503]], scores=[0.2])
    assert len(search.joined(some, Faces.of([]))) == len(search.joined(Faces.of([]), some)) == 1


def test_a_loose_box_over_two_faces_gives_way_to_both():
    """The surer one takes its place; the other must not be dropped for lying under it."""
    loose = Faces.of([[0, 0, 100, 100]], None, [0.4])
    two = Faces.of([[0, 0, 95, 95], [60, 60, 99, 99]], None, [0.9, 0.6])
    assert len(search.joined(loose, two)) == 2


class Flagged:
    """Of another maker, to whom the name means something else."""

    quick = True

    def detect(self, image):
        return Faces.of(np.zeros((0, 4)))


def test_a_detector_whose_quick_is_no_detector_is_asked_itself():
    detector = Flagged()
    assert search.quick(detector) is detector


class Spots:
    """Sees what is white, each spot by itself."""

    def detect(self, image):
        count, _, rows, _ = cv2.connectedComponentsWithStats((image[..., 0] > 200).astype(np.uint8))
        boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in rows[1:count].tolist()]
        return Faces.of(boxes, scores=[0.9] * len(boxes))


def test_parts_of_a_frame_are_looked_at_together_and_faces_come_back_to_their_places():
    picture = np.zeros((1080, 1920, 3), np.uint8)
    spots = np.float32([[60, 40, 80, 64], [1500, 900, 1516, 920], [700, 500, 730, 530]])
    for x1, y1, x2, y2 in spots.astype(int):
        picture[y1:y2, x1:x2] = 255
    shown = Frame((picture,), "rgb24", 0)
    parts = [(0, 0, 200, 200), (1400, 800, 1600, 1000), (600, 400, 715, 700)]
    looks = []

    def each(work, items):
        looks.extend(items)
        return map(work, items)

    small, settings = np.zeros((720, 1280, 3), np.uint8), Settings()
    found = search.faces(Spots(), shown, small, settings, search.Closer(parts=parts), each)
    assert len(looks) == 1
    order = np.argsort(found.boxes[:, 0])
    assert found.boxes[order] == pytest.approx(spots[:2], abs=2)  # the third part cuts its face


def test_what_is_too_long_for_a_sheet_is_split_into_parts_that_overlap():
    parts = search.split((100, 50, 160, 1050), (500, 400))
    assert len(parts) == 3
    assert {(x1, x2) for x1, _, x2, _ in parts} == {(100, 160)}
    assert (parts[0][1], parts[-1][3]) == (50, 1050)
    assert all(above[3] - below[1] > 20 for above, below in pairwise(parts))
    assert search.split((5, 6, 70, 80), (500, 400)) == [(5, 6, 70, 80)]
