import numpy as np
import pytest

from matcher import donors as choice
from matcher.cosine import similarity
from matcher.donors import Nearest, Opposite
from pipeline.contract import Person
from pipeline.errors import WeightsError
from tests.conftest import unknown_person


@pytest.fixture
def person(drawing, astronaut, face):
    features = drawing.extractor.extract(astronaut, face)[0]
    return Person(features, np.float32([66, 16, 16]), unknown_person().shape)


@pytest.fixture
def opposite(donors):
    return Opposite(donors.rows, donors.rows.extractor)


def test_donors_are_drawn_from_the_third_least_alike(opposite, donors, person):
    """The least alike third of those with the same skin, sex and age."""
    table, mean = donors.rows, donors.rows.attributes.mean
    distance = opposite._distance(person)
    size = min(choice._POOL, int((distance < choice._UNLIKE).sum()))
    pool = np.argsort(distance, kind="stable")[:size]
    alike = similarity(person.features[None], table.features[pool], mean)[0]
    least = set(table.rows[pool[np.argsort(alike)[: len(pool) // 3]]].tolist())
    drawn = [opposite.match(person, 4, np.random.default_rng(seed)) for seed in range(20)]
    assert all(set(found.identities[0].tolist()) <= least for found in drawn)
    assert max(float(found.similarity.max()) for found in drawn) < np.median(alike)


def test_donors_are_alike_in_skin(opposite, donors):
    """Dark skin gets darker donors than light skin."""
    lightness = []
    for tone in ([30, 14, 16], [80, 10, 12]):
        person = Person(np.full(1, np.nan, np.float32), np.float32(tone), unknown_person().shape)
        rows = [opposite.match(person, 4, np.random.default_rng(s)).identities[0] for s in range(8)]
        lightness.append(donors.faces.skin[np.concatenate(rows), 0].mean())
    assert lightness[0] + 10 < lightness[1]


def test_donors_of_the_portrait_are_of_her_sex(opposite, donors, person):
    rows = [opposite.match(person, 4, np.random.default_rng(s)).identities[0] for s in range(10)]
    assert donors.faces.likeness[np.concatenate(rows), 0].mean() < 0.35


def test_donors_are_one_anchor_and_its_neighbours(opposite, donors, person):
    """The mix looks like one definite person: its donors are more alike than a random four."""
    table, mean = donors.rows, donors.rows.attributes.mean
    place = {int(row): i for i, row in enumerate(table.rows)}

    def closeness(rows):
        features = table.features[[place[int(row)] for row in rows]]
        alike = similarity(features, features, mean)
        return float(alike[np.triu_indices(len(rows), 1)].mean())

    rng = np.random.default_rng(0)
    chosen = [closeness(opposite.match(person, 4, rng).identities[0]) for _ in range(15)]
    random = [closeness(rng.choice(table.rows, 4, replace=False)) for _ in range(60)]
    assert np.mean(chosen) > np.mean(random) + 0.1


def test_the_same_key_draws_the_same_donors_and_other_keys_others(opposite, person):
    draws = [
        tuple(opposite.match(person, 4, np.random.default_rng(seed)).identities[0].tolist())
        for seed in (3, 3, *range(10, 30))
    ]
    assert draws[0] == draws[1]
    assert len(set(draws)) > 8


def test_the_nearest_donors_are_the_most_alike(donors, person):
    found = Nearest(donors.rows, donors.rows.extractor).match(person, 4, np.random.default_rng(0))
    everyone = similarity(person.features[None], donors.rows.features, donors.rows.attributes.mean)[
        0
    ]
    assert found.similarity[0] == pytest.approx(np.sort(everyone)[::-1][:4], abs=1e-5)


def test_opposite_donors_are_less_alike_than_nearest_ones(opposite, donors, person):
    far = opposite.match(person, 4, np.random.default_rng(0)).similarity.mean()
    near = Nearest(donors.rows, "dlib_resnet").match(person, 4, np.random.default_rng(0))
    assert far < 0 < near.similarity.mean()


@pytest.mark.parametrize("way", [Opposite, Nearest])
def test_a_db_of_another_extractor_is_refused_with_both_names(donors, way):
    with pytest.raises(WeightsError, match=r"'dlib_resnet'.*'vggface'"):
        way(donors.rows, "vggface")
