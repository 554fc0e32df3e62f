"""Looking for faces: upright, turned, and piece by piece."""

from fractions import Fraction

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
    found = search.faces(Upright(), shown, shown.planes[0], Settings(), True)
    truth = np.float32([[100, 40, 100 + width, 40 + height]])
    assert len(found) == 1
    assert overlap(found.boxes, truth)[0, 0] > 0.85
    middle = (truth[0, :2] + truth[0, 2:]) / 2
    up = [(0, -1), (-1, 0), (0, 1), (1, 0)][turns]
    assert (found.landmarks[0, :2].mean(axis=0) - middle) @ np.float32(up) > 10


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quick_look_knows_upright_heads_only(turns):
    shown, _ = frame(turns)
    assert len(search.faces(Upright(), shown, shown.planes[0], Settings(), False)) == 0


def test_a_face_upside_down_is_found_by_the_real_detector(astronaut, face, rooms):
    """As is: a person who hangs, or a camera that does."""
    turned = np.ascontiguousarray(astronaut[::-1, ::-1])
    shown = Frame((turned,), "rgb24", 0, 0, Fraction(1, 25))
    found = search.faces(rooms.detector, shown, turned, Settings(), True)
    truth = 511 - face.boxes[:1, [2, 3, 0, 1]]
    assert overlap(truth.astype(np.float32), found.boxes).max() > 0.5


class Sharp:
    """Sees bright squares of 16 px and more, as strongly as they are large."""

    def detect(self, image):
        bright = (image[..., 0] > 200).astype(np.uint8)
        rows = cv2.connectedComponentsWithStats(bright)[2][1:]
        boxes = [[x, y, x + w, y + h] for x, y, w, h, _ in rows if w >= 16]
        return Faces.of(boxes, None, [min(0.5 + 0.01 * (b[2] - b[0]), 1) for b in boxes])


@pytest.mark.parametrize("size", [(320, 200), (900, 700)])
def test_a_close_look_finds_faces_too_small_for_a_thorough_one(size):
    picture = np.zeros((*size[::-1], 3), np.uint8)
    x, y = size[0] - 60, size[1] - 40
    picture[y : y + 12, x : x + 12] = 255
    shown = Frame((picture,), "rgb24", 0, 0, Fraction(1, 25))
    look = Sharp(), shown, picture, Settings(detect_size=640, min_face=8), True
    assert len(search.faces(*look, False)) == 0
    found = search.faces(*look, True)
    assert len(found) == 1
    assert found.boxes[0] == pytest.approx([x, y, x + 12, y + 12], abs=1)


def test_a_huge_frame_is_not_enlarged():
    """It would be looked at for seconds; its own pieces are."""
    picture = np.zeros((1400, 1400, 3), np.uint8)
    picture[700:720, 900:920] = 255
    picture[100:112, 100:112] = 255
    shown = Frame((picture,), "rgb24", 0, 0, Fraction(1, 25))
    found = search.faces(Sharp(), shown, picture[::2, ::2].copy(), Settings(detect_size=640), True)
    assert found.boxes.round().tolist() == [[900, 700, 920, 720]]
