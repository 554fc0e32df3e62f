import numpy as np
import pytest

from matcher.gallery import Gallery, outliers
from pipeline.errors import GalleryError

MEAN = np.zeros(16, np.float32)


def somebody(seed, like=None, alike=0.0):
    """(16,) features, `alike` in cosine to `like`."""
    own = np.random.default_rng(seed).normal(size=16)
    if like is not None:
        own -= (own @ like) * like
        own = alike * like + np.sqrt(1 - alike**2) * own / np.linalg.norm(own)
    return (own / np.linalg.norm(own)).astype(np.float32)


ANN = somebody(1)
BEN = somebody(2, ANN, 0.0)


def gallery(people):
    """Of names and their features."""
    rows = [row for rows in people.values() for row in rows]
    persons = [number for number, rows in enumerate(people.values()) for _ in rows]
    features = np.stack(rows) if rows else np.zeros((0, 16), np.float32)
    labels = tuple(f"{number}.jpg" for number in range(len(rows)))
    return Gallery(tuple(people), features, np.array(persons, np.int64), labels)


def test_several_pictures_of_a_person_are_averaged():
    looks = [somebody(seed, ANN, 0.9) for seed in range(10, 16)]
    mean = gallery({"Ann": looks}).means(MEAN)[0]
    assert np.linalg.norm(mean) == pytest.approx(1, abs=1e-5)
    assert mean @ ANN > max(look @ ANN for look in looks) + 0.03


def test_a_picture_of_somebody_else_is_an_outlier_and_counts_nothing():
    looks = [somebody(seed, ANN, 0.95) for seed in (10, 11, 12)]
    made = gallery({"Ben": [BEN], "Ann": [*looks, somebody(3, ANN, 0.1)]})
    assert made.outliers(MEAN).tolist() == [False, False, False, False, True]
    assert made.means(MEAN)[1] == pytest.approx(gallery({"Ann": looks}).means(MEAN)[0], abs=1e-6)


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([], []),
        ([ANN], [False]),
        ([ANN, somebody(5, ANN, 0.9)], [False, False]),
        ([ANN, BEN], [True, True]),
    ],
    ids=["none", "one", "two of one person", "two of two people"],
)
def test_of_two_pictures_that_disagree_neither_is_believed(rows, wrong):
    some = np.stack(rows) if rows else np.zeros((0, 16), np.float32)
    assert outliers(some, MEAN).tolist() == wrong


def test_who_has_no_picture_that_counts_is_like_nobody():
    assert np.isnan(gallery({"Ann": [ANN, BEN], "Ben": [BEN]}).means(MEAN)).all(
        axis=1
    ).tolist() == [
        True,
        False,
    ]


def test_two_lists_join_by_name():
    both = gallery({"Ann": [ANN]}).with_others(gallery({"Ben": [BEN], "Ann": [ANN]}))
    assert both.names == ("Ann", "Ben")
    assert both.persons.tolist() == [0, 1, 0]
    assert len(both) == 2


@pytest.mark.parametrize(
    "row", [np.zeros(16), np.full(16, np.nan), np.full(16, np.inf), 2 * ANN], ids=str
)
def test_features_that_are_none_are_refused(row):
    with pytest.raises(GalleryError, match="the keep-list is damaged"):
        gallery({"Ann": [row.astype(np.float32)]})


def test_a_picture_of_nobody_is_refused():
    with pytest.raises(GalleryError, match="a picture of nobody"):
        Gallery(("Ann",), ANN[None], np.array([1], np.int64), ("a.jpg",))
    with pytest.raises(GalleryError, match="1, 16"):
        Gallery(("Ann",), ANN[None], np.array([0, 0], np.int64), ("a.jpg",))
