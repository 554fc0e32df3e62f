import sys

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from pipeline.assigning import assigned

FAR = 1e6


@pytest.mark.parametrize("seed", range(40))
def test_the_total_is_least_whether_rows_agree_on_a_column_or_not(seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(1, 7, 2))
    possible = rng.random(size) < rng.uniform(0.1, 1)
    costs = np.where(possible, rng.random(size), FAR)
    wanted = [(r, c) for r, c in zip(*linear_sum_assignment(costs), strict=True) if possible[r, c]]
    assert assigned(costs, possible) == wanted


def test_where_nothing_is_possible_nothing_is_paired():
    assert assigned(np.full((3, 2), FAR), np.zeros((3, 2), bool)) == []


def test_what_is_in_no_doubt_loads_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    possible = np.array([[True, False], [False, False], [False, True]])
    assert assigned(np.where(possible, 0.5, FAR), possible) == [(0, 0), (2, 1)]
