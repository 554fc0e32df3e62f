import os
from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline import chain, job
from pipeline.errors import MediaError, RoomError
from pipeline.settings import Settings
from tests.conftest import drawn_background

SETTINGS = Settings()


@pytest.fixture
def picture(tmp_path):
    def make(name, size=(40, 30)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), drawn_background(*size))
        return path

    return make


def targets(tasks, out):
    return [task.target.relative_to(out).as_posix() for task in tasks]


def test_outputs_keep_their_relative_path_and_stem(tmp_path, picture):
    for name in ("a.png", "deep/er/b.jpg", "deep/.hidden.png", "note.txt"):
        picture(f"in/{name}") if name[-3:] != "txt" else (tmp_path / "in" / name).write_text("x")
    tasks, problems = job.tasks([tmp_path / "in"], tmp_path / "out", SETTINGS)
    assert targets(tasks, tmp_path / "out") == ["a-deid.png", "deep/er/b-deid.jpg"]
    assert problems == []


def test_a_file_named_alone_goes_right_into_the_output_folder(tmp_path, picture):
    tasks, _ = job.tasks([picture("x/y/a.png")], tmp_path / "out", Settings(suffix=".clean"))
    assert targets(tasks, tmp_path / "out") == ["a.clean.png"]


def test_an_output_that_exists_is_skipped_unless_it_may_be_overwritten(tmp_path, picture):
    source = picture("a.png")
    picture("out/a-deid.png")
    for settings, state in ((SETTINGS, "skipped"), (Settings(overwrite=True), "waiting")):
        (task,), _ = job.tasks([source], tmp_path / "out", settings)
        assert task.state == state


def test_two_inputs_that_would_get_one_name_keep_their_endings_in_it(tmp_path, picture):
    picture("in/a.jpg")
    (tmp_path / "in" / "a.JPEG").write_bytes((tmp_path / "in" / "a.jpg").read_bytes())
    picture("in/b.png")
    (tmp_path / "in" / "b.jpg").write_bytes((tmp_path / "in" / "b.png").read_bytes())
    tasks, _ = job.tasks([tmp_path / "in"], tmp_path / "out", SETTINGS)
    names = targets(tasks, tmp_path / "out")
    assert len(set(names)) == 4
    assert {"b_png-deid.png", "b_jpg-deid.png"} <= set(names)


def test_no_output_is_overwritten_by_that_of_another_input(tmp_path, picture):
    sources = [picture("x/a.png"), picture("y/a.png"), picture("z/a.png", (9, 9))]
    tasks, _ = job.tasks(sources, tmp_path / "out", SETTINGS)
    waiting = [task for task in tasks if task.state == "waiting"]
    assert len({task.target for task in waiting}) == len(waiting) == 1
    failed = [task for task in tasks if task.state == "failed"]
    assert all("another --out" in task.problem and "\n" not in task.problem for task in failed)


def test_the_same_file_named_twice_is_one_task(tmp_path, picture):
    source = picture("in/a.png")
    tasks, _ = job.tasks([source, tmp_path / "in", source], tmp_path / "out", SETTINGS)
    assert len(tasks) == 1


def test_what_lies_in_the_output_folder_is_no_input(tmp_path, picture):
    """An output folder inside the input folder is not fed to itself."""
    picture("in/a.png")
    picture("in/out/a-deid.png")
    tasks, problems = job.tasks([tmp_path / "in"], tmp_path / "in" / "out", SETTINGS)
    assert [task.path.name for task in tasks] == ["a.png"]
    assert tasks[0].state == "skipped"
    assert problems == []


@pytest.mark.parametrize("named", ["in", "in/a.png"])
def test_outputs_may_go_beside_their_inputs(tmp_path, picture, named):
    """And an output of an earlier run is no input of the next one."""
    picture("in/a.png")
    picture("in/b-deid.png")
    tasks, problems = job.tasks([tmp_path / named], tmp_path / "in", SETTINGS)
    assert [task.target for task in tasks] == [tmp_path / "in" / "a-deid.png"]
    assert tasks[0].state == "waiting"
    assert problems == []


@pytest.mark.parametrize("content", [b"", b"hello, I am a text\n" * 9])
@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.gif", "a.webp"])
def test_a_file_that_is_no_media_is_a_failed_task_with_one_line(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    (task,), _ = job.tasks([path], tmp_path / "out", SETTINGS)
    assert task.state == "failed"
    assert str(path) in task.problem
    assert "\n" not in task.problem


def test_an_input_that_is_not_there_is_a_problem(tmp_path):
    tasks, problems = job.tasks([tmp_path / "gone.mp4"], tmp_path / "out", SETTINGS)
    assert tasks == []
    assert problems == [f"{tmp_path / 'gone.mp4'}: no such file or folder"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_a_problem(tmp_path):
    (tmp_path / "shut").mkdir(mode=0)
    _, problems = job.tasks([tmp_path / "shut"], tmp_path / "out", SETTINGS)
    assert len(problems) == 1


def test_a_task_that_is_done_tells_so(tmp_path, picture, rooms):
    (task,), _ = job.tasks([picture("a.png")], tmp_path / "out", SETTINGS)
    steps = list(job.run(task, rooms, SETTINGS, b"salt"))
    assert (task.state, task.report.frames) == ("done", 1)
    assert [step.phase for step in steps][-1] == "render"
    assert task.target.is_file()


@pytest.mark.parametrize(
    "error", [MediaError("a.png: is damaged"), RoomError("the detector failed")]
)
def test_a_task_that_fails_names_its_file_and_leaves_nothing(
    tmp_path, picture, rooms, monkeypatch, error
):
    def fail(*_):
        raise error
        yield

    monkeypatch.setattr(chain, "run", fail)
    (task,), _ = job.tasks([picture("a.png")], tmp_path / "out", SETTINGS)
    assert list(job.run(task, rooms, SETTINGS, b"")) == []
    assert task.state == "failed"
    assert "a.png: " in task.problem
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_run_left_behind_is_removed(tmp_path, picture, rooms):
    stray = tmp_path / "out" / ".a-deid.png.facesurrogate-1-0123abcd.part"
    stray.parent.mkdir()
    stray.write_bytes(b"half")
    (task,), _ = job.tasks([picture("a.png")], tmp_path / "out", SETTINGS)
    list(job.run(task, replace(rooms, drawing=None), SETTINGS, b""))
    assert [path.name for path in stray.parent.iterdir()] == ["a-deid.png"]


def test_an_output_folder_that_is_a_file_is_one_line(tmp_path, picture, rooms):
    (tmp_path / "out").write_text("I am a file")
    (task,), _ = job.tasks([picture("a.png")], tmp_path / "out", SETTINGS)
    list(job.run(task, rooms, SETTINGS, b""))
    assert task.state == "failed"
    assert "out" in task.problem
    assert "\n" not in task.problem


@pytest.mark.parametrize(
    ("names", "empty"), [([], True), ([".gitkeep"], True), (["a.txt"], False), (["sub/"], False)]
)
def test_a_folder_with_hidden_files_only_is_empty(tmp_path, names, empty):
    for name in names:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    assert job.is_empty(tmp_path) == empty


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert job.is_empty(tmp_path / "gone")


def test_drawn_backgrounds_are_pictures():
    assert drawn_background(5, 4).shape == (4, 5, 3)
    assert drawn_background(5, 4).dtype == np.uint8
