import numpy as np
import pytest

from pipeline.analysis import Analysis
from pipeline.coverage import Rung, covered, whole
from pipeline.pose import landmarks_of
from pipeline.slips import undrawn, unslipped
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


NARROW = (0.4, 0.45, 0.5)  # of their breadth from the front


@pytest.fixture
def front(donors):
    """A face from the front, 100 px wide."""
    shape = donors.canonical.shape
    mesh = (shape - shape.min(axis=0)) / np.ptp(shape[:, 0]) * 100
    return (mesh + np.float32([100, 100, 0])).astype(np.float32)


def landmarked(frame, mesh, breadth=1.0, seen=Seen.DETECTED, scale=1.0, turn=0.0):
    """What a detector told of a face: its landmarks as far apart as in a face that turns away."""
    points = landmarks_of(mesh)[:, :2]
    middle = points.mean(axis=0)
    points = middle + (points - middle) * np.float32([breadth, 1])
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    roll = np.float32([[cos, sin], [-sin, cos]])
    points, mesh = (points - middle) @ roll + middle, mesh.copy()
    mesh[:, :2] = (mesh[:, :2] - middle) @ roll + middle
    box = np.concatenate([mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)]) * scale
    return Sighting(frame, box, points * scale, mesh * np.float32(scale), 1.0, seen)


def hidden(sightings):
    """The frames in which nothing can be drawn on a mesh or on landmarks."""
    done = list(undrawn(sightings, sightings))
    assert [s.frame for s in done] == [s.frame for s in sightings]
    gone = [s for s in done if s.mesh_score == 0]
    assert all(np.isnan(s.landmarks).all() for s in gone)
    return [s.frame for s in gone]


@pytest.mark.parametrize("breadth", NARROW)
def test_where_landmarks_tell_a_profile_and_the_mesh_does_not_nothing_is_drawn(front, breadth):
    """All is in doubt from the last frame that was sure to the next, whoever was asked between."""
    kinds = {8: breadth, 12: breadth, 16: breadth}
    some = [
        landmarked(n, front, kinds.get(n, 1.0), Seen.FOLLOWED if n % 4 else Seen.DETECTED)
        for n in range(30)
    ]
    assert hidden(some) == list(range(5, 20))


@pytest.mark.parametrize(
    "odd",
    [
        {"breadth": 1.0},
        {"breadth": 0.7},  # half turned
        {"breadth": 0.4, "scale": 0.3},  # small: landmarks are no surer than the mesh
        {"breadth": 0.4, "turn": 90},  # lying: detectors know upright faces
    ],
)
def test_on_other_faces_is_drawn(front, odd):
    assert hidden([landmarked(n, front, **odd) for n in range(12)]) == []


def test_one_look_that_tells_a_profile_hides_nothing(front):
    assert hidden([landmarked(n, front, 0.4 if n == 5 else 1.0) for n in range(12)]) == []


def test_a_profile_is_covered_until_the_mesh_fits_again(front, drawing):
    seen = [landmarked(n, front, 0.4 if 10 <= n < 20 else 1.0) for n in range(40)]
    track = Track(0, 0, seen, evidence=9, certain=True)
    (covers,) = covered(Analysis(b"", 40, (640, 480), tracks=[track]), [0], drawing)
    rungs = dict(zip(covers.frames, covers.rungs, strict=True))
    assert {frame for frame, rung in rungs.items() if rung == Rung.COVER} == set(range(10, 20))
    assert covers.mix[11] == 0
    assert 0 < covers.mix[8] < 1
