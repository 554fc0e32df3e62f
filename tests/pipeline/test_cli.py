import argparse
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import cv2
import pytest

from pipeline import cli, command_run, database, demo
from pipeline.settings import Settings
from tests.conftest import drawn_background

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("unchanged_process")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), drawn_background(40, 30))
    return path


@pytest.fixture
def run(tmp_path, capsys, photo):
    """Run the command over the folder in/; exit code and lines on stderr."""

    def call(*options, inputs=(tmp_path / "in",)):
        arguments = ["run", *map(str, inputs), "--out", str(tmp_path / "out"), *options]
        try:
            code = cli.main(arguments)
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr().err.splitlines()

    return call


def outputs(tmp_path):
    folder = tmp_path / "out"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--detector=yolo", "no detector called 'yolo'; known: centerface, centerface_int8, haar"),
        ("--extractor=arcface", "no extractor called 'arcface'; known: dlib_resnet"),
        ("--mode=pixelate", "no mode called 'pixelate'; known: surrogate, mosaic, blur, solid"),
        ("--donors=all", "no donors called 'all'; known: opposite, nearest"),
        ("--generator=gan", "no generator called 'gan'; known: "),
        ("--detector=no.such:Thing", "no detector at 'no.such:Thing'"),
        ("-k=99", "-k must lie in 1..16, got 99"),
        ("-k=four", "invalid int value: 'four'"),
        ("--crf=99", "--crf must lie in 0..51, got 99"),
        ("--preset=warp", "no preset called 'warp'"),
        ("--nonsense", "--nonsense"),
        ("--suffix=a/b", "--suffix must be a part of a file name"),
        ("--expression=sad", "no expression called 'sad'; known: keep, neutral"),
        ("--glasses=off", "no glasses called 'off'; known: draw, drop, keep"),
        ("--age=old", "--age must be years as 20..40, got 'old'"),
        ("--age=79..80", "donors fit --age, --sex and --skin"),
        ("--sex=x", "--sex must be female or male, got 'x'"),
        ("--skin=blue", "--skin must be very-light, light, "),
        ("--identity=1,1", "--identity must be 1..16 different donor numbers"),
        ("--identity=99999", "--identity 99999: the donors of generator"),
        ("--scheme=k-same", "--scheme must be default or k-same and a number"),
        ("--scheme=k-same 3", "--scheme k-same 3 needs 3 persons who can be told apart"),
        ("--generator-class=no.such:Thing", "no generator at 'no.such:Thing'"),
        ("--salt-file=gone", "--salt-file gone: No such file or directory"),
    ],
)
def test_a_bad_option_is_one_line_exit_code_1_and_no_output(tmp_path, run, option, words):
    code, said = run(option)
    assert code == 1
    said = [line for line in said if not line.startswith("--identity gives all")]
    assert len(said) == 1
    assert words in said[0]
    assert outputs(tmp_path) == []


def test_a_bad_option_in_a_process_of_its_own_is_one_line():
    done = command("run", "--mode", "pixelate")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no mode called 'pixelate'; known: surrogate, mosaic, blur, solid\n"


def parsers():
    """Every command by its words, those with verbs once for each."""

    def below(parser, words):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, child in action.choices.items():
                    yield from below(child, (*words, name))
                return
        yield " ".join(words), parser

    return dict(below(cli._parser(), ()))


@pytest.mark.parametrize("name", sorted(parsers()))
def test_help_explains_every_option(name, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([*name.split(), "--help"])
    told = capsys.readouterr().out
    assert end.value.code == 0
    for action in parsers()[name]._actions:
        assert action.help, action.dest
        assert all(option in told for option in action.option_strings)


def test_help_lists_the_commands_and_loads_no_room():
    code = (
        "import sys, pipeline.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(' '.join({'cv2', 'av', 'openvino', 'dlib', 'numpy'} & set(sys.modules)) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    rooms = ("detect", "extract", "match", "generate", "replace")
    for name in ("run", "stream", "gallery", *rooms):
        assert f"\n    {name} " in done.stdout


@pytest.mark.parametrize(
    ("given", "result"),
    [
        (["run", "--scheme", "k-same", "5", "in"], ["run", "--scheme", "k-same 5", "in"]),
        (["run", "--scheme=k-same", "5"], ["run", "--scheme=k-same 5"]),
        (["run", "--scheme", "k-same", "in"], ["run", "--scheme", "k-same", "in"]),
        (["run", "--scheme", "default", "5"], ["run", "--scheme", "default", "5"]),
        (["run", "-k", "5"], ["run", "-k", "5"]),
        ([], []),
    ],
)
def test_a_scheme_and_its_number_are_one_option(given, result):
    assert command_run.joined(given) == result


def test_every_setting_has_an_option_with_the_same_default():
    options = vars(cli._parser().parse_args(["run"]))
    for setting in fields(Settings):
        assert options[setting.name] == getattr(Settings(), setting.name)


def test_the_version_is_told():
    assert command("--version").stdout.startswith("facesurrogate ")


def test_no_command_is_one_line():
    done = command()
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_good_run_ends_with_a_table(tmp_path, run):
    code, said = run()
    assert code == 0
    assert outputs(tmp_path) == ["photo-deid.png"]
    heading = said[-2].split()
    assert heading == [
        "file",
        "frames",
        "faces",
        "tracks",
        "people",
        "surrogate",
        "fallback",
        "s",
        "frames/s",
    ]
    assert said[-1].split()[:4] == ["photo.png", "1", "0", "0"]


def test_a_quiet_run_says_nothing(run, tmp_path):
    assert run("-q") == (0, [])
    assert outputs(tmp_path) == ["photo-deid.png"]


def test_a_second_run_skips_what_is_there(run, tmp_path):
    run()
    before = (tmp_path / "out" / "photo-deid.png").stat().st_mtime_ns
    code, said = run()
    assert code == 0
    assert said[-1].split() == ["photo.png", "skipped"]
    assert (tmp_path / "out" / "photo-deid.png").stat().st_mtime_ns == before


def test_bad_files_are_a_line_each_and_the_others_still_run(tmp_path, run):
    (tmp_path / "in" / "text.mp4").write_text("hello\n" * 50)
    (tmp_path / "in" / "zero.png").touch()
    code, said = run("-q", inputs=(tmp_path / "in", tmp_path / "gone.jpg"))
    assert code == 1
    assert outputs(tmp_path) == ["photo-deid.png"]
    assert len(said) == 3
    for name in ("text.mp4", "zero.png", "gone.jpg"):
        assert sum(name in line for line in said) == 1


def test_a_folder_without_media_is_told(tmp_path, run):
    (tmp_path / "void").mkdir()
    code, said = run(inputs=(tmp_path / "void",))
    assert code == 0
    assert any("nothing to do" in line for line in said)


@pytest.mark.parametrize("fault", ["missing", "altered"])
@pytest.mark.parametrize("name", [database.NETWORK, database.WEIGHTS, database.DONORS])
def test_a_model_file_that_is_missing_or_altered_is_one_line(tmp_path, run, fault, name):
    shutil.copytree(database.HOME / "generators", tmp_path / "db" / "generators")
    pointer = tmp_path / "db" / "generators" / database.POINTER
    path = pointer.parent / pointer.read_text().strip() / name
    path.unlink() if fault == "missing" else path.write_bytes(path.read_bytes() + b"x")
    code, said = run("--db", str(tmp_path / "db"))
    assert code == 1
    assert len(said) == 1
    assert name in said[0]
    assert fault in said[0]
    assert outputs(tmp_path) == []


def test_covers_need_no_generator(tmp_path, run):
    assert run("--mode=mosaic", "--db", str(tmp_path / "nowhere"), "-q") == (0, [])


def test_an_empty_salt_file_is_told(tmp_path, run):
    (tmp_path / "salt").write_text("\n")
    code, said = run("--salt-file", str(tmp_path / "salt"))
    assert code == 1
    assert "is empty: put a secret into it" in said[0]


def test_an_empty_in_folder_is_given_a_demo_clip(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command_run, "DB", tmp_path / "DB")
    (tmp_path / "in").mkdir()
    assert command_run._standard_input_folder(False) == tmp_path / "in"
    assert [path.name for path in (tmp_path / "in").iterdir()] == [demo.NAME]


def test_an_in_folder_with_something_in_it_is_left_alone(tmp_path, monkeypatch, photo):
    monkeypatch.setattr(command_run, "DB", tmp_path / "DB")
    command_run._standard_input_folder(True)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["photo.png"]
