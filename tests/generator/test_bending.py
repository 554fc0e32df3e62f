import numpy as np
import pytest

from generator.bending import learn
from generator.canonical import codes, frontal, with_lids
from pipeline.expressions import bent
from pipeline.geometry import align

CALM = np.array([0.004, 0.45, 0.022, 0.022, 0.034, 0.1, 0.1], np.float32)
WIDE_OPEN = np.array([0.22, 0.45, 0.05, 0.05, 0.034, 0.1, 0.1], np.float32)
CHIN, NOSE_TIP, UPPER_LIP, LOWER_LIP, JAW, EYES = 152, 4, 13, 14, (172, 397), (33, 133, 263, 362)
PEOPLE = 60


@pytest.fixture
def shape(donors):
    return donors.canonical.shape


def moved(donors, code):
    """(468, 3) how far each point goes from a calm face's, the upper faces laid upon each other."""
    calm, there = bent(CALM, donors.canonical), bent(code, donors.canonical)
    upper = calm[:, 1] < calm[[145, 374], 1].max()
    turn, shift = align(there[upper], calm[upper])
    return there @ turn + shift - calm


def test_a_mouth_opens_by_its_jaw(donors):
    down = moved(donors, WIDE_OPEN)[:, 1]
    assert down[LOWER_LIP] > 0.05
    assert 0.02 < down[CHIN] < down[LOWER_LIP] * 1.2
    assert down[list(JAW)].min() > 0.005
    assert abs(down[UPPER_LIP]) < down[LOWER_LIP] / 3


def test_above_the_mouth_a_face_stays_while_it_opens(donors):
    away = np.linalg.norm(moved(donors, WIDE_OPEN), axis=1)
    assert away[[*EYES, NOSE_TIP]].max() < 0.01
    assert away[donors.canonical.shape[:, 1] < 0.3].max() < 0.01


@pytest.mark.parametrize("which", range(1, 5))
def test_lips_move_alone(donors, which):
    code = CALM.copy()
    code[which] *= 1.25
    away = np.linalg.norm(moved(donors, code)[:, :2], axis=1)
    assert away[[CHIN, NOSE_TIP, *EYES, *JAW]].max() < max(0.15 * away.max(), 0.002)


def test_each_code_is_changed_alone(donors, shape):
    bend = donors.canonical.bend
    change = np.stack([codes(shape + np.float32(0.01) * way) - codes(shape) for way in bend]) / 0.01
    assert np.abs(change - np.eye(len(bend))).max() < 0.2


def test_a_bent_face_is_frontal_as_it_is(donors, shape):
    for way in donors.canonical.bend * np.float32(0.03):
        assert frontal((shape + way)[None], shape)[0] == pytest.approx(shape + way, abs=1e-3)


def crowd(donors, rng):
    """(n, 468, 3) people some of whose faces are long, with wide mouths that nobody opens wider
    for it; all of them speak and blink.
    """
    shape, bend = donors.canonical.shape, donors.canonical.bend
    long = np.clip((shape[:, 1] - 0.35) / 0.6, 0, None)[:, None] * [0, 1, 0]
    people = []
    for _ in range(PEOPLE):
        born, spread = rng.normal(0, 1, 2)
        said = rng.uniform(0, 0.2) * bend[0] + 0.01 * spread * bend[1]
        face = shape + said + born * (0.04 * long + 0.05 * bend[1])
        people.append(with_lids(face.astype(np.float32), rng.uniform(0.02, 0.12, 2)))
    return frontal(np.stack(people), shape)


def test_a_long_face_is_not_taken_for_a_wide_mouth(donors, shape):
    learnt = learn(crowd(donors, np.random.default_rng(0)), shape)
    own = shape[:, 1].max() - shape[:, 1].min()
    wider = shape + np.float32(0.1) * learnt[1]
    assert codes(wider)[1] - codes(shape)[1] > 0.08
    assert np.ptp(wider[:, 1]) == pytest.approx(own, rel=0.01)


def test_the_jaw_is_learnt_from_people_who_open_their_mouths(donors, shape):
    learnt = learn(crowd(donors, np.random.default_rng(1)), shape)[0]
    true = donors.canonical.bend[0]
    assert np.corrcoef(learnt[:, 1], true[:, 1])[0, 1] > 0.97
    assert learnt[CHIN, 1] == pytest.approx(true[CHIN, 1], rel=0.3)


def test_what_never_changes_moves_nothing(shape):
    assert not learn(np.stack([shape] * 5), shape).any()
