"""The deconvolutional generator: a mix of donors in, a canonical face texture out.

After Dosovitskiy, Springenberg, Tatarchenko, Brox: "Learning to generate chairs, tables and
cars with convolutional networks", PAMI 2017 (arXiv:1411.5928): dense layers spread the code
over a small grid, transposed convolutions double it until it is a picture. Offline only.
"""

from dataclasses import dataclass

import keras
from keras import layers

GRID = 6
SLOPE = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """The sizes of a generator for `donors` people and a texture of GRID × 2**(stages + 1) px."""

    donors: int
    embedding: int = 256
    hidden: int = 512
    channels: tuple[int, ...] = (192, 160, 96, 40)
    noise: float = 0.05

    @property
    def side(self) -> int:
        """The texture's side in pixels."""
        return int(GRID * 2 ** (len(self.channels) + 1))


def build(architecture: Architecture) -> keras.Model:
    """The network.

    Input shape: (batch, donors), weights that sum to 1; training feeds single donors.
    Output shape: (batch, side, side, 3), RGB in [-1, 1].
    The rows of the first layer are the donors' codes; noise on them while training keeps the
    space between the donors, where mixes lie, smooth.
    """
    mix = keras.Input((architecture.donors,), name="mix")
    code = layers.Dense(architecture.embedding, use_bias=False, name="donors")(mix)
    x = layers.GaussianNoise(architecture.noise, name="noise")(code)
    x = _activate(layers.Dense(architecture.hidden, name="hidden")(x))
    first = architecture.channels[0]
    x = _activate(layers.Dense(GRID * GRID * first, name="spread")(x))
    x = layers.Reshape((GRID, GRID, first), name="grid")(x)
    for stage, channels in enumerate(architecture.channels):
        up = layers.Conv2DTranspose(channels, 4, 2, padding="same", name=f"up{stage}")
        refine = layers.Conv2D(channels, 3, padding="same", name=f"refine{stage}")
        x = _activate(refine(_activate(up(x))))
    x = layers.Conv2DTranspose(3, 4, 2, padding="same", name="picture")(x)
    texture = layers.Activation("tanh", dtype="float32", name="texture")(x)
    return keras.Model(mix, texture, name="deconv")


def _activate(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.LeakyReLU(negative_slope=SLOPE)(x)
