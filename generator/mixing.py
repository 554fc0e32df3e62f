"""Which donors are mixed in training, in which order and parts, and what the network is given."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.contract import Floats, Image, Ints, Mask

BATCH: Final = 16
_DEFINITE: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What m rows of the donor table are to be drawn like, and which of them are mixed."""

    textures: Image  # (m, s, s, 3)
    mask: Floats  # (s, s) where textures count
    mouth: Floats  # (s, s) where those count that lend a mouth only
    faces: Mask  # (m,) lends a whole face
    partners: Ints  # (m, n) rows that a row is mixed with, nearest first


def batches(rng: np.random.Generator, count: int) -> Iterator[Ints]:
    """Every row once, in a random order; the last batch is filled up from the first."""
    order = rng.permutation(count)
    missing = -count % min(BATCH, count)
    full = np.concatenate([order, order[:missing]])
    yield from full.reshape(-1, min(BATCH, count))


def mixes(
    rng: np.random.Generator, lessons: Lessons, count: int, k: int = 4
) -> tuple[Ints, Floats]:
    """(count, k) rows and their weights: an anchor and some of its partners, mostly equal parts."""
    k = min(k, lessons.partners.shape[1] + 1)
    lenders = np.flatnonzero(~lessons.faces)
    faces = np.flatnonzero(lessons.faces)
    anchors = np.where(
        (rng.random(count) < 0.2) & (len(lenders) > 0),
        rng.choice(lenders if len(lenders) else faces, count),
        rng.choice(faces, count),
    )
    picked = [rng.choice(lessons.partners[a], k - 1, replace=False) for a in anchors]
    weights = np.full((count, k), 1 / k)
    uneven = rng.random(count) < 0.3
    weights[uneven] = rng.dirichlet(np.full(k, 2.0), int(uneven.sum()))
    return np.column_stack([anchors, picked]).astype(np.int64), weights.astype(np.float32)


def as_learnt(anchors: Ints, weights: Floats, faces: Mask) -> tuple[Floats, Floats]:
    """(b, m) the mixes that the network is to learn, and (b, 1) how far from the average: whole
    faces are moved away from it, mouths are not.
    """
    table = np.zeros((len(anchors), len(faces)), np.float32)
    np.put_along_axis(table, anchors, weights, axis=1)
    whole = faces[anchors[:, :1]]
    away = np.where(whole, definite(table, faces), table)
    return away, np.where(whole, distance(table), 1).astype(np.float32)


def definite(weights: Floats, faces: Mask) -> Floats:
    """Mixes (..., m) moved away from the average of all donors of whole faces, `faces` (m,).

    Each donor that joins takes a mix towards the average, where the network would learn faces that
    nobody is shown: so a mix is moved the farther the more donors are in it.
    """
    far = distance(weights)
    result: Floats = (weights * far + faces * ((1 - far) / faces.sum())).astype(np.float32)
    return result


def distance(weights: Floats) -> Floats:
    """(..., 1) how far `definite` moves mixes (..., m) from the average: 1 leaves them there."""
    result: Floats = 1 + _DEFINITE * (1 - (weights**2).sum(axis=-1, keepdims=True))
    return result
