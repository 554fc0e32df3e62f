"""The window over a stream: a bright square is the only face, and is merely covered."""

from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline import chain
from pipeline.analysis import Analysis, Analyst
from pipeline.chain import Report
from pipeline.contract import MESH_POINTS, Faces, Frame
from pipeline.planning import plan
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from pipeline.stream import Window
from replacer.fill import Fill

WIDTH, HEIGHT, SIDE = 160, 90, 24
SETTINGS = Settings(detect_every=1)
BRIGHT = 250


class Squares:
    """Finds squares, but not in the frames that are told it by their grey."""

    def detect(self, image):
        if (image[[0, 0, -1, -1], [0, -1, 0, -1], 0] == 0).any():  # turned or not
            return Faces.of([])
        boxes = []
        found = image[..., 0] >= BRIGHT - 5
        while found.any():
            y, x = np.argwhere(found)[0]
            side = SIDE * image.shape[1] // WIDTH
            boxes.append([x, y, x + side, y + side])
            found[y : y + side + 1, max(0, x - 1) : x + side + 1] = False
        return Faces.of(boxes)


class NoMesh:
    def fit(self, image, faces):
        return faces

    def follow(self, image, mesh):
        return np.full((MESH_POINTS, 3), np.nan, np.float32), 0.0


@pytest.fixture
def covering():
    return Rooms(Squares(), NoMesh(), Fill("solid"), None)


def frames(places, unseen=(), backs=None):
    """A frame for each of `places`: the x of its squares; `unseen` are those nobody finds."""
    for number, here in enumerate(places):
        rgb = np.full((HEIGHT, WIDTH, 3), 90 if backs is None else backs[number], np.uint8)
        for x in here:
            rgb[30 : 30 + SIDE, x : x + SIDE] = BRIGHT
        rgb[-1, -1] = 0 if number in unseen else 60
        yield Frame((rgb,), "rgb24", number, 4 * number, Fraction(1, 100), "bt601", True)


def streamed(rooms, some, lookahead, report=None):
    window = Window(rooms, SETTINGS, b"salt", lookahead, report or Report())
    for frame in some:
        yield from window.push(frame)
    yield from window.flush()


def filed(rooms, some):
    """The frames as the two passes over a file cover them."""
    some = list(some)
    analyst = Analyst(Analysis(b""), rooms, SETTINGS)
    for frame in some:
        analyst.step(frame)
    analyst.finish()
    todo = plan(analyst.result, rooms, SETTINGS, b"salt")
    return [chain.covered(frame, todo, rooms, Report()) for frame in some]


def exposed(some, places):
    """The numbers of the frames in which a square is in view."""
    return [
        frame.index
        for frame, here in zip(some, places, strict=True)
        if any(frame.planes[0][30 : 30 + SIDE, x : x + SIDE].mean() > 200 for x in here)
    ]


WALK = [[20 + 2 * n] for n in range(40)]
COMES_AND_GOES = [[]] * 5 + WALK[:15] + [[]] * 40 + WALK[:15]
TWO = [[20 + 2 * n, 120 - 2 * n] if abs(n - 25) > 8 else [20 + 2 * n] for n in range(50)]


@pytest.mark.parametrize("lookahead", [0, 0.2, 1, 10])
def test_every_frame_comes_out_once_and_in_order(covering, lookahead):
    out = list(streamed(covering, frames(WALK), lookahead))
    assert [frame.index for frame in out] == list(range(len(WALK)))
    assert [frame.pts for frame in out] == [4 * n for n in range(len(WALK))]


@pytest.mark.parametrize("lookahead", [0, 0.2, 1])
def test_no_frame_waits_longer_than_the_lookahead(covering, lookahead):
    window = Window(covering, SETTINGS, b"salt", lookahead, Report())
    for frame in frames(WALK):
        for out in window.push(frame):
            assert float((frame.pts - out.pts) * frame.time_base) >= lookahead
    assert len(list(window.flush())) == round(lookahead * 25)


def dissolving(length):
    """A square at 20 goes, and one at 110 comes, while one picture dissolves into another."""
    scenes = []
    for seed, x in ((1, 20), (2, 110)):
        rough = np.random.default_rng(seed).normal(0, 1, (12, 21, 3))
        scene = cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        scene = np.clip(110 + 40 * scene, 40, 180)
        scene[30 : 30 + SIDE, x : x + SIDE] = BRIGHT
        scenes.append(scene)
    for number in range(60 + length):
        share = min(max((number - 29) / (length + 1), 0), 1)
        rgb = np.rint((1 - share) * scenes[0] + share * scenes[1]).astype(np.uint8)
        yield Frame((rgb,), "rgb24", number, 4 * number, Fraction(1, 100), "bt601", True)


def test_a_stream_covers_who_comes_and_goes_in_a_dissolve(covering):
    """Nobody finds them while they are half there."""
    places = [[20, 110]] * 90
    assert exposed(list(dissolving(30)), places)
    assert exposed(list(streamed(covering, dissolving(30), 1)), places) == []


def test_a_stream_without_frames_gives_none(covering):
    assert list(streamed(covering, [], 1)) == []


@pytest.mark.parametrize("places", [WALK, COMES_AND_GOES, TWO], ids=["walk", "returns", "cross"])
@pytest.mark.parametrize("unseen", [(), (12, 13, 14, 15), range(5, 10)])
def test_with_a_second_ahead_a_stream_covers_all_that_a_file_covers(covering, places, unseen):
    hidden = exposed(filed(covering, frames(places, unseen)), places)
    out = exposed(list(streamed(covering, frames(places, unseen), 1)), places)
    assert set(out) <= set(hidden)
    assert exposed(list(frames(places)), places) != out


@pytest.mark.parametrize("lookahead", [0, 0.4])
@pytest.mark.parametrize("places", [WALK, COMES_AND_GOES, TWO], ids=["walk", "returns", "cross"])
def test_no_face_that_is_found_is_ever_in_view(covering, places, lookahead):
    assert exposed(list(streamed(covering, frames(places), lookahead)), places) == []


def test_without_lookahead_only_what_nobody_could_know_is_in_view(covering):
    """The face is there from the first frame and is found in the fourth."""
    out = list(streamed(covering, frames(WALK, range(3)), 0))
    assert exposed(out, WALK) == [0, 1, 2]
    assert exposed(list(streamed(covering, frames(WALK, range(3)), 1)), WALK) == []


def test_a_gap_is_covered_without_knowing_its_end(covering):
    out = list(streamed(covering, frames(WALK, range(20, 24)), 0))
    assert exposed(out, WALK) == []


@pytest.mark.parametrize("lookahead", [0, 0.4])
def test_a_face_that_is_lost_for_longer_than_the_window_stays_covered(covering, lookahead):
    places = [[40]] * 60
    out = list(streamed(covering, frames(places, range(15, 40)), lookahead))
    assert exposed(out, places) == []


def test_a_face_that_left_is_not_covered_for_ever(covering):
    """Its place stays covered for a while, as nobody can know."""
    places = [[60]] * 15 + [[]] * 60
    some, backs = list(frames(places)), list(frames([[]] * 75))
    out = list(streamed(covering, some, 0))
    changed = [(a.planes[0] != b.planes[0]).any() for a, b in zip(out, backs, strict=True)]
    assert all(changed[:15])
    assert not any(changed[60:])


def test_a_cut_leaves_no_face_in_view(covering):
    places = [[20]] * 15 + [[100]] * 15
    some = list(frames(places, backs=[90] * 15 + [190] * 15))
    assert exposed(list(streamed(covering, some, 0.2)), places) == []


def test_people_and_frames_are_counted(covering):
    report = Report()
    list(streamed(covering, frames(TWO), 1, report))
    assert report.frames == len(TWO)
    assert report.persons <= report.tracks
    assert report.fallbacks >= sum(map(len, TWO))


def test_a_long_stream_takes_no_more_memory_than_a_short_one(covering):
    window = Window(covering, SETTINGS, b"salt", 0.4, Report())
    held = []
    for frame in frames([[40 + n % 3] for n in range(300)]):
        list(window.push(frame))
        held.append(sum(len(t.sightings) for t in window._near(frame.index)))
    assert max(held) < 150
    assert max(held[150:]) <= max(held[:150])


def test_a_person_keeps_a_number_through_a_gap(covering):
    """Behind a pillar for a second and a half, too long for one track."""
    places = [[20 + n] if n < 20 or n > 58 else [] for n in range(80)]
    report = Report()
    list(streamed(covering, frames(places), 1, report))
    assert (report.tracks, report.persons) == (2, 1)


def test_time_may_jump(covering):
    some = [
        Frame(f.planes, f.layout, f.index, f.pts + 5000 * (f.index > 9), f.time_base, "bt601", True)
        for f in frames(WALK[:20])
    ]
    out = list(streamed(covering, some, 1))
    assert all(a.index + 1 == b.index for a, b in pairwise(out))
    assert len(out) == 20
