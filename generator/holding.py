"""Whom a recogniser takes a drawn face for, as a loss. Offline only.

A mix is to stay the same person whatever its face does (Huang et al., ICCV 2017, arXiv:1704.04086,
keep identities so), and to be none of its donors. Features are compared centred, as
matcher/cosine.py does it: donors' by their mean, mixes' by that of mixes. A look that all mixes
share would set them apart from all donors, and make one person of them for other recognisers.
"""

from typing import Any, Final, Protocol

import numpy as np
import tensorflow as tf
from keras import ops

from generator.average import followed
from generator.losses import shifted
from generator.moving import SIDE, Moving
from generator.views import Views
from pipeline.contract import Floats, Image, Mask

_SAFELY: Final = 0.14  # of likeness, beyond what makes two faces one person's, or two
_PIECE: Final = 16
_SHIFT: Final = 4  # px


class Recogniser(Protocol):
    """A network that tells people apart, through which gradients pass."""

    same: float  # centred cosine from which two faces are one person's

    def perceive(self, pictures: Any) -> list[Any]:
        """Early activations of pictures (b, s, s, 3) in [-1, 1], finest first."""
        ...

    def describe(self, pictures: Any) -> Any:
        """Features (b, d) of the aligned faces in pictures (b, q, q, 3) in [-1, 1]."""
        ...


class Holding:
    """Of drawn textures on calm and on moving faces, against the m donor rows (m, s, s, 3),
    of which `faces` (m,) are whole ones.
    """

    def __init__(self, recogniser: Recogniser, views: Views, textures: Image, faces: Mask) -> None:
        self._recogniser, self._views = recogniser, views
        self._count = len(views.places)
        self._corners, self._shares = _bilinear(views.places)
        self._opacity = tf.constant(views.opacity[..., None])
        small = [_shrunk(tf.constant(one[None] / np.float32(127.5) - 1)) for one in textures]
        self._textures = ops.concatenate(small)
        self._moving = Moving(views, self._textures)
        calm = [self._calm(self._textures[i : i + _PIECE]) for i in range(0, len(small), _PIECE)]
        features = ops.concatenate(calm)
        self._mean = ops.mean(tf.boolean_mask(features, faces), axis=0)
        self.donors = _normalised(features - self._mean)
        self.usual = tf.Variable(self._mean)  # the mean of mixes, as far as it is known

    def losses(
        self, drawn: Any, anchors: Any, whole: Any, chance: tf.random.Generator
    ) -> tuple[Any, Any]:
        """How far mixes (b, s, s, 3) of the donors `anchors` (b, k) are from being held for one
        person with and without an expression, and for others than their donors; those that are
        not whole faces, by `whole` (b,), count nothing.
        """
        count = drawn.shape[0]
        small = _shrunk(drawn)
        number = chance.uniform((count,), 1, self._count, tf.int32)
        still = tf.zeros((count,), tf.int32)
        calm, moved = (
            self._described(_changed(seen, chance))
            for seen in (
                self._seen(small, still),
                self._seen(self._moving(small, number, chance), number),
            )
        )
        usual = self._usual((calm + moved) / 2, whole)
        calm, moved = _normalised(calm - usual), _normalised(moved - usual)
        held = ops.sum(calm * moved, axis=1)
        alike = ops.einsum("bd,bkd->bk", calm, tf.gather(self.donors, anchors))
        wanted = self._recogniser.same
        return (
            ops.mean(ops.relu(wanted + _SAFELY - held) * whole),
            ops.mean(ops.relu(alike - (wanted - _SAFELY)) * whole[:, None]),
        )

    def _usual(self, features: Any, whole: Any) -> Any:
        """(d,) the mean of mixes, of the whole faces among `features` (b, d) and of those before;
        its gradient is that of the batch's mean, so what they have in common is worth nothing.
        """
        now = followed(self.usual, features, whole)
        return self.usual + now - tf.stop_gradient(now)

    def _calm(self, small: Any) -> Any:
        return self._described(self._seen(small, tf.zeros((small.shape[0],), tf.int32)))

    def _seen(self, small: Any, number: Any) -> Any:
        """(b, q, q, 3) small textures in the views `number` (b,)."""
        flat = ops.reshape(small, (small.shape[0], SIDE * SIDE, 3))
        corners, shares = (tf.gather(x, number) for x in (self._corners, self._shares))
        seen = sum(
            tf.gather(flat, corners[:, i], batch_dims=1) * shares[:, i, :, None] for i in range(4)
        )
        opacity = tf.gather(self._opacity, number)
        pictures = ops.reshape(seen, (-1, *opacity.shape[1:3], 3))
        ground = self._views.ground
        return ground + (pictures - ground) * opacity

    def _described(self, seen: Any) -> Any:
        """Features (b, d) of length 1."""
        return _normalised(self._recogniser.describe(seen))


def _changed(seen: Any, chance: tf.random.Generator) -> Any:
    """As another camera would have seen them: brighter or darker, and a little beside."""
    count = seen.shape[0]
    gain = chance.uniform((count, 1, 1, 1), 0.85, 1.15)
    bright = chance.uniform((count, 1, 1, 1), -0.1, 0.1)
    return shifted(seen * gain + bright, _SHIFT, chance, "reflect")


def _shrunk(pictures: Any) -> Any:
    return tf.image.resize(pictures, (SIDE, SIDE), antialias=True)


def _normalised(rows: Any) -> Any:
    return rows / ops.maximum(ops.norm(rows, axis=-1, keepdims=True), 1e-6)


def _bilinear(places: Floats) -> tuple[Any, Any]:
    """(n, 4, p) flat indices into a texture of SIDE px and (n, 4, p) shares of these."""
    count = len(places)
    at = np.clip(places.reshape(count, -1, 2) * SIDE - 0.5, 0, SIDE - 1 - 1e-3)
    low = np.floor(at).astype(np.int32)
    rest = (at - low).astype(np.float32)
    corners, shares = [], []
    for step in ((0, 0), (1, 0), (0, 1), (1, 1)):
        corner = low + np.array(step, np.int32)
        corners.append(corner[..., 1] * SIDE + corner[..., 0])
        shares.append(np.where(step, rest, 1 - rest).prod(axis=-1))
    return tf.constant(np.stack(corners, axis=1)), tf.constant(np.stack(shares, axis=1))
