import json
import os
from pathlib import Path

import pytest

from pipeline import database
from pipeline.errors import SettingsError
from pipeline.layouts import Picture
from pipeline.training_options import check, parser
from pipeline.workplace import opened, switch_in


@pytest.fixture
def pictures(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"a")
    return [Picture(path, "a.png", "a")]


@pytest.fixture
def options(tmp_path):
    def told(*more: str):
        return parser().parse_args([str(tmp_path), "--out", str(tmp_path / "db"), *more])

    return told


def work(options, pictures) -> Path:
    with opened(options, pictures) as place:
        return place.work


def test_the_same_command_comes_back_to_its_folder(options, pictures):
    with opened(options(), pictures) as place:
        (place.work / "checkpoint").write_text("x")
    for more in ((), ("--resume",), ("--sheet-every", "3")):
        with opened(options(*more), pictures) as again:
            assert again == place
            assert (again.work / "checkpoint").read_text() == "x"


@pytest.mark.parametrize(
    "more",
    [("--epochs", "3"), ("--seed", "4"), ("--size", "128"), ("--name", "x")],
)
def test_another_training_of_the_same_pictures_shares_what_was_measured(options, pictures, more):
    with opened(options(), pictures) as one, opened(options(*more), pictures) as other:
        assert one.work != other.work
        assert one.faces == other.faces


def test_a_changed_picture_is_measured_anew(options, pictures):
    with opened(options(), pictures) as one:
        pass
    os.utime(pictures[0].path, (1, 1))
    with opened(options(), pictures) as other:
        assert one.faces != other.faces


def test_nothing_to_resume_is_told_and_leaves_nothing(options, pictures):
    given = options("--resume")
    with pytest.raises(SettingsError, match=r"nothing to resume: .*retrained-"):
        work(given, pictures)
    assert not given.out.exists()


def test_fresh_begins_anew(options, pictures):
    with opened(options(), pictures) as place:
        place.faces.mkdir()
        (place.work / "checkpoint").mkdir()
        (place.work / "loss.csv").write_text("x")
    with opened(options("--fresh"), pictures) as again:
        assert [path.name for path in again.work.iterdir()] == [".lock"]
        assert not again.faces.exists()


def test_two_runs_do_not_share_a_folder(options, pictures):
    pytest.importorskip("fcntl", reason="no locks on this system")
    with (
        opened(options(), pictures),
        pytest.raises(SettingsError, match="another run is at work"),
        opened(options(), pictures),
    ):
        pass


def test_what_a_killed_switch_put_aside_is_brought_back(options, pictures):
    given = options()
    old = given.out / "generators" / ".retrained.old"
    old.mkdir(parents=True)
    (old / "card.md").write_text("the one before")
    work(given, pictures)
    assert (given.out / "generators/retrained/card.md").read_text() == "the one before"


def test_a_generator_is_switched_in_whole(tmp_path):
    staged, target = tmp_path / "work", tmp_path / "db/generators/mine"
    for text in ("first", "second"):
        staged.mkdir(exist_ok=True)
        (staged / "card.md").write_text(text)
        switch_in(staged, target)
        assert (target / "card.md").read_text() == text
        assert {path.name for path in target.parent.iterdir()} == {"mine", database.POINTER}
        assert (target.parent / database.POINTER).read_text() == "mine\n"


def test_a_generator_half_copied_is_none(tmp_path):
    half = tmp_path / "generators/.mine.new"
    half.mkdir(parents=True)
    (half / database.SEAL).write_text(json.dumps({}))
    with pytest.raises(SettingsError, match="known: none"):
        database.load(".mine.new", tmp_path)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], "say which folder of faces to train on: .*faces.csv.*RaFD.*KDEF.*one folder"),
        (["d", "--epochs", "0"], "--epochs must be 1 or more, got 0"),
        (["d", "--limit", "-1"], "--limit must be 0 or more, got -1"),
        (["d", "--sheet-every", "-2"], "--sheet-every must be 0 or more, got -2"),
        (["d", "--name", "../x"], "--name must be a plain folder name"),
        (["d", "--name", ""], "--name must be a plain folder name"),
        (["d", "--name", ".hidden"], "--name must be a plain folder name"),
    ],
)
def test_an_option_that_cannot_be_obeyed_is_told(told, why):
    with pytest.raises(SettingsError, match=why):
        check(parser().parse_args(told))


@pytest.mark.parametrize("told", [["--size", "100"], ["--resume", "--fresh"], ["--layout", "odd"]])
def test_an_option_of_no_known_kind_is_one_line_and_exit_code_1(told, capsys):
    with pytest.raises(SystemExit, match="1"):
        parser().parse_args(["d", *told])
    assert capsys.readouterr().err.count("\n") == 1
