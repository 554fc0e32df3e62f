"""`facesurrogate review`: the file it writes, and what it refuses. What the page does in a
browser is told in test_review_page.py.
"""

import base64
import hashlib
import json
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from pipeline import record as records
from pipeline import review_page, review_thumbnails
from pipeline.cli import main
from tests.reviewed import FRAMES, record_of, suspect, track, write_record, write_video

pytestmark = pytest.mark.usefixtures("unchanged_process")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two clips: an output and the original it was made from."""
    folder = tmp_path_factory.mktemp("clips")
    return write_video(folder / "clip-deid.mp4"), write_video(folder / "clip.mp4", seed=180)


@pytest.fixture
def made(clips, tmp_path):
    """A folder with an output and its record."""
    output = tmp_path / "clip-deid.mp4"
    output.write_bytes(clips[0].read_bytes())
    return write_record(record_of(output, clips[1]), tmp_path)


@pytest.fixture
def review(capsys):
    """Run the command: (code, what it said in one line)."""

    def run(*arguments):
        code = main(["review", *map(str, arguments)])
        return code, " ".join(capsys.readouterr().err.split())

    return run


class Parts(HTMLParser):
    """The elements of a page and the texts in those that are read raw."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.raw, self.policy = [], {}, ""
        self._last = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.tags.append(tag)
        self._last = named.get("id", tag) if tag in {"script", "style"} else ""
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"]

    def handle_data(self, data):
        if self._last:
            self.raw[self._last] = self.raw.get(self._last, "") + data

    def handle_endtag(self, tag):
        self._last = ""


def page_of(path):
    return Parts(path.read_text(encoding="utf-8"))


def data_of(path):
    return json.loads(page_of(path).raw["data"])


def test_the_page_lies_beside_the_record_for_its_owner_only(made, review):
    assert review(made)[0] == 0
    page = made.with_name("clip.review.html")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert sorted(os.listdir(made.parent)) == ["clip-deid.mp4", "clip.faces.json", page.name]


def test_a_page_that_is_there_is_replaced_only_when_asked(made, review, tmp_path):
    page = tmp_path / "deep" / "down" / "a page.html"
    assert review(made, "--out", page)[0] == 0
    before = page.stat().st_ino
    code, said = review(made, "--out", page)
    assert (code, page.stat().st_ino) == (1, before)
    assert "is there already; add --overwrite" in said
    assert review(made, "--out", page, "--overwrite")[0] == 0
    assert page.stat().st_ino != before


@pytest.mark.parametrize("which", ["clip.faces.json", "clip-deid.mp4"])
def test_the_page_is_never_written_over_what_it_shows(made, review, which):
    target = made.with_name(which)
    before = target.read_bytes()
    code, said = review(made, "--out", target, "--overwrite")
    assert (code, target.read_bytes()) == (1, before)
    assert "name another file" in said


def test_another_output_is_refused_in_one_line(made, review, clips):
    code, said = review(made, "--output", clips[1])
    assert code == 1
    assert "is not the output that" in said
    assert not made.with_name("clip.review.html").exists()


def test_an_output_that_is_gone_can_be_named(made, review):
    moved = made.with_name("moved.mp4")
    made.with_name("clip-deid.mp4").rename(moved)
    code, said = review(made)
    assert code == 1
    assert "no such file; name it with --output" in said
    assert review(made, "--output", moved)[0] == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no record"),
        ("{}", "is no record"),
        ('{"kind": "facesurrogate record", "version": 2}', "newer than 1"),
        ('{"kind": "facesurrogate record", "version": 1}', "must contain"),
    ],
)
def test_a_broken_record_is_refused_in_one_line(made, review, text, why):
    made.write_text(text, encoding="utf-8")
    code, said = review(made)
    assert code == 1
    assert str(made) in said
    assert why in said


def test_a_number_that_browsers_cannot_read_is_refused(made, review):
    record = records.read(made)
    record.guarantee["k"] = float("nan")
    records.write(record, made)
    code, said = review(made)
    assert code == 1
    assert "NaN" in said


def test_an_original_that_does_not_fit_is_refused(made, review):
    code, said = review(made, "--with-originals", made.with_name("clip-deid.mp4"))
    assert code == 1
    assert "is another file or was changed since" in said


def colour(shot):
    """The mean colour of a picture in the page, RGB."""
    data = np.frombuffer(base64.b64decode(shot), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[:4, :, ::-1].mean(axis=(0, 1))


def test_originals_are_in_the_page_only_when_asked_for(made, review, clips):
    page = made.with_name("clip.review.html")
    assert review(made)[0] == 0
    plain = data_of(page)
    assert not plain["originals"]
    shots = [shot for row in plain["shots"].values() for shot in row]
    assert shots
    assert all(shot["original"] is None for shot in shots)
    code, said = review(made, "--with-originals", clips[1], "--overwrite")
    assert code == 0
    assert "shows real faces" in said
    data = data_of(page)
    assert data["originals"]
    for shot in (shot for row in data["shots"].values() for shot in row):
        assert abs(colour(shot["picture"])[0] - 60) < 8
        assert abs(colour(shot["original"])[0] - 180) < 8


def test_a_small_output_is_carried_a_large_one_linked(made, review, monkeypatch):
    page, output = made.with_name("clip.review.html"), made.with_name("clip-deid.mp4")
    assert review(made)[0] == 0
    assert base64.b64decode(page_of(page).raw["carried"]) == output.read_bytes()
    monkeypatch.setattr(review_page, "CARRIED", 1000)
    assert review(made, "--overwrite")[0] == 0
    assert page_of(page).raw.get("carried", "") == ""
    assert data_of(page)["output"]["address"] == "clip-deid.mp4"
    assert review(made, "--overwrite", "--embed")[0] == 0
    assert data_of(page)["output"]["carried"]


def test_a_small_output_is_linked_when_asked(made, review):
    assert review(made, "--link")[0] == 0
    page = made.with_name("clip.review.html")
    assert data_of(page)["output"]["address"] == "clip-deid.mp4"


def test_carrying_and_linking_exclude_each_other(made, capsys):
    with pytest.raises(SystemExit) as left:
        main(["review", str(made), "--embed", "--link"])
    assert left.value.code == 1
    assert "not allowed with" in capsys.readouterr().err


def test_what_no_browser_takes_is_not_embedded(made, review, monkeypatch):
    monkeypatch.setattr(review_page, "_LARGEST", 1000)
    code, said = review(made, "--embed")
    assert code == 1
    assert "leave it out" in said
    assert not made.with_name("clip.review.html").exists()


def test_the_address_leads_from_the_page_to_the_output(made, review, tmp_path):
    page = tmp_path / "pages" / "a b" / "page.html"
    assert review(made, "--link", "--out", page)[0] == 0
    assert data_of(page)["output"]["address"] == "../../clip-deid.mp4"


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("a b.mp4", "a%20b.mp4"),
        ("50% #1?.mp4", "50%25%20%231%3F.mp4"),
        ('it\'s "ü".mp4', "it%27s%20%22%C3%BC%22.mp4"),
        ("javascript:alert(1).mp4", "javascript%3Aalert%281%29.mp4"),
        (os.fsdecode(b"\xff.mp4"), "%FF.mp4"),
    ],
)
def test_any_file_name_makes_an_address(tmp_path, name, address):
    assert review_page._address(tmp_path / name, tmp_path) == address


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("clip.mp4", "facesurrogate render clip.mp4 --record r.faces.json --overwrite"),
        ("a b.mp4", "facesurrogate render 'a b.mp4' --record r.faces.json --overwrite"),
        ("$(rm x)", "facesurrogate render '$(rm x)' --record r.faces.json --overwrite"),
        ("--out", "facesurrogate render ./--out --record r.faces.json --overwrite"),
    ],
)
def test_the_command_can_be_typed_as_shown(made, tmp_path, name, command):
    record = records.read(made)
    record.input.name = name
    assert review_page._command(record, tmp_path / "r.faces.json") == command


def test_the_policy_names_our_script_and_nothing_of_a_record_can_be_one(made, review):
    record = records.read(made)
    hostile = "</script><script>alert(1)</script><!--{{script}}&lt;\u2028"
    record.tool = record.input.name = record.tracks[0].reason = hostile
    record.settings[hostile] = record.guarantee[hostile] = record.models[hostile] = hostile
    record.models = {hostile: "3" * 64}
    record.persons[1].kept = hostile
    records.write(record, made)
    plain, other = made.with_name("plain.html"), made.with_name("clip.review.html")
    assert review(made, "--out", other)[0] == 0
    clean = write_record(record_of(made.with_name("clip-deid.mp4")), made.parent, "b.faces.json")
    assert review(clean, "--out", plain)[0] == 0
    parts = page_of(other)
    assert parts.tags == page_of(plain).tags
    assert parts.tags.count("script") == 3
    assert json.loads(parts.raw["data"])["record"]["tool"] == hostile
    digest = hashlib.sha256(parts.raw["script"].encode()).digest()
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in parts.policy
    assert not re.search("[<>&]", parts.raw["data"])


def test_faces_are_shown_in_the_middle_first_then_where_they_are_doubtful(made):
    record = records.read(made)
    record.tracks = [
        track(7, 1, (10, 30), coverage=[["surrogate", 10, 27], ["fallback", 28, 30]]),
        track(8, 1, (40, 40)),
    ]
    record.suspects = [suspect(5, 11, "low score", 7), suspect(70, 71, "low score", 8)]
    assert review_thumbnails.frames(record) == {
        20: {7: record.tracks[0].boxes[10]},
        10: {7: record.tracks[0].boxes[0]},
        29: {7: record.tracks[0].boxes[19]},
        40: {8: record.tracks[1].boxes[0]},
    }


def test_there_are_never_more_pictures_than_a_page_can_hold(made):
    record = records.read(made)
    record.tracks = [track(number, 1, (0, FRAMES - 1)) for number in range(1, 31)]
    record.suspects = [suspect(9, 9, "low score", number) for number in (29, 30)]
    chosen = review_thumbnails.frames(record, most=10)
    assert sum(map(len, chosen.values())) == 10
    assert {29, 30} <= set(chosen[37])


@pytest.mark.parametrize("box", [[-90, -90, -50, -50], [500, 500, 600, 600], [10**9] * 4])
def test_a_face_outside_the_picture_has_no_picture(made, box):
    record = records.read(made)
    entry = record.tracks[1]
    entry.boxes[:] = [box] * len(entry.boxes)
    shots = review_thumbnails.taken(record, made.with_name("clip-deid.mp4"), None, quiet=True)
    assert set(shots) == {1, 3}


def test_pictures_show_the_frame_they_are_said_to(made):
    record = records.read(made)
    shots = review_thumbnails.taken(record, made.with_name("clip-deid.mp4"), None, quiet=True)
    assert [shot.frame for shot in shots[1]] == [37, 55]
    data = np.frombuffer(base64.b64decode(shots[1][0].picture), np.uint8)
    small = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert max(small.shape) <= 160
    assert small[len(small) // 2, small.shape[1] // 2, 2] > 190  # the face is in the middle


def test_the_page_needs_no_other_file(made, review):
    assert review(made)[0] == 0
    text = made.with_name("clip.review.html").read_text(encoding="utf-8")
    assert not re.search(r"<(link|iframe|object|embed|base|form[^>]+action)\b", text)
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")


def test_a_record_without_tracks_makes_a_page(made, review):
    record = records.read(made)
    records.write(replace(record, tracks=[], persons=[], suspects=[]), made)
    assert review(made)[0] == 0
    assert data_of(made.with_name("clip.review.html"))["shots"] == {}
