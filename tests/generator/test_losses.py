"""What training asks for, on tiny pictures."""

import os

import numpy as np
import pytest

from generator import quality

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
SIDE = 64


@pytest.fixture(scope="module")
def losses():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    from generator import losses

    return losses


@pytest.fixture
def noise():
    """(2, s, s, 3) grey noise in -1..1."""
    light = np.random.default_rng(0).uniform(-1, 1, (2, SIDE, SIDE, 1))
    return np.repeat(light, 3, axis=3).astype(np.float32)


def test_a_copy_costs_nothing_and_an_error_as_much_as_it_weighs(losses, noise):
    weight, error = np.ones((2, SIDE, SIDE, 1), np.float32), noise + np.float32(0.1)
    assert float(losses.copied(noise, noise, weight)) == 0
    assert float(losses.copied(error, noise, weight)) == pytest.approx(0.1, rel=1e-3)
    assert float(losses.copied(error, noise, 0 * weight)) == 0


def test_a_wrong_edge_costs_more_than_a_wrong_level(losses, noise):
    weight, x = np.ones((2, SIDE, SIDE, 1), np.float32), np.arange(SIDE) % 2
    striped = noise + np.float32(0.2 * x - 0.1)[None, None, :, None]
    level = float(losses.copied(noise + np.float32(0.1), noise, weight))
    assert float(losses.copied(striped, noise, weight)) > 1.5 * level


def test_coarse_colours_are_means_of_squares_that_overlap(losses, noise):
    rough = np.asarray(losses.coarse(noise))
    assert rough[0, 0, 0] == pytest.approx(noise[0, :16, :16].mean(axis=(0, 1)), abs=1e-5)
    assert rough[0, 0, 1] == pytest.approx(noise[0, :16, 8:24].mean(axis=(0, 1)), abs=1e-5)


def test_each_square_of_the_details_is_weighed_by_how_much_of_it_lies_inside(losses, noise):
    inside = np.zeros((2, SIDE, SIDE, 1), np.float32)
    inside[:, :, : SIDE // 2] = 1
    shares = losses.places(inside)
    assert [p.shape for p in shares] == [band.shape for band in losses.bands(noise)]
    for share in map(np.asarray, shares):
        assert share[:, :, 0] == pytest.approx(1)
        assert share[:, :, -1] == pytest.approx(0)


def test_details_are_as_strong_as_they_are_sharp(losses, noise):
    """A flat picture has none, fainter noise fainter ones, in each octave."""
    flat, faint, full = (losses.bands(noise * np.float32(f)) for f in (0, 0.5, 1))
    assert len(full) == losses.BANDS
    for none, some, all_ in zip(flat, faint, full, strict=True):
        assert np.abs(np.asarray(none)).max() < 1e-6
        assert np.asarray(some) == pytest.approx(0.5 * np.asarray(all_), rel=1e-3, abs=1e-6)


def test_equal_details_cost_nothing_and_fainter_ones_as_much_as_stronger_ones(losses, noise):
    full = losses.bands(noise)
    weights = [np.ones(band.shape, np.float32) for band in full]
    half, twice = (losses.bands(noise * np.float32(f)) for f in (0.5, 2))
    assert float(losses.strength(full, full, weights)) == 0
    faint, strong = (float(losses.strength(b, full, weights)) for b in (half, twice))
    assert faint == pytest.approx(strong, rel=0.25)
    assert faint > 0.3


def test_octaves_are_those_that_the_report_measures(losses, noise):
    """Up to the unit: textures are 0..255 there and -1..1 here."""
    levels = np.rint((noise + 1) * 127.5).astype(np.uint8)
    measured = quality.spectrum(levels) / 127.5**2
    assert np.asarray(losses.octaves(noise)) == pytest.approx(measured, rel=0.02)


def test_the_level_of_octaves_costs_nothing_where_it_is_met_or_not_weighed(losses, noise):
    own, none = losses.octaves(noise), np.zeros(2, np.float32)
    both = np.ones(2, np.float32)
    assert float(losses.level(own, own, both)) == 0
    assert float(losses.level(4 * own, own, both)) == pytest.approx(np.log(4), rel=1e-2)
    assert float(losses.level(4 * own, own, none)) == 0
