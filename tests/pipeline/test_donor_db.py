from types import SimpleNamespace

import numpy as np
import pytest

from generator.looks import Beard
from pipeline import donor_db
from pipeline.donor_db import Described
from tests.pipeline.test_persons import material, roles

WORDS = ["a woman, 30 year old", "a man, senior", "", "a girl, small child", "a boy, 16 year old"]


def features(count, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_attributes_learn_what_the_labels_tell():
    sexes = np.arange(40) % 2
    rows = features(40)
    rows[:, 0] = 0.8 * (sexes - 0.5)
    words = ["a woman, 30 year old" if sex else "a girl, small child" for sex in sexes]
    words[::4] = ["a boy, small child"] * 10
    words[2::4] = ["male, small child"] * 10
    read = donor_db.attributes(rows, words, np.arange(40))
    assert read.log_age(rows)[sexes == 1].min() > read.log_age(rows)[sexes == 0].max()
    assert read.sex(rows)[sexes == 1].max() < read.sex(rows)[sexes == 0].min()


@pytest.mark.parametrize("words", [[""] * 5, ["a woman"] * 5, ["30 year old"] + [""] * 4])
def test_without_labels_that_differ_nothing_is_learnt(words):
    read = donor_db.attributes(features(5), words, np.arange(5))
    assert np.isfinite(donor_db.likeness(features(5), words, read)).all()


def test_labels_are_believed_before_features():
    rows = features(5)
    read = donor_db.attributes(rows, WORDS, np.arange(5))
    told = donor_db.likeness(rows, WORDS, read)
    assert told[[0, 1, 3, 4], 0].tolist() == [0, 1, 0, 1]
    assert np.exp(told[[0, 1, 3, 4], 1]) - 4 == pytest.approx([30, 70, 5, 16], rel=1e-4)
    assert told[2, 0] == pytest.approx(read.sex(rows)[2])


def test_rows_are_those_of_the_usable_pictures_with_what_is_known_of_the_person(donors):
    given = material(donors, [0, 0.3, 0, 0, 0], labels=WORDS)
    sorted_out = roles([1, 0, 0, 1, 1], [0, 1, 0, 0, 0], reasons=["", "", "dark", "", ""])
    people, usable = np.array([7, 7, 7, 8, 9]), np.array([0, 1, 3, 4])
    rows = features(5)
    arrays = donor_db.of_extractor(Described("nose", rows), given, sorted_out, people, usable)
    assert set(arrays) == set(donor_db.OF_EXTRACTOR)
    assert str(arrays["extractor"]) == "nose"
    both = rows[0] + rows[1]
    assert arrays["features"][:2] == pytest.approx(np.tile(both / np.linalg.norm(both), (2, 1)))
    assert (arrays["features"][2:] == rows[3:]).all()
    assert arrays["mean"] == pytest.approx(rows[[0, 3, 4]].mean(axis=0))
    assert arrays["likeness"].shape == (4, 2)
    assert len(arrays["ancestry"]) == 4


@pytest.mark.parametrize(
    ("words", "columns"),
    [(["asian", "african", "", "irish", ""], 4), (["asian", "asian", "", "", "blue hair"], 0)],
)
def test_ancestry_is_learned_where_labels_name_two(words, columns):
    read = donor_db.attributes(features(5), words, np.arange(5))
    told = read.ancestry(features(5))
    assert told.shape == (5, columns)
    if columns:
        assert told[[0, 1, 3]].argmax(axis=1).tolist() == [1, 2, 0]


def test_what_labels_say_of_beards_counts_more_than_their_score():
    looks = np.zeros((5, 8), np.float32)
    looks[:, 0] = [-1, 1, 1, -3, 0.5]
    beard = Beard(np.zeros(4), np.ones(4), np.float32([1, 0, 0, 0, 0]))
    words = ["full beard", "stubble", "clean-shaven", "clean-shaven", "a man"]
    told = donor_db.styles(SimpleNamespace(looks=looks, labels=words), SimpleNamespace(beard=beard))
    assert told[:, 0].tolist() == [3, 0, -2, -3, 0.5]
