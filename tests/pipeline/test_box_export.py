"""The boxes of records for other programs, and back."""

import stat

import pytest

from pipeline import cli, record
from pipeline.box_export import document, shown
from pipeline.contract import Frame
from pipeline.errors import BoxesError
from pipeline.given_boxes import GivenBoxes, Reading
from pipeline.record import Added, Input, Output, PersonEntry, Record, Rendered, TrackEntry

pytestmark = pytest.mark.usefixtures("unchanged_process")


def track(number, person, first, boxes, decision="replace"):
    return TrackEntry(
        number, person, decision, "why", first, boxes, [None] * len(boxes),
        [["fallback", first, first + len(boxes) - 1]], Rendered(decision, person),
    )  # fmt: skip


def made(*tracks, name="clip.mp4", frames=8, added=()):
    persons = [PersonEntry(n, [3, 4], "Ann Secret" if n == 2 else None) for n in (1, 2, 3)]
    return Record(
        "1", {"k": 4}, {}, {}, Input(name, "0" * 64, frames, 100, 80, [[0, 0.0]]),
        Output("out.mp4", "1" * 64), persons, list(tracks), list(added),
    )  # fmt: skip


BOTH = made(
    track(1, 1, 0, [[10, 10, 30, 40], [12, 10, 32, 40]]),
    track(2, 2, 1, [[60, -5, 110, 30]], "keep"),
    track(4, 1, 3, [[40, 10, 60, 40]]),
    track(7, 3, 0, [[1, 1, 5, 5]] * 8, "ignore"),
)


@pytest.fixture
def written(tmp_path):
    """A folder of records, each under its own name."""

    def write(**records):
        for name, one in records.items():
            record.write(one, tmp_path / f"{name}.faces.json")
        return [str(tmp_path / f"{name}.faces.json") for name in records]

    return write


def rows(one, by="track"):
    return [(box.frame, box.number, box.box) for box in shown(one, by)]


def test_every_track_is_told_but_for_what_is_no_face():
    assert rows(BOTH) == [
        (0, 1, [10, 10, 30, 40]),
        (1, 1, [12, 10, 32, 40]),
        (1, 2, [60, -5, 110, 30]),
        (3, 4, [40, 10, 60, 40]),
    ]


def test_by_person_tracks_of_one_have_one_number():
    assert [number for _, number, _ in rows(BOTH, "person")] == [1, 1, 2, 1]


def test_a_person_has_one_box_a_frame_around_all_that_are_theirs():
    twice = made(
        track(1, 1, 0, [[10, 10, 30, 40]], "keep"), track(2, 1, 0, [[15, 5, 35, 35]]),
    )  # fmt: skip
    assert rows(twice, "person") == [(0, 1, [10, 5, 35, 40])]
    assert shown(twice, "person")[0].decision == "replace"


def test_another_numbering_says_why():
    with pytest.raises(ValueError, match="track or person, got 'name'"):
        shown(BOTH, "name")


@pytest.mark.parametrize(
    "box", [[-9, 5, 0, 20], [100, 5, 120, 20], [5, -9, 20, 0], [5, 80, 20, 90], [5, 5, 5, 9]]
)
def test_boxes_of_which_nothing_is_in_the_picture_are_left_out(box):
    assert rows(made(track(1, 1, 0, [box]))) == []


def test_what_is_yet_to_be_rendered_is_not_told():
    assert rows(made(added=[Added([5, 5, 9, 9], 0, 3)])) == []


def test_a_document_of_coco_names_videos_frames_tracks_and_decisions():
    plain = document([BOTH], "track")
    assert plain["videos"] == [
        {"id": 1, "name": "clip.mp4", "width": 100, "height": 80, "length": 8}
    ]
    assert [image["frame_id"] for image in plain["images"]] == list(range(8))
    assert plain["images"][3]["file_name"] == "clip/000003.jpg"
    assert plain["categories"] == [{"id": 1, "name": "face"}]
    assert plain["annotations"][2] == {
        "id": 3, "image_id": 2, "video_id": 1, "category_id": 1, "bbox": [60, -5, 50, 35],
        "area": 1750, "iscrowd": 0, "track_id": 2, "attributes": {"decision": "keep"},
    }  # fmt: skip
    assert plain["tracks"] == [{"id": n, "category_id": 1, "video_id": 1} for n in (1, 2, 4)]


def test_tracks_of_several_files_have_numbers_of_their_own():
    photo = made(track(1, 1, 0, [[5, 5, 9, 9]]), name="a.jpg", frames=1)
    plain = document([BOTH, photo, made(track(1, 1, 2, [[5, 5, 9, 9]]), name="b.mov")], "track")
    assert [one["track_id"] for one in plain["annotations"]] == [1, 1, 2, 4, 5, 6]
    assert [one["image_id"] for one in plain["annotations"]] == [1, 2, 2, 4, 9, 12]
    assert plain["images"][8] == {"id": 9, "file_name": "a.jpg", "width": 100, "height": 80}
    assert [video["name"] for video in plain["videos"]] == ["clip.mp4", "b.mov"]


def test_neither_names_nor_donors_nor_places_of_files_are_told(written, tmp_path):
    for form in ("mot", "coco"):
        assert (
            cli.main(["boxes", *written(clip=BOTH), "--format", form, "--out", str(tmp_path)]) == 0
        )
    for name in ("clip.mot.txt", "clip.coco.json"):
        text = (tmp_path / name).read_text()
        assert not [word for word in ("Ann", "donors", str(tmp_path), "0000000000") if word in text]


@pytest.mark.parametrize("form", ["mot", "coco"])
@pytest.mark.parametrize("by", ["track", "person"])
def test_what_is_exported_covers_the_same_when_it_is_given_back(written, tmp_path, form, by):
    out = tmp_path / "boxes"
    inputs = [tmp_path / name for name in ("clip.mp4", "photo.jpg")]
    photo = made(track(1, 1, 0, [[5, 5, 9, 9]]), name="photo.jpg", frames=1)
    records = written(clip=BOTH, photo=photo)
    assert cli.main(["boxes", *records, "--format", form, "--by", by, "--out", str(out)]) == 0
    places = [out] if form == "mot" else [out / "boxes.coco.json"]
    given = GivenBoxes(places, inputs, Reading())
    for path, one in zip(inputs, (BOTH, photo), strict=True):
        boxes = given.of(path)
        boxes.check_size((100, 80))
        boxes.check_frames(one.input.frames)
        for number in range(one.input.frames):
            expected = [box for frame, _, box in rows(one) if frame == number]
            assert boxes.faces(Frame((), "gray", number)).boxes.tolist() == expected


@pytest.mark.parametrize(
    ("form", "count", "out", "expected"),
    [
        ("mot", 1, "there", ["there/a.mot.txt"]),
        ("mot", 1, "b.txt", ["b.txt"]),
        ("mot", 2, "b.txt", ["b.txt/a.mot.txt", "b.txt/b.mot.txt"]),
        ("coco", 1, "there", ["there/a.coco.json"]),
        ("coco", 2, "there", ["there/boxes.coco.json"]),
        ("coco", 2, "all.json", ["all.json"]),
    ],
)
def test_files_are_written_where_they_are_told(written, tmp_path, form, count, out, expected):
    records = written(a=BOTH, b=made(name="b.mov"))[:count]
    home = tmp_path / "home"
    assert cli.main(["boxes", *records, "--format", form, "--out", str(home / out)]) == 0
    files = [p for p in sorted(home.rglob("*")) if p.is_file()]
    assert [str(path.relative_to(home)) for path in files] == expected
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files} != {0}


def test_a_file_that_is_there_is_not_overwritten_unasked(written, tmp_path, capsys):
    target = tmp_path / "a.txt"
    target.write_text("mine")
    call = ["boxes", *written(a=BOTH), "--out", str(target)]
    assert cli.main(call) == 1
    assert "is there already; add --overwrite" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert cli.main([*call, "--overwrite"]) == 0
    assert target.read_text().startswith("1,1,11,11,20,30,1,1,1.00")


def test_a_bad_record_leaves_no_file(written, tmp_path, capsys):
    good, bad = written(a=BOTH, b=BOTH)
    (tmp_path / "b.faces.json").write_text("{}")
    assert cli.main(["boxes", good, bad, "--out", str(tmp_path / "out")]) == 1
    assert "b.faces.json: is no record" in capsys.readouterr().err
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_records_of_one_name_are_refused(written, tmp_path, capsys):
    a, b = written(a=BOTH, b=made(name="clip.mov"))
    assert cli.main(["boxes", a, b, "--format", "coco", "--out", str(tmp_path / "out")]) == 1
    assert "are of files of one name" in capsys.readouterr().err
    (tmp_path / "more").mkdir()
    other = tmp_path / "more" / "a.faces.json"
    record.write(BOTH, other)
    assert cli.main(["boxes", a, str(other), "--out", str(tmp_path / "out")]) == 1
    assert "another record has" in capsys.readouterr().err


def test_a_record_given_for_boxes_is_refused_with_the_way_out(written, tmp_path):
    path = tmp_path / "clip.faces.json"
    written(clip=BOTH)
    with pytest.raises(BoxesError, match=r"clip\.faces\.json: .*`facesurrogate boxes` makes them"):
        GivenBoxes([path], [tmp_path / "clip.mp4"], Reading())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--boxes-only"], "--boxes-only needs --boxes"),
        (["--boxes-threshold", "0.5"], "--boxes-threshold needs --boxes"),
        (["--boxes-category", "head"], "--boxes-category needs --boxes"),
        (["--boxes", "b.txt", "--boxes-threshold", "nan"], "--boxes-threshold must be a number"),
        (["--boxes", "b.txt", "--boxes-first", "-1"], "--boxes-first must be 0 or more, got -1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, capsys, options, why):
    assert cli.main(["run", str(tmp_path / "clip.mp4"), *options]) == 1
    assert why in capsys.readouterr().err
