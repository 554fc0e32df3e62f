from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from pipeline.analysis import Faults
from pipeline.contract import Faces, Frame
from pipeline.geometry import scaled
from pipeline.tracking import Tracker
from pipeline.tracks import Seen, Sighting
from pipeline.vacancy import is_vacant, vacant

WIDTH, HEIGHT = 400, 120
SIDE = 36
NOISE = np.random.default_rng(0)


def texture(width, height, seed, contrast=40):
    rough = np.random.default_rng(seed).normal(0, 1, (height // 5, width // 5, 3))
    smooth = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + contrast * smooth, 0, 255).astype(np.uint8)


GROUND = texture(WIDTH, HEIGHT, 1)
OCCLUDER = texture(120, HEIGHT, 2)


def head(looks=3, contrast=40):
    """A head's picture: what faces show is of no matter, but that they are no ground."""
    return texture(SIDE, SIDE, looks, contrast)


def frame(index, person=None, occluder=None, ground=GROUND, looks=None):
    """The `person` stands at x, an `occluder` before them; each frame has its own noise."""
    picture = ground.copy()
    if person is not None:
        picture[40 : 40 + SIDE, person : person + SIDE] = head() if looks is None else looks
    if occluder is not None:
        left, right = max(occluder, 0), min(occluder + 120, WIDTH)
        picture[:, left:right] = OCCLUDER[:, left - occluder : right - occluder]
    picture = picture + NOISE.normal(0, 2, (HEIGHT, WIDTH, 1))
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    return Frame((picture,), "rgb24", index, index, Fraction(1, 25))


def seen(number, x, how=Seen.DETECTED):
    place = Sighting.sought(number, np.float32([x, 40, x + SIDE, 40 + SIDE]))
    return replace(place, seen=how)


def walk(number):
    return 20 + 10 * number


def behind_pillar(frames, hidden=range(11, 20), others=None):
    """Somebody walks behind a pillar at 130..250: all of them is hidden in frames 11 to 21."""
    known = [seen(number, walk(number)) for number in range(hidden.start)]
    after = seen(hidden.stop, walk(hidden.stop))
    return vacant(known, after, frames, others or {})


def test_behind_a_pillar_there_is_nothing_to_cover():
    frames = [frame(number, walk(number), 130) for number in range(24)]
    boxes = behind_pillar(frames, range(9, 24))
    assert set(boxes) >= {14, 15, 16, 17}
    assert all(walk(number) + 4 >= 130 and walk(number) + SIDE - 4 <= 250 for number in boxes)


def test_a_place_is_covered_while_an_edge_of_the_face_shows():
    frames = [frame(number, walk(number), 130) for number in range(24)]
    boxes = behind_pillar(frames, range(5, 24))
    shows = [n for n in range(5, 24) if walk(n) < 124 or walk(n) + SIDE > 256]
    assert not set(shows) & set(boxes)


@pytest.mark.parametrize("looks", [head(4), cv2.blur(head(), (15, 15)), head()[::-1].copy()])
def test_who_turns_away_is_blurred_or_bows_is_not_gone(looks):
    """No detector sees a face, but there is no pillar."""
    frames = [frame(n, walk(n), looks=looks if 9 <= n < 20 else None) for n in range(22)]
    assert behind_pillar(frames, range(9, 20)) == {}


def test_before_whom_a_van_passes_there_is_nothing_to_cover():
    frames = [frame(number, 200, 14 * number - 120) for number in range(30)]
    known = [seen(number, 200) for number in range(17)]
    boxes = vacant(known, seen(29, 200), frames[5:], {})
    assert boxes
    for number in boxes:
        assert 14 * number - 120 <= 204
        assert 14 * number >= 196 + SIDE


def test_what_is_shown_where_another_face_is_tells_nothing():
    frames = [frame(number, walk(number), 130) for number in range(24)]
    everywhere = {n: [np.float32([0, 0, WIDTH, HEIGHT])] for n in range(24)}
    assert behind_pillar(frames, range(9, 24), everywhere) == {}


def test_in_the_dark_nobody_is_gone():
    """A face may hide in so little contrast."""
    dark = [frame(n, walk(n), ground=GROUND // 16, looks=head(contrast=1) // 16) for n in range(22)]
    assert behind_pillar(dark, range(9, 20)) == {}


def test_changed_light_tells_nothing():
    frames = [frame(number, walk(number), 130) for number in range(24)]
    for number in range(10, 23):
        brighter = np.clip(frames[number].planes[0] + 12.0, 0, 255).astype(np.uint8)
        frames[number] = Frame((brighter,), "rgb24", number, number, Fraction(1, 25))
    assert behind_pillar(frames, range(9, 23)) == {}


@pytest.mark.parametrize("some", [[], [seen(3, 0, Seen.SOUGHT)], [seen(8, 100)]])
def test_who_was_not_out_of_sight_is_not_gone(some):
    frames = [frame(number, None) for number in range(12)]
    assert vacant(some, seen(10, 120), frames, {}) == {}


def test_frames_that_are_not_at_hand_and_places_out_of_the_picture_tell_nothing():
    known = [seen(number, -200) for number in range(4)]
    assert vacant(known, seen(12, -200), [frame(n) for n in range(6, 13)], {}) == {}
    assert vacant(known, seen(12, -200), [], {}) == {}


HOW = [(Seen.FILLED, True), (Seen.SOUGHT, True), (Seen.FOLLOWED, False), (Seen.DETECTED, False)]


@pytest.mark.parametrize(("how", "gone"), HOW)
def test_only_a_place_in_which_nothing_was_found_is_vacant(how, gone):
    place = seen(5, 100, how)
    assert is_vacant(place, {5: scaled(place.box, 1.3)}) is gone
    assert not is_vacant(place, {4: scaled(place.box, 1.3)})


def test_a_place_that_reaches_beyond_what_was_looked_at_is_not_vacant():
    place = seen(5, 100, Seen.FILLED)
    assert not is_vacant(place, {5: scaled(place.box, 0.98)})


class Blind:
    """Fits no mesh."""

    def fit(self, image, faces):
        return faces

    def follow(self, image, near):
        return near, 0.0


@pytest.mark.parametrize("van", [True, False])
def test_a_tracker_tells_where_nobody_was_once_they_are_seen_again(van):
    tracker, box = Tracker(Blind(), 0.35, Faults().guarded), np.float32([200, 40, 236, 76])
    for number in range(30):
        hidden = 17 <= number < 29
        looks = head(7) if hidden else None
        shown = frame(number, 200, 14 * number - 120 if van else None, looks=looks)
        tracker.step(shown, Faces.of([]) if hidden else Faces.of(box[None], None, [0.9]))
    (track,) = tracker.cut(30)
    assert track.last.frame == 29
    assert bool(track.vacant) is van
