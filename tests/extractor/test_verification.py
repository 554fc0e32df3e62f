import numpy as np
import pytest

from extractor import verification


def test_pairs_are_told_apart_by_whom_they_show():
    features = np.float32([[1, 0, 0], [3, 0, 0], [0, 1, 0], [0, 0, 1]])
    same, strangers = verification.likeness(features, np.array([0, 0, 1, 2]))
    assert same == pytest.approx([1])
    assert len(strangers) == 5
    assert strangers.max() < 0.5


def test_a_threshold_is_reached_by_the_share_of_strangers_it_names():
    strangers = np.linspace(-1, 1, 1001, dtype=np.float32)
    limits = verification.thresholds(strangers, np.float32([0.5, 0.01, 0.001]))
    assert limits == pytest.approx([0, 0.98, 0.998], abs=1e-3)


def test_the_curve_rises_from_what_is_always_accepted_to_all():
    rng = np.random.default_rng(0)
    same, strangers = rng.normal(1, 1, 4000), rng.normal(0, 1, 4000)
    accepted = verification.true_accepts(same, strangers, verification.RATES)
    assert (np.diff(accepted) >= 0).all()
    assert accepted[-1] == pytest.approx(1, abs=1e-3)
    assert np.interp(0.159, verification.RATES, accepted) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("spread", "low", "high"), [(0.01, 0.99, 1.0), (50, 0.0, 0.5)])
def test_quality_is_high_where_people_lie_apart(spread, low, high):
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(8), 5)
    features = np.eye(8)[people] + rng.normal(0, spread, (40, 8))
    assert low <= verification.quality(features.astype(np.float32), people) <= high
