"""Streams and jobs with surrogates: who comes back, is seen to be who they are."""

import cv2
import numpy as np
import pytest

from pipeline import job
from pipeline.cast import Cast
from pipeline.chain import Report
from pipeline.contract import Image
from pipeline.errors import SettingsError
from pipeline.live import LiveSource, sending
from pipeline.settings import Settings
from pipeline.stream import Window, run
from tests.conftest import RECOGNISED
from tests.e2e.conftest import QUICK, SALT, read_clip, write_clip

UNTOUCHED = 0.75
SETTINGS = Settings(**QUICK)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def two(render, donors) -> list[Image]:
    """Two generated people before different walls, a picture each."""
    walls = [np.full((200, 200, 3), grey, np.uint8) for grey in (40, 230)]
    rows = donors.rows.rows[[3, 40]]
    return [render([int(row)], 200, wall) for row, wall in zip(rows, walls, strict=True)]


@pytest.fixture(scope="module")
def returning(two, tmp_path_factory, rooms):
    """One person, another, the first again, 5 frames each: the clip, its stream, the report."""
    folder = tmp_path_factory.mktemp("stream")
    pictures = [two[0]] * 5 + [two[1]] * 5 + [two[0]] * 5
    clip, target, report = write_clip(folder / "in.mkv", pictures), folder / "out.mkv", Report()
    source = LiveSource(str(clip), lambda: False)
    window = Window(rooms, SETTINGS, SALT, 0.12, report)
    with sending(source, str(target), SETTINGS, None) as writer:
        for _ in run(source, writer, window):
            pass
    source.close()
    return read_clip(clip), read_clip(target), report


def test_who_returns_in_a_stream_keeps_their_surrogate_and_nobody_else_has_it(returning, judge):
    _, after, report = returning
    assert (report.tracks, report.persons) == (3, 2)
    first, other, again = (judge.features(after.frames[number]) for number in (2, 7, 12))
    assert judge.alike(first, again) > RECOGNISED
    assert judge.alike(first, other) < RECOGNISED


def test_every_frame_of_a_stream_is_changed_where_the_face_is(returning, judge):
    before, after, report = returning
    assert len(after.frames) == len(before.frames) == report.frames
    assert report.surrogates > report.fallbacks
    for old, new in zip(before.frames, after.frames, strict=True):
        assert judge.remains(old, new, judge.faces(old).boxes[0]) < UNTOUCHED
    assert [data for _, data in after.audio] == [data for _, data in before.audio]


def ran(folder, pictures, rooms, cast):
    """Photos of a job, as they come out."""
    (folder / "in").mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / "in" / f"{number}.png"), picture[..., ::-1])
    tasks, _ = job.tasks([folder / "in"], folder / "out", SETTINGS)
    for task in tasks:
        for _ in job.run(task, rooms, SETTINGS, SALT, cast):
            pass
    assert [task.state for task in tasks] == ["done"] * len(pictures)
    return [cv2.imread(str(task.target))[..., ::-1].copy() for task in tasks]


def test_through_a_job_one_person_keeps_one_surrogate(tmp_path, two, rooms, judge):
    pictures = [two[0], two[1], np.ascontiguousarray(two[0][:, ::-1])]
    out = ran(tmp_path / "a", pictures, rooms, Cast())
    first, other, again = (judge.features(picture) for picture in out)
    assert judge.alike(first, again) > RECOGNISED
    assert judge.alike(first, other) < RECOGNISED
    repeated = ran(tmp_path / "b", pictures, rooms, Cast())
    assert all(np.array_equal(a, b) for a, b in zip(out, repeated, strict=True))


def test_a_job_that_was_begun_before_cannot_know_who_was_in_it(tmp_path, two):
    photo, out = tmp_path / "one.png", tmp_path / "out"
    cv2.imwrite(str(photo), two[0][..., ::-1])
    out.mkdir()
    (out / "one-deid.png").touch()
    tasks, _ = job.tasks([photo], out, SETTINGS)
    with pytest.raises(SettingsError, match="--person-scope job takes a job as a whole"):
        job.refuse_skipped(tasks, "--person-scope job")
