"""Small faces that hardly move are measured now and then; all else in each frame."""

import numpy as np
import pytest

from pipeline.analysis import Faults
from pipeline.contract import Faces
from pipeline.geometry import bounds
from pipeline.tracking import Tracker
from pipeline.tracks import Seen
from tests.pipeline.test_tracking import Stencil, at, found, frame

FRAMES = 24


class Counted(Stencil):
    """Tells how often it was asked."""

    def __init__(self, score=0.95):
        super().__init__()
        self.asked, self.score = 0, score

    def fit(self, image, faces):
        self.asked += 1
        fitted = super().fit(image, faces)
        return Faces.of(fitted.boxes, None, fitted.scores, fitted.mesh, [self.score])

    def follow(self, image, near):
        self.asked += 1
        mesh, score = super().follow(image, near)
        return mesh, min(score + 0.05, self.score) if score > 0.5 else score


def ran(places, every=4, ahead=3, stencil=None, frames=FRAMES):
    """The tracks of faces that lie at `places`, and how often their meshes were measured."""
    stencil = stencil or Counted()
    tracker = Tracker(stencil, 0.35, Faults().guarded, ahead=ahead)
    for number in range(frames):
        boxes = places(number)
        asked = found(*boxes) if number % every == 0 else None
        tracker.step(frame(number, *boxes), asked)
    return tracker.cut(frames), stencil.asked


def walking(number):
    return [at(number)]


def swaying(number):
    """It turns around evenly."""
    x = round(60 + 40 * np.sin(number / 12))
    return [(x, 30, x + 40, 80)]


@pytest.mark.parametrize("places", [walking, swaying])
@pytest.mark.parametrize(("rests", "share"), [(1, 0.8), (3, 0.6)])
@pytest.mark.parametrize("frames", [FRAMES - 1, FRAMES])
def test_a_small_slow_face_is_measured_now_and_then_and_lies_where_it_did(
    places, rests, share, frames
):
    (track,), asked = ran(places, ahead=rests, frames=frames)
    (true,), always = ran(places, ahead=0, frames=frames)
    assert asked < share * always
    assert [s.frame for s in track.sightings] == list(range(frames))
    for seen, measured in zip(track.sightings, true.sightings, strict=True):
        assert np.abs(seen.mesh - measured.mesh).max() < 1.5
        assert seen.seen <= Seen.FOLLOWED


@pytest.mark.parametrize(
    "places",
    [
        lambda n: [(20 + 8 * n % 120, 30, 60 + 8 * n % 120, 80)],
        lambda n: [at(n), (at(n)[2] + 8, 30, at(n)[2] + 48, 80)],
        lambda n: [(2 + n % 3, 30, 42 + n % 3, 80)],
        lambda n: [(20 + n, 4, 139 + n, 118)],
    ],
    ids=["fast", "beside another", "at the border", "large"],
)
def test_where_something_could_be_missed_faces_are_measured_in_every_frame(places):
    assert ran(places)[1] == ran(places, ahead=0)[1]


def test_a_mesh_that_hardly_fits_is_measured_in_every_frame():
    asked = [ran(walking, ahead=a, stencil=Counted(0.7))[1] for a in (3, 0)]
    assert asked[0] == asked[1]


def test_without_frames_to_come_faces_are_measured_in_every_frame():
    tracks, asked = ran(walking, ahead=0)
    assert len(tracks) == 1
    assert asked >= FRAMES


@pytest.mark.parametrize("turn", range(8, 14))
def test_a_face_that_turns_back_is_put_right(turn):
    """Whether or not its frame was one of rest."""

    def there_and_back(number):
        return [at(min(number, 2 * turn - number))]

    (track,), _ = ran(there_and_back, every=100, frames=2 * turn)
    for seen in track.sightings:
        ((x1, _, x2, _),) = there_and_back(seen.frame)
        assert bounds(seen.mesh)[[0, 2]] == pytest.approx([x1, x2], abs=1.6)


@pytest.mark.parametrize("gone", range(8, 14))
def test_a_face_that_vanishes_is_not_said_to_have_been_followed(gone):
    (track,), _ = ran(lambda n: [at(n)] if n < gone else [], every=100)
    assert max(s.frame for s in track.sightings if s.seen <= Seen.FOLLOWED) == gone - 1


@pytest.mark.parametrize("last", range(8, 12))
def test_the_last_frame_before_a_cut_is_measured(last):
    (track,), _ = ran(lambda n: [at(n + 2 * (n == last))], every=100, frames=last + 1)
    assert track.last.frame == last
    assert bounds(track.last.mesh)[[0, 2]] == pytest.approx([at(last + 2)[0], at(last + 2)[2]])


@pytest.mark.parametrize("now", range(8, 12))
def test_a_track_that_parts_while_it_rests_goes_on(now):
    stencil = Counted()
    tracker = Tracker(stencil, 0.35, Faults().guarded, ahead=3)
    for number in range(16):
        tracker.step(frame(number, at(number)), found(at(number)) if not number else None)
        if number == now:
            tracker.part(tracker.active[0], now)
    first, second = sorted(tracker.cut(16), key=lambda track: track.first.frame)
    assert [s.frame for t in (first, second) for s in t.sightings] == list(range(16))
