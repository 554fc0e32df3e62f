"""Apparent sex, age and skin tone read off a recogniser's features by linear models."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.contract import Floats

AGE_OFFSET: Final = 4.0
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

    def of_photograph(self, features: Floats) -> Floats:
        """(n, 2) sex and log age of real people.

        The weights are fitted on synthetic people, and tell ages of real adults badly: official
        portraits of people of 57 on average read 26, talking heads of about 30 up to 40. So
        adults are taken for something between what is read and the middle of life.
        """
        age = self.log_age(features)
        columns = [self.sex(features), age if self.synthetic else np.interp(age, _READ, _TAKEN)]
        return np.stack(columns, axis=1).astype(np.float32)

    def _share(self, features: Floats, weights: Floats) -> Floats:
        odds = self._score(features, weights)
        result: Floats = (1 / (1 + np.exp(-np.clip(odds, -30, 30)))).astype(np.float32)
        return result

    def _score(self, features: Floats, weights: Floats) -> Floats:
        result: Floats = (features - self.mean) @ weights[:-1] + weights[-1]
        return result


def fit_log_age(centred_features: Floats, years: Floats, ridge: float = 0.03) -> Floats:
    """(d + 1,) weights of a ridge regression of log(years + 4) on centred features (n, d)."""
    design = np.column_stack([centred_features, np.ones(len(years))]).astype(np.float64)
    penalty = ridge * np.eye(design.shape[1])
    penalty[-1, -1] = 0
    goal = np.log(years + AGE_OFFSET)
    return np.linalg.solve(design.T @ design + penalty, design.T @ goal).astype(np.float32)
