from dataclasses import replace

import numpy as np
import pytest

from matcher.attributes import AGE_OFFSET, Attributes, fit_ancestry, fit_log_age


@pytest.fixture
def attributes():
    weights = np.float32([[9, 0, 0], [0, 1, 3], [0, 9, 0]])
    return Attributes(np.zeros(2, np.float32), *weights, np.float32([[1, 0], [0, 2], [0.5, 0]]))


@pytest.mark.parametrize(("feature", "sex"), [(-9.0, 0.0), (0.0, 0.5), (9.0, 1.0)])
def test_sex_runs_from_0_to_1(attributes, feature, sex):
    assert attributes.sex(np.float32([[feature, 0]]))[0] == pytest.approx(sex, abs=1e-6)


def test_nobody_has_no_attributes(attributes):
    none = np.zeros((0, 2), np.float32)
    assert attributes.sex(none).shape == attributes.log_age(none).shape == (0,)


def test_age_is_learned_from_features_that_tell_it():
    rng = np.random.default_rng(0)
    years = rng.uniform(1, 80, 400)
    features = np.column_stack([np.log(years + 4) - 3, rng.normal(size=400)]).astype(np.float32)
    weights = fit_log_age(features, years)
    guess = features @ weights[:-1] + weights[-1]
    assert np.corrcoef(guess, np.log(years + 4))[0, 1] > 0.99


def test_sex_of_the_portrait_is_read_off_its_features(donors, drawing, astronaut, face):
    row = drawing.extractor.extract(astronaut, face)
    assert donors.rows.attributes.sex(row)[0] < 0.5


def test_ancestries_are_read_one_by_one(attributes):
    told = attributes.ancestry(np.float32([[1, 0], [0, 3]]))
    assert told == pytest.approx(np.float32([[1.5, 0], [0.5, 6]]))


def test_a_rare_ancestry_is_learned_as_well_as_a_frequent_one():
    """Of 500 faces 10 are of the rarest: the means of each, and what is told of others, agree."""
    rng = np.random.default_rng(0)
    own = np.repeat([0, 1, 2], [300, 190, 10])
    features = np.eye(3, 8)[own] * 0.5 + rng.normal(0, 0.12, (500, 8))
    weights = fit_ancestry(features.astype(np.float32), np.eye(3, dtype=np.float32)[own])
    unseen = np.repeat([0, 1, 2], 100)
    fresh = np.eye(3, 8)[unseen] * 0.5 + rng.normal(0, 0.12, (300, 8))
    told = (fresh @ weights[:-1] + weights[-1]).argmax(axis=1) == unseen
    assert told.reshape(3, 100).mean(axis=1).min() > 0.85


def test_of_real_people_sex_is_told_with_less_doubt(attributes):
    rows = np.float32([[-0.05, 0], [0, 0], [0.05, 0]])
    read, taken = attributes.sex(rows), attributes.of_photograph(rows)[:, 0]
    assert taken[0] < read[0] < taken[1] == 0.5 < read[2] < taken[2]
    assert (replace(attributes, synthetic=True).of_photograph(rows)[:, 0] == read).all()


@pytest.mark.parametrize(("feature", "dark"), [(-9.0, 0.0), (0.0, 0.5), (9.0, 1.0)])
def test_dark_skin_runs_from_0_to_1(attributes, feature, dark):
    assert attributes.dark(np.float32([[0, feature]]))[0] == pytest.approx(dark, abs=1e-6)


def test_adults_are_taken_for_middle_aged_and_children_for_what_they_are(attributes):
    """Age reads as the second feature plus three: from a toddler's to an old person's."""
    rows = np.column_stack([np.zeros(40), np.linspace(-1.5, 1.3, 40)]).astype(np.float32)
    read, taken = attributes.log_age(rows), attributes.of_photograph(rows)[:, 1]
    child, adult = read <= np.log(7 + AGE_OFFSET), read >= np.log(15 + AGE_OFFSET)
    assert taken[child] == pytest.approx(read[child], abs=1e-5)
    assert (np.diff(taken) > 0).all()
    assert np.exp(taken[adult]).min() - AGE_OFFSET > 26
    assert np.exp(taken[adult]).max() - AGE_OFFSET < 60
    same = replace(attributes, synthetic=True)
    assert (same.of_photograph(rows)[:, 1] == read).all()
