"""Generated people who take each other's place without a cut."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.analysis import Analysis, Analyst
from pipeline.contract import Frame
from pipeline.people import people
from pipeline.settings import Settings

SIDE = 200
SWAPPED = 30


@pytest.fixture(scope="module")
def heads(render, donors, rooms):
    """Two generated people before one wall, a picture each."""
    wall = np.full((SIDE, SIDE, 3), 120, np.uint8)
    return [render([int(row)], SIDE, wall) for row in donors.rows.rows[[3, 90]]]


def told(rooms, pictures):
    """The spans of the tracks of a clip, first to last frame, and their persons."""
    analyst = Analyst(Analysis(b""), rooms, Settings())
    for number, picture in enumerate(pictures):
        analyst.step(Frame((picture,), "rgb24", number, number, Fraction(1, 25), "bt601", True))
    analyst.finish()
    tracks = analyst.result.tracks
    spans = [(track.first.frame, track.last.frame) for track in tracks]
    return spans, people(analyst.result, rooms).numbers, analyst.result.shots


def test_who_takes_the_place_of_another_is_another_person(rooms, heads):
    spans, numbers, shots = told(rooms, [heads[0]] * SWAPPED + [heads[1]] * 60)
    assert shots == [0]
    (first, left), (came, last) = spans
    assert (first, last, came) == (0, 89, left + 1)
    assert abs(came - SWAPPED) <= 1
    assert numbers == [0, 1]


def test_who_stays_is_one_person(rooms, heads):
    wandering = [np.roll(heads[0], n % 9, axis=1) for n in range(90)]
    spans, numbers, _ = told(rooms, wandering)
    assert (spans, numbers) == ([(0, 89)], [0])
