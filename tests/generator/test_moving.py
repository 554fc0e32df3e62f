"""What training shows of an expression is what surrogates will show of it."""

import numpy as np
import pytest
import tensorflow as tf

from generator.head import Head
from generator.lids import Lids
from generator.moving import SIDE, Moving
from generator.regions import LEFT_EYE, RIGHT_EYE, filled
from generator.views import Views

CALM = (0.0, 0.45, 0.02, 0.02, 0.03, 0.1, 0.1)
ASLEEP = (*CALM[:5], 0.01, 0.03)
AGAPE = (0.2, *CALM[1:])
AJAR = (0.02, *CALM[1:])
ROWS, LENDER = 3, 2


@pytest.fixture
def layout(donors):
    return donors.canonical.layout


@pytest.fixture
def textures(layout):
    """(ROWS, s, s, 3) in 0..255: grey, the whites of their eyes lighter, the lender's darker."""
    grey = np.random.default_rng(0).uniform(100, 160, (ROWS, SIDE, SIDE, 1))
    eyes = filled(layout, SIDE, LEFT_EYE) + filled(layout, SIDE, RIGHT_EYE)
    grey += 80 * eyes[..., None]
    grey[LENDER] *= 0.5
    return np.repeat(grey, 3, axis=3).astype(np.float32)


def moving(layout, textures):
    codes = np.array([CALM, ASLEEP, AGAPE, AJAR], np.float32)
    places, opacity = np.zeros((4, 8, 8, 2), np.float32), np.ones((4, 8, 8), np.float32)
    seen = Views(places, opacity, codes, np.full((4, 1), LENDER), layout, 0.0)
    return Moving(seen, tf.constant(textures / 127.5 - 1))


def moved(layout, textures, view):
    """(ROWS, s, s, 3) in 0..255."""
    shown = moving(layout, textures)(
        tf.constant(textures / 127.5 - 1),
        tf.fill((ROWS,), view),
        tf.random.Generator.from_seed(0),
    )
    return (shown.numpy() + 1) * 127.5


def test_a_calm_face_stays_as_it_is(layout, textures):
    assert moved(layout, textures, 0) == pytest.approx(textures, abs=0.01)


def test_eyes_close_as_lids_close_them(layout, textures):
    wanted = textures.copy()
    for texture in wanted:
        Lids(layout, SIDE).close(texture, np.float32(ASLEEP[5:]))
    assert np.abs(wanted - textures).max() > 50
    assert moved(layout, textures, 1) == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize(("view", "opening"), [(2, AGAPE[0]), (3, AJAR[0])])
def test_mouths_open_as_heads_open_them(donors, textures, view, opening):
    head = Head(lambda mixes: textures[:1], ROWS, donors.canonical)
    wanted = textures.copy()
    lent = textures[LENDER][head.mouth]
    for texture in wanted:
        texture[head.mouth] = head.laid_in(head.face(texture.copy()), lent, opening)
    assert np.abs(wanted - textures).max() > 10
    shown = moved(donors.canonical.layout, textures, view)
    assert shown == pytest.approx(wanted, abs=1.0)


def test_gradients_pass_through_lids_and_lips(layout, textures):
    small = tf.Variable(textures / 127.5 - 1)
    views = tf.constant([1, 2, 3])
    with tf.GradientTape() as tape:
        shown = moving(layout, textures)(small, views, tf.random.Generator.from_seed(0))
        total = tf.reduce_sum(shown)
    slope = tape.gradient(total, small).numpy()
    assert np.isfinite(slope).all()
    assert (np.abs(slope).sum(axis=(1, 2, 3)) > 0).all()
