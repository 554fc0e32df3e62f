"""Logistic regression, for what labels tell of donors."""

import numpy as np

from pipeline.contract import Floats, Mask


def logistic(x: Floats, wanted: Mask, ridge: float = 10.0, rounds: int = 25) -> Floats:
    """(c + 1,) weights of a balanced, ridge-penalised logistic regression, by Newton's method."""
    design = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
    share = float(wanted.mean())
    balance = np.where(wanted, 0.5 / share, 0.5 / (1 - share))
    weights = np.zeros(design.shape[1])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (balance * (p - wanted)) + ridge * weights
        curve = (design * (balance * p * (1 - p))[:, None]).T @ design
        weights -= np.linalg.solve(curve + ridge * np.eye(len(weights)), slope)
    return weights.astype(np.float32)
