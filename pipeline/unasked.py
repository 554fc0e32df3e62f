"""How long before and after its sightings a face may have been there unseen."""

from bisect import bisect_left, bisect_right
from typing import Final

from pipeline.analysis import Analysis
from pipeline.tracks import Sighting

_GLANCED: Final = 1 / 48  # of the longer side: a glance shows faces of that width


def unasked(analysis: Analysis, first: Sighting, last: Sighting) -> tuple[int, int]:
    """The frames in which the detector had not been asked since it saw nothing: from, until."""
    least = _GLANCED * max(analysis.size)
    looks, later = (analysis.looks if s.width >= least else analysis.closely for s in (first, last))
    before, after = bisect_left(looks, first.frame), bisect_right(later, last.frame)
    start = looks[before - 1] + 1 if before else first.frame
    return start, later[after] if after < len(later) else last.frame + 1
