"""A person with glasses gets a surrogate with glasses: drawn ones, or the video's own."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline import chain
from pipeline import wearing as wearing_module
from pipeline.analysis import analyse
from pipeline.contract import no_glasses
from pipeline.coverage import Rung
from pipeline.media import open_source
from pipeline.planning import plan
from pipeline.rooms import furnish
from pipeline.settings import Settings
from replacer.glasses import Glasses
from replacer.spectacles import Spectacles
from tests.conftest import RECOGNISED
from tests.e2e.conftest import SALT, read_clip, write_clip
from tests.worn import KINDS, dressed

COUNT = 4
SIDE = 260
SHIFT = 3
MIX = "140,141,142,143"  # the same with and without glasses, and unlike the wearer


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


def test_without_the_room_the_surrogate_wears_none(clip, over, bare):
    with_glasses = read_clip(clip).frames
    assert max(darkness(bare, over)) < 0.85 * min(darkness(with_glasses, over))


def broken(*_):
    raise ValueError("this room is broken")


def endless(_, image, *__):
    return np.full(image.shape[:2], np.nan, np.float32)


def everything(_, image, *__):
    return np.ones(image.shape[:2], np.float32)


def transparent(patch, *_):
    return replace(patch, alpha=patch.alpha * 0)


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
def bare(tmp_path_factory, deidentify, rooms, clip):
    """The frames of the clip under surrogates that wear nothing."""
    target = tmp_path_factory.mktemp("bare") / "out.mp4"
    none = replace(rooms, drawing=replace(rooms.drawing, glasses=None))
    deidentify(clip, target, rooms=none, identity=MIX)
    return read_clip(target).frames


def test_a_drawn_pair_is_worn_in_every_picture_and_the_person_is_not_seen(
    deidentify, clip, over, bare, judge, tmp_path
):
    """The default: dark glasses for dark glasses, in the same place on each moved face."""
    report = deidentify(clip, tmp_path / "out.mp4", identity=MIX)
    assert (report.faults.count, report.surrogates) == (0, COUNT)
    before, after = read_clip(clip).frames, read_clip(tmp_path / "out.mp4").frames
    assert min(darkness(after, over)) > max(darkness(bare, over)) + 10
    added = [np.abs(a.astype(int) - b).max(axis=2) > 60 for a, b in zip(after, bare, strict=True)]
    back = [np.roll(a, -SHIFT * number, axis=1) for number, a in enumerate(added)]
    shared = np.logical_and.reduce(back).sum() / np.logical_or.reduce(back).sum()
    assert shared > 0.5
    for old, new in zip(before[::4], after[::4], strict=True):
        box = judge.faces(old).boxes[0]
        assert judge.alike(judge.features(old, box), judge.features(new, box)) < RECOGNISED


@pytest.mark.parametrize("verb", ["fitted", "laid", "open"])
def test_a_pair_that_cannot_be_drawn_leaves_the_surrogate_without(
    deidentify, clip, bare, tmp_path, monkeypatch, rooms, verb
):
    if verb == "fitted":
        monkeypatch.setattr(type(rooms.drawing.glasses), "fitted", broken)
    else:
        monkeypatch.setattr(wearing_module, "laid", broken if verb == "laid" else transparent)
    report = deidentify(clip, tmp_path / "out.mp4", identity=MIX)
    assert report.faults.count >= COUNT
    assert report.surrogates == COUNT
    for new, plain in zip(read_clip(tmp_path / "out.mp4").frames, bare, strict=True):
        assert np.abs(new.astype(int) - plain).mean() < 1


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


@pytest.mark.parametrize(
    "told",
    [
        {"scheme": "k-same 5"},
        {"scheme": "k-same 5", "glasses": "draw"},
        {"scheme": "k-same 5", "glasses": "keep"},
        {"glasses": "drop"},
    ],
)
def test_some_settings_leave_nobody_any_glasses(donors, told):
    """Groups share a face, and must not be told apart by what they wear."""
    from pipeline.rooms import _glasses

    assert isinstance(_glasses(Settings(), donors), Spectacles)
    assert isinstance(_glasses(Settings(glasses="keep"), donors), Glasses)
    assert _glasses(Settings(**told), donors) is None


def test_the_bound_of_what_glasses_may_hide_is_checked():
    """`_hides` asks for less behind glasses, but not for nothing."""
    assert 0 < chain._HIDDEN_BEHIND < chain._HIDDEN
