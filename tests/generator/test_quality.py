import cv2
import numpy as np
import pytest

from generator import quality

SIDE = 96
MASK = np.ones((SIDE, SIDE), np.float32)


def grey(light):
    """(1, s, s, 3) of brightnesses (s, s)."""
    return np.repeat(np.asarray(light)[None, ..., None], 3, axis=3).astype(np.uint8)


def waves(cycles):
    """A sine of `cycles` a pixel."""
    x = np.arange(SIDE)[None] + np.zeros((SIDE, 1))
    return 128 + 100 * np.sin(2 * np.pi * cycles * x)


@pytest.mark.parametrize("slope", [0, 1, 2])
def test_the_gradient_of_a_ramp_is_its_slope(slope):
    ramp = slope * np.arange(SIDE)[:, None] + np.zeros(SIDE)
    assert quality.gradient(grey(ramp), MASK) == pytest.approx([slope], abs=1e-3)


def test_only_the_inside_of_a_face_counts():
    mask = MASK.copy()
    mask[:, SIDE // 2 :] = 0
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE))
    outside = np.where(mask > 0, 128, noise)
    assert quality.gradient(grey(outside), mask) == pytest.approx([0])
    assert quality.gradient(grey(noise), mask)[0] > 10


def test_a_blurred_texture_has_less_gradient_and_less_of_the_finest_octave():
    sharp = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)).astype(np.float32)
    pair = np.concatenate([grey(sharp), grey(cv2.GaussianBlur(sharp, (0, 0), 1.5))])
    gradients, powers = quality.gradient(pair, MASK), quality.spectrum(pair)
    assert gradients[1] < 0.5 * gradients[0]
    assert powers[1, 0] < 0.1 * powers[0, 0]


@pytest.mark.parametrize(("octave", "cycles"), [(0, 0.36), (1, 0.18), (2, 0.09), (3, 0.045)])
def test_a_wave_lies_in_the_octave_of_its_frequency(octave, cycles):
    power = quality.spectrum(grey(waves(cycles)))[0]
    assert power.shape == (quality.OCTAVES,)
    assert power.argmax() == octave
    assert power[octave] > 0.8 * power.sum()


def test_a_plain_texture_has_no_spectrum():
    assert quality.spectrum(grey(np.full((SIDE, SIDE), 90))).max() < 1e-3


@pytest.mark.parametrize("side", [25, 50, 100])
def test_no_frequency_lies_in_two_octaves_and_none_holds_the_mean(side):
    rings = np.stack(quality.rings(side))
    assert rings.sum(axis=0).max() == 1
    assert not rings[:, 0, 0].any()


def cloud(seed, shift=0.0, count=60):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, 8)) + shift).astype(np.float32)


def test_features_lie_at_no_distance_from_themselves():
    assert quality.kernel_distance(cloud(0), cloud(0)) == pytest.approx(0, abs=1e-9)


def test_the_kernel_distance_grows_with_the_distance_and_knows_no_order():
    far = [quality.kernel_distance(cloud(0), cloud(1, shift)) for shift in (0, 0.5, 1)]
    assert 0 <= far[0] < far[1] < far[2]
    assert quality.kernel_distance(cloud(1, 1), cloud(0)) == pytest.approx(far[2])


def test_two_samples_of_one_source_are_further_apart_the_fewer_they_are():
    few, many = (
        np.mean([quality.kernel_distance(cloud(2 * n, 0, c), cloud(2 * n + 1, 0, c))
                 for n in range(10)])
        for c in (10, 80)
    )  # fmt: skip
    assert many < few
