"""Squares of two greys, each with a bar of its own, stand for two people; a track holds whatever
lies in its boxes.
"""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from pipeline import parting
from pipeline.analysis import Faults
from pipeline.contract import Frame
from pipeline.parting import Partings, _Memory
from pipeline.tracking import Tracker
from pipeline.tracks import Glance, Sample, Seen, Sighting, Track
from tests.pipeline.test_people import ANN, BEN, NAN5, NO_MESH

SIDE = 60
GREYS = {50: ANN, 200: BEN}
BARS = {50: slice(60, 70), 200: slice(95, 105)}


class Greys:
    def extract(self, image, faces):
        grey = int(image[image.shape[0] // 2, image.shape[1] // 2, 0])
        return GREYS[grey][None]


class Broken:
    def extract(self, image, faces):
        raise RuntimeError("no")


@pytest.fixture(autouse=True)
def clear(monkeypatch):
    """Every face of these tests is seen as clearly as it is large."""
    monkeypatch.setattr(parting, "clarity", lambda seen, shape: seen.width)


def rooms(extractor=None):
    face = SimpleNamespace(shape=None)
    mean = np.zeros(16, np.float32)
    return SimpleNamespace(extractor=extractor or Greys(), mean=mean, canonical=face)


def sighting(frame, x, seen=Seen.DETECTED, score=1.0):
    box = np.float32([x, 50, x + SIDE, 50 + SIDE])
    return Sighting(frame, box, NAN5, NO_MESH, score, seen)


def parted(scene, count, extractor=None, faults=None, guessed=()):
    """`scene` tells for a frame the sightings by track and the greys by x; what was parted when.

    The first track's places are guesses in the frames `guessed`.
    """
    parts = Partings(rooms(extractor), faults or Faults())
    tracks = [Track(0, 0), Track(1, 0)]
    result = []
    for number in range(count):
        picture = np.full((160, 400, 3), 120, np.uint8)
        places, greys = scene(number)
        for x, grey in greys.items():
            picture[50 : 50 + SIDE, x : x + SIDE] = grey
            picture[BARS[grey], x : x + SIDE] = 255 - grey
        for track, place in zip(tracks, places, strict=True):
            if place is not None:
                track.sightings.append(place)
        frame = Frame((picture,), "rgb24", number)
        found = parts.step(tracks, frame, tracks[:1] if number in guessed else ())
        result += [(track.number, since, number) for track, since in found]
    return result


def walks_in_front(number, then=200):
    """From frame 20 on the second covers the first, whose track goes on with their face."""
    x = max(100, 300 - 10 * number)
    walker = sighting(number, x) if number < 20 else None
    return (sighting(number, 100), walker), {100: 50 if number < 20 else then, x: then}


def test_somebody_who_walked_in_front_has_the_track_from_there_on():
    ((number, since, told),) = parted(walks_in_front, 60)
    assert (number, since) == (0, 20)
    assert told < 50


def test_a_look_where_a_face_was_only_guessed_to_be_tells_nothing():
    assert parted(walks_in_front, 60, guessed=range(20, 60)) == []


def test_who_stays_while_somebody_passes_keeps_the_track():
    assert parted(lambda n: walks_in_front(n, 50), 100) == []


@pytest.mark.parametrize(
    ("lost", "begun"),
    [
        (lambda n: None, 24),
        (lambda n: sighting(n, 100, Seen.SOUGHT), 22),
        (lambda n: sighting(n, 100, score=0.1), 22),
    ],
    ids=["gap", "sought", "no mesh"],
)
@pytest.mark.parametrize("then", [50, 200])
def test_after_a_moment_out_of_sight_the_face_is_looked_at_again(lost, begun, then):
    def scene(number):
        place = lost(number) if 20 <= number < 24 else sighting(number, 100)
        return (place, None), {100: 50 if number < 22 else then}

    result = parted(scene, 40)
    assert [(track, since) for track, since, _ in result] == ([(0, begun)] if then == 200 else [])


def test_without_any_sign_the_face_is_looked_at_from_time_to_time():
    def scene(number):
        x = 100 if number < 40 else 112
        return (sighting(number, x), None), {x: 50 if number < 40 else 200}

    ((_, since, told),) = parted(scene, 120)
    assert (since, told < 110) == (40, True)


@pytest.mark.parametrize("swapped", [30, 33, 41, 49])
def test_boxes_that_jump_tell_nothing_of_the_frame_in_which_it_is_another_face(swapped):
    """Those of a detector, where it was asked, are larger than those around a mesh."""

    def scene(number):
        place = sighting(number, 100)
        if number % 4:
            place.box = place.box + np.float32([4, 4, -4, -4])
        return (place, None), {100: 50 if number < swapped else 200}

    ((_, since, _),) = parted(scene, 120)
    assert since == swapped


@pytest.mark.parametrize("flash", [29, 36, 38, 42, 48])
def test_a_moment_in_which_a_face_looks_other_is_not_the_one_in_which_it_becomes_another(flash):
    memory = _Memory()
    faces = {name: shade(seed) for seed, name in enumerate(("ann", "ben", "flash"))}
    for number in range(70):
        name = "flash" if number == flash else "ann" if number < 40 else "ben"
        frame = Frame((faces[name],), "rgb24", number)
        memory.add(sighting(number, 100), frame)
    assert memory.changed(25, 55) == 40


def test_who_turns_slowly_and_is_another_in_one_frame_became_so_in_that_one():
    memory = _Memory()
    towards = [shade(seed).astype(np.float32) for seed in range(3)]
    for number in range(70):
        t = number / 69
        turned = (1 - t) * towards[0] + t * towards[1]
        shown = turned if number < 33 else 0.7 * turned + 0.3 * towards[2]
        frame = Frame((shown.astype(np.uint8),), "rgb24", number)
        memory.add(sighting(number, 100), frame)
    assert memory.changed(10, 55) == 33


def shade(seed):
    """A picture of soft shades."""
    grain = np.random.default_rng(seed).normal(128, 400, (160, 400)).astype(np.float32)
    soft = np.clip(cv2.GaussianBlur(grain, (0, 0), 5), 0, 255).astype(np.uint8)
    return np.repeat(soft[..., None], 3, axis=2)


@pytest.mark.parametrize("then", [50, 200])
def test_a_face_that_is_never_seen_clearly_is_left(monkeypatch, then):
    monkeypatch.setattr(parting, "clarity", lambda seen, shape: 0.0)
    assert parted(lambda n: walks_in_front(n, then), 60) == []


def test_a_face_cut_by_the_border_is_no_look():
    def scene(number):
        return (sighting(number, 341), None), {340: 50 if number < 40 else 200}

    assert parted(scene, 120) == []


@pytest.mark.parametrize(("x", "parted_at"), [(8, []), (13, [(0, 40, 51)])])
def test_a_face_beside_the_border_may_be_cut_though_its_box_is_not(x, parted_at):
    """Of what is left of a face a detector makes a narrow box, a little off the border."""

    def scene(number):
        return (sighting(number, x), None), {x: 50 if number < 40 else 200}

    found = [(track, number > 40) for track, _, number in parted(scene, 120)]
    assert found == [(track, True) for track, *_ in parted_at]


def test_a_recogniser_that_fails_is_counted_and_parts_nobody():
    faults = Faults()
    assert parted(walks_in_front, 60, Broken(), faults) == []
    assert faults.count > 0


def test_a_parted_track_shares_out_what_is_known():
    tracker = Tracker(SimpleNamespace(), 0.35, Faults().guarded)
    track = Track(0, 0, [sighting(n, 100) for n in range(40)], evidence=3.0)
    tracker._active, tracker._count = [track], 1
    look = [Sample(n, 1.0, np.zeros((2, 2, 3), np.uint8), SimpleNamespace()) for n in (5, 30)]
    track.samples, track.glances = list(look), [Glance(n, 1.0, ANN) for n in (3, 29)]
    tracker.part(track, 25)
    (other,) = tracker.active
    assert tracker.held == [other, track]
    assert (track.last.frame, other.first.frame, other.last.frame) == (24, 25, 39)
    assert (track.samples, other.samples) == (look[:1], look[1:])
    assert [glance.frame for glance in (*track.glances, *other.glances)] == [3, 29]
    assert (other.number, other.sure) == (1, True)


class Counting(Greys):
    asked = 0

    def extract(self, image, faces):
        self.asked += 1
        return super().extract(image, faces)


def test_who_goes_on_looking_alike_is_compared_less_often():
    extractor = Counting()
    partings, track = Partings(rooms(extractor), Faults()), Track(0, 0, [])
    picture = np.full((160, 400, 3), 50, np.uint8)
    picture[60:70] = 90
    for number in range(170):
        track.sightings.append(sighting(number, 100))
        assert partings.step([track], Frame((picture,), "rgb24", number)) == []
    assert 2 <= extractor.asked < 4


def test_memory_is_quiet_until_another_face_is_seen():
    memory = _Memory()
    for number in range(60):
        frame = Frame((shade(int(number >= 40)),), "rgb24", number)
        memory.add(sighting(number, 100), frame)
    assert memory.quiet(5, 39)
    assert not memory.quiet(5, 59)
    assert memory.quiet(45, 59)
    assert not _Memory().quiet(0, 9)
