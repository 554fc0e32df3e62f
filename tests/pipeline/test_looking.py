"""How closely each frame is looked at, and that nothing found on the way is lost."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from pipeline import planes
from pipeline.analysis import analyse
from pipeline.contract import Faces, Frame
from pipeline.looking import Looking
from pipeline.media import open_source
from pipeline.search import everything
from pipeline.settings import Settings

WHOLE, GLANCE = 1280, 640
FRAMES = 26


class Seer:
    """Notes the longer sides of the pictures it is shown, and finds what is pure white there."""

    def __init__(self):
        self.shown = []

    def detect(self, image):
        self.shown.append(max(image.shape[:2]))
        y, x = np.nonzero((image > 250).all(axis=2))
        if not len(x):
            return Faces.of([])
        return Faces.of([[x.min(), y.min(), x.max() + 1, y.max() + 1]], scores=[0.9])


def wall(moves=False):
    """Pictures of 1280 by 720, in which nothing or everything moves."""
    rng = np.random.default_rng(0)
    for _ in range(FRAMES):
        spots = rng.integers(0, 200, (18, 32, 3), np.uint8) * moves + np.uint8(20)
        yield spots.repeat(40, 0).repeat(40, 1)


def looked(pictures, detector=None, **settings):
    """The faces of each frame, whether all was looked at, and the longer sides of what was."""
    detector = detector or Seer()
    seer = getattr(detector, "quick", detector)
    looking, result = Looking(SimpleNamespace(detector=detector), Settings(**settings)), []
    for number, picture in enumerate(pictures):
        frame, before = Frame((picture,), "rgb24", number), len(seer.shown)
        small = planes.picture(frame, 320)
        whole, task = looking.whole(frame), looking.task(frame, small)
        faces, closely = looking.found(frame, small, task(), whole, [])
        result.append((faces, closely, seer.shown[before:]))
    return result


def test_of_a_still_picture_few_frames_are_searched_whole_and_some_at_a_glance():
    sides = [shown[0] if shown else None for _, _, shown in looked(wall())]
    expected = {n: GLANCE for n in range(0, FRAMES, 4)} | {n: WHOLE for n in range(0, FRAMES, 12)}
    assert sides == [expected.get(n) for n in range(FRAMES)]


def test_where_everything_moves_each_frame_is_looked_at_and_each_fourth_whole():
    for number, (_, _, shown) in enumerate(looked(wall(moves=True))):
        assert (GLANCE if number % 4 else WHOLE) in shown


@pytest.mark.parametrize("every", [1, 3])
def test_who_tells_how_often_gets_whole_pictures(every):
    for number, (_, closely, shown) in enumerate(looked(wall(), detect_every=every)):
        assert closely == 2 * (number % every == 0)
        assert (WHOLE in shown) == (closely == 2)


def test_what_only_an_enlarged_piece_shows_is_not_lost_where_everything_moves():
    """A white dot that vanishes when the picture is shrunk."""
    assert len(everything((1280, 720), Settings()).pieces) > 1
    seer, pictures = Blind(), []
    for picture in wall(moves=True):
        picture[300:312, 200:212] = 255
        pictures.append(picture)
    looks = looked(pictures, seer)
    near = [faces for faces, _, shown in looks if any(side not in seer.sides for side in shown)]
    assert len(near) > 1
    assert any(len(faces) == 1 for faces in near[1:])


class Blind(Seer):
    """Sees nothing in whole pictures."""

    sides = (WHOLE, GLANCE)

    def detect(self, image):
        found = super().detect(image)
        whole = image.shape[1] * 9 == image.shape[0] * 16
        return found[:0] if whole and image.shape[1] in self.sides else found


def ended(given_before=0, **settings):
    """What is found in the last frame of a shot, in which a white dot appears, and looks at it."""
    seer, pictures = Blind(), [*wall()][: 6 + given_before]
    looking, found = Looking(SimpleNamespace(detector=seer), Settings(**settings)), None
    for number, picture in enumerate(pictures):
        last = number == len(pictures) - 1
        if last:
            picture[300:312, 200:212] = 255
        frame = Frame((picture,), "rgb24", number)
        small = planes.picture(frame, 320)
        whole, task = looking.whole(frame), looking.task(frame, small)
        if last:
            task = looking.last(frame, small, task)
        seer.shown.clear()
        found = looking.found(frame, small, task(), whole, [])
    return found, list(seer.shown)


@pytest.mark.parametrize("more", [0, 3])
def test_who_comes_in_with_the_last_frame_of_a_shot_is_found(more):
    (faces, closely), shown = ended(more)
    assert closely == 1
    assert len(faces) == 1
    assert GLANCE in shown


def test_who_tells_how_often_has_no_look_at_the_end_of_a_shot():
    (faces, closely), shown = ended(detect_every=3)
    assert (faces, closely, shown) == (None, 0, [])


def test_clips_are_searched_by_the_quick_one_of_two_detectors():
    slow = Seer()
    slow.quick = Seer()
    looked(wall(), slow)
    assert not slow.shown
    assert slow.quick.shown


def test_photographs_are_searched_by_the_exact_one(rooms, astronaut, tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), astronaut[::2, ::2, ::-1])
    slow = Seer()
    slow.quick = Seer()
    searched = replace(rooms, detector=slow, drawing=None)
    for _ in analyse(open_source(path, Settings()), searched, Settings()):
        pass
    assert slow.shown
    assert not slow.quick.shown
