import numpy as np
import pytest

from pipeline.analysis import Analysis
from pipeline.coverage import whole
from pipeline.slips import unslipped
from pipeline.tracks import Seen, Sighting, Track

FACE = np.float32([100, 100, 200, 220])
UPPER = np.float32([105, 102, 195, 160])


def track(*boxes):
    return [Sighting.sought(frame, box) for frame, box in enumerate(boxes) if box is not None]


def frames(*boxes):
    return [sighting.frame for sighting in unslipped(track(*boxes))]


@pytest.mark.parametrize("length", [1, 2])
def test_a_part_of_the_face_for_a_frame_or_two_is_left_out(length):
    boxes = [FACE, FACE, *[UPPER] * length, FACE + 3, FACE]
    assert frames(*boxes) == [0, 1, length + 2, length + 3]


@pytest.mark.parametrize(
    "boxes",
    [
        [FACE, FACE, UPPER, UPPER, UPPER, FACE, FACE],  # a while: it may have been so
        [FACE, FACE, UPPER],  # the last that is known
        [UPPER, FACE, FACE],
        [FACE, UPPER, FACE + 200],  # it is not back
        [FACE, UPPER + 150, FACE],  # somewhere else
        [FACE, FACE * 1.5, FACE],
        [FACE * 0.85**step for step in range(8)],  # farther and farther away
        [FACE, FACE + 40, FACE + 80, FACE + 120],
        [],
    ],
)
def test_all_else_stays(boxes):
    assert frames(*boxes) == list(range(len(boxes)))


def test_each_slip_is_judged_alone():
    assert frames(FACE, UPPER, FACE, UPPER, FACE, None, UPPER, FACE) == [0, 2, 4, 7]


@pytest.mark.parametrize("length", [1, 2])
def test_the_whole_face_stays_covered_where_its_box_slips(length):
    seen = Track(0, 0, track(*[FACE] * 6, *[UPPER] * length, *[FACE + 4] * 6), evidence=9)
    count = len(seen.sightings)
    covered = {s.frame: s for s in whole(seen, Analysis(b"", count, (640, 480), looks=[]))}
    assert sorted(covered) == list(range(count))
    for frame in range(6, 6 + length):
        assert covered[frame].seen == Seen.FILLED
        assert covered[frame].box == pytest.approx(FACE + 2, abs=3)
