from types import SimpleNamespace

import numpy as np
import pytest

from pipeline import cast as module
from pipeline import trial
from pipeline.analysis import Faults
from pipeline.cast import Cast
from pipeline.contract import Matches
from pipeline.extractors import Thresholds
from pipeline.portraits import nobody
from pipeline.settings import Settings
from tests.pipeline.test_people import ANN, BEN, somebody

POOL = 20
TOLD = Settings(), b"salt", Faults()


class Dice:
    """Any k of a small pool of donors."""

    def match(self, person, k, rng):
        picked = rng.choice(POOL, (1, k), replace=False).astype(np.int64)
        return Matches(picked, np.zeros((1, k), np.float32))


DRAWING = SimpleNamespace(
    mean=np.zeros(16, np.float32),
    thresholds=Thresholds(unlike=0.1, same_person=0.72),
    matcher=Dice(),
)


def person(features=None):
    who = nobody()
    return who if features is None else type(who)(features, who.skin, who.shape)


def test_who_is_known_keeps_their_number_and_their_surrogate():
    cast = Cast()
    assert cast.enter([person(ANN), person(BEN)], DRAWING) == [0, 1]
    before = [cast.dress(number, (person(), None), DRAWING, TOLD).tolist() for number in (0, 1)]
    assert cast.enter([person(somebody(3, BEN, 0.9)), person()], DRAWING) == [1, 2]
    after = [cast.dress(number, (person(), None), DRAWING, TOLD).tolist() for number in (0, 1)]
    assert before == after
    assert cast.count == 3


def test_of_two_in_one_file_only_the_likest_is_taken_for_somebody_known():
    cast = Cast()
    cast.enter([person(ANN)], DRAWING)
    near, nearer = somebody(3, ANN, 0.8), somebody(4, ANN, 0.9)
    assert cast.enter([person(near), person(nearer)], DRAWING) == [1, 0]


@pytest.mark.parametrize("few", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("alike", "number"), [(0.8, 1), (0.9, 0)])
def test_who_is_seen_as_a_few_pixels_must_be_much_alike(few, alike, number):
    cast = Cast()
    small = [frozenset({0} if one else ()) for one in few]
    cast.enter([person(ANN)], DRAWING, small=small[0])
    again = [person(somebody(3, ANN, alike))]
    assert cast.enter(again, DRAWING, small=small[1]) == [number]


def test_somebody_once_seen_close_up_is_known_as_well_as_others():
    cast = Cast()
    cast.enter([person(ANN)], DRAWING, small=frozenset({0}))
    cast.meet(0, person(ANN))
    assert cast.enter([person(somebody(3, ANN, 0.8))], DRAWING) == [0]


def test_who_is_present_is_not_recognised_in_somebody_else():
    cast = Cast()
    cast.enter([person(ANN)], DRAWING)
    assert cast.enter([person(ANN)], DRAWING, frozenset({0})) == [1]


def test_where_faces_are_only_covered_everybody_is_somebody_new():
    cast = Cast()
    assert cast.enter([person(), person()], None) == [0, 1]
    assert cast.enter([person()], None) == [2]


def test_a_face_that_is_known_only_later_is_recognised_from_then_on():
    cast = Cast()
    cast.enter([person()], DRAWING)
    cast.meet(0, person(ANN))
    assert cast.enter([person(ANN)], DRAWING) == [0]


def test_the_longest_unseen_are_forgotten(monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    cast = Cast()
    carl = somebody(6, BEN, 0.0)
    for features in (ANN, BEN):
        cast.enter([person(features)], DRAWING)
    cast.meet(0, person(ANN))
    cast.enter([person(carl)], DRAWING)
    assert cast.enter([person(ANN)], DRAWING) == [0]
    assert cast.enter([person(BEN)], DRAWING) == [3]


def test_who_was_in_sight_until_they_were_forgotten_keeps_the_number(monkeypatch):
    """A presenter, while thousands pass in the street behind."""
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    cast = Cast()
    cast.enter([person(ANN)], DRAWING)
    cast.enter([person(), person()], DRAWING, frozenset({0}))
    assert cast.meet(0, person(ANN)) == 0
    assert cast.enter([person(ANN)], DRAWING) == [0]


def test_surrogates_hang_on_the_salt_and_the_number_alone():
    def drawn(salt):
        cast = Cast()
        told = Settings(), salt, Faults()
        numbers = cast.enter([person(ANN), person(BEN)], DRAWING)
        return [cast.dress(n, (person(), None), DRAWING, told).tolist() for n in numbers]

    assert drawn(b"a") == drawn(b"a") != drawn(b"b")


@pytest.mark.parametrize(("k", "most"), [(4, 2), (3, 1), (2, 0), (1, 0)])
def test_no_two_mixes_are_near_identical_while_the_pool_allows(k, most):
    taken = []
    rng = np.random.default_rng(0)
    for _ in range(8):
        taken.append(next(trial.draws(person(), k, rng, DRAWING, taken)))
    common = [len(set(a) & set(b)) for i, a in enumerate(taken) for b in taken[:i]]
    assert max(common) <= most


def test_where_the_pool_is_too_small_a_mix_is_as_different_as_can_be():
    everybody = SimpleNamespace(matcher=SimpleNamespace(match=lambda *_: Matches(
        np.int64([[1, 2, 3, 4]]), np.zeros((1, 4), np.float32)
    )))  # fmt: skip
    taken = [np.int64([1, 2, 3, 4])]
    donors = next(trial.draws(person(), 4, np.random.default_rng(0), everybody, taken))
    assert donors.tolist() == [1, 2, 3, 4]
