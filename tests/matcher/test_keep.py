import numpy as np
import pytest

from matcher.keep import (
    NOBODY,
    Decision,
    Limits,
    Looks,
    Tail,
    kept,
    limits,
    measured,
    nothing_kept,
    rivals,
    unlike,
)
from pipeline.errors import SettingsError
from tests.matcher.test_gallery import ANN, BEN, MEAN, somebody

ASKED = Limits(keep=0.8, hold=0.75, other=0.6)
LIST = np.stack([ANN, BEN])
TAIL = Tail(at=0.75, decade=0.05)


def looks(alike, stretches, like=ANN, quality=None, every=10):
    """One look every 10 frames, each as like Ann as `alike` says."""
    rows = [somebody(100 + n, like, value) for n, value in enumerate(alike)]
    features = np.stack(rows) if rows else np.zeros((0, 16), np.float32)
    quality = np.ones(len(alike), np.float32) if quality is None else np.float32(quality)
    frames = every * np.arange(len(alike), dtype=np.int64)
    return Looks(frames, quality, features, np.array(stretches, np.int64).reshape(-1, 2))


def spans(decision):
    return decision.kept.tolist()


def test_who_is_like_a_person_of_the_list_is_kept():
    decision = kept(looks([0.95, 0.9], [(0, 99)]), LIST, MEAN, ASKED)
    assert decision.person == 0
    assert spans(decision) == [[0, 99]]


@pytest.mark.parametrize(
    "unknown",
    [looks([], [(0, 99)]), looks([0.95], []), looks([0.95], [(50, 99)])],
    ids=["no look", "no sure moment", "no look in a sure moment"],
)
def test_who_is_unknown_is_replaced(unknown):
    assert spans(kept(unknown, LIST, MEAN, ASKED)) == []


def test_an_empty_list_keeps_nobody():
    nobody = np.zeros((0, 16), np.float32)
    assert spans(kept(looks([0.99], [(0, 99)]), nobody, MEAN, ASKED)) == []


def test_a_person_nobody_could_be_recognised_by_is_nobody():
    unknown = np.full((1, 16), np.nan, np.float32)
    assert spans(kept(looks([0.99], [(0, 99)]), unknown, MEAN, ASKED)) == []


@pytest.mark.parametrize(("alike", "stays"), [(0.81, True), (0.79, False), (0.3, False)])
def test_nearly_like_enough_is_not_enough(alike, stays):
    assert bool(spans(kept(looks([alike], [(0, 99)]), LIST, MEAN, ASKED))) == stays


@pytest.mark.parametrize(
    ("after", "result"),
    [(0.95, [[0, 99]]), (0.77, [[0, 99]]), (0.74, [[0, 25]]), (0.1, [[0, 25]])],
    ids=["surely the same", "held by hysteresis", "no longer", "a stranger"],
)
def test_after_an_overlap_the_decision_is_made_again(after, result):
    told = looks([0.95, 0.95, 0.95, after], [(0, 25), (28, 99)])
    assert spans(kept(told, LIST, MEAN, ASKED)) == result


def test_a_good_look_later_speaks_for_the_stretch_before():
    told = looks([0.77, 0.95], [(0, 5), (8, 99)])
    assert spans(kept(told, LIST, MEAN, ASKED)) == [[0, 99]]


def test_a_stretch_in_which_nobody_can_tell_is_replaced_and_ends_nothing():
    told = looks([0.95, 0.95], [(0, 5), (6, 8), (10, 99)])
    assert spans(kept(told, LIST, MEAN, ASKED)) == [[0, 5], [10, 99]]


def test_what_lies_behind_a_stretch_of_a_stranger_must_be_like_enough_by_itself():
    told = looks([0.95, 0.1, 0.77], [(0, 5), (8, 15), (18, 99)])
    assert spans(kept(told, LIST, MEAN, ASKED)) == [[0, 5]]


def test_a_stranger_who_takes_the_place_unseen_is_replaced_up_to_the_next_good_look():
    """No overlap was seen, but looks 3 and 4 show somebody else."""
    told = looks([0.95, 0.95, 0.95, 0.3, 0.3, 0.95], [(0, 99)], quality=[3, 3, 3, 1, 1, 1])
    assert spans(kept(told, LIST, MEAN, ASKED)) == [[0, 20], [50, 99]]


@pytest.mark.parametrize(
    ("alike", "result"),
    [
        ([0.3, 0.95, 0.95, 0.95], [[10, 99]]),
        ([0.95, 0.95, 0.95, 0.3], [[0, 20]]),
    ],
    ids=["at the beginning", "at the end"],
)
def test_a_stranger_at_an_end_is_replaced(alike, result):
    told = looks(alike, [(0, 99)], quality=[1 if a < 0.5 else 3 for a in alike])
    assert spans(kept(told, LIST, MEAN, ASKED)) == result


def test_a_look_that_is_merely_poor_revokes_nothing():
    told = looks([0.95, 0.95, 0.95, 0.65], [(0, 99)], quality=[3, 3, 3, 1])
    assert spans(kept(told, LIST, MEAN, ASKED)) == [[0, 99]]


@pytest.mark.parametrize(
    ("alike", "near"), [(0.82, True), (0.78, True), (0.95, False), (0.5, False)]
)
def test_decisions_near_the_threshold_are_told(alike, near):
    assert kept(looks([alike], [(0, 99)]), LIST, MEAN, ASKED).near == near


def test_of_two_who_are_taken_for_one_person_the_clearly_better_one_is_kept():
    sure, poor = (Decision(0, np.array([[0, 9]]), score) for score in (0.95, 0.82))
    assert rivals([sure, poor], [{1}, {0}], 0.05) == [1]


def test_twins_seen_together_are_both_replaced():
    one, other = (Decision(0, np.array([[0, 9]]), score) for score in (0.93, 0.91))
    assert rivals([one, other], [{1}, {0}], 0.05) == [0, 1]


def test_two_people_of_the_list_and_one_seen_twice_are_no_rivals():
    ann, ben = Decision(0, np.array([[0, 9]]), 0.9), Decision(1, np.array([[0, 9]]), 0.9)
    assert (
        rivals(
            [ann, ben, nothing_kept(), nothing_kept()],
            [{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}],
            0.05,
        )
        == []
    )
    assert rivals([ann, ann], [set(), set()], 0.05) == []


@pytest.mark.parametrize(
    ("alike", "result"),
    [([0.1, 0.2], [[0, 99]]), ([0.1, 0.55], []), ([], [])],
    ids=["surely nobody of them", "perhaps one of them", "unknown"],
)
def test_the_inverse_shows_only_who_is_surely_none_of_them(alike, result):
    decision = unlike(looks(alike, [(0, 99)]), ANN[None], MEAN)
    assert spans(decision) == result
    assert decision.person == NOBODY


def test_the_inverse_shows_nobody_where_one_of_them_is_unknown():
    people = np.stack([ANN, np.full(16, np.nan, np.float32)])
    assert spans(unlike(looks([0.1], [(0, 99)]), people, MEAN)) == []


def test_the_threshold_rises_with_the_list_so_that_strangers_stay_one_in_10_000():
    few, many = limits(TAIL, 1), limits(TAIL, 1000)
    assert few.keep == pytest.approx(0.75 + 0.05 * np.log10(3), abs=1e-6)
    assert many.keep - few.keep == pytest.approx(0.15, abs=1e-6)
    assert few.hold == pytest.approx(few.keep - 0.05)
    assert limits(TAIL, 10**9).keep < 1


@pytest.mark.parametrize("given", [0.0, 1.0, -0.5, 7.0, float("nan")])
def test_a_threshold_that_is_none_is_refused(given):
    with pytest.raises(SettingsError, match="--keep-threshold must lie between 0 and 1"):
        limits(TAIL, 1, given)


def test_a_given_threshold_counts_however_long_the_list_is():
    assert limits(TAIL, 500, 0.7).keep == 0.7


def test_the_tail_is_read_off_strangers_and_errs_on_the_safe_side():
    """A beta distribution as cosines of random directions follow it: its tail is bounded."""
    rng = np.random.default_rng(0)
    some, many = (np.float32(2 * rng.beta(8, 8, n) - 1) for n in (50_000, 3_000_000))
    tail = measured(some)
    for rate in (1e-4, 1e-5):
        true = float(np.quantile(many, 1 - rate))
        assert true <= tail.threshold(rate) <= true + 0.25
