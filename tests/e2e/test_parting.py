"""Generated people who take each other's place without a cut."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.analysis import Analysis, Analyst
from pipeline.contract import Frame
from pipeline.people import people
from pipeline.settings import Settings

SIDE = 200


@pytest.fixture(scope="module")
def heads(render, donors, rooms):
    """Two generated people before one wall, a picture each."""
    wall = np.full((SIDE, SIDE, 3), 120, np.uint8)
    return [render([int(row)], SIDE, wall) for row in donors.rows.rows[[3, 90]]]


def told(rooms, pictures, **settings):
    """The spans of the tracks of a clip, first to last frame, and their persons."""
    analyst = Analyst(Analysis(b""), rooms, Settings(**settings))
    for number, picture in enumerate(pictures):
        analyst.step(Frame((picture,), "rgb24", number, number, Fraction(1, 25), "bt601", True))
    analyst.finish()
    tracks = analyst.result.tracks
    spans = [(track.first.frame, track.last.frame) for track in tracks]
    return spans, people(analyst.result, rooms).numbers, analyst.result.shots


@pytest.mark.parametrize(("swapped", "every"), [(30, 1), (31, 3), (30, "auto"), (33, "auto")])
def test_who_takes_the_place_of_another_is_another_person_from_that_frame_on(
    rooms, heads, swapped, every
):
    pictures = [heads[0]] * swapped + [heads[1]] * 52
    spans, numbers, shots = told(rooms, pictures, detect_every=every)
    assert shots == [0]
    assert spans == [(0, swapped - 1), (swapped, len(pictures) - 1)]
    assert numbers == [0, 1]


def test_who_takes_the_place_of_another_while_they_move_is_another_person_from_that_frame_on(
    rooms, heads
):
    pictures = [np.roll(heads[n >= 34], 2 * abs(n % 36 - 18), axis=1) for n in range(86)]
    spans, numbers, _ = told(rooms, pictures)
    assert spans == [(0, 33), (34, 85)]
    assert numbers == [0, 1]


def test_who_stays_is_one_person(rooms, heads):
    wandering = [np.roll(heads[0], n % 9, axis=1) for n in range(90)]
    spans, numbers, _ = told(rooms, wandering)
    assert (spans, numbers) == ([(0, 89)], [0])
