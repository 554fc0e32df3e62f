"""Covers of followed faces reach as far as those of detected ones."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.contract import MESH_POINTS
from pipeline.extents import extended
from pipeline.geometry import bounds, scaled
from pipeline.tracks import Seen, Sighting

FOREHEAD = np.float32([-0.1, -0.3, 0.1, 0.05])


def mesh(x, side=50.0):
    points = np.random.default_rng(0).random((MESH_POINTS, 3), np.float32)
    points -= points.min(axis=0)
    return points / points.max(axis=0) * side + np.float32([x, 100, 0])


def detected(frame, margins=FOREHEAD, side=50.0):
    points = mesh(10 * frame, side)
    box, nowhere = bounds(points) + margins * side, np.full((5, 2), np.nan, np.float32)
    return Sighting(frame, box.astype(np.float32), nowhere, points, 0.9, Seen.DETECTED)


def followed(frame, side=50.0):
    return Sighting.followed(frame, mesh(10 * frame, side), 0.9)


def margins(sighting):
    around = bounds(sighting.mesh)
    return (sighting.box - around) / np.ptp(around[[0, 2]])


def test_a_followed_face_is_as_large_as_before_and_after():
    wider = FOREHEAD * 1.2
    seen = [detected(0), *(followed(n, 50 + n) for n in range(1, 4)), detected(4, wider)]
    result = list(extended(seen))
    assert [s.frame for s in result] == [0, 1, 2, 3, 4]
    for number, share in ((1, 0.25), (2, 0.5), (3, 0.75)):
        assert margins(result[number]) == pytest.approx((1 + 0.2 * share) * FOREHEAD, abs=1e-4)
    assert result[0] is seen[0]
    assert result[4] is seen[4]


@pytest.mark.parametrize("seen", [[0, 1, 2, 3], [-3, -2, -1, 0]])
def test_one_detection_tells_of_the_frames_beside_it(seen):
    sightings = [detected(n) if n == 0 else followed(n) for n in seen]
    for sighting in extended(sightings):
        assert margins(sighting) == pytest.approx(FOREHEAD, abs=1e-4)


def test_no_box_gets_smaller_on_any_side():
    tight = np.float32([0.1, 0.1, -0.1, -0.1])
    seen = [detected(0, tight), followed(1), followed(2), detected(3, tight)]
    for before, after in zip(seen, extended(seen), strict=True):
        assert (after.box[:2] <= before.box[:2] + 1e-3).all()
        assert (after.box[2:] >= before.box[2:] - 1e-3).all()


def test_a_detection_that_lies_elsewhere_or_has_no_mesh_tells_nothing():
    astray = replace(detected(0), box=np.float32([0, 0, 9, 9]))
    meshless = replace(detected(0), mesh_score=0.0)
    for anchor in (astray, meshless):
        seen = [anchor, followed(1), followed(2)]
        assert [s.box.tolist() for s in extended(seen)] == [s.box.tolist() for s in seen]


def test_what_is_not_followed_by_a_mesh_stays_as_it_is():
    sought = Sighting.sought(1, scaled(detected(1).box, 0.5))
    assert list(extended([detected(0), sought, detected(2)]))[1] is sought


def test_a_face_that_is_followed_for_long_is_not_awaited_for_ever():
    def endless():
        yield detected(0)
        for number in range(1, 10_000):
            taken.append(number)
            yield followed(number)

    taken = []
    some = extended(endless())
    assert [next(some).frame for _ in range(3)] == [0, 1, 2]
    assert len(taken) < 100
    for sighting in (next(some) for _ in range(200)):
        assert margins(sighting) == pytest.approx(FOREHEAD, abs=1e-4)
