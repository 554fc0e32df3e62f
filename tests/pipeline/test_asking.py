"""In which frames the detector is asked."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.asking import MOST, Asking
from pipeline.contract import Frame
from pipeline.tracks import Seen, Sighting, Track

WALL = np.full((90, 160, 3), 100, np.uint8)


def look(asking, number, picture=WALL, tracks=()):
    frame = Frame((picture,), "rgb24", number, number, Fraction(1, 25))
    return asking.due(frame, picture, list(tracks))


def followed(number, score=0.95, seen=Seen.FOLLOWED, evidence=1.0):
    """A face that was found in the frame before `number`."""
    mesh = np.zeros((468, 3), np.float32)
    box, points = np.float32([40, 20, 80, 60]), np.zeros((5, 2), np.float32)
    track = Track(0, 0, [Sighting(number - 1, box, points, mesh, score, seen)])
    track.evidence = evidence
    return track


@pytest.mark.parametrize("every", [1, 5])
def test_a_number_is_taken_by_its_word(every):
    asking = Asking(every)
    asked = [number for number in range(20) if look(asking, number)]
    assert asked == list(range(0, 20, every))


def calm_clip():
    """What is left of the frames once it has been calm for a while."""
    asking = Asking("auto")
    return asking, [n for n in range(40) if look(asking, n, tracks=[followed(n)])]


def test_a_calm_clip_is_looked_at_less_and_less_but_never_forgotten():
    _, asked = calm_clip()
    gaps = np.diff(asked)
    assert asked[:2] == [0, 1]
    assert gaps.max() == gaps[-1] == MOST
    assert (np.diff(gaps) >= 0).all()


@pytest.mark.parametrize(
    "change",
    [{"score": 0.5}, {"seen": Seen.SOUGHT}, {"evidence": 0.25}],
)
def test_a_face_that_is_not_followed_well_is_looked_for_at_once(change):
    asking, asked = calm_clip()
    assert asked[-1] < 40
    assert all(look(asking, n, tracks=[followed(n, **change)]) for n in range(40, 44))


def test_a_lost_face_is_looked_for_at_once():
    asking, _ = calm_clip()
    lost = followed(38)
    assert all(look(asking, n, tracks=[lost]) for n in range(40, 44))


def test_something_new_beside_the_known_faces_is_looked_at_once():
    asking, _ = calm_clip()
    news = WALL.copy()
    news[60:80, 120:140] = 200
    assert look(asking, 40, news, [followed(40)])


def test_a_known_face_that_speaks_is_no_news():
    asking, _ = calm_clip()
    speaking = WALL.copy()
    speaking[45:55, 50:70] = 200
    gone = [n for n in range(40, 50) if look(asking, n, speaking, [followed(n)])]
    assert len(gone) <= 3


def test_a_new_shot_is_looked_at_once_and_thoroughly():
    asking, _ = calm_clip()
    assert asking.thorough(39)
    assert not asking.thorough(40)
    asking.cut(41)
    assert look(asking, 41, tracks=[])
    assert asking.thorough(41)


def test_a_close_look_is_rare_and_every_shot_begins_with_one():
    asking = Asking("auto")
    close = [frame for frame in range(60) if asking.thorough(frame) and asking.closely(frame)]
    assert close == [0, 24, 48]
    asking.cut(60)
    assert asking.thorough(60)
    assert asking.closely(60)
