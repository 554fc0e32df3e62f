"""Boxes as MOTChallenge has them: what is read, what is left out, and what is refused."""

import logging

import numpy as np
import pytest

from pipeline import mot
from pipeline.errors import BoxesError


@pytest.fixture
def read(tmp_path):
    """Read a file that holds this text."""

    def of(text, **options):
        path = tmp_path / "clip.txt"
        path.write_text(text, encoding="utf-8")
        return mot.read(path, **options)

    return of


def test_frames_and_pixels_count_from_1(read):
    boxes = read("1,7,1,1,10,20,1,1,1\n3,7,11.5,21,10,20,0.5,1,1\n")
    assert boxes.frames.tolist() == [0, 2]
    assert boxes.boxes.tolist() == [[0, 0, 10, 20], [10.5, 20, 20.5, 40]]


@pytest.mark.parametrize(
    "row",
    [
        "1,-1,5,6,7,8,0.9",
        "1,-1,5,6,7,8,0.9,-1,-1",
        "1,-1,5,6,7,8,0.9,-1,-1,-1",
        " 1, -1, 5.0, 6.0, 7e0, 8, 0.9 ",
        "1,-1,5,6,7,8,0.9\r",
        "\ufeff1,-1,5,6,7,8,0.9",
        "\n\n1,-1,5,6,7,8,0.9\n\n",
        "1,-1,5,6,7,8,-3.2",
    ],
)
def test_all_spellings_of_a_box_are_read(read, row):
    assert read(row + "\n").boxes.tolist() == [[4, 5, 11, 13]]


@pytest.mark.parametrize("text", ["", "\n", "  \n\n"])
def test_a_file_without_boxes_holds_none(read, text):
    boxes = read(text)
    assert len(boxes.boxes) == 0
    assert len(boxes.at(0)) == 0


def test_rows_in_any_order_are_sorted_by_frame(read):
    boxes = read("3,1,3,1,1,1,1\n1,1,1,1,1,1,1\n3,2,4,1,1,1,1\n2,1,2,1,1,1,1\n")
    assert boxes.frames.tolist() == [0, 1, 2, 2]
    assert boxes.at(2)[:, 0].tolist() == [2, 3]
    assert [len(boxes.at(frame)) for frame in (0, 1, 5)] == [1, 1, 0]


def test_a_confidence_of_0_is_ignored_as_the_format_says(read, caplog):
    with caplog.at_level(logging.WARNING):
        boxes = read("1,1,5,5,9,9,0\n1,2,30,5,9,9,1\n")
    assert boxes.boxes[:, 0].tolist() == [29]
    assert "1 boxes of confidence 0" in caplog.text


@pytest.mark.parametrize(
    ("least", "left"), [(None, [0.1, 0.9, -1, -2]), (0.5, [0.9, -1]), (-5.0, [0.1, 0.9, -1, -2])]
)
def test_weak_boxes_are_left_out_and_those_of_unknown_score_never(read, least, left):
    scores = [0.1, 0.9, -1, -2]
    text = "".join(f"1,1,{10 * n + 1},1,5,5,{score}\n" for n, score in enumerate(scores))
    places = [10 * scores.index(score) for score in left]
    assert read(text, least=least).boxes[:, 0].tolist() == places


GOOD = "1,1,5,5,9,9,1\n"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2,1,5,5,9,9", "must have 7 columns.*got 6"),
        ("2,1,5,5,9,9,1,1", "must have 7 columns.*got 8"),
        ("2 1 5 5 9 9 1", "must have 7 columns.*got 1"),
        ("2,1,5,5,9,,1", "'' is no number"),
        ("2,1,5,5,nine,9,1", "'nine' is no number"),
        ("# a comment", "must have 7 columns.*got 1"),
        ("2,1,5,5,0,9,1", "width and a height above 0, got 5, 5, 0, 9"),
        ("2,1,5,5,9,-1,1", "width and a height above 0"),
        ("2,1,5,nan,9,9,1", "must have four numbers"),
        ("2,1,5,inf,9,9,1", "must have four numbers"),
        ("2,1,5,5,1e300,9,1", "larger than any picture"),
        ("2,1,5,5,9,9,nan", "a confidence must be a number"),
        ("0,1,5,5,9,9,1", "count from 1 .*got 0"),
        ("-4,1,5,5,9,9,1", "count from 1"),
        ("1.5,1,5,5,9,9,1", "whole numbers.*got 1.5"),
        ("nan,1,5,5,9,9,1", "whole numbers"),
        ("1e40,1,5,5,9,9,1", "whole numbers"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(read, row, why):
    with pytest.raises(BoxesError, match=f"clip.txt: line 3: .*{why}"):
        read(f"{GOOD}\n{row}\n{GOOD}")


@pytest.mark.parametrize("columns", [1, 6, 11])
def test_a_file_of_other_columns_is_refused(read, columns):
    with pytest.raises(BoxesError, match=f"line 1: must have 7 to 10 columns.*got {columns}"):
        read(",".join(["1"] * columns) + "\n")


def test_a_header_is_refused(read):
    with pytest.raises(BoxesError, match="line 1: 'frame' is no number"):
        read("frame,id,left,top,width,height,conf\n" + GOOD)


def test_the_first_of_two_bad_rows_is_named(read):
    with pytest.raises(BoxesError, match=r"line 2: a confidence"):
        read(f"{GOOD}2,1,5,5,9,9,nan\n2,1,5,5,-9,9,1\n")


def test_the_line_is_right_in_a_long_file(read):
    with pytest.raises(BoxesError, match="line 150002: "):
        read(GOOD * 150_001 + "1,1,5,5,9,-9,1\n")


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "clip.txt"
    path.write_bytes(b"\xff\xfe\x00\x80" * 50)
    with pytest.raises(BoxesError, match="is no text"):
        mot.read(path)


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(BoxesError, match=r"clip\.txt: cannot be read: No such file"):
        mot.read(tmp_path / "clip.txt")


def test_files_that_count_from_0_can_be_read(read):
    assert read("0,1,1,1,5,5,1\n", first=0).frames.tolist() == [0]


def test_what_is_written_is_read_again(read):
    rows = [(0, 1, [0, 0, 10, 20]), (4, 2, [-7, -3, 50, 60]), (4, 3, [600, 20, 700, 100])]
    text = "".join(mot.lines(rows, (640, 480)))
    boxes = read(text)
    assert list(zip(boxes.frames.tolist(), boxes.boxes.tolist(), strict=True)) == [
        (frame, box) for frame, _, box in rows
    ]
    assert text.splitlines()[0] == "1,1,1,1,10,20,1,1,1.00"
    assert text.splitlines()[2].endswith(",1,1,0.40")


@pytest.mark.parametrize(
    ("frames", "every"), [([0, 1, 5], 1), ([3, 13, 23], 10), ([0], 1), ([0, 900], 30), ([], 1)]
)
def test_the_frames_tell_how_often_faces_were_sought(read, frames, every):
    boxes = read("".join(f"{frame + 1},1,1,1,5,5,1\n" for frame in frames))
    assert boxes.every == every
    for frame in frames:
        assert boxes.sought(frame)
    assert sum(boxes.sought(frame) for frame in range(300)) == 300 // every


def test_boxes_beyond_the_last_frame_are_refused(read):
    boxes = read(f"{GOOD}9,1,5,5,9,9,1\n")
    boxes.check_frames(9)
    with pytest.raises(BoxesError, match=r"line 2: frame 8 .* beyond the 8 of this file"):
        boxes.check_frames(8)


@pytest.mark.parametrize(
    "box", [(-20, 5, 20, 9), (5, -9, 9, 9), (101, 5, 9, 9), (5, 51, 9, 9), (900, 900, 50, 50)]
)
def test_boxes_outside_of_the_picture_are_refused(read, box):
    left, top, width, height = box
    boxes = read(f"{GOOD}1,1,{left},{top},{width},{height},1\n")
    with pytest.raises(BoxesError, match=r"line 2: the box .* lies outside of the 100x50 picture"):
        boxes.check_size((100, 50))


@pytest.mark.parametrize("box", [(-19, 5, 21, 9), (100, 5, 9, 9), (-50, -50, 500, 500)])
def test_boxes_that_the_border_cuts_are_fine(read, box):
    left, top, width, height = box
    boxes = read(f"1,1,{left},{top},{width},{height},1\n")
    boxes.check_size((100, 50))
    assert boxes.at(0)[0] == pytest.approx(
        np.array([left - 1, top - 1, left - 1 + width, top - 1 + height])
    )
