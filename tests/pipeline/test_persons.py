from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from generator.dataset import Material, Roles
from generator.looks import Beard
from pipeline import persons
from pipeline.layouts import Picture


def material(donors, opening, yaw=None, labels=None):
    """Pictures with the canonical face, whose mouths are opened by shares of the eye distance."""
    count = len(opening)
    shapes = np.repeat(donors.canonical.shape[None], count, axis=0)
    shapes[:, 14, 1] += np.array(opening) * 0.3
    told = {
        "shapes": shapes,
        "labels": labels or [""] * count,
        "yaws": np.array(yaw or [0.0] * count, np.float32),
    }
    return Material(**{f.name: told.get(f.name, np.zeros(count)) for f in fields(Material)})


def roles(identity, mouth, held_back=None, reasons=None):
    count = len(identity)
    return Roles(
        np.array(identity, bool),
        np.array(mouth, bool),
        np.array(held_back or [0] * count, bool),
        reasons or [""] * count,
        Beard(np.zeros(12), np.ones(12), np.zeros(13)),
    )


def test_people_are_numbered_as_they_appear():
    pictures = [Picture(Path(name), name, name[0]) for name in ("b1", "a1", "b2", "c")]
    assert persons.numbered(pictures).tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("opening", "yaw", "labels", "best"),
    [
        ([0.3, 0.0, 0.2], None, None, 1),
        ([0.0, 0.0, 0.0], [0.2, -0.15, 0.01], None, 2),
        ([0.0, 0.0, 0.1], None, ["angry", "looking left", "neutral"], 2),
    ],
)
def test_the_calmest_picture_lends_a_persons_face(donors, opening, yaw, labels, best):
    given = material(donors, opening, yaw, labels)
    shared = persons.shared(roles([1, 1, 1], [0, 0, 0]), given, np.zeros(3, np.int64))
    assert np.flatnonzero(shared.identity).tolist() == [best]


def test_a_person_with_one_picture_stays_as_judged(donors):
    given = roles([1, 0, 0], [0, 1, 0], [0, 0, 1])
    shared = persons.shared(given, material(donors, [0, 0.2, 0]), np.arange(3))
    for name in ("identity", "mouth", "held_back"):
        assert (getattr(shared, name) == getattr(given, name)).all()


def test_open_mouths_of_a_person_lend_on_but_not_too_many(donors):
    count = persons.LENDERS + 5
    opening = np.linspace(0, 0.4, count)
    given = roles([1] + [0] * (count - 1), [0] + [1] * (count - 1))
    shared = persons.shared(given, material(donors, opening), np.zeros(count, np.int64))
    assert shared.identity.sum() == 1
    assert shared.mouth.sum() == persons.LENDERS
    assert shared.mouth[-1]


def test_a_person_who_is_held_back_lends_nothing(donors):
    given = roles([0, 1, 1], [0, 1, 1], [1, 0, 0])
    shared = persons.shared(given, material(donors, [0, 0.2, 0.3]), np.zeros(3, np.int64))
    assert shared.held_back.tolist() == [True, False, False]
    assert not shared.identity.any()
    assert not shared.mouth.any()


def test_held_back_pictures_of_a_person_who_lends_are_not_held_back(donors):
    given = roles([1, 0, 0], [0, 0, 1], [0, 1, 0])
    shared = persons.shared(given, material(donors, [0, 0.1, 0.3]), np.zeros(3, np.int64))
    assert shared.identity.tolist() == [True, False, False]
    assert not shared.held_back.any()
    assert shared.mouth.tolist() == [False, False, True]


def test_features_are_those_of_all_faultless_pictures_of_a_person():
    features = np.eye(4, dtype=np.float32)
    given = roles([1, 0, 0, 1], [0] * 4, reasons=["", "", "glasses", ""])
    mean = persons.averaged(features, np.array([0, 0, 0, 1]), given)
    half = np.float32(np.sqrt(0.5))
    assert mean[:3] == pytest.approx(np.tile([half, half, 0, 0], (3, 1)))
    assert mean[3].tolist() == [0, 0, 0, 1]


def test_features_of_a_person_without_a_faultless_picture_stay():
    features = np.eye(2, dtype=np.float32)
    given = replace(roles([0, 0], [0, 0]), reasons=["dark", "grey"])
    assert (persons.averaged(features, np.zeros(2, np.int64), given) == features).all()


def test_words_of_all_pictures_describe_the_person():
    told = persons.words(["a boy", "", "a boy", "old age"], np.array([0, 0, 0, 1]))
    assert told == ["a boy; "] * 3 + ["old age"]
