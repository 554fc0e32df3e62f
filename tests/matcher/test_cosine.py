import numpy as np
import pytest

from matcher.cosine import centred, nearest, similarity


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32) + 3


def test_centred_rows_have_length_1(rows):
    assert np.linalg.norm(centred(rows, rows.mean(axis=0)), axis=1) == pytest.approx(np.ones(9))


def test_a_row_that_is_the_mean_stays_finite(rows):
    mean = rows.mean(axis=0)
    assert np.array_equal(centred(mean[None], mean), np.zeros((1, 5)))


def test_no_rows_are_like_no_rows(rows):
    assert similarity(rows[:0], rows, rows.mean(axis=0)).shape == (0, 9)


def test_each_row_is_most_like_itself(rows):
    alike = similarity(rows, rows, rows.mean(axis=0))
    assert np.diag(alike) == pytest.approx(np.ones(9), abs=1e-5)
    assert (alike.argmax(axis=1) == np.arange(9)).all()


def test_what_all_share_makes_nobody_alike():
    """Raw cosines of rows far from zero are near 1, centred ones spread around 0."""
    rows = np.random.default_rng(1).normal(size=(200, 16)).astype(np.float32) + 20
    alike = similarity(rows, rows, rows.mean(axis=0))
    assert abs(float(np.median(alike))) < 0.1


@pytest.mark.parametrize("k", [1, 4, 9])
def test_the_nearest_come_best_first(rows, k):
    mean = rows.mean(axis=0)
    found = nearest(rows[2], rows, mean, k)
    assert found[0] == 2
    assert len(found) == k
    assert (np.diff(similarity(rows[2:3], rows[found], mean)[0]) <= 1e-6).all()
