"""The record as a file: what is written can be read, edited and refused."""

import json
import stat
from dataclasses import replace

import fastjsonschema
import pytest

from pipeline import record as records
from pipeline.box_rows import BoxRows
from pipeline.errors import MediaError, RecordError
from pipeline.record import (
    Added,
    Input,
    Output,
    PersonEntry,
    Record,
    Rendered,
    Suspect,
    TrackEntry,
    timecode,
)

SUM = "0" * 64


def track(number=1, person=1, first=0, decision="replace"):
    return TrackEntry(
        number, person, decision, "nobody is to be kept", first, [[1, 2, 30, 40]] * 3,
        [[0, 0, 32, 44], None, [0, 0, 32, 44]],
        [["surrogate", first, first], ["original", first + 1, first + 1]],
        Rendered("replace", 1),
    )  # fmt: skip


@pytest.fixture
def made():
    return Record(
        tool="0.1",
        settings={"mode": "surrogate", "k": 4, "shape": 1.0, "overwrite": False},
        models={"centerface": SUM},
        guarantee={"scheme": "default"},
        input=Input("a.mp4", SUM, 10, 64, 48, [[0, 0.0], [9, 0.36]]),
        output=Output("../out/a-deid.mp4", SUM),
        persons=[PersonEntry(1, [4, 5]), PersonEntry(2, None, 3)],
        tracks=[track(), track(2, 2, first=7)],
        suspects=[Suspect(0, 2, 0.0, "00:00:00.000", "fallback", 1),
                  Suspect(3, 4, 0.1, "00:00:00.100", "cut with faces")],
    )  # fmt: skip


def edited(record, change):
    """The record's JSON after `change` of what it says."""
    plain = json.loads(records.dumps(record))
    change(plain)
    return json.dumps(plain)


def test_what_is_written_is_read(made, tmp_path):
    made.added.append(Added([1, 1, 20, 20], 2, 5))
    made.added.append(Added([1, 1, 20, 20], 2, 5, 1))
    records.write(made, tmp_path / "a.faces.json")
    assert records.read(tmp_path / "a.faces.json") == made


def test_a_byte_order_mark_is_passed_over(made, tmp_path):
    (tmp_path / "a").write_text(records.dumps(made), encoding="utf-8-sig")
    assert records.read(tmp_path / "a") == made


def test_only_its_owner_may_read_it(made, tmp_path):
    records.write(made, tmp_path / "a.faces.json")
    assert stat.S_IMODE((tmp_path / "a.faces.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.faces.json"]


def test_the_boxes_of_a_track_are_one_line(made):
    assert '"boxes": [[1, 2, 30, 40], [1, 2, 30, 40], [1, 2, 30, 40]]' in records.dumps(made)


def test_boxes_of_either_kind_are_written_alike_and_have_one_seal(made):
    plain = records.dumps(made)
    for entry in made.tracks:
        entry.boxes, entry.altered = BoxRows(entry.boxes), BoxRows(entry.altered)
    assert records.dumps(made) == plain
    assert records.loads(plain) == made


def test_a_record_is_written_track_by_track(made):
    """All of it at once would take several times the room of its text."""
    made.input.frames = 3000
    made.tracks = [
        replace(track(number), boxes=BoxRows([[100, 200, 300, 400]] * 3000),
                altered=BoxRows([None] * 3000), coverage=[])
        for number in range(1, 9)
    ]  # fmt: skip
    pieces = list(records._written(made))
    assert max(map(len, pieces)) < sum(map(len, pieces)) / 8
    assert len(records.loads("".join(pieces)).tracks) == 8


def test_the_shipped_schema_is_one_and_accepts_a_record(made):
    schema = json.loads(records.SCHEMA.read_text(encoding="utf-8"))
    fastjsonschema.compile(schema)(json.loads(records.dumps(made)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: r.update(version=2), "version 2 of the record, newer than 1: update"),
        (lambda r: r.update(kind="holiday"), "is no record"),
        (lambda r: r.update(features=[0.1]), "features"),
        (lambda r: r["tracks"][0].update(likeness=0.5), "likeness"),
        (lambda r: r["tracks"][0].update(decision="show"), "tracks[0].decision must be one of"),
        (lambda r: r["tracks"][0].update(decision=1), "tracks[0].decision"),
        (lambda r: r["tracks"][0].pop("boxes"), "boxes"),
        (lambda r: r["tracks"][0].update(boxes=[]), "tracks[0].boxes"),
        (lambda r: r["tracks"][0].update(boxes=[[1, 2, 3]] * 3), "tracks[0].boxes[0]"),
        (lambda r: r["tracks"][0].update(boxes=[[1, 2, 3, 4]]), "altered must be as long"),
        (lambda r: r["tracks"][0].update(first=8), "frame 10 is beyond the file's 10"),
        (lambda r: r["tracks"][0].update(first=-1), "tracks[0].first"),
        (lambda r: r["tracks"][0].update(person=9), "nobody in persons has the number 9"),
        (lambda r: r["tracks"][1].update(number=1), "two of tracks have one number"),
        (lambda r: r["persons"][1].update(number=1), "two of persons have one number"),
        (lambda r: r["added"].append({"box": [0, 0, 9, 9], "first": 5, "last": 4}), "got 5..4"),
        (lambda r: r["added"].append({"box": [0, 0, 9, 9], "first": 5, "last": 10}), "in 0..9"),
        (lambda r: r["added"].append({"box": [9, 0, 0, 9], "first": 1, "last": 4}), "x1 y1 x2 y2"),
        (lambda r: r["added"].append({"box": [64, 0, 70, 9], "first": 1, "last": 4}), "in the pic"),
        (lambda r: r["added"].append({"box": [-9, 0, 0, 9], "first": 1, "last": 4}), "in the pic"),
        (
            lambda r: r["added"].append({"box": [0, 0, 9, 9], "first": 1, "last": 4, "person": 7}),
            "added[0].person: nobody",
        ),
        (lambda r: r["tracks"][0]["coverage"].append(["original", 0, 10**12]), "lies outside of"),
        (lambda r: r["tracks"].pop(), "something was changed besides decision, person"),
        (lambda r: r["tracks"][0]["boxes"][1].__setitem__(0, 9), "something was changed besides"),
        (lambda r: r["tracks"][0]["altered"].__setitem__(0, None), "something was changed besides"),
        (lambda r: r["tracks"][0]["rendered"].update(decision="keep"), "something was changed"),
        (lambda r: r["output"].update(sha256="1" * 64), "something was changed besides"),
        (lambda r: r.pop("seal"), "seal"),
        (lambda r: r["input"].update(sha256="x"), "input.sha256"),
        (lambda r: r["input"].update(times=[]), "input.times"),
    ],
)
def test_a_record_that_is_wrong_is_refused_in_one_line(made, change, says):
    with pytest.raises(RecordError) as caught:
        records.loads(edited(made, change))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "[" * 100_000, '{"version": 1}'])
def test_what_is_no_record_is_refused(text):
    with pytest.raises(RecordError, match="is no record"):
        records.loads(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["tracks"][0].update(decision="keep"),
        lambda r: r["tracks"][0].update(person=2),
        lambda r: r["persons"].append({"number": 3, "donors": None, "kept": None}),
        lambda r: r["added"].append({"box": [0, 0, 9, 9], "first": 5, "last": 6}),
        lambda r: r["input"].update(times=[[0, 0], [9, 0.36]]),  # as JavaScript writes it
    ],
)
def test_what_may_be_edited_is_obeyed(made, change):
    records.loads(edited(made, change))


def test_the_file_is_named_where_it_cannot_be_read(tmp_path):
    (tmp_path / "b").write_bytes(b"\xff\xfe")
    for name, says in (("a", "cannot be read"), ("b", "not UTF-8")):
        with pytest.raises(RecordError, match=says) as caught:
            records.read(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_a_record_of_another_file_is_refused(made, tmp_path):
    records.check_fits(made, tmp_path / "a.mp4", SUM)
    with pytest.raises(RecordError, match=r"made from 'a.mp4'"):
        records.check_fits(made, tmp_path / "a.mp4", "1" * 64)


def test_what_differs_from_the_output_counts_as_edited(made):
    first, second = made.tracks
    assert not first.edited
    assert second.edited  # its person is 2, and the output shows 1
    first.decision = "ignore"
    assert first.edited


@pytest.mark.parametrize(
    ("frame", "seconds"), [(0, 0.0), (5, 0.5), (10, 1.0), (15, 3.5), (20, 6.0), (30, 6.0)]
)
def test_times_lie_on_lines_between_the_known_ones(frame, seconds):
    source = Input("a", SUM, 21, 1, 1, [[0, 0.0], [10, 1.0], [20, 6.0]])
    assert source.seconds(frame) == pytest.approx(seconds)


def test_a_photo_has_one_time():
    assert Input("a", SUM, 1, 1, 1, [[0, 0.0]]).seconds(0) == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00.000"),
        (59.9996, "00:01:00.000"),
        (3723.45, "01:02:03.450"),
        (-1, "00:00:00.000"),
    ],
)
def test_times_are_told_as_people_do(seconds, text):
    assert timecode(seconds) == text


def test_a_folder_that_cannot_be_written_is_one_line(made, tmp_path):
    with pytest.raises(MediaError, match="cannot be written"):
        records.write(made, tmp_path / "nowhere" / "a.faces.json")
