"""`run --record`: what it tells of real runs, and what it never tells."""

import hashlib
import json
import shutil

import cv2
import pytest

from pipeline import cli, record
from tests.conftest import drawn_background
from tests.e2e.conftest import read_clip, write_clip

pytestmark = pytest.mark.usefixtures("unchanged_process")

ANN, BEN = [0, 1, 2, 3], [60, 61, 62, 63]
SIDE, FRAMES = 240, 12


@pytest.fixture(scope="module")
def material(tmp_path_factory, render):
    """A clip of Ann and Ben side by side, and pictures of Ann."""
    folder = tmp_path_factory.mktemp("material")
    heads = [render(mix, SIDE) for mix in (ANN, BEN)]
    pictures = []
    for step in range(FRAMES):
        picture = drawn_background(2 * SIDE + 40, SIDE + 20)
        for number, head in enumerate(heads):
            x = 10 + number * (SIDE + 10) + step % 3
            picture[10 : 10 + SIDE, x : x + SIDE] = head
        pictures.append(picture)
    (folder / "in" / "day 1").mkdir(parents=True)
    write_clip(folder / "in" / "day 1" / "two.mp4", pictures, sound=False)
    (folder / "Ann Secret").mkdir()
    cv2.imwrite(str(folder / "Ann Secret" / "a.png"), heads[0][..., ::-1])
    return folder


@pytest.fixture(scope="module")
def call(tmp_path_factory, material):
    """Run over the clip with Ann kept; the exit code, the folder of outputs and that of records."""

    def run(*options, home=None):
        home = home or tmp_path_factory.mktemp("run")
        code = cli.main(
            ["run", str(material / "in"), "--out", str(home / "out"), "--record", str(home / "rec"),
             "--keep", str(material / "Ann Secret"), "--keep-threshold", "0.7", "--preset",
             "ultrafast", "-q", *options]
        )  # fmt: skip
        return code, home

    return run


@pytest.fixture(scope="module")
def recorded(call):
    code, home = call()
    assert code == 0
    return home


@pytest.fixture
def told(recorded):
    return record.read(recorded / "rec" / "day 1" / "two.faces.json")


def test_the_record_lies_as_the_output_does_but_not_beside_it(recorded):
    files = [str(p.relative_to(recorded)) for p in sorted(recorded.rglob("*")) if p.is_file()]
    assert files == ["out/day 1/two-deid.mp4", "rec/day 1/two.faces.json"]


def test_it_names_the_files_that_it_is_about(told, recorded, material):
    for path, there in (
        (material / "in" / "day 1" / "two.mp4", told.input.sha256),
        (recorded / "rec" / "day 1" / told.output.path, told.output.sha256),
    ):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == there
    assert (told.input.frames, told.input.width) == (FRAMES, 2 * SIDE + 40)
    assert told.input.seconds(FRAMES - 1) == pytest.approx((FRAMES - 1) / 25, abs=0.003)


def test_one_track_is_kept_and_one_replaced(told):
    left, right = sorted(told.tracks, key=lambda track: track.boxes[0][0])
    assert (left.decision, left.reason) == ("keep", "on the keep-list")
    assert (right.decision, right.reason) == ("replace", "not surely on the keep-list")
    for track in (left, right):
        assert (track.first, track.last) == (0, FRAMES - 1)
        assert not track.edited
    assert [run[0] for run in left.coverage] == ["original"]
    assert set(left.altered) == {None}
    assert told.person(left.person).kept == 1
    assert told.person(right.person).kept is None
    assert len(told.person(right.person).donors) == 4


def test_outside_of_what_it_calls_altered_the_output_is_the_original(told, recorded, material):
    before = read_clip(material / "in" / "day 1" / "two.mp4").frames
    after = read_clip(recorded / "out" / "day 1" / "two-deid.mp4").frames
    _, right = sorted(told.tracks, key=lambda track: track.boxes[0][0])
    for frame in range(0, FRAMES, 3):
        x1, y1, x2, y2 = right.altered[frame]
        apart = abs(before[frame].astype(int) - after[frame]).max(axis=2)
        assert apart[y1:y2, x1:x2].max() > 60
        apart[y1:y2, x1:x2] = 0
        assert apart.mean() < 3


def test_it_holds_no_features_no_names_and_no_salt(recorded):
    text = (recorded / "rec" / "day 1" / "two.faces.json").read_text(encoding="utf-8")
    assert "Secret" not in text
    assert "salt" not in text
    numbers = [value for value in _leaves(json.loads(text)) if isinstance(value, float)]
    assert len(numbers) < 20  # settings and times; features would be 128 a person


def _leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def test_names_are_told_where_asked_for(call):
    code, home = call("--record-names", "--mode", "solid")
    told = record.read(home / "rec" / "day 1" / "two.faces.json")
    assert code == 0
    assert "Ann Secret" in [person.kept for person in told.persons]
    assert [track.coverage[0][0] for track in told.tracks if track.decision == "replace"] == [
        "fallback"
    ]
    assert told.suspects == []  # a cover is what was asked for


def test_an_edited_record_is_not_overwritten_unawares(call, recorded, capsys):
    (recorded / "out" / "day 1" / "two-deid.mp4").rename(recorded / "kept.mp4")
    place = recorded / "rec" / "day 1" / "two.faces.json"
    before = place.read_bytes()
    code, _ = call(home=recorded)
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 1
    assert "two.faces.json is there already: add --overwrite" in line
    assert place.read_bytes() == before
    assert not (recorded / "out" / "day 1" / "two-deid.mp4").exists()
    (recorded / "kept.mp4").rename(recorded / "out" / "day 1" / "two-deid.mp4")


def test_of_an_output_that_is_there_already_no_record_is_written_and_it_says_so(
    recorded, material, tmp_path, capsys
):
    shutil.copytree(recorded / "out", tmp_path / "out")
    places = ["--out", str(tmp_path / "out"), "--record", str(tmp_path / "rec")]
    assert cli.main(["run", str(material / "in"), *places]) == 0
    said = capsys.readouterr().err.replace("\n", " ")
    assert "two-deid.mp4 is there already, so nothing is recorded of it" in said
    assert not (tmp_path / "rec").exists()


def test_names_need_a_record(material, capsys):
    assert cli.main(["run", str(material / "in"), "--record-names"]) == 1
    assert "--record-names needs --record" in capsys.readouterr().err


def test_records_among_the_outputs_are_warned_of(material, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "wall.png"), drawn_background(80, 60))
    code = cli.main(
        ["run", str(tmp_path / "in"), "--out", str(tmp_path / "o"), "--record", str(tmp_path / "o")]
    )
    told = record.read(tmp_path / "o" / "wall.faces.json")
    assert code == 0
    assert "lies among the outputs" in capsys.readouterr().err
    assert (told.input.frames, told.tracks, told.persons) == (1, [], [])


def test_two_files_of_one_name_have_a_record_each(tmp_path):
    (tmp_path / "in").mkdir()
    for ending in ("png", "bmp"):
        cv2.imwrite(str(tmp_path / "in" / f"wall.{ending}"), drawn_background(80, 60))
    places = ["--out", str(tmp_path / "o"), "--record", str(tmp_path / "r"), "-q"]
    assert cli.main(["run", str(tmp_path / "in"), *places]) == 0
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [
        "wall_bmp.faces.json", "wall_png.faces.json"
    ]  # fmt: skip


def test_a_group_says_what_is_guaranteed(tmp_path, render):
    (tmp_path / "in").mkdir()
    for number, mix in enumerate((ANN, BEN)):
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), render(mix, 320)[..., ::-1])
    code = cli.main(
        ["run", str(tmp_path / "in"), "--out", str(tmp_path / "o"), "--record", str(tmp_path / "r"),
         "--scheme", "k-same", "2", "-q"]
    )  # fmt: skip
    first, second = (record.read(tmp_path / "r" / f"{n}.faces.json") for n in (0, 1))
    assert code == 0
    assert first.guarantee["k"] == 2
    assert first.persons[0].donors == second.persons[0].donors


def test_it_tells_that_boxes_were_given(tmp_path):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "wall.png"), drawn_background(80, 60))
    (tmp_path / "wall.txt").write_text("1,-1,20,20,24,24,1,-1,-1,-1\n")
    code = cli.main(
        ["run", str(tmp_path / "in"), "--out", str(tmp_path / "o"), "--record", str(tmp_path / "r"),
         "--boxes", str(tmp_path / "wall.txt"), "-q"]
    )  # fmt: skip
    told = record.read(tmp_path / "r" / "wall.faces.json")
    assert code == 0
    assert told.input.boxes == "both"
    assert told.tracks[0].boxes == [[19, 19, 43, 43]]
