import json
import sys

import pytest

from pipeline.box_rows import BoxRows

SOME = [[1, 2, 30, 40], None, [-5, 0, 3, 4]]


def test_boxes_read_like_the_list_they_were_made_of():
    rows = BoxRows(SOME)
    assert rows == SOME
    assert SOME == rows
    assert (len(rows), rows[0], rows[1], rows[-1], rows[1:]) == (3, *SOME, SOME[1:])
    assert json.dumps(rows, default=list) == json.dumps(SOME)


def test_boxes_change_like_a_list():
    rows, same = BoxRows(SOME), list(SOME)
    for some in (rows, same):
        some[1] = [7, 7, 8, 8]
        some[-1] = None
        some.insert(1, [0, 0, 1, 1])
        some.append([9, 9, 10, 10])
        del some[0]
    assert rows == same
    assert rows != SOME


@pytest.mark.parametrize("row", [3, -4])
def test_a_row_that_is_not_there_is_refused(row):
    with pytest.raises(IndexError, match=f"box {row} of 3"):
        BoxRows(SOME)[row]


def test_a_box_without_four_edges_is_refused():
    with pytest.raises(ValueError, match="four edges"):
        BoxRows([[1, 2, 3]])


def test_the_boxes_of_two_hours_take_little_memory():
    rows = BoxRows([100, 200, 300, 400] for _ in range(180_000))
    assert sys.getsizeof(rows._edges) < 4e6
