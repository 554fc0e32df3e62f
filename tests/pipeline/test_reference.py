"""What a report compares with, made from faces that the generator draws."""

import cv2
import numpy as np
import pytest

from generator import quality
from generator.head import heads
from pipeline import reference
from pipeline.weights import locate

COUNT = 12


@pytest.fixture(scope="module")
def textures(donors):
    weights = np.zeros((COUNT, len(donors.faces.skin)), np.float32)
    weights[np.arange(COUNT), donors.rows.rows[:COUNT]] = 1
    drawn = heads(donors.network)[0](weights)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def mask(textures):
    side = textures.shape[1]
    y, x = np.mgrid[:side, :side] / side - 0.5
    return (np.hypot(x / 0.4, y / 0.43) < 1).astype(np.float32)


@pytest.fixture(scope="module")
def realism(mask):
    return reference.Realism(mask)


def test_there_is_a_row_for_each_texture_whatever_their_number(realism, textures):
    """Pieces and whole: no texture's features hang on those beside it."""
    many = np.concatenate([textures, textures])
    rows = realism.features(many)
    assert rows.shape[0] == 2 * COUNT
    assert rows[:COUNT] == pytest.approx(rows[COUNT:], rel=1e-3, abs=1e-3)
    assert realism.features(textures[:1]) == pytest.approx(rows[:1], rel=1e-3, abs=1e-3)


def test_what_lies_outside_the_face_changes_nothing(realism, textures, mask):
    noisy = textures[:3].copy()
    outside = mask < 0.5
    noisy[:, outside] = np.random.default_rng(0).integers(0, 256, (3, int(outside.sum()), 3))
    before = noisy.copy()
    assert realism.features(noisy) == pytest.approx(realism.features(textures[:3]), abs=1e-5)
    assert np.array_equal(noisy, before)


def test_spoilt_faces_lie_farther_from_the_donors_than_other_donors_do(realism, textures):
    rng = np.random.default_rng(0)
    spoilt = textures + rng.integers(-60, 60, textures.shape)
    rows = [realism.features(t) for t in (textures, np.clip(spoilt, 0, 255).astype(np.uint8))]
    unit = rows[0].std(axis=0) + 1e-6
    own, bad = ((r - rows[0].mean(axis=0)) / unit for r in rows)
    among = quality.kernel_distance(own[: COUNT // 2], own[COUNT // 2 :])
    assert quality.kernel_distance(own[: COUNT // 2], bad[COUNT // 2 :]) > 1.5 * among


def test_the_reference_holds_numbers_of_the_lenders_and_of_those_held_back(textures, mask, realism):
    own, held = np.array([4, 0, 7]), np.isin(np.arange(COUNT), [1, 2])
    made = reference.make(textures, mask, own, held)
    assert set(made) == {"mask", "gradient", "spectrum", "realism", "held_back"}
    assert np.array_equal(made["mask"], mask)
    assert made["gradient"] == pytest.approx(quality.gradient(textures[own], mask))
    assert made["spectrum"].shape == (3, quality.OCTAVES)
    assert made["realism"] == pytest.approx(realism.features(textures[own]), rel=2e-3, abs=2e-3)
    assert len(made["held_back"]) == 2


def test_where_none_is_held_back_there_are_no_rows(textures, mask):
    made = reference.make(textures, mask, np.arange(2), np.zeros(COUNT, bool))
    assert len(made["held_back"]) == 0


def test_a_reference_comes_back_as_it_was_written(tmp_path, textures, mask):
    made = reference.make(textures, mask, np.arange(2), np.zeros(COUNT, bool))
    np.savez_compressed(tmp_path / reference.REFERENCE, **made)
    read = reference.load(tmp_path)
    assert set(read) == set(made)
    assert all(np.array_equal(read[name], made[name]) for name in made)


def test_a_generator_made_without_a_reference_has_an_empty_one(tmp_path):
    assert reference.load(tmp_path) == {}


def test_features_are_those_of_float32_on_every_machine(realism, textures, mask):
    """OpenCV runs the backbone in float32; in bfloat16 they differ in the third digit."""
    pictures = textures[:2].copy()
    pictures[:, mask < 0.5] = 128
    network = cv2.dnn.readNetFromONNX(str(locate("centerface")))
    network.setInput(pictures.transpose(0, 3, 1, 2).astype(np.float32))
    layers = network.forward([f"onnx_node_output_0!{name}" for name in reference._LAYERS])
    expected = np.concatenate([layer.mean(axis=(2, 3)) for layer in layers], axis=1)
    spread = expected.std()
    assert np.abs(realism.features(textures[:2]) - expected).max() < 1e-4 * spread
