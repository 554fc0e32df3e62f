from itertools import pairwise

import pytest

from pipeline import steering
from pipeline.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("", None),
        ("20..40", (20, 40)),
        ("30", (30, 30)),
        ("0..120", (0, 120)),
        ("1.5..2", (1.5, 2)),
    ],
)
def test_ages_are_a_range_of_years(text, span):
    assert steering.age(text) == span


@pytest.mark.parametrize(
    "text", ["x", "40..20", "-1..3", "1..121", "1..2..3", "..", "nan", "1..nan"]
)
def test_a_range_that_is_none_says_how_to_write_it(text):
    with pytest.raises(SettingsError, match=r"--age must be years as 20\.\.40, got '"):
        steering.age(text)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("", None),
        ("tan", (10, 28)),
        ("light..tan", (10, 55)),
        ("tan..light", (10, 55)),
        ("dark", (-90, -30)),
        ("-20..41", (-20, 41)),
    ],
)
def test_skin_is_told_by_classes_or_degrees(text, span):
    assert steering.skin(text) == span


def test_the_classes_of_skin_join_without_a_gap():
    ends = sorted(steering.SKINS.values())
    assert all(a[1] == b[0] for a, b in pairwise(ends))
    assert (ends[0][0], ends[-1][1]) == (-90, 90)


@pytest.mark.parametrize("text", ["blue", "tan..blue", "91", "light..tan..dark"])
def test_an_unknown_skin_lists_the_known_ones(text):
    with pytest.raises(SettingsError, match="very-light, light, intermediate, tan, brown, dark"):
        steering.skin(text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [("", ()), ("7", (7,)), ("12,40,77,301", (12, 40, 77, 301)), (" 1, 2", (1, 2))],
)
def test_an_identity_is_donor_numbers(text, rows):
    assert steering.identity(text) == rows


@pytest.mark.parametrize("text", ["a", "1,,2", "-1", "1,1", "1.5", ",".join(map(str, range(17)))])
def test_an_identity_of_anything_else_is_refused(text):
    with pytest.raises(SettingsError, match=r"--identity must be 1\.\.16 different donor numbers"):
        steering.identity(text)


@pytest.mark.parametrize(
    ("text", "k"), [("default", 0), ("k-same 5", 5), ("k-same  12", 12), ("k-same:2", 2)]
)
def test_a_scheme_gives_the_size_of_its_groups(text, k):
    assert steering.k_same(text) == k


@pytest.mark.parametrize("text", ["", "k-same", "k-same x", "k-same -3", "same 5", "k-same 5 6"])
def test_an_unknown_scheme_says_how_to_write_it(text):
    with pytest.raises(SettingsError, match="--scheme must be default or k-same and a number"):
        steering.k_same(text)


@pytest.mark.parametrize("k", [0, 1])
def test_a_group_of_one_hides_nobody_and_is_refused(k):
    with pytest.raises(SettingsError, match=f"needs groups of 2 or more, got {k}"):
        steering.k_same(f"k-same {k}")
