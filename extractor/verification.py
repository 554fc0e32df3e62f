"""How well features tell people apart: pairs of one person against pairs of two."""

import numpy as np

from pipeline.contract import Floats, Ints

RATES = np.logspace(-4, 0, 41).astype(np.float32)  # false accept rates of the curve


def likeness(features: Floats, people: Ints) -> tuple[Floats, Floats]:
    """Centred cosines of all pairs of n pictures: (g,) of one person, (s,) of strangers.

    `features` is (n, d), any length; `people` (n,) numbers.
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    rest = unit - unit.mean(axis=0)
    rest = rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-9)
    first, second = np.triu_indices(len(rest), 1)
    alike = (rest @ rest.T)[first, second].astype(np.float32)
    same = people[first] == people[second]
    return alike[same], alike[~same]


def thresholds(strangers: Floats, rates: Floats) -> Floats:
    """The likeness that a share `rates` (r,) of strangers reaches: (r,)."""
    return np.quantile(strangers, 1 - rates).astype(np.float32)


def true_accepts(same: Floats, strangers: Floats, rates: Floats) -> Floats:
    """(r,) the share of pairs of one person above the threshold of each false accept rate."""
    limits = thresholds(strangers, rates)
    result: Floats = (same[None] > limits[:, None]).mean(axis=1).astype(np.float32)
    return result


def quality(features: Floats, people: Ints) -> float:
    """The mean of the curve over the logarithm of the rate: 1 where no stranger is ever taken."""
    return float(true_accepts(*likeness(features, people), RATES).mean())
