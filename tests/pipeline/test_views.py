"""Training looks at drawn faces as the recogniser is shown them."""

import numpy as np
import pytest

from extractor.dlib_keras import DlibKeras
from generator.holding import Holding
from pipeline.database import HOME
from pipeline.expressions import EXPRESSIONS
from pipeline.report import Scope
from pipeline.report_faces import Studio
from pipeline.views import views
from pipeline.weights import locate


@pytest.fixture(scope="module")
def seen(donors):
    told = {"mouth": donors.faces.mouth, "codes": donors.faces.codes}
    return views(donors.canonical, told, 192)


def test_the_first_face_is_calm_and_others_do_something(seen):
    assert seen.opened[0] == 0
    assert 0.2 < (seen.opened > 0).mean() < 0.9
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
    wide = int(seen.opened.argmax())
    assert donors.faces.mouth[seen.lenders].all()
    lent = donors.faces.codes[seen.lenders, 0].mean(axis=1)
    assert lent[seen.opened == 1].mean() > lent[seen.opened == 0].mean() + 0.02
    assert lent[wide] > 0


def test_who_is_seen_is_who_the_report_sees(seen, donors):
    """Calm donors, drawn as the report draws them or seen through the view: the same people."""
    rows = np.flatnonzero(donors.faces.identity)[:40]
    studio = Studio(donors, Scope(), HOME)
    textures = np.stack([studio.generator.calm(np.array([row])) for row in rows])
    recogniser = DlibKeras(locate("dlib_resnet"), studio.judges[0].same)
    holding = Holding(recogniser, seen, textures.astype(np.uint8), np.ones(len(rows), bool))
    calm = np.array(EXPRESSIONS["neutral"], np.float32)
    drawn = [studio.draw(np.array([row]), calm, np.zeros(2, np.float32)) for row in rows]
    theirs = studio.judges[0].seen(drawn, drawn, drawn).alone
    alike = holding.donors.numpy() @ theirs.T
    assert (alike.argmax(axis=1) == np.arange(len(rows))).mean() > 0.9
    assert np.median(np.diag(alike)) > 0.7
