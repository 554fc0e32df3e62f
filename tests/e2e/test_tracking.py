"""No frame without its cover: clips of a generated person whose place is known in every frame."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from pipeline.analysis import Analysis, Analyst
from pipeline.contract import Frame
from pipeline.coverage import covered
from pipeline.geometry import pixels, scaled
from pipeline.settings import Settings
from tests.conftest import drawn_background

SIZE = 360, 270
HIDDEN = 0.75  # of the middle of a face


class Scene:
    """A head of 110 px that is put anywhere into a drawn picture."""

    def __init__(self, head, box):
        self._head, self._box = head, box
        self.pictures, self.truth = [], []

    def add(self, x, y, turn=0.0, ground=0, blur=0, shown=True):
        """A frame with the head's centre at (x, y), turned, over background number `ground`."""
        picture = drawn_background(*SIZE, seed=ground)
        picture = 255 - picture[::-1] if ground else picture
        matrix = cv2.getRotationMatrix2D((80, 80), turn, 1.0)
        matrix[:, 2] += (x - 80, y - 80)
        if shown:
            mask = np.zeros(self._head.shape[:2], np.float32)
            cv2.ellipse(mask, (80, 80), (46, 62), 0, 0, 360, 1.0, -1)
            moved = cv2.warpAffine(self._head, matrix, SIZE)
            alpha = cv2.warpAffine(mask, matrix, SIZE)[..., None]
            picture = np.uint8(alpha * moved + (1 - alpha) * picture)
        if blur:
            picture = cv2.blur(picture, (blur, 1))
        corners = self._box[[0, 2, 0, 2]], self._box[[1, 1, 3, 3]], np.ones(4)
        place = matrix @ np.stack(corners)
        box = np.concatenate([place.min(axis=1), place.max(axis=1)]).astype(np.float32)
        self.pictures.append(picture)
        self.truth.append(box if shown else None)


@pytest.fixture
def scene(render, rooms):
    head = render([40], 160)
    faces = rooms.detector.detect(head)
    assert len(faces) == 1
    return Scene(head, faces.boxes[0].astype(np.float64))


def analysed(pictures, rooms, **options):
    settings = Settings(mode="mosaic", detect_size=360, **options)
    analyst = Analyst(Analysis(b"scene"), rooms, settings)
    for number, picture in enumerate(pictures):
        analyst.step(Frame((picture,), "rgb24", number, number, Fraction(1, 25)))
    analyst.finish()
    return analyst.result


def bare(scene, result, least=0.4):
    """The frames in which the middle of the face is not covered; faces mostly out do not count."""
    tracks = covered(result, list(range(len(result.tracks))), None)
    over = [np.zeros(SIZE[::-1], np.bool_) for _ in scene.pictures]
    for track in tracks:
        for sighting in track.sightings:
            x1, y1, x2, y2 = pixels(sighting.box, SIZE)
            over[sighting.frame][y1:y2, x1:x2] = True
    frames = []
    for number, box in enumerate(scene.truth):
        if box is None:
            continue
        x1, y1, x2, y2 = pixels(scaled(box, 0.6), SIZE)
        inside = max(x2 - x1, 0) * max(y2 - y1, 0)
        if inside < least * 0.36 * np.prod(box[2:] - box[:2]):
            continue
        if over[number][y1:y2, x1:x2].mean() < HIDDEN:
            frames.append(number)
    return frames


def beside(scene, result):
    """The share of covers that lie over no face."""
    tracks = covered(result, list(range(len(result.tracks))), None)
    boxes = [(s.frame, s.box) for track in tracks for s in track.sightings]
    false = 0
    for frame, box in boxes:
        truth = scene.truth[frame]
        common = 0.0
        if truth is not None:
            common = np.clip(
                np.minimum(box[2:], truth[2:]) - np.maximum(box[:2], truth[:2]), 0, None
            ).prod()
        false += common < 0.2 * min((box[2:] - box[:2]).prod(), 1e9)
    return false / max(len(boxes), 1)


EVERY = pytest.mark.parametrize("every", [1, "auto"])


@EVERY
def test_a_face_that_crosses_the_picture_from_border_to_border_is_covered(scene, rooms, every):
    for number in range(38):
        scene.add(-30 + 12 * number, 130 + 15 * np.sin(number / 6))
    result = analysed(scene.pictures, rooms, detect_every=every)
    assert bare(scene, result) == []


@EVERY
def test_motion_blur_and_a_cut_leave_no_face_bare(scene, rooms, every):
    for number in range(36):
        second = number >= 18
        scene.add(250 - 2 * number if second else 110 + 2 * number, 130,
            ground=4 if second else 0, blur=23 if number % 12 in (6, 7, 8) else 0)  # fmt: skip
    result = analysed(scene.pictures, rooms, detect_every=every)
    assert result.shots == [0, 18]
    assert bare(scene, result) == []
    assert beside(scene, result) == 0


def test_a_hand_that_passes_leaves_no_face_bare(scene, rooms):
    for number in range(40):
        scene.add(180, 130)
        if number >= 8:
            place = (60 + 8 * (number - 8), 140)
            cv2.ellipse(scene.pictures[-1], place, (40, 60), 10, 0, 360, (190, 140, 120), -1)
    result = analysed(scene.pictures, rooms)
    assert bare(scene, result) == []
    assert len({track.number for track in result.tracks}) == 1


@pytest.mark.parametrize("turn", [90.0, -90.0, 180.0])
def test_people_who_lie_or_hang_are_covered_from_the_first_frame(scene, rooms, turn):
    for number in range(14):
        scene.add(150 + 2 * number, 135, turn=turn)
    assert bare(scene, analysed(scene.pictures, rooms)) == []


def test_a_head_that_turns_over_is_covered_all_the_way(scene, rooms):
    for number in range(36):
        scene.add(180, 135, turn=10.0 * number)
    assert bare(scene, analysed(scene.pictures, rooms)) == []


@pytest.mark.parametrize("length", [8, 20])
def test_a_dissolve_shows_neither_the_old_face_nor_the_new(scene, rooms, length):
    for _ in range(10 + length):
        scene.add(110, 130)
    for _ in range(10):
        scene.add(250, 140, ground=5)
    old, new = scene.pictures[0].astype(np.float32), scene.pictures[-1].astype(np.float32)
    for number in range(length):
        share = (number + 1) / (length + 1)
        scene.pictures[10 + number] = np.uint8((1 - share) * old + share * new)
        if share > 0.5:
            scene.truth[10 + number] = scene.truth[-1]
    result = analysed(scene.pictures, rooms)
    assert bare(scene, result) == []


def test_who_has_left_is_not_covered_for_long(scene, rooms):
    for number in range(40):
        scene.add(180, 130, shown=number < 12)
    result = analysed(scene.pictures, rooms)
    (track,) = covered(result, [0], None)
    assert bare(scene, result) == []
    assert 11 <= track.sightings[-1].frame <= 13


def test_a_picture_without_faces_gets_no_covers(rooms):
    pictures = [drawn_background(*SIZE, seed=number // 10) for number in range(30)]
    assert analysed(pictures, rooms).tracks == []
