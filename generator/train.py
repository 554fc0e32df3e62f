"""Training of the deconvolutional generator, resumable after a kill. Offline only."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from generator.network import Architecture, build
from pipeline.contract import Floats, Image, Ints

BATCH = 16
PEAK_RATE = 1.5e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How long and with which seed to train."""

    epochs: int = 100
    seed: int = 0
    policy: str = "mixed_bfloat16"


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Single donors and their textures, in a new order each epoch."""

    def __init__(self, textures: Image, seed: int) -> None:
        super().__init__()
        self._textures = textures
        self._rng = np.random.default_rng(seed)
        self._order: Ints = self._rng.permutation(len(textures))

    def __len__(self) -> int:
        return -(-len(self._textures) // BATCH)

    def __getitem__(self, index: int) -> tuple[Floats, Floats]:
        rows = self._order[index * BATCH : (index + 1) * BATCH]
        mix = np.zeros((len(rows), len(self._textures)), np.float32)
        mix[np.arange(len(rows)), rows] = 1
        return mix, self._textures[rows].astype(np.float32) / 127.5 - 1

    def on_epoch_end(self) -> None:
        """Shuffle."""
        self._order = self._rng.permutation(len(self._textures))


def train(textures: Image, mask: Floats, recipe: Recipe, folder: Path) -> keras.Model:
    """A generator fitted to `textures` (n, s, s, 3); `mask` (s, s) is 1 where they count.

    A checkpoint of each epoch lies in `folder`; a second call with the same arguments goes on
    from there, and does nothing where all epochs are done.
    """
    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_global_policy(recipe.policy)
    batches = Batches(textures, recipe.seed)
    model = build(Architecture(donors=len(textures)))
    rate = keras.optimizers.schedules.CosineDecay(PEAK_RATE, len(batches) * recipe.epochs, 0.02)
    model.compile(keras.optimizers.Adam(rate), loss=_loss(mask))
    _start_from_principal_components(model, textures)
    checkpoint = keras.callbacks.BackupAndRestore(
        str(folder / "checkpoint"), delete_checkpoint=False
    )
    log = keras.callbacks.CSVLogger(str(folder / "loss.csv"), append=True)
    model.fit(batches, epochs=recipe.epochs, callbacks=[checkpoint, log], verbose=2)
    keras.mixed_precision.set_global_policy("float32")
    return model


def _start_from_principal_components(model: keras.Model, textures: Image) -> None:
    """Donor codes that start as principal components: donors who look alike start alike."""
    layer = model.get_layer("donors")
    small = textures[:, ::4, ::4].reshape(len(textures), -1).astype(np.float32) / 127.5 - 1
    u, d, _ = np.linalg.svd(small - small.mean(axis=0), full_matrices=False)
    rank = min(layer.units, len(d))
    start = np.zeros((len(textures), layer.units), np.float32)
    start[:, :rank] = u[:, :rank] * np.sqrt(len(textures)) * (d[:rank] / d[0]) ** 0.5
    layer.set_weights([start])


def _loss(mask: Floats) -> Any:
    """Mean absolute difference of colours and of their gradients, inside the mask."""
    weight = mask[None, :, :, None] / mask.mean()

    def loss(wanted: Any, drawn: Any) -> Any:
        difference = (ops.cast(drawn, "float32") - wanted) * weight
        down = difference[:, 1:] - difference[:, :-1]
        across = difference[:, :, 1:] - difference[:, :, :-1]
        return sum(ops.mean(ops.abs(part)) for part in (difference, down, across))

    return loss
