"""A face is covered from the last look on that would have shown it."""

import numpy as np
import pytest

from pipeline.analysis import Analysis
from pipeline.tracks import Sighting
from pipeline.unasked import unasked

LOOKS = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]
CLOSELY = [0, 12, 24, 36]


def seen(frame, width):
    return Sighting.sought(frame, np.float32([100, 100, 100 + width, 100 + width]))


@pytest.mark.parametrize(
    ("width", "first", "last", "start", "end"),
    [
        (60, 24, 26, 21, 28),  # a glance would have shown it in 20 and in 28
        (20, 24, 26, 13, 36),
        (20, 12, 12, 1, 24),
        (20, 0, 0, 0, 12),
        (20, 36, 38, 25, 39),  # nobody looked after it
    ],
)
def test_small_faces_may_have_been_there_since_the_last_close_look(width, first, last, start, end):
    analysis = Analysis(b"", 40, (1920, 1080), looks=LOOKS, closely=CLOSELY)
    assert unasked(analysis, seen(first, width), seen(last, width)) == (start, end)


def test_a_face_that_shrinks_is_sought_by_its_size_at_each_end():
    analysis = Analysis(b"", 40, (1920, 1080), looks=LOOKS, closely=CLOSELY)
    assert unasked(analysis, seen(24, 60), seen(26, 20)) == (21, 36)
