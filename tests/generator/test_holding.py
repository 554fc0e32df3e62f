"""What training asks of whom a drawn face is taken for."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from generator.holding import Holding
from generator.moving import Moving
from generator.views import Views
from pipeline import database

ROWS = 12
Q = 64


class Colours:
    """Takes faces for people by the colours of the picture's quarters, whatever the light."""

    same = 0.5

    def perceive(self, pictures):
        return [pictures]

    def describe(self, pictures):
        half = pictures.shape[1] // 2
        quarters = ops.average_pool(pictures, half, half)
        quarters -= ops.mean(quarters, axis=(1, 2, 3), keepdims=True)
        return ops.reshape(quarters, (pictures.shape[0], -1))


@pytest.fixture(scope="module")
def textures():
    """Each plain in each quarter."""
    quarters = np.random.default_rng(0).integers(0, 256, (ROWS, 2, 2, 3), np.uint8)
    return quarters.repeat(16, axis=1).repeat(16, axis=2)


CALM = (0.0, 0.45, 0.02, 0.02, 0.03, 0.1, 0.1)


def views(moved=None):
    """A calm view that shows the texture as it is, and one that shows it by `moved` (q, q, 2)."""
    y, x = (np.mgrid[:Q, :Q] + 0.5) / Q
    calm = np.stack([x, y], axis=-1).astype(np.float32)
    places = np.stack([calm, calm if moved is None else moved(calm)]).astype(np.float32)
    codes, lenders = np.array([CALM, CALM], np.float32), np.zeros((2, 1), np.int64)
    layout = database.load("").canonical.layout
    return Views(places, np.ones((2, Q, Q), np.float32), codes, lenders, layout, 0.0)


def holding(textures, seen):
    return Holding(Colours(), seen, textures, np.ones(ROWS, bool))


def losses(textures, seen, rows, anchors, whole=None):
    drawn = tf.constant(textures[rows] / np.float32(127.5) - 1)
    whole = np.ones(len(rows), np.float32) if whole is None else whole
    chance = tf.random.Generator.from_seed(0)
    found = holding(textures, seen).losses(drawn, np.array(anchors), whole, chance)
    return [float(x) for x in found]


def test_a_face_that_does_nothing_is_held_for_the_same(textures):
    held, _ = losses(textures, views(), [0, 1, 2], [[4], [5], [6]])
    assert held == 0


def test_a_face_that_an_expression_changes_costs(textures):
    upside_down, _ = losses(textures, views(lambda at: 1 - at), [0, 1, 2], [[4], [5], [6]])
    assert upside_down > 0.1


def test_a_face_like_its_donor_costs_and_one_unlike_it_does_not(textures):
    _, own = losses(textures, views(), [0, 1], [[0], [1]])
    assert own > 0.5
    features = holding(textures, views()).donors.numpy()
    strangers = [[int(row.argmin())] for row in features[:2] @ features.T]
    _, other = losses(textures, views(), [0, 1], strangers)
    assert other == 0


def test_a_look_that_all_mixes_share_sets_none_apart(textures):
    """Mixes that are copies of donors stay so when each gets the same strange corner."""
    loss, strange = holding(textures, views()), textures.copy()
    strange[:, 16:, 16:] = (255, 0, 255)
    drawn = tf.constant(strange / np.float32(127.5) - 1)
    anchors, chance = np.arange(ROWS)[:, None], tf.random.Generator.from_seed(0)
    first, *_, last = (
        float(loss.losses(drawn, anchors, np.ones(ROWS, np.float32), chance)[1]) for _ in range(150)
    )
    assert last > 2 * first


def test_mixes_that_change_all_alike_gain_nothing(textures):
    """However many change, one by one each could."""
    loss = holding(textures, views(lambda at: 1 - at))
    drawn = tf.Variable(textures[:6] / np.float32(127.5) - 1)
    with tf.GradientTape() as tape:
        held, _ = loss.losses(
            drawn, np.arange(6)[:, None], np.ones(6, np.float32), tf.random.Generator.from_seed(0)
        )
    slope = tape.gradient(held, drawn).numpy()
    together = np.abs(slope.sum(axis=0)).sum()
    assert together < 0.5 * np.abs(slope).sum()


def test_what_lids_and_lips_do_is_seen(textures, monkeypatch):
    """Whatever Moving draws is held against the calm face."""
    monkeypatch.setattr(Moving, "__call__", lambda self, small, number, chance: small[:, ::-1])
    held, _ = losses(textures, views(), [0, 1, 2], [[4], [5], [6]])
    assert held > 0.1


def test_rows_that_lend_a_mouth_only_count_nothing(textures):
    found = losses(textures, views(lambda at: 1 - at), [0, 1], [[0], [1]], np.zeros(2, np.float32))
    assert found == [0, 0]


def test_gradients_reach_the_texture(textures):
    drawn = tf.Variable(textures[:2] / np.float32(127.5) - 1)
    loss = holding(textures, views(lambda at: 1 - at))
    with tf.GradientTape() as tape:
        held, apart = loss.losses(
            drawn, np.array([[0], [1]]), np.ones(2, np.float32), tf.random.Generator.from_seed(0)
        )
        total = held + apart
    slope = tape.gradient(total, drawn).numpy()
    assert np.isfinite(slope).all()
    assert np.abs(slope).sum() > 0


def test_the_ground_shows_where_no_face_is(textures):
    seen = views()
    hidden = replace(seen, opacity=np.zeros((2, Q, Q), np.float32), ground=0.5)
    shown = []

    class Watching(Colours):
        def describe(self, pictures):
            shown.append(pictures.numpy())
            return super().describe(pictures)

    Holding(Watching(), hidden, textures, np.ones(ROWS, bool))
    assert np.concatenate(shown) == pytest.approx(0.5)
