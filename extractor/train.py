"""Training of a recogniser: a backbone, an embedding, and a head that tells the people apart.

Transfer learning in two phases: the backbone is frozen until embedding and head fit it, then
all of it is tuned gently. Head "arcface": Deng, Guo, Xue, Zafeiriou, "ArcFace: additive angular
margin loss for deep face recognition", CVPR 2019 (arXiv:1801.07698). Offline only.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from keras import layers, ops

from extractor.verification import quality
from pipeline.contract import Floats, Image, Ints

HEADS: Final = ("arcface", "softmax")
# Gentler than the paper's 64 and 0.5, which are meant for thousands of people.
_SCALE: Final = 32.0
_MARGIN: Final = 0.3
_FRESH_RATE: Final = 1e-3
_TUNING_RATE: Final = 1e-4
_CHANNELS: Final = (32, 64, 128, 256)
_BEST: Final = "best.weights.h5"
_SCORE: Final = "best.json"
_GAIN: Final = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """n square pictures of faces, rows of an array that may lie on disk, and whom each shows."""

    array: Image  # (m, s, s, 3)
    rows: Ints  # (n,)
    people: Ints  # (n,) from 0

    def pictures(self, which: Ints | slice) -> Image:
        """Those of the n that `which` picks."""
        return np.asarray(self.array[self.rows[which]])


@dataclass(frozen=True, slots=True)
class Backbone:
    """What the embedding stands on.

    `build` gives a network with input (batch, s, s, 3), RGB in 0..255, and output (batch, d).
    """

    build: Callable[[], keras.Model]
    pretrained: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How to train."""

    head: str = "arcface"
    frozen_epochs: int = 5  # of a pretrained backbone
    epochs: int = 30
    batch: int = 32
    dimensions: int = 128
    seed: int = 0
    policy: str = "mixed_bfloat16"

    def phases(self, backbone: Backbone) -> list[tuple[str, int]]:
        """The names of the phases and how many epochs each takes."""
        frozen = [("frozen", self.frozen_epochs)] if backbone.pretrained else []
        return [(name, epochs) for name, epochs in (*frozen, ("tuned", self.epochs)) if epochs]


def small(side: int) -> keras.Model:
    """A backbone to train from scratch: (batch, side, side, 3), RGB in 0..255, to (batch, 256)."""
    picture = keras.Input((side, side, 3), name="rgb")
    x = layers.Rescaling(1 / 127.5, -1)(picture)
    for stage, channels in enumerate(_CHANNELS):
        for part, stride in (("a", 2), ("b", 1)):
            name = f"conv{stage}{part}"
            x = layers.Conv2D(channels, 3, stride, "same", use_bias=False, name=name)(x)
            x = layers.ReLU()(layers.BatchNormalization(name=f"{name}_bn")(x))
    return keras.Model(picture, layers.GlobalAveragePooling2D()(x), name="small")


def train(
    learnt: Crops,
    checked: Crops,
    backbone: Backbone,
    recipe: Recipe,
    folder: Path,
    report: Callable[[int], None],
) -> keras.Model:
    """The network (batch, s, s, 3) to (batch, dimensions) that does best on `checked`.

    Nobody in `checked` may be in `learnt`. Checkpoints lie in `folder`: a second call with the
    same arguments goes on from there. `report` is told how many batches are done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_global_policy(recipe.policy)
    try:
        body = backbone.build()
        network = _embedding(body, recipe.dimensions)
        model = _with_head(network, int(learnt.people.max()) + 1, recipe.head)
        done = 0
        for phase, epochs in recipe.phases(backbone):
            _thaw(body, phase, backbone.pretrained)
            batches = _Batches(learnt, recipe.batch, recipe.seed)
            whole = epochs * len(batches)
            start = _TUNING_RATE if backbone.pretrained and phase == "tuned" else _FRESH_RATE
            rate = keras.optimizers.schedules.CosineDecay(start, whole, 0.02)
            model.compile(keras.optimizers.Adam(rate), loss=_loss(recipe.head))
            callbacks = [
                _Best(network, checked, folder),
                keras.callbacks.BackupAndRestore(
                    str(folder / phase), double_checkpoint=True, delete_checkpoint=False
                ),
                keras.callbacks.CSVLogger(str(folder / f"{phase}.csv"), append=True),
                _Reporter(report, done, len(batches)),
            ]
            model.fit(batches, epochs=epochs, callbacks=callbacks, verbose=0)
            done += whole
            report(done)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    plain = _embedding(backbone.build(), recipe.dimensions)
    plain.load_weights(folder / _BEST)
    return plain


def describe(network: keras.Model, crops: Crops, batch: int = 64) -> Floats:
    """(n, d) what the network says of n pictures."""
    pieces = [crops.pictures(slice(s, s + batch)) for s in range(0, len(crops.rows), batch)]
    rows = [network.predict_on_batch(piece.astype(np.float32)) for piece in pieces]
    return np.concatenate(rows).astype(np.float32)


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Pictures in a new order each epoch, mirrored and lighter or darker by chance."""

    def __init__(self, crops: Crops, size: int, seed: int) -> None:
        super().__init__()
        self._crops, self._size = crops, size
        self._rng = np.random.default_rng(seed)
        self._order: Ints = self._rng.permutation(len(crops.people))

    def __len__(self) -> int:
        return -(-len(self._order) // self._size)

    def __getitem__(self, index: int) -> tuple[Floats, Ints]:
        rows = np.sort(self._order[index * self._size : (index + 1) * self._size])
        pictures = self._crops.pictures(rows).astype(np.float32)
        mirrored = self._rng.random(len(rows)) < 0.5
        pictures[mirrored] = pictures[mirrored, :, ::-1]
        gain = self._rng.uniform(1 - _GAIN, 1 + _GAIN, (len(rows), 1, 1, 1))
        return np.clip(pictures * gain, 0, 255).astype(np.float32), self._crops.people[rows]

    def on_epoch_end(self) -> None:
        """Shuffle."""
        self._order = self._rng.permutation(len(self._order))


class _Best(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights that tell the people best apart whom the network was not shown."""

    def __init__(self, network: keras.Model, checked: Crops, folder: Path) -> None:
        super().__init__()
        self._network, self._checked, self._folder = network, checked, folder

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare, keep, and note the quality in the log."""
        now = quality(describe(self._network, self._checked), self._checked.people)
        if logs is not None:
            logs["quality"] = now
        score = self._folder / _SCORE
        if not score.is_file() or now >= json.loads(score.read_text(encoding="utf-8")):
            temporary = self._folder / f"new.{_BEST}"
            self._network.save_weights(temporary)
            temporary.replace(self._folder / _BEST)
            temporary.write_text(json.dumps(now), encoding="utf-8")
            temporary.replace(score)


class _Reporter(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, report: Callable[[int], None], before: int, each: int) -> None:
        super().__init__()
        self._report, self._before, self._each = report, before, each

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """A run that goes on starts in the middle."""
        self._at = self._before + epoch * self._each

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """One more."""
        self._report(self._at + batch + 1)


class _Cosines(layers.Layer):  # type: ignore[misc]
    """Cosine of an embedding (batch, d) with the centre of each person: (batch, people)."""

    def __init__(self, people: int, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self._people = people

    def build(self, shape: tuple[int | None, int]) -> None:
        """The centres."""
        self.centres = self.add_weight((shape[-1], self._people), "glorot_uniform", name="centres")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Both at length 1."""
        return ops.matmul(ops.normalize(x, axis=-1), ops.normalize(self.centres, axis=0))


def _embedding(body: keras.Model, dimensions: int) -> keras.Model:
    x = layers.Dense(dimensions, dtype="float32", name="embedding")(body.output)
    return keras.Model(body.input, x, name="recogniser")


def _with_head(network: keras.Model, people: int, head: str) -> keras.Model:
    if head == "softmax":
        x = layers.Dense(people, dtype="float32", name="people")(network.output)
    else:
        x = _Cosines(people, name="people")(network.output)
    return keras.Model(network.input, x)


def _thaw(body: keras.Model, phase: str, pretrained: bool) -> None:
    """Frozen, or free but for batch statistics that a small collection would spoil."""
    body.trainable = phase == "tuned"
    for layer in body.layers if pretrained else ():
        if isinstance(layer, keras.Model):
            _thaw(layer, phase, pretrained)
        elif isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def _loss(head: str) -> Any:
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if head == "softmax":
        return cross_entropy

    def loss(people: Any, cosines: Any) -> Any:
        """Deng et al., eq. 3: the own person's angle counts as wider by the margin."""
        angle = ops.arccos(ops.clip(cosines, -1 + 1e-6, 1 - 1e-6))
        people = ops.reshape(people, (-1,))
        own = ops.one_hot(ops.cast(people, "int32"), cosines.shape[-1])
        # Past a half turn the cosine would rise again.
        widened = ops.minimum(angle + _MARGIN * own, np.pi)
        return cross_entropy(people, _SCALE * ops.cos(widened))

    return loss
