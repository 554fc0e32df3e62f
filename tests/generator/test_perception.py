"""What training asks of the way a drawn texture is seen."""

import numpy as np
import pytest
from keras import ops

from generator.perception import Perception


@pytest.fixture(scope="module")
def textures():
    return np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def perception(textures):
    """Sees colours, and their squares more coarsely."""
    masks = np.ones(textures.shape[:3], np.float32)
    return Perception(lambda x: [x, ops.average_pool(x, 2, 2) ** 2], textures, masks)


def plain(textures):
    return textures.astype(np.float32) / 127.5 - 1


def test_a_copy_that_is_the_picture_costs_nothing_and_a_worse_one_more(perception, textures):
    wanted = perception.seen(plain(textures[:4]))
    noise = np.random.default_rng(1).normal(size=textures[:4].shape).astype(np.float32)
    costs = [
        float(perception.copied(perception.seen(plain(textures[:4]) + noise * s), wanted))
        for s in (0, 0.1, 0.3)
    ]
    assert costs[0] == 0
    assert 0 < costs[1] < costs[2]


def test_a_single_donor_is_like_itself_and_not_like_another(perception, textures):
    seen = perception.seen(plain(textures[3:4]))
    own, other = (
        float(perception.alike(seen, np.array([[row]]), np.ones((1, 1), np.float32)))
        for row in (3, 4)
    )
    assert own == pytest.approx(0, abs=1e-4)
    assert other > 0.1


def test_a_mix_is_to_be_seen_like_the_mean_of_its_donors(perception, textures):
    """Two pictures whose channels' means differ by as much to either side of a third's."""
    rows, half = np.array([[0, 1]]), np.full((1, 2), 0.5, np.float32)
    seen = [perception.seen(plain(textures[n : n + 1])) for n in (0, 1)]
    between = [(a + b) / 2 for a, b in zip(*seen, strict=True)]
    assert float(perception.alike(between, rows, half)) == pytest.approx(0, abs=1e-4)
    assert float(perception.alike(seen[0], rows, half)) > 0.05


def test_what_lies_outside_the_masks_counts_nothing(textures):
    masks = np.ones(textures.shape[:3], np.float32)
    masks[:, :8] = 0
    other = textures.copy()
    other[:, :8] = 255 - other[:, :8]
    means = [Perception(lambda x: [x], one, masks).alike for one in (textures, other)]
    seen = [ops.convert_to_tensor(plain(textures[:1]))]
    one, two = (float(m(seen, np.array([[0]]), np.ones((1, 1), np.float32))) for m in means)
    assert one == pytest.approx(two)
