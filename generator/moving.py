"""Expressions in textures as training sees them: drawn as head.py and lids.py draw them, but so
that gradients pass. Offline only.
"""

from typing import Any, Final

import numpy as np
import tensorflow as tf
from keras import ops

from generator.expression import MOUTH
from generator.head import GAIN, around, mouth_light, mouth_share
from generator.lids import Lid, Lids
from generator.regions import mouth_opacity
from generator.views import Views
from pipeline.contract import Floats

SIDE: Final = 64  # finer detail would be drawn for the recogniser alone
_BLACK: Final = 1 / 255


class Moving:
    """Opens the mouths of textures (b, SIDE, SIDE, 3) in [-1, 1] and closes their eyes; the m rows
    of `textures`, as large, lend what is seen in mouths.
    """

    def __init__(self, views: Views, textures: Any) -> None:
        opening, eyes = views.codes[:, 0], views.codes[:, len(MOUTH) :]
        inner = mouth_opacity(views.layout, SIDE)
        lips = around(inner).astype(np.float32)
        self._textures, self._lenders = textures, tf.constant(views.lenders)
        self._inner = tf.constant(inner[..., None])
        self._lips = tf.constant((lips / lips.sum() / 3)[..., None])
        self._share = tf.constant(mouth_share(opening).astype(np.float32))
        self._light = tf.constant(mouth_light(opening).astype(np.float32))
        lids = Lids(views.layout, SIDE).lids
        self._lids = [_Lid(lid, own) for lid, own in zip(lids, eyes.T, strict=True)]

    def __call__(self, small: Any, number: Any, chance: tf.random.Generator) -> Any:
        """The textures with the expressions of the views `number` (b,)."""
        result = self._speaking((small + 1) / 2, number, chance)
        for lid in self._lids:
            result = lid.closed(result, number)
        return result * 2 - 1

    def _speaking(self, small: Any, number: Any, chance: tf.random.Generator) -> Any:
        """With the open mouths of lenders, as bright as Head.laid_in makes them."""
        lenders = tf.gather(self._lenders, number)
        column = chance.uniform((small.shape[0],), 0, lenders.shape[1], tf.int32)
        rows = tf.gather(lenders, column, batch_dims=1)
        inside = (tf.gather(self._textures, rows) + 1) / 2
        lips, lent = (
            ops.maximum(ops.sum(x * self._lips, axis=(1, 2, 3), keepdims=True), _BLACK)
            for x in (small, inside)
        )
        light, share = (
            tf.gather(x, number)[:, None, None, None] for x in (self._light, self._share)
        )
        seen = inside * ops.clip(lips / lent, *GAIN) * light
        seen *= ops.minimum(ops.mean(seen, axis=3, keepdims=True) / lips, 1)
        return small + (seen - small) * self._inner * share


class _Lid:
    """One eye in n views, which open it as far as the codes `openings` (n,) tell."""

    def __init__(self, lid: Lid, openings: Floats) -> None:
        rows, columns = self._box = lid.box
        beside = ((n.start, SIDE - n.stop) for n in (rows, columns))
        self._beyond = ((0, 0), *beside, (0, 0))
        self._opacity = tf.constant(np.stack([lid.opacity(float(o)) for o in openings]))
        self._around, self._blur = tf.constant(lid.around), tf.constant(lid.blur)
        self._light, self._lashes = tf.constant(lid.light), tf.constant(lid.lashes)
        self._edge = tf.constant(lid.edge)

    def closed(self, textures: Any, number: Any) -> Any:
        """Textures (b, SIDE, SIDE, 3) in [0, 1] in the views `number` (b,)."""
        part = textures[:, self._box[0], self._box[1]]
        column = tf.einsum("yx,byxc->bxc", self._around, part)
        skin = tf.einsum("xz,bzc->bxc", self._blur, column)[:, None] * self._light
        light = ops.mean(skin, axis=3, keepdims=True)
        dark = ops.min(ops.where(self._edge, ops.mean(part, axis=3), 1), axis=(1, 2))
        ink = ops.clip(dark[:, None, None, None] / ops.maximum(light, _BLACK), 0, 1)
        closed = skin * (1 - (1 - ink) * self._lashes)
        change = (closed - part) * tf.gather(self._opacity, number)
        return textures + ops.pad(change, self._beyond)
