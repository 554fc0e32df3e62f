"""What mixes may have in common: nothing but what their donors have."""

import numpy as np
import pytest
import tensorflow as tf

from generator.average import Average

SIDE, BATCH, STEPS = 32, 8, 200
FACES = np.ones(BATCH, np.float32)


@pytest.fixture
def nose():
    """(s, s, 1) a spot in the middle."""
    result = np.zeros((SIDE, SIDE, 1), np.float32)
    result[12:20, 12:20] = 0.2
    return result


def followed(pattern, whole=FACES):
    """The last loss and size of the mean change of mixes that differ from their blends by a
    `pattern` and by noise of their own, and the loss's slope by one of the mixes.
    """
    rng, average = np.random.default_rng(0), Average(SIDE)
    for _ in range(STEPS):
        blends = rng.uniform(-1, 1, (BATCH, SIDE, SIDE, 3)).astype(np.float32)
        own = rng.normal(0, 0.1, blends.shape).astype(np.float32)
        mixed = tf.Variable(blends + own + pattern)
        with tf.GradientTape() as tape:
            loss, size = average.loss(mixed, blends, whole)
        slope = tape.gradient(loss, mixed)
    return float(loss), float(size), slope.numpy()[0]


def test_a_look_that_all_mixes_share_costs_and_is_pushed_back(nose):
    loss, size, slope = followed(nose)
    alone, least, _ = followed(0 * nose)
    assert size > 5 * least
    assert loss > 5 * abs(alone)
    within = nose[..., 0] > 0
    assert slope[within].mean() > 10 * abs(slope[~within].mean())


def test_mouths_alone_count_nothing(nose):
    loss, size, slope = followed(nose, 0 * FACES)
    assert (loss, size) == (0, 0)
    assert not slope.any()


def test_a_batch_without_faces_leaves_what_is_known(nose):
    average, blends = Average(SIDE), np.zeros((BATCH, SIDE, SIDE, 3), np.float32)
    for _ in range(20):
        average.loss(tf.constant(blends + nose), blends, FACES)
    before = average.change.numpy()
    average.loss(tf.constant(blends), blends, 0 * FACES)
    assert average.change.numpy() == pytest.approx(before, abs=1e-6)
