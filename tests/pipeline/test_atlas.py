"""Small pictures lie on sheets of few sizes, each once and beside the others."""

import numpy as np
import pytest

from pipeline.atlas import MOST, SHAPES, sheets

KNOWN = {(width, height) for width, heights in SHAPES.items() for height in heights}


def some(count, seed=0):
    rng = np.random.default_rng(seed)
    return [(int(w), int(h)) for w, h in rng.integers(20, MOST, (count, 2))]


@pytest.mark.parametrize(
    "sizes", [[], [(1, 1)], [MOST], [MOST, MOST], [(700, 20)], some(9), some(40, 3)]
)
def test_each_picture_lies_on_a_sheet_of_a_known_size_and_beside_the_others(sizes):
    found = []
    for sheet in sheets(sizes):
        assert sheet.size in KNOWN
        taken = np.zeros(sheet.size[::-1], bool)
        for row, x, y in sheet.places:
            wide, high = sizes[row]
            assert x + wide <= sheet.size[0]
            assert y + high <= sheet.size[1]
            around = np.s_[max(y - 15, 0) : y + high + 15, max(x - 15, 0) : x + wide + 15]
            assert not taken[around].any()
            taken[y : y + high, x : x + wide] = True
            found.append(row)
    assert sorted(found) == list(range(len(sizes)))


def test_small_pictures_share_a_small_sheet():
    (sheet,) = sheets([(100, 100)] * 8)
    assert sheet.size == min(KNOWN, key=np.prod)


def test_a_sheet_shows_its_pictures_and_is_black_beside_them():
    sizes = [(30, 20), (50, 40)]
    (sheet,) = sheets(sizes)
    pictures = {row: np.full((h, w, 3), 100 + row, np.uint8) for row, (w, h) in enumerate(sizes)}
    drawn = sheet.drawn(pictures)
    for row, x, y in sheet.places:
        wide, high = sizes[row]
        assert (drawn[y : y + high, x : x + wide] == 100 + row).all()
        drawn[y : y + high, x : x + wide] = 0
    assert not drawn.any()
