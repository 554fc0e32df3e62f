"""Training looks at drawn faces as the recogniser is shown them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import tensorflow as tf

from extractor.dlib_keras import DlibKeras
from generator.head import mouth_share
from generator.holding import Holding
from generator.moving import SIDE, Moving
from pipeline.database import HOME
from pipeline.expressions import EXPRESSIONS
from pipeline.report import Scope
from pipeline.report_faces import Studio
from pipeline.views import views
from pipeline.weights import locate


@pytest.fixture(scope="module")
def seen(donors):
    told = {"mouth": donors.faces.mouth, "codes": donors.faces.codes}
    return views(donors.canonical, told)


def test_the_first_face_is_calm_and_others_do_something(seen):
    opened = mouth_share(seen.codes[:, 0])
    assert opened[0] == 0
    assert 0.2 < (opened > 0).mean() < 0.9
    moved = np.abs(seen.places[1:] - seen.places[0]).max(axis=(1, 2, 3))
    assert (moved > 0.01).all()


def test_every_face_fills_the_middle_and_no_corner(seen):
    middle = seen.opacity[:, 60:100, 50:100]
    assert middle.mean() > 0.98
    assert seen.opacity[:, :5, :5].max() == 0
    inside = seen.places[seen.opacity > 0]
    assert inside.min() >= 0
    assert inside.max() <= 1


def test_those_who_lend_mouths_have_mouths_as_open(seen, donors):
    opened = mouth_share(seen.codes[:, 0])
    wide = int(opened.argmax())
    assert donors.faces.mouth[seen.lenders].all()
    lent = donors.faces.codes[seen.lenders, 0].mean(axis=1)
    assert lent[opened == 1].mean() > lent[opened == 0].mean() + 0.02
    assert lent[wide] > 0


@pytest.fixture(scope="module")
def studio(donors):
    return Studio(donors, Scope(), HOME)


@pytest.fixture(scope="module")
def faces(donors, studio):
    """Some donors' rows and calm textures."""
    rows = np.flatnonzero(donors.faces.identity)[:40]
    return rows, np.stack([studio.generator.calm(np.array([row])) for row in rows])


def drawn(studio, rows, code):
    """What the recogniser says of the donors as the report draws them."""
    shown = [studio.draw(np.array([row]), code, np.zeros(2, np.float32)) for row in rows]
    return studio.judges[0].seen(shown, shown, shown).alone


def held(studio, seen, textures):
    """Training's own look at the textures through the first of the views."""
    recogniser = DlibKeras(locate("dlib_resnet"), studio.judges[0].same)
    return Holding(recogniser, seen, textures.astype(np.uint8), np.ones(len(textures), bool))


def test_who_is_seen_is_who_the_report_sees(seen, studio, faces):
    """Calm donors, drawn as the report draws them or seen through the view: the same people."""
    rows, textures = faces
    theirs = drawn(studio, rows, np.array(EXPRESSIONS["neutral"], np.float32))
    alike = held(studio, seen, textures).donors.numpy() @ theirs.T
    assert (alike.argmax(axis=1) == np.arange(len(rows))).mean() > 0.9
    assert np.median(np.diag(alike)) > 0.7


def test_so_is_who_closes_their_eyes(seen, studio, faces):
    """Without lids the median is 0.81."""
    rows, textures = faces
    shut = int(np.where(mouth_share(seen.codes[:, 0]) == 0, seen.codes[:, 5], 1).argmin())
    assert seen.codes[shut, 5] < 0.03
    small = np.stack([cv2.resize(t, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for t in textures])
    moving = Moving(seen, tf.zeros((int(seen.lenders.max()) + 1, SIDE, SIDE, 3)))
    views = tf.fill((len(rows),), shut)
    asleep = moving(tf.constant(small / 127.5 - 1), views, tf.random.Generator.from_seed(0))
    lying = replace(seen, places=seen.places[[shut]], opacity=seen.opacity[[shut]])
    alike = held(studio, lying, (asleep.numpy() + 1) * 127.5).donors.numpy()
    theirs = drawn(studio, rows, seen.codes[shut])
    assert np.median((alike * theirs).sum(axis=1)) > 0.84
