"""Centred cosine: how alike two faces are, with what all faces share taken out."""

from typing import Final

import numpy as np

from pipeline.contract import Floats, Ints

_UNLIKE: Final = 0.4


def centred(features: Floats, mean: Floats) -> Floats:
    """(n, d) features without the mean face's, at length 1.

    Raw dlib cosines of strangers have a median of 0.84; centred ones spread around 0.
    """
    rest = features - mean
    result: Floats = rest / np.maximum(np.linalg.norm(rest, axis=-1, keepdims=True), 1e-9)
    return result


def similarity(probes: Floats, gallery: Floats, mean: Floats) -> Floats:
    """(n, m) centred cosine of each of n probes with each of m gallery rows, in [-1, 1]."""
    result: Floats = centred(probes, mean) @ centred(gallery, mean).T
    return result


def nearest(probe: Floats, gallery: Floats, mean: Floats, k: int) -> Ints:
    """The k rows of the gallery most like `probe` (d,), best first."""
    return np.argsort(-similarity(probe[None], gallery, mean)[0])[:k].astype(np.int64)


def agreed(rows: Floats, mean: Floats) -> Floats:
    """(d,) what most of some looks at one face (n, d), best first, tell: their mean, at length 1.

    A look that is unlike the one most like all others shows something else, a hand for example.
    """
    alike = similarity(rows, rows, mean)
    middle = int(alike.sum(axis=1).argmax())
    kept = rows[alike[middle] >= _UNLIKE].mean(axis=0)
    result: Floats = (kept / max(float(np.linalg.norm(kept)), 1e-9)).astype(np.float32)
    return result
