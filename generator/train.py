"""Training of the deconvolutional generator, resumable after a kill. Offline only."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tensorboardX import SummaryWriter

from generator import checkpoint, losses
from generator.average import Average
from generator.holding import Holding, Recogniser
from generator.mixing import BATCH, Lessons, as_learnt, batches, mixes
from generator.network import Architecture, build, critic
from generator.perception import Perception
from pipeline.contract import Floats, Image

PEAK_RATE: Final = 1.5e-3
LAST_RATE: Final = 0.05
_CRITIC_RATE: Final = 4e-4
_MIXED_RATE: Final = 0.4
_COPYING: Final = 0.35
_LASTING: Final = 0.998
_SMALLER: Final = 0.25
_STRENGTH: Final = 0.03
_LEVEL: Final = 1.0
_COARSE: Final = 1.0
_ADVERSARIAL: Final = 0.08
_SEEN: Final = 0.15
_ALIKE: Final = 0.01
_HOLDING: Final = 0.75
_HELD: Final = 0.25
_APART: Final = 0.15
_COMMON: Final = 0.1
COLUMNS: Final = (
    "epoch", "copied", "seen", "coarse", "strength", "alike", "held", "apart", "fooled", "critic",
    "common",
)  # fmt: skip

Watch = Callable[[int, Callable[[Floats], Floats]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How long, with which seed and in which arithmetic to train."""

    epochs: int = 100
    seed: int = 0
    policy: str = "mixed_bfloat16"


class Trainer:
    """Generator, critic, their optimisers and a running mean of the generator's weights."""

    def __init__(self, lessons: Lessons, recipe: Recipe, recogniser: Recogniser) -> None:
        keras.utils.set_random_seed(recipe.seed)
        self._lessons, self._recipe = lessons, recipe
        side = lessons.textures.shape[1]
        self.architecture = Architecture(donors=len(lessons.textures), side=side)
        self.generator, self.critic = build(self.architecture), critic(side)
        start_from_principal_components(self.generator, lessons.textures)
        self.steps = -(-len(lessons.textures) // BATCH)
        total = self.steps * recipe.epochs
        rate = keras.optimizers.schedules.CosineDecay(PEAK_RATE, total, LAST_RATE)
        self._drawing = keras.optimizers.Adam(rate, beta_2=0.99)
        self._judging = keras.optimizers.Adam(_CRITIC_RATE, beta_1=0.5, beta_2=0.99)
        self._drawing.build(self.generator.trainable_variables)
        self._judging.build(self.critic.trainable_variables)
        self.lasting = [tf.Variable(v) for v in self.generator.trainable_variables]
        self._textures = tf.constant(lessons.textures)
        parts = np.stack([lessons.mouth, lessons.mask])[lessons.faces.astype(int)] > 0.5
        self._weights = tf.constant(parts[..., None].astype(np.uint8))
        self._perception = Perception(recogniser.perceive, lessons.textures, parts)
        self._holding = Holding(recogniser, lessons.views, lessons.textures, lessons.faces)
        self._average = Average(side)
        self._face = tf.constant(lessons.faces.astype(np.float32))
        self._rough = [self._coarse(mask) for mask in (lessons.mouth, lessons.mask)]
        self._chance = tf.random.Generator.from_seed(recipe.seed)
        self._copy_step = tf.function(self._copy, autograph=False)
        self._mix_step = tf.function(self._mix, autograph=False)

    def epoch(self, number: int) -> list[float]:
        """One pass over the donors, or half of them and as many mixes; means of COLUMNS[1:]."""
        # Keyed by the epoch: a run that was killed goes on with the order it would have had.
        rng = np.random.default_rng([self._recipe.seed, number])
        self._chance.reset_from_seed(self._recipe.seed * 100_003 + number)
        mixing = number >= _COPYING * self._recipe.epochs
        holding = number >= _HOLDING * self._recipe.epochs
        means = []
        for rows in batches(rng, len(self._lessons.textures)):
            if mixing:
                half = max(len(rows) // 2, 1)
                anchors, weights = mixes(rng, self._lessons, half)
                table = as_learnt(anchors, weights, self._lessons)
                means.append(self._mix_step(rows[:half], anchors, weights, table, holding))
            else:
                means.append(self._copy_step(rows))
        return [float(x) for x in np.mean([[float(x) for x in row] for row in means], axis=0)]

    def draw(self, weights: Floats) -> Floats:
        """(b, s, s, 3) textures in 0..255 of (b, m) mixes, by the running mean of the weights."""
        own = [v.numpy() for v in self.generator.trainable_variables]
        self.settle()
        drawn = [ops.convert_to_numpy(self.generator(mix[None])[0]) for mix in weights]
        for variable, value in zip(self.generator.trainable_variables, own, strict=True):
            variable.assign(value)
        result: Floats = (np.concatenate(drawn).astype(np.float32) + 1) * 127.5
        return result

    def settle(self) -> None:
        """Give the generator the running mean of its weights, which draws steadier."""
        for variable, mean in zip(self.generator.trainable_variables, self.lasting, strict=True):
            variable.assign(mean)

    def variables(self) -> list[Any]:
        """Everything that a checkpoint must hold."""
        models = [*self.generator.variables, *self.critic.variables]
        means = [self._holding.usual, self._average.change]
        return [*models, *self._drawing.variables, *self._judging.variables, *self.lasting, *means]

    def _coarse(self, mask: Floats) -> Any:
        """(m, p, p, 3) the rows' coarse colours inside a mask (s, s)."""
        inside = (mask > 0.5).astype(np.float32)[..., None]
        rows = [
            losses.coarse((t[None] / np.float32(127.5) - 1) * inside)
            for t in self._lessons.textures
        ]
        return ops.concatenate(rows)

    def _pictures(self, rows: Any) -> tuple[Any, Any]:
        wanted = ops.cast(tf.gather(self._textures, rows), "float32") / 127.5 - 1
        return wanted, ops.cast(tf.gather(self._weights, rows), "float32")

    def _copied(self, drawn: list[Any], wanted: Any, weight: Any) -> Any:
        """Each size against the shrunk texture, the smaller ones counting less."""
        share = weight / ops.mean(weight)
        total = losses.copied(drawn[0], wanted, share)
        for picture in drawn[1:]:
            factor = wanted.shape[1] // picture.shape[1]
            smaller = [ops.average_pool(x, factor, factor) for x in (wanted, share)]
            total += _SMALLER * losses.copied(picture, *smaller)
        return total

    def _copy(self, rows: Any) -> list[Any]:
        wanted, weight = self._pictures(rows)
        mix = tf.one_hot(rows, len(self._lessons.textures))
        with tf.GradientTape() as tape:
            loss = self._copied(self.generator(mix, training=True), wanted, weight)
        self._improve(tape, loss)
        return [loss, *[0.0] * (len(COLUMNS) - 2)]

    def _mix(self, rows: Any, anchors: Any, weights: Any, table: Any, holding: bool) -> list[Any]:
        """Copies of single donors and, beside them, mixes that have no picture to copy."""
        wanted, weight = self._pictures(rows)
        count, k = anchors.shape[0], anchors.shape[1]
        own, whole = (tf.gather(self._face, x) for x in (rows, anchors[:, 0]))
        parts, masks = self._pictures(tf.reshape(anchors, [-1]))
        inside = masks[::k]
        parts = parts * ops.repeat(inside, k, axis=0)
        mouths, faces = (tf.einsum("bm,mpqc->bpqc", table, rough) for rough in self._rough)
        blend = ops.where(whole[:, None, None, None] > 0, faces, mouths)
        expected = [_mean_of(band, weights) for band in losses.bands(parts)]
        places = losses.places(inside)
        single = tf.one_hot(rows, len(self._lessons.textures))
        power = _mean_of(losses.octaves(parts), weights)
        judged = ops.concatenate([own, whole])[:, None, None, None]
        shown_of = ops.concatenate([weight, inside])
        shown = self._perception.seen(wanted * weight)
        with tf.GradientTape() as tape, tf.GradientTape() as critics:
            drawn = self.generator(ops.concatenate([single, table]), training=True)
            copied = self._copied([x[: rows.shape[0]] for x in drawn], wanted, weight)
            masked = drawn[0] * shown_of
            mixed = masked[rows.shape[0] :]
            rough = ops.mean(ops.abs(losses.coarse(mixed) - blend))
            detail = losses.strength(losses.bands(mixed), expected, places)
            detail += _LEVEL * losses.level(losses.octaves(mixed), power, whole)
            copy = losses.octaves(masked[: rows.shape[0]])
            detail += _LEVEL * losses.level(copy, losses.octaves(wanted * weight), own)
            answers = self._perception.seen(masked)
            seen = self._perception.copied([x[: rows.shape[0]] for x in answers], shown)
            alike = self._perception.alike([x[rows.shape[0] :] for x in answers], anchors, weights)
            fooled = -ops.mean(losses.judged(self.critic, masked, self._chance) * judged)
            held, apart = (
                self._holding.losses(mixed, anchors, whole, self._chance) if holding else (0, 0)
            )
            common, change = self._average.loss(mixed, _mean_of(parts, weights), whole)
            loss = (
                copied
                + _SEEN * seen
                + _MIXED_RATE * (_COARSE * rough + _STRENGTH * detail + _ALIKE * alike)
                + _ADVERSARIAL * fooled
                + _HELD * held
                + _APART * apart
                + _COMMON * common
            )
            real = losses.judged(self.critic, self._donors(count), self._chance)
            fake = losses.judged(self.critic, tf.stop_gradient(masked), self._chance)
            doubt = ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake) * judged)
        self._improve(tape, loss)
        variables = self.critic.trainable_variables
        self._judging.apply(critics.gradient(doubt, variables), variables)
        return [copied, seen, rough, detail, alike, held, apart, fooled, doubt, change]

    def _donors(self, count: int) -> Any:
        """(count, s, s, 3) whole faces for the critic, drawn anew."""
        faces = tf.constant(np.flatnonzero(self._lessons.faces))
        picked = self._chance.uniform((count,), 0, faces.shape[0], tf.int32)
        wanted, weight = self._pictures(tf.gather(faces, picked))
        return wanted * weight

    def _improve(self, tape: Any, loss: Any) -> None:
        variables = self.generator.trainable_variables
        self._drawing.apply(tape.gradient(loss, variables), variables)
        step = ops.cast(self._drawing.iterations, "float32")
        keep = ops.minimum(_LASTING, step / (step + 9))
        for mean, variable in zip(self.lasting, variables, strict=True):
            mean.assign(mean * keep + variable.value * (1 - keep))


def train(
    lessons: Lessons,
    recipe: Recipe,
    recogniser: Callable[[], Recogniser],
    folder: Path,
    watch: Watch | None = None,
) -> tuple[keras.Model, Architecture]:
    """A generator fitted to `lessons`, in float32.

    `folder` holds a checkpoint of the last whole epoch: a second call with the same arguments
    goes on from there. loss.csv and TensorBoard logs lie beside it. `watch` is called after each
    epoch with its number, from 1, and a function that draws (b, m) mixes as (b, s, s, 3) in 0..255.
    `recogniser` makes what textures are seen by, in the recipe's arithmetic.
    """
    keras.mixed_precision.set_global_policy(recipe.policy)
    trainer = Trainer(lessons, recipe, recogniser())
    kept = folder / checkpoint.CHECKPOINT
    done = checkpoint.restore(trainer.variables(), kept)
    board = SummaryWriter(str(folder / "tensorboard"))
    for number in range(done, recipe.epochs):
        means = trainer.epoch(number)
        checkpoint.note(folder / "loss.csv", COLUMNS, number + 1, means)
        for name, mean in zip(COLUMNS[1:], means, strict=True):
            board.add_scalar(name, mean, number + 1)
        checkpoint.save(trainer.variables(), number + 1, kept)
        if watch is not None:
            watch(number + 1, trainer.draw)
    board.close()
    trainer.settle()
    keras.mixed_precision.set_global_policy("float32")
    return trainer.generator, trainer.architecture


def _mean_of(parts: Any, weights: Any) -> Any:
    """(b, ...) the weighted means of each k of (b * k, ...); weights (b, k)."""
    count, k = weights.shape
    share = ops.reshape(weights, (count, k, *[1] * (len(parts.shape) - 1)))
    return ops.sum(ops.reshape(parts, (count, k, *parts.shape[1:])) * share, axis=1)


def start_from_principal_components(model: keras.Model, textures: Image) -> None:
    """Donor codes that start as principal components: donors who look alike start alike."""
    layer = model.get_layer("donors")
    small = textures[:, ::4, ::4].reshape(len(textures), -1).astype(np.float32) / 127.5 - 1
    u, d, _ = np.linalg.svd(small - small.mean(axis=0), full_matrices=False)
    rank = min(layer.units, len(d))
    start = np.zeros((len(textures), layer.units), np.float32)
    start[:, :rank] = u[:, :rank] * np.sqrt(len(textures)) * (d[:rank] / d[0]) ** 0.5
    layer.set_weights([start])
