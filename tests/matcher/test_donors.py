from dataclasses import replace

import numpy as np
import pytest

from matcher import donors as choice
from matcher.attributes import AGE_OFFSET, Attributes
from matcher.cosine import similarity
from matcher.donors import DonorRows, Nearest, Opposite
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


def test_donors_are_of_the_persons_kind_and_of_those_the_least_alike(opposite, donors, person):
    table, looks = donors.rows, opposite._looks
    near = np.argsort(opposite._distance(person), kind="stable")[: choice._POOL]
    drawn = [opposite.match(person, 4, np.random.default_rng(seed)) for seed in range(20)]
    assert np.isin([found.identities[0] for found in drawn], table.rows[near]).all()
    alike = dict(
        zip(table.rows.tolist(), looks.own @ looks.of(person.features[None])[0], strict=True)
    )
    mixed = np.mean([[alike[row] for row in found.identities[0].tolist()] for found in drawn])
    assert mixed < np.mean([alike[row] for row in table.rows[near].tolist()]) - 0.05


def gathering(count=120, seed=0):
    """Donors of three ancestries, with which features vary more than with anything else."""
    table, own = crowd(0, count, seed=seed), np.arange(count) % 3
    table.features[:, 3:6] = np.eye(3)[own] * 1.5
    weights = np.zeros((WIDTH + 1, 3), np.float32)
    weights[3:6] = np.eye(3) / 1.5
    return replace(table, attributes=replace(table.attributes, ancestry_weights=weights)), own


@pytest.mark.parametrize("ignored", [(), ("skin",)])
def test_donors_are_of_the_persons_ancestry(ignored):
    """By likeness alone they would be of any but hers; where skin was wished hers is no matter."""
    table, own = gathering()
    table = replace(table, ignored=frozenset(ignored))
    for row in range(3):
        person = replace(somebody(beard=-2), features=table.features[row])
        share = (own[lenders(table, person)] == own[row]).mean()
        assert share > 0.9 if not ignored else share < 0.9


def test_of_an_ancestry_donors_are_still_the_least_alike():
    table, own = gathering(360)
    person = replace(somebody(beard=-2), features=table.features[0])
    drawn = lenders(table, person)
    alike = similarity(table.features[:1], table.features, table.attributes.mean)[0]
    assert alike[drawn].mean() < alike[own == own[0]].mean() - 0.03


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


def test_donors_are_unlike_each_other(opposite, donors, person):
    """So that their mix is somebody else: less alike than any four of the same pool."""
    table, mean = donors.rows, donors.rows.attributes.mean
    place = {int(row): i for i, row in enumerate(table.rows)}

    def closeness(rows):
        features = table.features[[place[int(row)] for row in rows]]
        alike = similarity(features, features, mean)
        return float(alike[np.triu_indices(len(rows), 1)].mean())

    drawn = [opposite.match(person, 4, np.random.default_rng(n)).identities[0] for n in range(25)]
    pool, rng = np.unique(drawn), np.random.default_rng(0)
    random = [closeness(rng.choice(pool, 4, replace=False)) for _ in range(60)]
    assert np.mean([closeness(rows) for rows in drawn]) < np.mean(random) - 0.02


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
    assert far < near.similarity.mean() - 0.2


@pytest.mark.parametrize("way", [Opposite, Nearest])
def test_a_db_of_another_extractor_is_refused_with_both_names(donors, way):
    with pytest.raises(WeightsError, match=r"'dlib_resnet'.*'vggface'"):
        way(donors.rows, "vggface")


WIDTH = 12
YEARS = float(np.log(40 + AGE_OFFSET))


def crowd(bearded, shaved, women=0, style=True, seed=0):
    """Hand-made donors of one age and skin: men with and without beards, and women."""
    rng = np.random.default_rng(seed)
    count = bearded + shaved + women
    features = rng.normal(size=(count, WIDTH)).astype(np.float32)
    men = np.arange(count) < bearded + shaved
    # What tells the sex is one direction of the features, so that a person's can be set too.
    features[:, 0] = np.where(men, 0.6, -0.6)
    features[:, 1:] *= 0.8 / np.linalg.norm(features[:, 1:], axis=1, keepdims=True)
    worn = np.zeros((count, 3), np.float32)
    worn[:, 0] = np.where(np.arange(count) < bearded, 2.0, -2.0)
    if not style:
        worn[:] = np.nan
    sex = np.zeros(WIDTH + 1, np.float32)
    sex[0] = 20
    age = np.append(np.zeros(WIDTH), YEARS).astype(np.float32)
    return DonorRows(
        rows=np.arange(count) + 1000,
        features=features,
        skin=np.full((count, 3), [65, 15, 15], np.float32),
        likeness=np.column_stack([men, np.full(count, YEARS)]).astype(np.float32),
        attributes=Attributes(
            np.zeros(WIDTH, np.float32), sex, age, np.zeros(WIDTH + 1), np.zeros((WIDTH + 1, 0))
        ),
        extractor="any",
        style=worn,
    )


def somebody(beard=None, male=True, lips=0.0):
    features = np.zeros(WIDTH, np.float32)
    features[:2] = (0.6 if male else -0.6), 0.8
    nan = unknown_person()
    style = nan.style if beard is None else np.float32([beard, lips, 0])
    return Person(features, np.float32([65, 15, 15]), nan.shape, style=style)


def lenders(table, who, k=4):
    """(n,) places in the table of the donors that 20 keys draw."""
    matcher = Opposite(table, "any")
    drawn = [matcher.match(who, k, np.random.default_rng(n)).identities[0] for n in range(20)]
    return np.unique(drawn) - 1000


def test_a_bearded_man_gets_bearded_donors_only_and_a_shaved_one_none():
    table = crowd(40, 60, 30)
    assert (lenders(table, somebody(beard=3)) < 40).all()
    shaved = lenders(table, somebody(beard=-2))
    assert ((shaved >= 40) & (shaved < 100)).all()


def test_a_woman_gets_no_beard():
    women = lenders(crowd(40, 60, 30), somebody(beard=-2, male=False))
    assert (women >= 100).all()


def test_of_too_few_beards_a_bearded_man_gets_more_than_theirs():
    """Else everybody with a beard would look alike."""
    few = choice._FEWEST_BEARDS - 1
    drawn = lenders(crowd(few, 60), somebody(beard=3))
    assert (drawn >= few).any()


def test_where_a_persons_beard_is_unknown_it_counts_nothing():
    table = crowd(25, 60)
    drawn = lenders(table, somebody())
    assert (drawn < 25).any()
    assert (drawn >= 25).any()


@pytest.mark.parametrize("beard", [-2.0, 2.0, None])
def test_where_the_donors_style_is_unknown_a_persons_counts_nothing(beard):
    """Donor DBs made before beards were read draw as they drew."""
    table = crowd(40, 60, style=False)
    assert np.array_equal(lenders(table, somebody(beard)), lenders(table, somebody()))


def test_where_the_sex_is_to_be_ignored_beards_are_too():
    from dataclasses import replace

    table = replace(crowd(40, 60), ignored=frozenset({"sex"}))
    assert np.array_equal(lenders(table, somebody(2)), lenders(table, somebody(-2)))


def test_painted_lips_get_donors_with_redder_lips():
    table = crowd(0, 0, 150)
    table.style[:, 1] = np.linspace(0, 40, 150)
    pale, red = (
        table.style[lenders(table, somebody(-2, False, lips)), 1].mean() for lips in (0, 40)
    )
    assert pale + 10 < red


@pytest.mark.parametrize("k", [1, 2, 6, 12])
def test_no_donor_is_drawn_twice(k):
    table = crowd(0, 40)
    for seed in range(5):
        matches = Opposite(table, "any").match(somebody(), k, np.random.default_rng(seed))
        assert len(np.unique(matches.identities)) == matches.identities.shape[1] == k


def test_the_second_donor_is_one_of_those_least_like_the_first():
    table = crowd(0, 40)
    matcher = Opposite(table, "any")
    pool = np.arange(40)
    for seed in range(10):
        first, second = matcher._apart(pool, 2, np.random.default_rng(seed), 1)[0]
        alike = similarity(table.features[[first]], table.features, table.attributes.mean)[0]
        assert second in np.argsort(alike)[: choice._CHOICE]


@pytest.mark.parametrize(("dark", "ignored"), [(-9, ()), (9, ()), (0, ()), (-9, ("skin",))])
def test_a_light_skinned_person_in_the_shade_gets_no_donors_of_dark_skin(dark, ignored):
    """Who has dark skin, or is not known not to, may get any that match as measured."""
    table = crowd(0, 80)
    table.features[:, 2] = np.where(np.arange(80) < 40, 0.7, -0.7)
    table.skin[:40] = [15, 15, 15]
    weights = np.zeros(WIDTH + 1, np.float32)
    weights[2] = 20
    read = replace(table.attributes, dark_weights=weights)
    table = replace(table, attributes=read, ignored=frozenset(ignored))
    person = somebody(beard=-2)
    person.features[2] = dark / 10
    shaded = replace(person, skin=np.float32([15, 15, 15]))
    share = (lenders(table, shaded) < 40).mean()
    assert (share == 0) if (dark < 0 and not ignored) else (share > 0.4)


@pytest.mark.parametrize(("score", "bearded"), [(1, False), (2.5, False), (2.9, True)])
def test_a_beard_must_be_sure(score, bearded):
    """A shadow under the nose or a smile is no beard, and no reason for bearded donors."""
    drawn = lenders(crowd(40, 60), somebody(beard=score))
    assert (drawn < 40).all() == bearded
    assert (drawn >= 40).all() != bearded


def test_by_other_keys_the_least_alike_of_many_groups_is_another():
    """Of a kind so rare that a key's many draws are all the groups there are."""
    table, who = crowd(0, 40), somebody(beard=-2)
    table = replace(table, brought=table.features)
    alike = similarity(table.features, who.features[None], table.attributes.mean)[:, 0]
    matcher, best = Opposite(table, "any"), []
    for key in range(12):
        rng = np.random.default_rng(key)
        groups = [matcher.match(who, 4, rng).identities[0] - 1000 for _ in range(192)]
        best.append(frozenset(min(groups, key=lambda group: alike[group].sum()).tolist()))
    assert len(set(best)) >= 11
    assert np.mean([len(a & b) for n, a in enumerate(best) for b in best[:n]]) < 2


def test_with_one_key_a_person_is_drawn_for_from_a_share_of_the_donors():
    """Else the best of many draws would be the same whatever the key."""
    matcher, who = Opposite(crowd(0, 40), "any"), somebody(beard=-2)
    rngs = np.random.default_rng(0), np.random.default_rng(1)
    shares = [
        {row for _ in range(100) for row in matcher.match(who, 4, rng).identities[0].tolist()}
        for rng in rngs
    ]
    assert all(8 <= len(share) <= 12 for share in shares)
    assert len(shares[0] & shares[1]) <= 8


@pytest.mark.parametrize("few", [8, 20, 30])
def test_of_a_rare_kind_donors_of_another_are_lent_only_where_there_are_hardly_any(few):
    women = lenders(crowd(0, 60, few), somebody(beard=-2, male=False)) >= 60
    assert women.all() == (few >= choice._FEWEST)


@pytest.mark.parametrize(("score", "lent"), [(0.0, True), (1.0, False)])
def test_a_man_without_a_beard_may_get_donors_with_stubble(score, lent):
    table = crowd(30, 30)
    table.style[:30, 0] = score
    assert (lenders(table, somebody(beard=1)) < 30).any() == lent


def test_whom_others_are_given_changes_nothing(donors, person):
    """A pool is kept for a person who is drawn for again and again, and for nobody else."""
    stranger = replace(person, features=person.features[::-1].copy())
    fresh = lambda: Opposite(donors.rows, donors.rows.extractor)  # noqa: E731
    asked = [(person, 4), (stranger, 4), (person, 4), (person, 3), (person, 16), (stranger, 16)]
    one, rngs = fresh(), [np.random.default_rng(i) for i in range(len(asked))]
    drawn = [one.match(who, k, rng).identities for (who, k), rng in zip(asked, rngs, strict=True)]
    for row, (who, k) in enumerate(asked):
        alone = fresh().match(who, k, np.random.default_rng(row)).identities
        assert np.array_equal(drawn[row], alone)


def group(table, key):
    """(4,) places in the table of the donors that one key draws."""
    found = Opposite(table, "any").match(somebody(), 4, np.random.default_rng(key))
    return found.identities[0] - 1000


def test_of_several_groups_the_one_whose_mix_is_least_like_its_donors_is_taken():
    """Every other donor adds much of itself to a mix."""
    table = crowd(bearded=0, shaved=40)
    loud = np.arange(len(table.rows)) % 2 == 0
    known = replace(table, brought=table.features * np.where(loud, 4, 0.1)[:, None])
    judge, alike = Opposite(known, "any"), []
    for rows in (table, known):
        drawn = [group(rows, key) for key in range(20)]
        alike.append(judge._resembled(np.stack(drawn)).mean())
    assert alike[1] < alike[0] - 0.1


def test_the_db_tells_what_donors_add_to_a_mix(donors):
    """The mixes that are drawn promise to be less like any of their donors than groups at large."""
    table = donors.rows
    matcher = Opposite(table, table.extractor)
    pool = np.arange(len(table.rows))
    draws = np.random.default_rng(0), np.random.default_rng(0)
    chosen = np.stack([matcher._group(pool, 4, draws[0]) for _ in range(20)])
    any_ = matcher._apart(pool, 4, draws[1], 20)
    assert matcher._resembled(chosen).mean() < matcher._resembled(any_).mean() - 0.05
