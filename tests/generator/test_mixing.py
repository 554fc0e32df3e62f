"""Which rows an epoch visits and mixes, and what the network is given for them."""

from collections import Counter

import numpy as np
import pytest

from generator import mixing
from generator.individual import individual
from generator.views import Views

COUNT = 10


@pytest.mark.parametrize("count", [1, 15, 16, 17, 48, 50])
def test_an_epoch_visits_every_row_in_whole_batches(count):
    visited = list(mixing.batches(np.random.default_rng(0), count))
    sizes = {len(rows) for rows in visited}
    times = Counter(np.concatenate(visited).tolist())
    assert sizes == {min(mixing.BATCH, count)}
    assert set(times) == set(range(count))
    assert max(times.values()) <= 2
    assert sum(times.values()) - count < mixing.BATCH


def test_epochs_differ_in_their_order_and_the_same_one_does_not():
    first, again, second = (
        np.concatenate(list(mixing.batches(np.random.default_rng([0, n]), 40))) for n in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


VIEWS = Views(
    np.zeros((2, 4, 4, 2), np.float32), np.ones((2, 4, 4), np.float32),
    np.zeros((2, 7), np.float32), np.zeros((2, 1), np.int64), np.zeros((468, 2), np.float32), 0.0,
)  # fmt: skip
WORN = np.array([[1, 0, 6, 3], [4, 2, 5, 0]])


def lessons(faces):
    """`faces` (m,) lend whole faces; each row is mixed with the five after it, or as in WORN."""
    count = len(faces)
    blank = np.zeros((count, 8, 8, 3), np.uint8)
    partners = (np.arange(count)[:, None] + np.arange(1, 6)) % count
    mask = np.ones((8, 8), np.float32)
    steps = np.random.default_rng(1).normal(size=(count, count)).astype(np.float32)
    steps -= steps.mean(axis=1, keepdims=True)
    return mixing.Lessons(blank, mask, mask, np.array(faces), partners, WORN, VIEWS, steps)


def as_worn(rows):
    return np.array([any((row == mix[: len(row)]).all() for mix in WORN) for row in rows])


@pytest.mark.parametrize("k", [2, 4, 6, 9])
def test_other_mixes_are_an_anchor_and_its_partners_and_all_sum_to_one(k):
    taught = lessons([True] * COUNT)
    rows, weights = mixing.mixes(np.random.default_rng(0), taught, 200, k)
    assert rows.shape == weights.shape == (200, min(k, 4))
    assert weights.sum(axis=1) == pytest.approx(np.ones(200), abs=1e-5)
    assert weights.min() >= 0
    for mix in rows[~as_worn(rows)]:
        assert len(set(mix.tolist())) == len(mix)
        assert set(mix[1:].tolist()) <= set(taught.partners[mix[0]].tolist())


def test_half_of_the_mixes_and_more_are_what_people_will_wear_in_equal_parts():
    rows, weights = mixing.mixes(np.random.default_rng(0), lessons([True] * COUNT), 400)
    worn = as_worn(rows)
    assert 0.5 < worn.mean() < 0.7
    assert weights[worn] == pytest.approx(0.25)
    equal = np.ptp(weights[~worn], axis=1) < 1e-6
    assert 0.6 < equal.mean() < 0.8


def test_lenders_of_mouths_anchor_some_mixes_and_none_where_there_is_none():
    """One in five, so that they are not forgotten."""
    some = np.arange(COUNT) < 7
    rows, _ = mixing.mixes(np.random.default_rng(0), lessons(some), 500)
    assert 0.12 < (~some)[rows[:, 0]].mean() < 0.28
    rows, _ = mixing.mixes(np.random.default_rng(0), lessons([True] * COUNT), 50)
    assert rows.min() >= 0
    assert rows.max() < COUNT


def test_mixed_faces_are_learnt_with_their_donors_steps_and_mouths_as_they_are():
    taught = lessons(np.arange(COUNT) < 7)
    anchors, weights = np.array([[0, 3], [8, 9], [2, 5]]), np.full((3, 2), 0.5, np.float32)
    table = mixing.as_learnt(anchors, weights, taught)
    plain = np.zeros((3, COUNT), np.float32)
    np.put_along_axis(plain, anchors, 0.5, axis=1)
    assert table[[0, 2]] == pytest.approx(individual(plain[[0, 2]], taught.steps))
    assert np.abs(table[0] - plain[0]).max() > 0.1
    assert (table[1] == plain[1]).all()
    assert table.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_single_donors_are_learnt_as_they_are():
    taught = lessons([True] * COUNT)
    table = mixing.as_learnt(np.array([[4, 2]]), np.array([[1, 0]], np.float32), taught)
    assert table[0] == pytest.approx(np.eye(COUNT)[4])
