"""Data of which nothing is fit: no role is given, and each picture has its reason."""

import numpy as np
import pytest

from generator import dataset
from generator.dataset import Material

COUNT = 20


def material(donors, textures):
    count = len(textures)
    return Material(
        textures=textures,
        uneven=np.zeros(count, np.float32),
        mask=np.ones(textures.shape[1:3], np.float32),
        shapes=np.repeat(donors.canonical.shape[None], count, axis=0),
        labels=[""] * count,
        widths=np.full(count, 200, np.float32),
        yaws=np.zeros(count, np.float32),
        male=np.full(count, 0.5, np.float32),
        ages=np.full(count, 25, np.float32),
        looks=np.random.default_rng(0).normal(size=(count, 20)).astype(np.float32),
        layout=donors.canonical.layout,
        unwanted=np.zeros(count, bool),
    )


@pytest.mark.parametrize(("level", "reason"), [(128, "grey"), (8, "dark")])
def test_pictures_of_which_none_is_faultless_get_no_role(donors, level, reason):
    noise = np.random.default_rng(0).integers(-8, 8, (COUNT, 96, 96, 1))
    textures = np.repeat(np.clip(level + noise, 0, 255), 3, axis=3).astype(np.uint8)
    roles = dataset.roles(material(donors, textures))
    assert not roles.identity.any()
    assert all(reason in told for told in roles.reasons)
