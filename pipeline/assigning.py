"""Pairs of least total cost, mostly without the library that finds them: it takes half a second to
load, and where nothing is in doubt each row's best is the answer.
"""

import numpy as np

from pipeline.contract import Floats, Mask


def assigned(costs: Floats, possible: Mask) -> list[tuple[int, int]]:
    """Rows and columns of `costs` (n, m) that belong together, each in one pair at most, so that
    the total is least (Kuhn 1955); pairs that are not `possible`, whose costs must be the largest,
    are left out.
    """
    rows = np.flatnonzero(possible.any(axis=1))
    best = costs[rows].argmin(axis=1)
    if len(np.unique(best)) == len(rows) and possible[rows, best].all():
        return list(zip(rows.tolist(), best.tolist(), strict=True))
    from scipy.optimize import linear_sum_assignment

    pairs = zip(*(side.tolist() for side in linear_sum_assignment(costs)), strict=True)
    return [(row, column) for row, column in pairs if possible[row, column]]
