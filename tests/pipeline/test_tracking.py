from fractions import Fraction

import numpy as np
import pytest

from pipeline.analysis import Faults
from pipeline.contract import Faces, Frame
from pipeline.geometry import overlap
from pipeline.tracking import Tracker
from pipeline.tracks import Seen


class Stencil:
    """A mesh fitter that sees a face wherever its picture is bright."""

    def __init__(self):
        self.sees = True

    def _mesh(self, image):
        ys, xs = np.nonzero(image[..., 0] > 128)
        if not self.sees or len(xs) < 20:
            return None
        rng = np.random.default_rng(0)
        unit = rng.uniform(0, 1, (468, 3)).astype(np.float32)
        unit[:4, :2] = [[0, 0], [1, 0], [0, 1], [1, 1]]
        low, high = np.float32([xs.min(), ys.min(), 0]), np.float32([xs.max(), ys.max(), 1])
        return low + unit * (high - low)

    def fit(self, image, faces):
        mesh = self._mesh(image)
        if mesh is None:
            return faces
        return Faces.of(faces.boxes, faces.landmarks, faces.scores, mesh[None], [0.9])

    def follow(self, image, near):
        mesh = self._mesh(image)
        return (near, 0.1) if mesh is None else (mesh, 0.9)


def frame(index, *boxes):
    """A dark frame with a bright face in each box."""
    picture = np.zeros((120, 200, 3), np.uint8)
    for x1, y1, x2, y2 in boxes:
        picture[y1 : y2 + 1, x1 : x2 + 1] = 220
    return Frame((picture,), "rgb24", index, index, Fraction(1, 25))


def found(*boxes, score=0.9):
    return Faces.of(np.array(boxes, np.float32).reshape(-1, 4), scores=[score] * len(boxes))


@pytest.fixture
def stencil():
    return Stencil()


@pytest.fixture
def tracker(stencil):
    return Tracker(stencil, 0.35, Faults().guarded)


def at(number):
    """A face that walks 3 px a frame."""
    return 20 + 3 * number, 30, 60 + 3 * number, 80


def test_no_face_makes_no_track(tracker):
    for number in range(5):
        assert tracker.step(frame(number), found()) == []
    assert tracker.cut(5) == []


def test_a_face_that_walks_is_one_track(tracker):
    for number in range(10):
        tracker.step(frame(number, at(number)), found(at(number)))
    (track,) = tracker.cut(10)
    assert [s.frame for s in track.sightings] == list(range(10))
    assert {s.seen for s in track.sightings} == {Seen.DETECTED}


def test_a_face_is_followed_where_the_detector_was_not_asked(tracker):
    for number in range(9):
        tracker.step(frame(number, at(number)), found(at(number)) if number % 4 == 0 else None)
    (track,) = tracker.cut(9)
    assert [s.frame for s in track.sightings] == list(range(9))
    assert [s.seen == Seen.DETECTED for s in track.sightings[:5]] == [True, *[False] * 3, True]
    for sighting in track.sightings:
        assert overlap(sighting.box[None], np.float32([at(sighting.frame)]))[0, 0] > 0.8


def test_a_face_is_followed_back_to_where_it_was_not_yet_detected(tracker):
    for number in range(8):
        tracker.step(frame(number, at(number)), found(at(number)) if number >= 5 else found())
    (track,) = tracker.cut(8)
    assert track.first.frame == 0
    assert track.first.seen == Seen.FOLLOWED


def test_a_face_is_not_followed_back_over_a_cut(tracker):
    for number in range(4):
        tracker.step(frame(number, at(number)), found())
    tracker.cut(4)
    tracker.step(frame(4, at(4)), found(at(4)))
    (track,) = tracker.cut(5)
    assert (track.first.frame, track.shot) == (4, 4)


@pytest.mark.parametrize(("score", "tracks"), [(0.34, 0), (0.36, 1)])
def test_a_weak_face_starts_no_track(tracker, score, tracks):
    tracker.step(frame(0, at(0)), found(at(0), score=score))
    assert len(tracker.cut(1)) == tracks


def test_a_weak_face_continues_a_track_that_cannot_be_followed(tracker, stencil):
    stencil.sees = False
    for number in range(6):
        tracker.step(frame(number, at(number)), found(at(number), score=0.9 if not number else 0.2))
    (track,) = tracker.cut(6)
    assert len(track.sightings) == 6


def test_two_faces_that_pass_each_other_stay_two(tracker):
    for number in range(20):
        left, right = (
            (10 + 4 * number, 10, 40 + 4 * number, 45),
            (120 - 4 * number, 70, 150 - 4 * number, 110),
        )
        tracker.step(frame(number, left, right), found(left, right))
    tracks = tracker.cut(20)
    assert [len(t.sightings) for t in tracks] == [20, 20]
    assert all(np.ptp([s.box[1] for s in t.sightings]) < 1 for t in tracks)


def test_a_face_that_comes_back_soon_goes_on_in_its_track(tracker, stencil):
    stencil.sees = False
    for number in range(12):
        here = [] if 4 <= number < 9 else [(20, 30, 60, 80)]
        tracker.step(frame(number, *here), found(*here))
    (track,) = tracker.cut(12)
    assert [s.frame for s in track.sightings] == [0, 1, 2, 3, 9, 10, 11]


def test_a_face_that_stays_away_ends_its_track(tracker, stencil):
    stencil.sees = False
    for number in range(80):
        here = [] if 1 <= number < 70 else [(20, 30, 60, 80)]
        ended = tracker.step(frame(number, *here), found(*here))
        assert [t.number for t in ended] in ([], [0])
    assert sorted(t.number for t in tracker.cut(80)) == [1]


def test_a_fitter_that_fails_leaves_the_box(stencil):
    faults = Faults()
    tracker = Tracker(stencil, 0.35, faults.guarded)
    stencil.fit = lambda *_: 1 // 0
    for number in range(3):
        tracker.step(frame(number, at(number)), found(at(number)))
    (track,) = tracker.cut(3)
    assert faults.count == 3
    assert [s.box.tolist() for s in track.sightings] == [list(map(float, at(n))) for n in range(3)]


@pytest.mark.parametrize("box", [(-30, -30, 10, 10), (190, 100, 240, 160), (199, 119, 200, 120)])
def test_faces_at_the_border_are_tracked(tracker, box):
    tracker.step(frame(0), found(box))
    (track,) = tracker.cut(1)
    assert track.first.box.tolist() == list(map(float, box))


def test_a_track_predicts_where_its_face_walks_to(tracker):
    for number in range(3):
        tracker.step(frame(number, at(number)), found(at(number)))
    assert tracker.active[0].predicted(4) == pytest.approx(at(4), abs=0.5)


class Oracle:
    """Eyes that look where the picture is brightest, and lower every lid by a pixel."""

    def __init__(self):
        self.seen = []

    def look(self, image, mesh):
        ys, xs = np.nonzero(image[..., 0] > 128)
        middle = np.float32([xs.mean(), ys.mean()])
        self.seen.append(middle - mesh[:4, :2].mean(axis=0))
        return mesh + np.float32([0, 1, 0]), np.float32([0.1, len(self.seen)])


@pytest.fixture
def oracle():
    return Oracle()


@pytest.fixture
def watching(stencil, oracle):
    return Tracker(stencil, 0.35, Faults().guarded, oracle)


def test_eyes_are_read_in_each_frame_where_a_mesh_is_known(watching, oracle):
    """Both where the face was detected and where it was followed."""
    for number in range(6):
        watching.step(frame(number, at(number)), found(at(number)) if number % 3 == 0 else None)
    (track,) = watching.cut(6)
    assert [s.seen == Seen.DETECTED for s in track.sightings] == [True, False, False] * 2
    assert [s.gaze.tolist() for s in track.sightings] == [
        pytest.approx([0.1, n]) for n in range(1, 7)
    ]


def test_eyes_are_shown_the_mesh_in_the_pixels_of_the_picture_they_are_shown(watching, oracle):
    """And what they find comes back in pixels of the frame."""
    watching.step(frame(0, (90, 40, 130, 90)), found((90, 40, 130, 90)))
    (track,) = watching.cut(1)
    assert oracle.seen[0] == pytest.approx([0, 0], abs=1)
    assert track.first.mesh[0, :2] == pytest.approx([90, 41], abs=1)


def test_without_eyes_nobody_looks_anywhere(tracker):
    tracker.step(frame(0, at(0)), found(at(0)))
    (track,) = tracker.cut(1)
    assert np.isnan(track.first.gaze).all()


def test_eyes_are_not_read_where_no_mesh_fits(watching, stencil, oracle):
    stencil.sees = False
    watching.step(frame(0, at(0)), found(at(0)))
    (track,) = watching.cut(1)
    assert oracle.seen == []
    assert np.isnan(track.first.gaze).all()


def test_eyes_that_fail_leave_the_mesh_and_are_counted(stencil):
    class Blind:
        def look(self, image, mesh):
            raise RuntimeError("no eyes")

    faults = Faults()
    seen = {}
    for eyes in (Blind(), None):
        tracker = Tracker(stencil, 0.35, faults.guarded, eyes)
        tracker.step(frame(0, at(0)), found(at(0)))
        (track,) = tracker.cut(1)
        assert np.isnan(track.first.gaze).all()
        seen[eyes is None] = track.first.mesh
    assert faults.count == 1
    assert seen[True] == pytest.approx(seen[False], abs=1e-4)


@pytest.mark.parametrize(("hits", "tracks"), [(1, 0), (3, 0), (4, 1), (8, 1)])
def test_weak_detections_in_a_row_make_a_track_together(tracker, hits, tracks):
    """Covered from the first of them: each alone could be anything."""
    for number in range(hits):
        tracker.step(frame(number, at(number)), found(at(number), score=0.3))
    ended = tracker.cut(hits)
    assert len(ended) == tracks
    assert [t.first.frame for t in ended] == [0] * tracks


@pytest.mark.parametrize(("best", "tracks"), [(0.39, 0), (0.6, 1)])
def test_a_pattern_that_hardly_passes_now_and_then_makes_no_track(tracker, stencil, best, tracks):
    """A printed shirt: two detections just strong enough, the others weak, and never a mesh."""
    stencil.sees = False
    for number in range(16):
        score = best if number in (3, 9) else 0.25
        tracker.step(frame(number, at(0)), found(at(0), score=score))
    assert len(tracker.cut(16)) == tracks


def test_weak_detections_without_a_mesh_make_no_track(tracker, stencil):
    """A chair can look like a face to the detector for as long as it stands there."""
    stencil.sees = False
    for number in range(30):
        assert tracker.step(frame(number, at(0)), found(at(0), score=0.3)) == []
    assert tracker.cut(30) == []


def textured(index, x, y, side=48):
    """A head with a pattern of its own on a gray wall."""
    picture = np.full((160, 240, 3), 90, np.uint8)
    pattern = np.random.default_rng(7).integers(0, 100, (6, 6)).astype(np.uint8)
    head = np.kron(pattern, np.ones((side // 6, side // 6), np.uint8))
    x1, y1 = max(x, 0), max(y, 0)
    part = head[y1 - y : 160 - y, x1 - x : 240 - x]
    picture[y1 : y1 + part.shape[0], x1 : x1 + part.shape[1]] = part[..., None]
    return Frame((picture,), "rgb24", index, index, Fraction(1, 25))


def test_a_head_that_turns_away_is_covered_as_long_as_it_looks_alike(tracker, stencil):
    """No detection, no mesh: only what it looks like is left."""
    stencil.sees = False
    for number in range(15):
        here = [(60 + 2 * number, 40, 108 + 2 * number, 88)] if number < 4 else []
        tracker.step(textured(number, 60 + 2 * number, 40), found(*here))
    (track,) = tracker.cut(15)
    assert [s.frame for s in track.sightings] == list(range(15))
    assert {s.seen for s in track.sightings[4:]} == {Seen.SOUGHT}
    for sighting in track.sightings:
        assert sighting.box[0] == pytest.approx(60 + 2 * sighting.frame, abs=4)


def test_a_head_is_covered_before_it_turns_to_the_camera(tracker, stencil):
    stencil.sees = False
    for number in range(12):
        here = [(60, 40, 108, 88)] if number >= 8 else []
        tracker.step(textured(number, 60, 40), found(*here))
    (track,) = tracker.cut(12)
    assert [s.frame for s in track.sightings] == list(range(12))


def test_a_bare_wall_is_no_head(tracker, stencil):
    """What a face leaves behind is not covered."""
    stencil.sees = False
    for number in range(12):
        here = [(60, 40, 108, 88)] if number < 4 else []
        tracker.step(textured(number, 60 if number < 4 else 500, 40), found(*here))
    (track,) = tracker.cut(12)
    assert track.last.frame == 3


def test_nobody_looks_for_ever_for_a_head_that_shows_no_face(tracker, stencil):
    stencil.sees = False
    for number in range(60):
        tracker.step(textured(number, 60, 40), found(*([(60, 40, 108, 88)] if not number else [])))
    (track,) = [*tracker.cut(60)]
    assert 20 < track.last.frame < 30


@pytest.mark.parametrize(("scores", "believed"), [([0.9], 0), ([0.3, 0.25, 0.4], 2), ([0.3], None)])
def test_a_track_tells_from_when_on_it_is_believed(tracker, scores, believed):
    for number, score in enumerate(scores):
        tracker.step(frame(number), found((40, 30, 80, 70), score=score))
    (track,) = tracker.active
    assert track.believed == believed
    assert track.doubted == (believed or 0)
