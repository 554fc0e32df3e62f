from dataclasses import replace

import numpy as np
import pytest

from replacer.drawn_faults import disturbed, worn_down
from replacer.drawn_glasses import masks, sample, style
from replacer.glasses_band import HEIGHT, SIDE
from replacer.glasses_style import outline


@pytest.fixture(scope="module")
def bands():
    """Plain skin, as far as drawing is concerned."""
    return np.full((2, HEIGHT, SIDE, 3), (190, 150, 130), np.uint8)


def looks(count=60):
    return [style(np.random.default_rng(seed)) for seed in range(count)]


def test_the_same_seed_draws_the_same_picture(bands):
    a, b, c = (sample(bands, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert (a[0] == b[0]).all()
    assert (a[1] == b[1]).all()
    assert (a[0] != c[0]).any()


def test_some_faces_stay_without_glasses_and_some_lenses_are_opaque(bands):
    rng = np.random.default_rng(0)
    frames, lenses = np.array([sample(bands, rng)[1].sum(axis=(0, 1)) for _ in range(80)]).T
    assert 0.2 < (frames == 0).mean() < 0.5
    assert 0.03 < (lenses > 0).mean() < 0.4
    assert not ((frames == 0) & (lenses > 0)).any()


def test_frames_and_lenses_never_claim_a_pixel_twice(bands):
    rng = np.random.default_rng(1)
    for _ in range(40):
        picture, wanted = sample(bands, rng)
        assert picture.shape == (HEIGHT, SIDE, 3)
        assert wanted.min() >= 0
        assert wanted.sum(axis=2).max() <= 1 + 1e-5


@pytest.mark.parametrize("seed", range(6))
def test_both_halves_of_the_face_get_a_lens_a_rim_and_a_temple(seed):
    look = replace(looks()[seed], lower_rim=1.0)
    drawn = masks(look, np.random.default_rng(seed))
    for layer in (drawn.frame, drawn.lens):
        halves = layer[:, : SIDE // 2].sum(), layer[:, SIDE // 2 :].sum()
        assert min(halves) > 0.3 * max(halves) > 0
    assert drawn.frame[:, 8].max() > 0
    assert drawn.frame[:, -8].max() > 0
    assert (drawn.wide >= drawn.frame - 0.02).all()


def test_the_two_lenses_are_mirror_twins():
    for look in looks(10):
        left, right = (outline(look, s, np.float32([x, 0.4])) for s, x in ((0, 0.3), (1, 0.7)))
        assert np.allclose(left * (-1, 1) + (1, 0), right, atol=1e-5)


def test_half_rims_have_nothing_below():
    look = replace(looks()[0], lower_rim=0.0, height=0.1, drop=0.0, lift=0.0)
    whole = masks(replace(look, lower_rim=1.0), np.random.default_rng(0)).frame
    half = masks(look, np.random.default_rng(0)).frame
    assert half[HEIGHT // 2 + 8 :].sum() < 0.2 * whole[HEIGHT // 2 + 8 :].sum()


def test_faults_change_a_picture_and_keep_its_shape(bands):
    rng = np.random.default_rng(2)
    pictures = [worn_down(disturbed(bands[0].astype(np.float32), rng), rng) for _ in range(12)]
    assert {p.shape for p in pictures} == {(HEIGHT, SIDE, 3)}
    assert len({p.tobytes() for p in pictures}) == 12
