"""Which donors are mixed in training, in which order and parts, and what the network is given."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from generator.individual import individual
from generator.views import Views
from pipeline.contract import Floats, Image, Ints, Mask

BATCH: Final = 16
_MATCHED: Final = 0.6  # of the mixes of whole faces


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What m rows of the donor table are to be drawn like, and which of them are mixed."""

    textures: Image  # (m, s, s, 3)
    mask: Floats  # (s, s) where textures count
    mouth: Floats  # (s, s) where those count that lend a mouth only
    faces: Mask  # (m,) lends a whole face
    partners: Ints  # (m, n) rows that a row is mixed with, nearest first
    matched: Ints  # (l, k) mixes of whole faces as the matcher picks them
    views: Views  # by which drawn faces are recognised
    steps: Floats  # (m, m) what a row adds to a mix besides its looks, see generator.individual


def batches(rng: np.random.Generator, count: int) -> Iterator[Ints]:
    """Every row once, in a random order; the last batch is filled up from the first."""
    order = rng.permutation(count)
    missing = -count % min(BATCH, count)
    full = np.concatenate([order, order[:missing]])
    yield from full.reshape(-1, min(BATCH, count))


def mixes(
    rng: np.random.Generator, lessons: Lessons, count: int, k: int = 4
) -> tuple[Ints, Floats]:
    """(count, k) rows and their weights. Many are of whole faces as the matcher picks them, in
    equal parts; others an anchor and some of its partners, mostly in equal parts.
    """
    k = min(k, lessons.partners.shape[1] + 1, lessons.matched.shape[1])
    lenders = np.flatnonzero(~lessons.faces)
    faces = np.flatnonzero(lessons.faces)
    anchors = np.where(
        (rng.random(count) < 0.2) & (len(lenders) > 0),
        rng.choice(lenders if len(lenders) else faces, count),
        rng.choice(faces, count),
    )
    picked = [rng.choice(lessons.partners[a], k - 1, replace=False) for a in anchors]
    rows, weights = np.column_stack([anchors, picked]).astype(np.int64), np.full((count, k), 1 / k)
    uneven = rng.random(count) < 0.3
    weights[uneven] = rng.dirichlet(np.full(k, 2.0), int(uneven.sum()))
    worn = (rng.random(count) < _MATCHED) & lessons.faces[anchors]
    rows[worn] = rng.choice(lessons.matched, int(worn.sum()))[:, :k]
    weights[worn] = 1 / k
    return rows, weights.astype(np.float32)


def as_learnt(anchors: Ints, weights: Floats, lessons: Lessons) -> Floats:
    """(b, m) the mixes that the network is to learn: whole faces as they are shown, with the
    steps of their donors, and mouths as they are.
    """
    table = np.zeros((len(anchors), len(lessons.faces)), np.float32)
    np.put_along_axis(table, anchors, weights, axis=1)
    whole = lessons.faces[anchors[:, :1]]
    return np.where(whole, individual(table, lessons.steps), table).astype(np.float32)
