"""What training asks of a drawn texture. Offline only.

Single donors are copied pixel by pixel. A mix has no picture to copy: its coarse colours must be
the donors' blend, the strength of its details, octave by octave and place by place, the mean of
theirs, and a critic must take it for a donor (Goodfellow et al. 2014; hinge form by Lim and Ye
2017, arXiv:1705.02894).
"""

from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from generator import quality

BANDS: Final = 4
_COARSE: Final = 16
_FLOOR: Final = 0.004
_SHIFT: Final = 6
_ROW: Final = np.array([1, 4, 6, 4, 1], np.float32) / 16
_BINOMIAL: Final = np.outer(_ROW, _ROW)[:, :, None, None]


def copied(drawn: Any, wanted: Any, weight: Any) -> Any:
    """Mean absolute difference of colours and of their gradients; `weight` (b, s, s, 1)."""
    difference = (drawn - wanted) * weight
    down = difference[:, 1:] - difference[:, :-1]
    across = difference[:, :, 1:] - difference[:, :, :-1]
    return sum(ops.mean(ops.abs(part)) for part in (difference, down, across))


def coarse(picture: Any) -> Any:
    """(b, p, p, 3) mean colours of squares that overlap: blocks of their own would show."""
    return ops.average_pool(picture, _COARSE, _COARSE // 2)


def bands(picture: Any) -> list[Any]:
    """Strength of the details of BANDS octaves, finest first, (b, p, p, 1) over the place.

    A Laplacian pyramid of the brightness (Burt and Adelson 1983), its absolute values pooled.
    """
    light = ops.mean(picture, axis=3, keepdims=True)
    result = []
    for octave in range(BANDS):
        smooth = ops.depthwise_conv(light, _BINOMIAL, padding="same")
        pool = max(_COARSE >> octave, 2)
        result.append(ops.average_pool(ops.abs(light - smooth), pool, pool // 2))
        light = ops.average_pool(smooth, 2, 2)
    return result


def places(inside: Any) -> list[Any]:
    """How much of each square of `bands` lies inside the mask (b, s, s, 1)."""
    result = []
    for octave in range(BANDS):
        pool = max(_COARSE >> octave, 2)
        result.append(ops.average_pool(inside, pool, pool // 2))
        inside = ops.average_pool(inside, 2, 2)
    return result


def octaves(picture: Any) -> Any:
    """(b, BANDS + 1) power of the brightness by octaves of frequency, finest first.

    Over a Hann-windowed square in the middle, as quality.spectrum measures it.
    """
    side = picture.shape[1]
    low, high = (round(edge * side) for edge in quality.WINDOW)
    light = ops.mean(picture, axis=3)[:, low:high, low:high]
    hann = np.hanning(high - low).astype(np.float32)
    light = (light - ops.mean(light, axis=(1, 2), keepdims=True)) * np.outer(hann, hann)
    power = ops.abs(tf.signal.fft2d(ops.cast(light, "complex64"))) ** 2
    rings = np.stack(quality.rings(high - low)).astype(np.float32)
    return tf.einsum("bhw,ohw->bo", power, rings)


def strength(drawn: list[Any], wanted: list[Any], weights: list[Any]) -> Any:
    """Mean relative difference of the details' strength; `weights` (b, p, p, 1) per octave."""
    parts = [
        ops.mean(weight * ops.abs(ops.log((a + _FLOOR) / (b + _FLOOR))))
        for a, b, weight in zip(drawn, wanted, weights, strict=True)
    ]
    return sum(parts) / len(parts)


def level(drawn: Any, wanted: Any, weight: Any) -> Any:
    """Mean relative difference of the octaves' power (b, o); `weight` (b,)."""
    apart = ops.mean(ops.abs(ops.log((drawn + 1e-3) / (wanted + 1e-3))), axis=1)
    return ops.mean(weight * apart)


def judged(critic: keras.Model, picture: Any, chance: tf.random.Generator) -> Any:
    """The critic's verdict on pictures changed at random, so that few donors go a long way.

    Brightness, contrast, mirroring and a shift (Zhao et al. 2020, arXiv:2006.10738).
    """
    count, side = ops.shape(picture)[0], picture.shape[1]
    gain = chance.uniform((count, 1, 1, 1), 0.8, 1.2)
    bright = chance.uniform((count, 1, 1, 1), -0.15, 0.15)
    changed = picture * gain + bright
    flip = chance.uniform((count, 1, 1, 1)) < 0.5
    changed = ops.where(flip, ops.flip(changed, axis=2), changed)
    height = ops.broadcast_to(
        ops.reshape(ops.linspace(-1.0, 1.0, side), (1, side, 1, 1)), (count, side, side, 1)
    )
    seen = ops.concatenate([changed, height], axis=3)
    return critic(shifted(seen, _SHIFT, chance), training=True)


def shifted(pictures: Any, most: int, chance: tf.random.Generator, beyond: str = "constant") -> Any:
    """Pictures (b, s, s, c), all moved by up to `most` px at random; what comes in from `beyond`
    the border is 0, or as ops.pad calls it.
    """
    side, channels = pictures.shape[1], pictures.shape[3]
    room = ops.pad(pictures, ((0, 0), (most, most), (most, most), (0, 0)), beyond)
    across, down = (chance.uniform((), 0, 2 * most + 1, tf.int32) for _ in range(2))
    moved = tf.slice(room, [0, down, across, 0], [-1, side, side, channels])
    return tf.ensure_shape(moved, (pictures.shape[0], side, side, channels))
