"""What a recogniser's early layers see of a drawn texture, as a loss. Offline only.

Single donors are to be seen as they are, place by place (Johnson et al., ECCV 2016,
arXiv:1603.08155). A mix is to be seen like its donors on the whole: the mean of each channel over
the face that of theirs.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import tensorflow as tf
from keras import ops

from pipeline.contract import Floats, Image

Perceive = Callable[[Any], list[Any]]  # (b, s, s, 3) in [-1, 1] → activations (b, p, p, c)

SIDE: Final = 128
_PIECE: Final = 32


class Perception:
    """Of drawn textures against those of the m donor rows, (m, s, s, 3) with masks (m, s, s)."""

    def __init__(self, perceive: Perceive, textures: Image, masks: Floats) -> None:
        self._perceive = perceive
        means = []
        for start in range(0, len(textures), _PIECE):
            part = textures[start : start + _PIECE].astype(np.float32) / 127.5 - 1
            part *= masks[start : start + _PIECE, ..., None]
            means.append(ops.convert_to_numpy(_means(self.seen(part))))
        own = np.concatenate(means)
        self._unit = tf.constant(own.std(axis=0) + 1e-2 * np.abs(own).mean())
        self._means = tf.constant(own)

    def seen(self, pictures: Any) -> list[Any]:
        """The activations of textures (b, s, s, 3) in [-1, 1], outside their masks 0."""
        return self._perceive(tf.image.resize(pictures, (SIDE, SIDE), antialias=True))

    def copied(self, drawn: list[Any], wanted: list[Any]) -> Any:
        """Mean absolute difference, in units of what is wanted."""
        parts = [
            ops.mean(ops.abs(a - b)) / (ops.mean(ops.abs(b)) + 1e-6)
            for a, b in zip(drawn, wanted, strict=True)
        ]
        return sum(parts) / len(parts)

    def alike(self, drawn: list[Any], rows: Any, weights: Any) -> Any:
        """Mean difference of the channels' means from those of donors `rows` (b, k), `weights`."""
        count, k = weights.shape
        theirs = ops.reshape(tf.gather(self._means, ops.reshape(rows, (-1,))), (count, k, -1))
        expected = ops.sum(theirs * weights[..., None], axis=1)
        return ops.mean(ops.abs(_means(drawn) - expected) / self._unit)


def _means(seen: list[Any]) -> Any:
    return ops.concatenate([ops.mean(x, axis=(1, 2)) for x in seen], axis=1)
