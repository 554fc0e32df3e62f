"""A person with glasses gets a surrogate with glasses: the video's own, in every frame."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline import chain
from pipeline.analysis import analyse
from pipeline.contract import no_glasses
from pipeline.media import open_source
from pipeline.planning import Rung, plan
from pipeline.rooms import furnish
from pipeline.settings import Settings
from tests.conftest import RECOGNISED
from tests.e2e.conftest import SALT, read_clip, write_clip
from tests.worn import KINDS, dressed

COUNT = 4
SIDE = 260
SHIFT = 3


@pytest.fixture(scope="module")
def wearing():
    """Those of a run that keeps glasses."""
    return furnish(Settings(glasses="keep"))


@pytest.fixture(scope="module")
def wearer(render, donors, wearing):
    """A head that wears black glasses and moves aside, and where its face is: (frames, meshes)."""
    head = render([int(row) for row in donors.rows.rows[:2]], SIDE)
    found = wearing.mesh.fit(head, wearing.detector.detect(head)[:1])
    worn, _ = dressed(head, found.mesh[0], donors, KINDS["black"])
    return [np.roll(worn, SHIFT * number, axis=1) for number in range(COUNT)], found.mesh[0]


@pytest.fixture(scope="module")
def clip(tmp_path_factory, wearer):
    return write_clip(tmp_path_factory.mktemp("glasses") / "clip.mp4", wearer[0], sound=False)


@pytest.fixture(scope="module")
def over(wearing, wearer):
    """Where the glasses lie in each frame, of those pixels that are surely glasses."""
    frames, mesh = wearer
    glasses = wearing.drawing.glasses
    worn = glasses.worn([glasses.matte(frames[0], mesh)])
    moved = [mesh + np.float32([SHIFT * number, 0, 0]) for number in range(COUNT)]
    return [glasses.over(f, m, worn) > 0.95 for f, m in zip(frames, moved, strict=True)]


def darkness(frames, over):
    """How dark each frame is where its glasses are, 0..255."""
    return [float(255 - f[o].mean()) for f, o in zip(frames, over, strict=True)]


def test_the_frame_stays_in_every_picture_and_the_person_does_not(
    deidentify, wearing, clip, over, judge, tmp_path
):
    report = deidentify(clip, tmp_path / "out.mp4", rooms=wearing)
    assert report.faults.count == 0
    before, after = read_clip(clip).frames, read_clip(tmp_path / "out.mp4").frames
    assert min(darkness(after, over)) > 0.9 * min(darkness(before, over)) > 150
    for old, new in zip(before[::4], after[::4], strict=True):
        box = judge.faces(old).boxes[0]
        assert judge.alike(judge.features(old, box), judge.features(new, box)) < RECOGNISED


def test_without_the_room_the_surrogate_wears_none(deidentify, wearing, clip, over, tmp_path):
    bare = replace(wearing, drawing=replace(wearing.drawing, glasses=None))
    deidentify(clip, tmp_path / "out.mp4", rooms=bare)
    with_glasses, after = read_clip(clip).frames, read_clip(tmp_path / "out.mp4").frames
    assert max(darkness(after, over)) < 0.85 * min(darkness(with_glasses, over))


def broken(*_):
    raise ValueError("this room is broken")


def endless(_, image, *__):
    return np.full(image.shape[:2], np.nan, np.float32)


def everything(_, image, *__):
    return np.ones(image.shape[:2], np.float32)


def misshapen(*_):
    return np.ones((3, 3), np.float32)


@pytest.mark.parametrize(
    ("fault", "counted"),
    [(broken, True), (endless, True), (misshapen, True), (everything, False)],
)
def test_a_fault_leaves_the_surrogate_without_glasses(
    deidentify, wearing, clip, over, judge, tmp_path, monkeypatch, fault, counted
):
    monkeypatch.setattr(type(wearing.drawing.glasses), "over", fault)
    report = deidentify(clip, tmp_path / "out.mp4", rooms=wearing)
    assert (report.faults.count >= COUNT) is counted
    assert report.surrogates == COUNT
    before, after = read_clip(clip).frames, read_clip(tmp_path / "out.mp4").frames
    assert max(darkness(after, over)) < 0.85 * min(darkness(before, over))
    for old, new in zip(before[::4], after[::4], strict=True):
        box = judge.faces(old).boxes[0]
        assert judge.alike(judge.features(old, box), judge.features(new, box)) < RECOGNISED


@pytest.fixture(scope="module")
def analysis(wearing, clip):
    *_, found = analyse(open_source(clip, Settings()), wearing, Settings())
    return found


def test_whether_a_person_wears_glasses_is_decided_once(wearing, analysis):
    todo = plan(analysis, wearing, Settings(), SALT)
    assert [person.glasses.size > 0 for person in todo.persons] == [True]
    assert {rung for track in todo.tracks for rung in track.rungs} <= set(Rung)


def test_a_person_wears_what_any_of_their_tracks_shows(wearing, analysis, monkeypatch):
    """A track without a good look takes the glasses of the person's other tracks."""
    (track,) = analysis.tracks
    monkeypatch.setattr(track, "glasses", no_glasses())
    assert not plan(analysis, wearing, Settings(), SALT).persons[0].glasses.size


@pytest.mark.parametrize("told", [{"scheme": "k-same 5", "glasses": "keep"}, {}])
def test_some_settings_leave_nobody_their_glasses(donors, told):
    """Groups share a face, and must not be told apart by what they wear."""
    from pipeline.rooms import _glasses

    assert _glasses(Settings(glasses="keep"), donors) is not None
    assert _glasses(Settings(**told), donors) is None


def test_the_bound_of_what_glasses_may_hide_is_checked():
    """`_hides` asks for less behind glasses, but not for nothing."""
    assert 0 < chain._HIDDEN_BEHIND < chain._HIDDEN
