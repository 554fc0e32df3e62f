"""`facesurrogate gallery` and what --keep makes of pictures, on the command line."""

import shutil

import cv2
import numpy as np
import pytest

from pipeline.cli import main
from pipeline.enrolment import Enrolment, of_looks
from pipeline.errors import GalleryError
from pipeline.settings import Settings
from tests.conftest import drawn_background
from tests.e2e.conftest import write_clip

pytestmark = pytest.mark.usefixtures("unchanged_process")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, astronaut, render):
    """Pictures by name: of one person, of another, of two, of nobody, and a tiny one."""
    folder = tmp_path_factory.mktemp("pictures")
    small = cv2.resize(astronaut, None, fx=0.22, fy=0.22, interpolation=cv2.INTER_AREA)
    edge = cv2.copyMakeBorder(small, 200, 200, 200, 200, cv2.BORDER_CONSTANT, value=(90, 99, 90))
    for name, picture in {
        "eileen": astronaut,
        "again": astronaut[:400, :420],
        "other": render([60, 61, 62, 63]),
        "two": np.concatenate([astronaut, astronaut[:, ::-1]], axis=1),
        "nobody": drawn_background(320, 240),
        "tiny": edge,
    }.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def desk(rooms, drawing):
    """Puts people on a list."""
    return Enrolment(rooms, drawing.extractor, drawing.mean, Settings())


@pytest.fixture
def command(tmp_path, capsys):
    """Run a command with a list of its own: (code, what it printed, what it said)."""

    def run(*arguments):
        place = ("--gallery", str(tmp_path / "people.sqlite"))
        code = main([*map(str, arguments), *(() if "--gallery" in arguments else place)])
        told = capsys.readouterr()
        return code, told.out, " ".join(told.err.split())

    return run


def test_a_person_is_added_listed_kept_and_removed(command, pictures, tmp_path):
    both = pictures / "eileen.png", pictures / "again.png"
    assert command("gallery", "add", "Eileen Collins", *both)[0] == 0
    assert command("gallery", "list")[:2] == (0, "Eileen Collins\t2 pictures\n")
    assert command("gallery", "show", "Eileen Collins")[:2] == (0, "eileen.png\nagain.png\n")
    inputs = pictures / "again.png", pictures / "other.png"
    solid = ("run", "--mode", "solid", "--out", tmp_path, *inputs)
    assert command(*solid, "--keep", "Eileen Collins")[0] == 0
    same = []
    for name in ("again", "other"):
        before = cv2.imread(str(pictures / f"{name}.png"))
        same.append(bool((before == cv2.imread(str(tmp_path / f"{name}-deid.png"))).all()))
    assert same == [True, False]
    assert command("gallery", "remove", "Eileen Collins")[0] == 0
    assert command("gallery", "list")[:2] == (0, "")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("two", "2 faces in it, one is needed: cut out the one that is meant"),
        ("nobody", "no face in it, one is needed"),
        ("tiny", "px wide, 40 are needed"),
        ("missing", "there is no such file"),
    ],
)
def test_a_picture_that_tells_of_nobody_or_several_is_refused(desk, pictures, name, why):
    with pytest.raises(GalleryError, match=f"{name}.png: .*{why}"):
        desk.looks("Ann", [pictures / "eileen.png", pictures / f"{name}.png"])


def test_of_refused_pictures_nothing_is_stored(command, pictures):
    some = pictures / "eileen.png", pictures / "two.png"
    code, _, told = command("gallery", "add", "Ann", *some)
    assert code == 1
    assert "two.png: 2 faces in it" in told
    assert command("gallery", "list")[1] == ""


def test_a_video_is_no_picture(desk, tmp_path, moving):
    clip = write_clip(tmp_path / "clip.mp4", moving[:3], sound=False)
    with pytest.raises(GalleryError, match="made from photos, this is a video"):
        desk.look(clip)


def test_pictures_of_two_people_under_one_name_are_refused(desk, pictures):
    looks = desk.looks("Ann", [pictures / "eileen.png", pictures / "other.png"])
    with pytest.raises(GalleryError, match="unlike each other, as if they showed several people"):
        desk.check(of_looks({"Ann": looks}))


def test_an_outlier_is_reported(desk, pictures, caplog):
    looks = desk.looks("Ann", [pictures / f"{name}.png" for name in ("eileen", "again", "other")])
    desk.check(of_looks({"Ann": looks}))
    assert "Ann: other.png is unlike the other pictures and counts nothing" in caplog.text


def test_people_who_look_alike_are_reported(desk, pictures, caplog):
    look = desk.look(pictures / "eileen.png")
    desk.check(of_looks({"Ann": [look], "Bea": [look]}))
    assert "Ann and Bea look alike" in caplog.text


def test_a_folder_is_one_person_a_folder_of_folders_several(desk, pictures, tmp_path):
    for name, who in (("eileen", "Eileen"), ("again", "Eileen"), ("other", "Other")):
        (tmp_path / "keep" / who).mkdir(parents=True, exist_ok=True)
        shutil.copy(pictures / f"{name}.png", tmp_path / "keep" / who)
    (tmp_path / "keep" / "Eileen" / "notes.txt").write_text("no picture")
    several = desk.gallery([tmp_path / "keep"])
    assert several.names == ("Eileen", "Other")
    assert several.persons.tolist() == [0, 0, 1]
    one = desk.gallery([tmp_path / "keep" / "Eileen", pictures / "other.png"])
    assert one.names == ("Eileen", "other")


@pytest.mark.parametrize("inside", ["", "Eileen"])
def test_a_folder_that_tells_of_nobody_is_refused(desk, pictures, tmp_path, inside):
    (tmp_path / "keep" / inside).mkdir(parents=True, exist_ok=True)
    with pytest.raises(GalleryError, match="no picture in"):
        desk.gallery([tmp_path / "keep"])


def test_a_picture_beside_folders_of_people_is_nobodys(desk, pictures, tmp_path):
    (tmp_path / "keep" / "Eileen").mkdir(parents=True)
    shutil.copy(pictures / "eileen.png", tmp_path / "keep")
    with pytest.raises(GalleryError, match=r"eileen\.png lies beside folders of people"):
        desk.gallery([tmp_path / "keep"])


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_a_name_that_cannot_be_shown_is_refused(command, pictures, name):
    code, _, told = command("gallery", "add", name, pictures / "eileen.png")
    assert code == 1
    assert "printable letters" in told


@pytest.mark.parametrize("verb", ["remove", "show"])
def test_a_name_that_is_not_on_the_list_is_refused(command, verb):
    code, _, told = command("gallery", verb, "Ann")
    assert code == 1
    assert "nobody called 'Ann' is on the keep-list; on it: nobody" in told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--keep", "eileen.png", "--only", "Ann"], "--keep and --only exclude each other"),
        (["--keep", "eileen.png", "--keep-threshold", "2"], "must lie between 0 and 1"),
        (["--keep-threshold", "0.8"], "--keep-threshold needs --keep"),
        (["--keep", "eileen.png", "--scheme", "k-same 5"], "leave --keep and --only out"),
        (["--keep", "two.png"], "2 faces in it"),
        (["--keep", "Ann"], "nobody called 'Ann' is on the keep-list"),
        (["--keep-list"], "the stored keep-list is empty"),
        (["--keep-list", "--gallery", "mysql://x/y"], "got mysql"),
    ],
)
def test_a_keep_list_that_cannot_be_used_stops_the_run_with_one_line(
    command, pictures, tmp_path, monkeypatch, arguments, why
):
    monkeypatch.chdir(pictures)
    out = tmp_path / "out"
    mode = [] if "--scheme" in arguments else ["--mode", "solid"]
    code, _, told = command("run", "other.png", "--out", out, *mode, *arguments)
    assert code == 1
    assert why in told
    assert not out.exists()
