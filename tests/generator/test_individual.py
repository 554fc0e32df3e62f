from itertools import pairwise

import numpy as np
import pytest

from generator.individual import individual, kind, steps

COUNT = 60
NOTHING = np.zeros((COUNT, 0), np.float32)  # nobody knows ancestries


def kinds(seed=0):
    """Women and men in turn, light or dark, of ages of which nobody knows."""
    rng = np.random.default_rng(seed)
    sex = np.arange(COUNT) % 2
    skin = np.column_stack([rng.uniform(30, 80, COUNT), np.full((COUNT, 2), 14)])
    likeness = np.column_stack([sex, rng.uniform(3, 3.5, COUNT)])
    return kind(skin, likeness, np.full((COUNT, 3), np.nan)), sex


def mixed(*rows):
    weights = np.zeros(COUNT, np.float32)
    weights[list(rows)] = 1 / len(rows)
    return weights


def test_steps_sum_to_nothing_and_name_neither_oneself_nor_who_lends_no_face():
    own, _ = kinds()
    faces = np.arange(COUNT) < 40
    result = steps(own, NOTHING, faces)
    assert result.sum(axis=1) == pytest.approx(np.zeros(COUNT), abs=1e-6)
    assert (np.diag(result) == 0).all()
    assert (result[:, ~faces] == 0).all()
    assert (result[~faces] == 0).all()
    assert (np.abs(result[faces]).sum(axis=1) > 0).all()


def test_steps_lead_through_faces_of_one_kind():
    """A woman's surrogate gets next to nothing of a man's, nor a dark one of a light one's."""
    own, sex = kinds()
    result = np.abs(steps(own, NOTHING, np.ones(COUNT, bool)))
    assert result[sex == 0][:, sex == 1].max() < result[sex == 0][:, sex == 0].max() / 3
    assert result[sex == 1][:, sex == 0].max() < result[sex == 1][:, sex == 1].max() / 3
    apart = np.abs(own[:, None, 0] - own[None, :, 0])
    assert (apart * result).sum() / result.sum() < apart.mean() / 2


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_of_few_donors_there_are_short_steps_or_none(count):
    faces = np.arange(COUNT) < count
    result = steps(kinds()[0], NOTHING, faces)
    assert np.isfinite(result).all()
    assert bool(result.any()) == (count > 2)


def test_a_single_donor_stays_and_mixes_go_the_farther_the_more_are_mixed():
    result = steps(kinds()[0], NOTHING, np.ones(COUNT, bool))
    assert individual(mixed(7), result) == pytest.approx(mixed(7))
    two, four = (
        np.linalg.norm(individual(mix, result) - mix) / np.linalg.norm(mix)
        for mix in (mixed(7, 8), mixed(7, 8, 20, 31))
    )
    assert 0 < two < four


def test_a_mix_is_farther_from_each_of_its_donors_than_their_mean_is():
    own = steps(kinds()[0], NOTHING, np.ones(COUNT, bool))
    for first in range(0, COUNT - 4, 4):
        mix = mixed(*range(first, first + 4))
        moved = individual(mix, own)
        assert np.linalg.norm(moved) > 1.5 * np.linalg.norm(mix)
        assert moved.sum() == pytest.approx(1, abs=1e-5)


def test_mixes_change_smoothly_on_the_way_from_one_to_another():
    own = steps(kinds()[0], NOTHING, np.ones(COUNT, bool))
    start, end = mixed(1, 5, 9, 13), mixed(2, 6, 10, 14)
    way = [individual(start + (end - start) * np.float32(t), own) for t in np.linspace(0, 1, 101)]
    jumps = [np.abs(b - a).max() for a, b in pairwise(way)]
    assert max(jumps) < 0.03


def test_mixes_are_moved_row_by_row_and_alike_in_every_run():
    own, again = (steps(kinds()[0], NOTHING, np.ones(COUNT, bool)) for _ in range(2))
    assert (own == again).all()
    mixes = np.stack([mixed(1, 2), mixed(3), mixed(4, 5, 6)])
    together = individual(mixes, own)
    assert together == pytest.approx(np.stack([individual(mix, own) for mix in mixes]), abs=1e-6)


def test_steps_change_neither_ancestry_nor_kind():
    rng = np.random.default_rng(1)
    own, ancestry = kinds()[0], rng.normal(size=(COUNT, 4)).astype(np.float32)
    faces = np.arange(COUNT) < 55
    result = steps(own, ancestry, faces)
    assert result @ ancestry == pytest.approx(np.zeros((COUNT, 4)), abs=1e-4)
    assert result @ own == pytest.approx(np.zeros_like(own), abs=1e-3)
    assert not result[:, ~faces].any()
    assert np.linalg.norm(result[faces], axis=1).min() > 0.5
