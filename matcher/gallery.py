"""The keep-list as arrays: who is on it, and what their pictures tell of them.

Several pictures of a person are averaged, which takes out what is special to one of them
(light, expression), so that one row stands for each person. A picture unlike the others of its
person shows somebody else, or shows them badly: it is left out, and reported.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline.contract import Floats, Ints, Mask
from pipeline.errors import GalleryError

_UNLIKE: Final = 0.5  # no two pictures of one person were less alike: docs/k-same.md
_LENGTH: Final = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """p persons and the features of their m pictures."""

    names: tuple[str, ...]  # (p,)
    features: Floats  # (m, d) length 1
    persons: Ints  # (m,) whose picture: rows of `names`
    labels: tuple[str, ...]  # (m,) what to call each picture

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or len(self.features) != len(self.persons):
            raise GalleryError(
                f"the keep-list is damaged: {self.features.shape} features for "
                f"{len(self.persons)} pictures; remove its people and add them again"
            )
        lengths = np.linalg.norm(self.features, axis=1)
        if not (np.abs(lengths - 1) < _LENGTH).all():  # NaN is not below either
            raise GalleryError(
                "the keep-list is damaged: features that are none; remove its people and add them "
                "again"
            )
        if len(self.persons) and not 0 <= self.persons.min() <= self.persons.max() < len(
            self.names
        ):
            raise GalleryError("the keep-list is damaged: a picture of nobody on it")

    def __len__(self) -> int:
        return len(self.names)

    def with_others(self, other: "Gallery") -> "Gallery":
        """Both together; who is on both by name is one person."""
        names = tuple(dict.fromkeys((*self.names, *other.names)))
        moved = [names.index(other.names[p]) for p in other.persons.tolist()]
        return Gallery(
            names,
            np.concatenate([self.features, other.features]),
            np.concatenate([self.persons, np.array(moved, np.int64)]),
            self.labels + other.labels,
        )

    def means(self, mean: Floats) -> Floats:
        """(p, d) of length 1: each person over those of their pictures that agree.

        `mean` (d,) centres features. NaN for a person without pictures, who is like nobody.
        """
        result = np.full((len(self.names), self.features.shape[1]), np.nan, np.float32)
        left_out = self.outliers(mean)
        for person in range(len(self.names)):
            rows = self.features[(self.persons == person) & ~left_out]
            if len(rows):
                total = rows.mean(axis=0)
                result[person] = total / max(float(np.linalg.norm(total)), 1e-9)
        return result

    def outliers(self, mean: Floats) -> Mask:
        """(m,) pictures that are unlike the rest of their person's."""
        result = np.zeros(len(self.features), np.bool_)
        for person in range(len(self.names)):
            rows = np.flatnonzero(self.persons == person)
            result[rows] = outliers(self.features[rows], mean)
        return result


def outliers(rows: Floats, mean: Floats) -> Mask:
    """(n,) which of the features (n, d) of one person are unlike the one most like all others.

    Of two that are unlike each other nothing tells which is wrong: both are outliers, and nobody
    is left to be recognised by.
    """
    alike = similarity(rows, rows, mean)
    if len(rows) == 2 and alike[0, 1] < _UNLIKE:
        return np.ones(2, np.bool_)
    middle = int(alike.sum(axis=1).argmax()) if len(rows) else 0
    result: Mask = alike[middle] < _UNLIKE if len(rows) else np.zeros(0, np.bool_)
    return result
