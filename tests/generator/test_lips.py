import numpy as np
import pytest

from generator.canonical import LIPS_ABOVE, LIPS_BELOW, opened_alike
from generator.lips import with_lips
from pipeline.expressions import wearing

OUTER = ([185, 40, 39, 37, 0, 267, 269, 270, 409], [146, 91, 181, 84, 17, 314, 405, 321, 375])
INNER = (LIPS_ABOVE, LIPS_BELOW)
BETWEEN = (
    ([184, 74, 73, 72, 11, 302, 303, 304, 408], [183, 42, 41, 38, 12, 268, 271, 272, 407]),
    ([77, 90, 180, 85, 16, 315, 404, 320, 307], [96, 89, 179, 86, 15, 316, 403, 319, 325]),
)
BESIDE = [61, 76, 62, 78, 291, 306, 292, 308, 186, 92, 165, 167, 164, 393, 391, 322, 410]
BESIDE += [43, 106, 182, 83, 18, 313, 406, 335, 273]


@pytest.fixture
def rest(donors):
    return wearing("neutral", donors.canonical)


@pytest.fixture
def smile(donors):
    return wearing("smile", donors.canonical)


def fuller(shape, by):
    """Lips `by` times as high, their inner edges where they were."""
    result = shape.copy()
    for outer, between, inner in zip(OUTER, BETWEEN, INNER, strict=True):
        for ring in (outer, *between):
            result[ring, 1] = shape[inner, 1] + by * (shape[ring, 1] - shape[inner, 1])
    return result


def heights(shape):
    """(2, 9) of both lips."""
    return np.stack(
        [
            sign * (shape[a, 1] - shape[b, 1])
            for a, b, sign in zip(OUTER, INNER, (-1, 1), strict=True)
        ]
    )


def gaps(shape):
    return shape[LIPS_BELOW] - shape[LIPS_ABOVE]


def test_a_persons_own_lips_stay(rest, smile):
    """But for how unevenly they meet, and for rows that the mesh has folded over."""
    worn = with_lips(smile, smile, rest, rest)
    between = np.ravel(BETWEEN)
    others = np.setdiff1d(np.arange(468), between)
    assert worn[others] == pytest.approx(smile[others], abs=0.004)
    assert worn[between] == pytest.approx(smile[between], abs=0.008)


def test_full_lips_stay_full(rest, smile):
    worn = with_lips(smile, smile, rest, fuller(rest, 1.4))
    assert heights(worn) == pytest.approx(1.4 * heights(smile), rel=0.01)


def test_a_smile_thins_lips_by_a_share(rest):
    """What is taken off the person's full lips would be more than the surrogate's have."""
    full, thin = fuller(rest, 1.8), fuller(rest, 0.9)
    smiling = fuller(rest, 1.0)
    added = smiling + thin - full
    assert heights(added).min() < heights(thin).min() * 0.3
    worn = with_lips(added, smiling, full, thin)
    assert heights(worn) == pytest.approx(heights(thin) / 1.8, rel=0.02)


def test_lips_stay_as_far_apart_as_they_were(rest, smile):
    shape = opened_alike(fuller(rest, 0.7), smile)
    worn = with_lips(shape, smile, rest, fuller(rest, 0.7))
    assert gaps(worn) == pytest.approx(gaps(shape), abs=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_lips_of_noisy_mixes_do_not_fold(rest, smile, seed):
    rng = np.random.default_rng(seed)
    lips = [*LIPS_ABOVE, *LIPS_BELOW, *OUTER[0], *OUTER[1], *np.ravel(BETWEEN)]
    mix = rest.copy()
    mix[lips] += rng.normal(0, 0.006, (len(lips), 3)).astype(np.float32)
    shape = opened_alike(smile + mix - rest, smile)
    assert heights(shape).min() < 0.002
    worn = with_lips(shape, smile, rest, mix)
    for outer, (far, near), inner, sign in zip(OUTER, BETWEEN, INNER, (1, -1), strict=True):
        rows = sign * worn[[outer, far, near, inner], 1]
        assert (np.diff(rows, axis=0) >= -1e-6).all()
        assert (rows[-1] - rows[0]).min() > 0.001
    line = worn[[*LIPS_ABOVE], 1] - smile[LIPS_ABOVE, 1]
    assert np.abs(np.diff(line, 2)).max() < 0.006


def test_nothing_moves_but_lips_and_the_skin_beside_them(rest, smile):
    shape = smile.copy()
    worn = with_lips(shape, smile, rest, fuller(rest, 1.3))
    moved = np.flatnonzero((worn != smile).any(axis=1))
    lips = [*LIPS_ABOVE, *LIPS_BELOW, *OUTER[0], *OUTER[1], *np.ravel(BETWEEN)]
    assert set(moved.tolist()) <= {*lips, *BESIDE}
    assert np.array_equal(shape, smile)


def test_how_a_persons_own_lips_meet_is_not_carried_over(rest):
    """Their line shows in nothing but what the expression adds."""
    wavy = rest.copy()
    wave = np.float32(0.006) * np.cos(np.arange(9) * np.pi).astype(np.float32)
    for points in (LIPS_ABOVE, LIPS_BELOW):
        wavy[points, 1] += wave
    worn = with_lips(rest, wavy, wavy, rest)
    line = worn[LIPS_ABOVE, 1] + worn[LIPS_BELOW, 1] - rest[LIPS_ABOVE, 1] - rest[LIPS_BELOW, 1]
    assert np.abs(line).max() / 2 < 0.003
