import numpy as np
import pytest

from matcher.attributes import Attributes
from matcher.donors import Opposite
from matcher.wishes import Kind, Wish, allowed, narrowed, typology_angle, years
from pipeline.contract import Person
from pipeline.errors import SettingsError
from tests.conftest import unknown_person


@pytest.mark.parametrize(
    ("lab", "degrees"),
    [((100, 0, 0.0), 90), ((50, 10, 20), 0), ((70, 0, 20), 45), ((30, 0, 20), -45)],
)
def test_the_typology_angle_of_a_colour(lab, degrees):
    assert typology_angle(np.float32([lab]))[0] == pytest.approx(degrees, abs=0.1)


def test_who_asks_for_nothing_is_allowed_everybody(donors):
    assert not Wish()
    assert allowed(donors.rows, Wish()).all()
    assert narrowed(donors.rows, Wish(), 4) is donors.rows


@pytest.mark.parametrize(
    "wish",
    [
        Wish(age=(20, 40)),
        Wish(male=True),
        Wish(male=False),
        Wish(skin=(10, 41)),
        Wish(age=(15, 50), male=False, skin=(20, 60)),
    ],
)
def test_every_donor_that_is_left_fits_the_wish_and_all_who_fit_are_left(donors, wish):
    left = narrowed(donors.rows, wish, 4)
    ages, angles = years(left.likeness), typology_angle(left.skin)
    if wish.age:
        assert ((ages >= wish.age[0]) & (ages <= wish.age[1])).all()
    if wish.male is not None:
        assert ((left.likeness[:, 0] > 0.5) == wish.male).all()
    if wish.skin:
        assert ((angles >= wish.skin[0]) & (angles <= wish.skin[1])).all()
    assert len(left.rows) == allowed(donors.rows, wish).sum() < len(donors.rows.rows)
    place = {int(row): i for i, row in enumerate(donors.rows.rows)}
    same = [place[int(row)] for row in left.rows]
    assert np.array_equal(left.features, donors.rows.features[same])


def test_too_few_donors_are_counted(donors):
    fitting = int(allowed(donors.rows, Wish(age=(70, 120))).sum())
    with pytest.raises(SettingsError, match=f"^{fitting} of {len(donors.rows.rows)} donors fit"):
        narrowed(donors.rows, Wish(age=(70, 120)), fitting + 1)


def test_a_wish_overrules_what_the_person_looks_like(donors):
    """A woman of 30 asked to become a man gets men only; without the wish she never does."""
    female = int(np.argmin(donors.rows.likeness[:, 0]))
    person = Person(donors.rows.features[female], donors.rows.skin[female], unknown_person().shape)
    male = dict(zip(donors.rows.rows.tolist(), donors.rows.likeness[:, 0] > 0.5, strict=True))

    def drawn(rows):
        matcher = Opposite(rows, donors.rows.extractor)
        picks = [matcher.match(person, 4, np.random.default_rng(n)).identities for n in range(9)]
        return [male[row] for row in np.ravel(picks).tolist()]

    assert not any(drawn(donors.rows))
    assert all(drawn(narrowed(donors.rows, Wish(male=True), 4)))


def test_an_overruled_age_spreads_over_the_whole_range(donors):
    """Not only over those nearest to the person's own age."""
    youngest = int(np.argmin(donors.rows.likeness[:, 1]))
    person = Person(
        donors.rows.features[youngest], donors.rows.skin[youngest], unknown_person().shape
    )
    rows = narrowed(donors.rows, Wish(age=(20, 80)), 4)
    ages = dict(zip(rows.rows.tolist(), years(rows.likeness).tolist(), strict=True))
    matcher = Opposite(rows, rows.extractor)
    picks = [matcher.match(person, 4, np.random.default_rng(n)).identities for n in range(30)]
    drawn = [ages[row] for row in np.ravel(picks).tolist()]
    assert min(drawn) >= 20
    assert max(drawn) > np.percentile(list(ages.values()), 60)


@pytest.fixture
def kinds():
    """Features that tell the sex, the log age and two ancestries, one each."""
    weights = np.zeros((3, 5), np.float32)
    weights[0, 0], weights[1, 1] = 10, 1
    read = Attributes(np.zeros(4, np.float32), *weights, np.eye(5, dtype=np.float32)[:, 2:4])
    return lambda **wish: Kind(read, Wish(**wish))


def reading(male, years_old, *ancestry):
    return np.float32([[5 if male else -5, np.log(years_old + 4), *(ancestry or (0, 0))]])


@pytest.mark.parametrize(("skin", "far"), [(None, True), ((0, 40), False)])
def test_who_looks_of_another_ancestry_is_of_another_kind(kinds, skin, far):
    """Unless another skin was wished: the two go together."""
    asked, same, other = reading(True, 30, 1, 0), reading(True, 30, 0.8, 0.2), reading(1, 30, 0, 1)
    kind = kinds(skin=skin)
    assert kind.apart(same, asked) <= 1
    assert (kind.apart(other, asked) > 1) == far
    told = kind.foreign(np.concatenate([same, other]), asked)
    assert told == pytest.approx(np.float32([[0.08**0.5], [2**0.5]]) * far)


@pytest.mark.parametrize(
    ("wish", "face", "fits"),
    [
        ({}, (True, 30), True),
        ({}, (True, 38), True),  # a little older
        ({}, (True, 60), False),
        ({}, (False, 30), False),
        ({"male": False}, (False, 30), True),
        ({"male": False}, (True, 30), False),
        ({"age": (50, 70)}, (True, 60), True),
        ({"age": (50, 70)}, (True, 30), False),
        ({"age": (50, 70)}, (False, 60), False),
    ],
)
def test_a_surrogate_is_of_the_persons_kind_or_of_that_which_was_wished(kinds, wish, face, fits):
    assert (kinds(**wish).apart(reading(*face), reading(True, 30)) <= 1) == fits


@pytest.mark.parametrize(
    ("male", "person", "share"), [(None, True, 1 / 3), (None, False, 2 / 3), (False, True, 2 / 3)]
)
def test_how_many_look_of_another_sex_than_they_should(kinds, male, person, share):
    faces = np.concatenate([reading(sex, 30) for sex in (True, True, False)])
    people = np.repeat(reading(person, 30), 3, axis=0)
    assert kinds(male=male).of_other_sex(faces, people) == pytest.approx(share)


def test_who_hardly_looks_of_another_sex_does_not_count(kinds):
    faces, people = reading(True, 30), reading(True, 30)
    faces[0, 0], people[0, 0] = -0.02, 0.02  # 0.45 and 0.55
    assert kinds().of_other_sex(faces, people) == 0


@pytest.mark.parametrize(("male", "far"), [(None, 0), (True, 0), (False, 1)])
def test_how_far_faces_are_from_looking_of_the_sex_they_should(kinds, male, far):
    told = kinds(male=male).unsure_of_sex(reading(True, 30), reading(True, 50))
    assert told == pytest.approx(np.float32([[far]]), abs=1e-3)


def test_what_is_a_little_off_in_several_ways_is_of_another_kind(kinds):
    asked, face = reading(True, 30, 1, 0), reading(True, 38, 0.45, 0.55)
    assert kinds().apart(reading(True, 38, 1, 0), asked) <= 1
    assert kinds().apart(reading(True, 30, 0.45, 0.55), asked) <= 1
    assert kinds().apart(face, asked) > 1
