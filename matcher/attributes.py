"""Apparent sex, age, skin tone and ancestry read off a recogniser's features by linear models."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.contract import Floats

AGE_OFFSET: Final = 4.0
# Fitted on synthetic people, sex is told of real ones with too much doubt: of 138 photographs that
# tell one, 137 lie on their side of 0.5, as near as 0.02.
_SURER: Final = 2.0
# Log ages of photographs as read, and as taken: up to 7 years, 14 (28), 77 (58).
_READ: Final = (0.0, 2.4, 2.9, 4.4)
_TAKEN: Final = (0.0, 2.4, 3.45, 4.13)


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """Weights fitted on labelled donors; the last of each row is the constant."""

    mean: Floats  # (d,) mean features of the donors
    sex_weights: Floats  # (d + 1,)
    age_weights: Floats  # (d + 1,)
    dark_weights: Floats  # (d + 1,) 0 where no label tells
    ancestry_weights: Floats  # (d + 1, c) 0 columns where no label tells
    synthetic: bool = False  # whether the people to be read are of the donors' kind

    def sex(self, features: Floats) -> Floats:
        """(n,) from 0, surely female, to 1, surely male, as a face appears."""
        return self._share(features, self.sex_weights)

    def log_age(self, features: Floats) -> Floats:
        """(n,) logarithm of the apparent age in years plus four: equal steps look equal."""
        return self._score(features, self.age_weights)

    def dark(self, features: Floats) -> Floats:
        """(n,) from 0, surely light skin, to 1, surely dark: read off the face, not its light, so
        that shade is told from skin. 0.5 where the DB knows nothing.
        """
        return self._share(features, self.dark_weights)

    def ancestry(self, features: Floats) -> Floats:
        """(n, c) how much a face looks of each of c ancestries, about 1 of its own, 0 of others.

        Unlike the skin's colour in a picture this does not hang on its light.
        """
        return np.asarray(self._score(features, self.ancestry_weights), np.float32)

    def of_photograph(self, features: Floats) -> Floats:
        """(n, 2) sex and log age of real people.

        The weights are fitted on synthetic people, and tell ages of real adults badly: official
        portraits of people of 57 on average read 26, talking heads of about 30 up to 40. So
        adults are taken for something between what is read and the middle of life.
        """
        age = self.log_age(features)
        if self.synthetic:
            return np.stack([self.sex(features), age], axis=1)
        sex = self._share(features, self.sex_weights, _SURER)
        return np.stack([sex, np.interp(age, _READ, _TAKEN)], axis=1).astype(np.float32)

    def _share(self, features: Floats, weights: Floats, surer: float = 1.0) -> Floats:
        odds = surer * self._score(features, weights)
        result: Floats = (1 / (1 + np.exp(-np.clip(odds, -30, 30)))).astype(np.float32)
        return result

    def _score(self, features: Floats, weights: Floats) -> Floats:
        result: Floats = (features - self.mean) @ weights[:-1] + weights[-1]
        return result


def fit_log_age(centred_features: Floats, years: Floats) -> Floats:
    """(d + 1,) weights of a ridge regression of log(years + 4) on centred features (n, d)."""
    same = np.ones(len(years), np.float32)
    return _ridge(centred_features, np.log(years + AGE_OFFSET), same, 0.03)


def fit_ancestry(centred_features: Floats, named: Floats) -> Floats:
    """(d + 1, c) weights of a ridge regression on centred features (n, d) of what is named, (n, c)
    with a single 1 in each row; each of the c counts as much as any other.
    """
    own = named.argmax(axis=1)
    counts = np.bincount(own, minlength=named.shape[1])
    weights = len(own) / (np.count_nonzero(counts) * counts[own])
    return _ridge(centred_features, named, weights.astype(np.float32), 1.0)


def _ridge(centred: Floats, goal: Floats, weights: Floats, penalty: float) -> Floats:
    """(d + 1,) or (d + 1, c) weights, the last of the constant, which is not held down."""
    design = np.column_stack([centred, np.ones(len(centred))]).astype(np.float64)
    held = penalty * np.eye(design.shape[1])
    held[-1, -1] = 0
    weighted = design.T * weights
    return np.linalg.solve(weighted @ design + held, weighted @ goal).astype(np.float32)
