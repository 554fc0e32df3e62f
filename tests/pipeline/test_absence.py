"""Before and after a face is seen it is expected; where nothing of it is seen it is not covered."""

import cv2
import numpy as np
import pytest

from pipeline.analysis import Analysis, Faults
from pipeline.contract import Faces, Frame
from pipeline.coverage import whole
from pipeline.tracking import Tracker

SIZE, SIDE = (320, 120), 36
GROUND = np.random.default_rng(1).normal(0, 12, (SIZE[1] // 4, SIZE[0] // 4, 1))
GROUND = cv2.resize(GROUND, SIZE, interpolation=cv2.INTER_CUBIC)[..., None]
SKIN, HAIR = (205, 150, 120), (30, 28, 28)


class Blind:
    """Fits no mesh."""

    def fit(self, image, faces):
        return faces

    def follow(self, image, near):
        return near, 0.0


def frame(index, x=None, colour=SKIN, light=0):
    picture = np.clip(np.float32([96, 120, 90]) + GROUND + light, 0, 255)
    if x is not None:
        low = max(x, 0)
        picture[40 : 40 + SIDE, low : x + SIDE] = np.float32(colour) + light
        picture[50:56, low : x + SIDE] = HAIR
    return Frame((np.uint8(np.clip(picture, 0, 255)),), "rgb24", index)


def no_hints(image):
    return np.zeros((32, 64), np.float32)


def some_hints(image):
    return np.full((32, 64), 0.15, np.float32)


def covered(frames, found, fades=(), hints=no_hints):
    """The frames in which the one track is covered; the detector finds it in the box at `found`."""
    tracker = Tracker(Blind(), 0.35, Faults().guarded, hints=hints)
    ended = []
    for shown in frames:
        x = found.get(shown.index)
        boxes = [] if x is None else [[x, 40, x + SIDE, 40 + SIDE]]
        ended += tracker.step(shown, Faces.of(boxes, None, [0.9] * len(boxes)))
    (track,) = [*ended, *tracker.cut(len(frames))]
    analysis = Analysis(b"", len(frames), SIZE, [0], list(range(len(frames))), [track])
    analysis.closely, analysis.fades = analysis.looks, list(fades)
    return [sighting.frame for sighting in whole(track, analysis)]


def test_who_comes_from_behind_something_is_covered_from_their_first_moment_on():
    """And until the last one: around these the ground is seen."""
    found = {number: 60 + 4 * number for number in range(20, 30)}
    frames = [frame(number, found.get(number)) for number in range(60)]
    assert covered(frames, found) == list(found)


@pytest.mark.parametrize("colour", [SKIN, (170, 120, 95), (225, 180, 155)])
def test_who_is_there_unseen_is_covered_as_long_as_ever(colour):
    """The detector misses the face where it still shows, or shows already."""
    found = {number: 60 + 4 * number for number in range(20, 30)}
    frames = [
        frame(n, 60 + 4 * n if 15 <= n < 35 else None, SKIN if n in found else colour)
        for n in range(60)
    ]
    assert covered(frames, found)[0] <= 17
    assert covered(frames, found)[-1] >= 34


@pytest.mark.parametrize("hints", [some_hints, None])
def test_who_may_be_hinted_at_is_covered_as_long_as_ever(hints):
    """A head of other colours that keeps its place: no other frame shows the ground."""
    found = {number: 100 for number in range(20, 30)}
    frames = [frame(number, 100, SKIN if number in found else HAIR) for number in range(60)]
    assert covered(frames, found, hints=hints) == list(range(17, 35))
    assert covered(frames, found) == list(found)


def test_where_light_jumps_nothing_is_believed():
    found = {number: 60 + 4 * number for number in range(20, 30)}
    frames = [frame(n, found.get(n), light=25 * (n >= 30)) for n in range(60)]
    assert covered(frames, found)[-1] >= 34


def test_in_a_dissolve_nothing_is_believed():
    found = {number: 60 + 4 * number for number in range(20, 30)}
    frames = [frame(number, found.get(number)) for number in range(60)]
    assert covered(frames, found, [(28, 40)])[-1] >= 34


def test_a_moment_between_two_covers_is_covered():
    """A cover that goes and comes would flicker."""
    found = {number: 100 for number in [*range(20), *range(23, 40)]}
    frames = [frame(n, 100, SKIN if n in found else HAIR) for n in range(40)]
    assert covered(frames, found) == list(range(40))
