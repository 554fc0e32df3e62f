"""Training of the network that tells glasses from faces, resumable after a kill. Offline only."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import openvino as ov
from keras import layers, ops

from pipeline.contract import Floats, Image
from replacer.drawn_glasses import sample
from replacer.glasses_band import HEIGHT, SIDE, prepared

BATCH: Final = 32
PEAK_RATE: Final = 3e-3
CHANNELS: Final = (32, 40, 48, 64)
CLASSES: Final = 2
_INPUTS: Final = 5
_SLOPE: Final = 0.1
_FRAME_WEIGHT: Final = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How long and with which seed to train; each epoch draws `pictures` new ones."""

    epochs: int = 20
    pictures: int = 6400
    seed: int = 0
    policy: str = "mixed_bfloat16"


class Pictures(keras.utils.PyDataset):  # type: ignore[misc]
    """Drawn glasses on bands (m, HEIGHT, SIDE, 3); the same ones for the same epoch and seed."""

    def __init__(self, bands: Image, recipe: Recipe, first_epoch: int = 0) -> None:
        super().__init__(workers=2)
        self._bands, self._recipe, self._epoch = bands, recipe, first_epoch

    def __len__(self) -> int:
        return self._recipe.pictures // BATCH

    def __getitem__(self, index: int) -> tuple[Floats, Floats]:
        rng = np.random.default_rng([self._recipe.seed, self._epoch, index])
        drawn = [sample(self._bands, rng) for _ in range(BATCH)]
        return np.stack([prepared(band) for band, _ in drawn]), np.stack([w for _, w in drawn])

    def on_epoch_end(self) -> None:
        """New pictures for the next epoch."""
        self._epoch += 1


def build() -> keras.Model:
    """The network: a small U-Net that works at half the band's size and below.

    Ronneberger, Fischer, Brox: "U-Net", MICCAI 2015 (arXiv:1505.04597).
    Input shape: (batch, HEIGHT, SIDE, 5), a band as `prepared` gives it.
    Output shape: (batch, HEIGHT, SIDE, 2), logits of frame and of opaque lens.
    """
    band = keras.Input((HEIGHT, SIDE, _INPUTS), name="band")
    x, skips = band, []
    for channels in CHANNELS:
        x = _conv(_conv(x, channels, 4, 2), channels)
        skips.append(x)
    skips.pop()
    for channels in reversed(CHANNELS[:-1]):
        x = _act(layers.Conv2DTranspose(channels, 2, 2, padding="same")(x))
        x = _conv(layers.Concatenate()([x, skips.pop()]), channels)
    logits = layers.Conv2DTranspose(CLASSES, 4, 2, padding="same", name="pixels")(x)
    return keras.Model(band, layers.Activation("linear", dtype="float32")(logits), name="glasses")


def train(
    bands: Image, inside: Floats, recipe: Recipe, folder: Path, until: int | None = None
) -> keras.Model:
    """A network fitted to glasses drawn on `bands` (m, HEIGHT, SIDE, 3) of faces without any.

    `inside` (HEIGHT, SIDE) is 1 on the face. A checkpoint of each epoch lies in `folder`; a
    second call with the same arguments goes on from there. It ends after `until` epochs where
    these are fewer than the recipe's.
    """
    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_global_policy(recipe.policy)
    log = folder / "loss.csv"
    done = max(len(log.read_text(encoding="utf-8").splitlines()) - 1, 0) if log.is_file() else 0
    pictures = Pictures(bands, recipe, done)
    model = build()
    steps = len(pictures) * recipe.epochs
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 10, steps, 0.01, warmup_target=PEAK_RATE, warmup_steps=min(200, steps // 4)
    )
    model.compile(keras.optimizers.Adam(rate), loss=_loss(inside))
    checkpoint = keras.callbacks.BackupAndRestore(
        str(folder / "checkpoint"), delete_checkpoint=False
    )
    callbacks = [checkpoint, keras.callbacks.CSVLogger(str(log), append=True)]
    last = min(recipe.epochs, until or recipe.epochs)
    model.fit(pictures, epochs=last, callbacks=callbacks, verbose=2)
    keras.mixed_precision.set_global_policy("float32")
    return model


def export(model: keras.Model, target: Path) -> None:
    """Write `target` (.xml, with .bin beside it) for OpenVINO, weights as fp16."""
    keras.mixed_precision.set_global_policy("float32")
    plain = build()
    plain.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        plain.export(folder, verbose=False)
        # Not `ov.convert_model`, which reports each conversion to its makers.
        converted = ov.Core().read_model(folder)
        converted.reshape([1, HEIGHT, SIDE, _INPUTS])
        for key in list(converted.get_rt_info()):  # notes about the machine it ran on
            del converted.rt_info[key]
        ov.save_model(converted, target, compress_to_fp16=True)


def _conv(x: Any, channels: int, size: int = 3, stride: int = 1) -> Any:
    return _act(layers.Conv2D(channels, size, stride, padding="same")(x))


def _act(x: Any) -> Any:
    return layers.LeakyReLU(negative_slope=_SLOPE)(x)


def _loss(inside: Floats) -> Any:
    """Cross entropy in which frames weigh more, plus one minus the soft Dice overlap."""
    weight = (inside / inside.mean())[None, :, :, None]

    def loss(wanted: Any, logits: Any) -> Any:
        logits = ops.cast(logits, "float32")
        entropy = ops.maximum(logits, 0) - logits * wanted + ops.log1p(ops.exp(-ops.abs(logits)))
        entropy = ops.mean(entropy * (1 + (_FRAME_WEIGHT - 1) * wanted) * weight)
        drawn = ops.sigmoid(logits) * weight
        common = ops.sum(drawn * wanted, axis=(1, 2)) + 20.0
        both = ops.sum(drawn + wanted * weight, axis=(1, 2)) + 40.0
        return entropy + 0.3 * ops.mean(1 - 2 * common / both)

    return loss
