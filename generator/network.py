"""The deconvolutional generator: a mix of donors in, a canonical face texture out.

After Dosovitskiy, Springenberg, Tatarchenko, Brox: "Learning to generate chairs, tables and
cars with convolutional networks", PAMI 2017 (arXiv:1411.5928): dense layers spread the code
over a small grid, transposed convolutions double it until it is a picture. Offline only.
"""

from dataclasses import dataclass
from typing import Final

import keras
from keras import layers

SLOPE: Final = 0.2
_DOUBLINGS: Final = 5
CRITIC: Final = (32, 64, 128, 192)


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """The sizes of a generator for `donors` people and textures of `side` px.

    `channels` belong to 1/16, 1/8, 1/4 and 1/2 of the side; `fine` are those that only the
    largest picture needs, at 1/2 and at the full side.
    """

    donors: int
    side: int = 192
    embedding: int = 384
    hidden: int = 768
    channels: tuple[int, int, int, int] = (160, 128, 64, 32)
    fine: tuple[int, int] = (56, 32)
    noise: float = 0.05

    @property
    def grid(self) -> int:
        """The side of the first feature map: 4 for 128 px, 6 for 192, 8 for 256."""
        return self.side // 2**_DOUBLINGS


def build(architecture: Architecture) -> keras.Model:
    """The network.

    Input shape: (batch, donors), weights that sum to 1; training feeds single donors and mixes.
    Output shapes: (batch, s, s, 3), RGB in [-1, 1], for s = side, side / 2 and side / 4: small
    faces need no more, and what only the larger pictures use is then not computed.
    The rows of the first layer are the donors' codes; noise on them while training keeps the
    space between the donors, where mixes lie, smooth.
    """
    mix = keras.Input((architecture.donors,), name="mix")
    code = layers.Dense(architecture.embedding, use_bias=False, name="donors")(mix)
    x = layers.GaussianNoise(architecture.noise, name="noise")(code)
    x = _activate(layers.Dense(architecture.hidden, name="hidden")(x))
    grid, first = architecture.grid, architecture.channels[0]
    x = _activate(layers.Dense(grid * grid * first, name="spread")(x))
    x = layers.Reshape((grid, grid, first), name="grid")(x)
    for stage, channels in enumerate(architecture.channels[:-1]):
        x = _doubled(x, channels, f"up{stage}")
        x = _activate(layers.Conv2D(channels, 3, padding="same", name=f"refine{stage}")(x))
    quarter = _picture(x, "quarter")
    x = _doubled(x, architecture.channels[-1], "up_half")
    half = _picture(x, "half")
    x = _activate(layers.Conv2D(architecture.fine[0], 3, padding="same", name="refine_half")(x))
    x = _doubled(x, architecture.fine[1], "up_whole")
    return keras.Model(mix, [_picture(x, "whole"), half, quarter], name="deconv")


def critic(side: int) -> keras.Model:
    """Tells drawn faces from donors, patch by patch: (batch, side, side, 4) → (batch, p, p, 1).

    The fourth channel is how far down in the face a pixel lies, so that a patch knows what it
    should be; spectral normalisation (Miyato et al., ICLR 2018, arXiv:1802.05957) bounds it.
    """
    picture = keras.Input((side, side, 4), name="picture")
    x = picture
    for channels in CRITIC:
        x = _activate(_bounded(layers.Conv2D(channels, 4, 2, padding="same"))(x))
    x = _activate(_bounded(layers.Conv2D(CRITIC[-1], 3, padding="same"))(x))
    verdict = _bounded(layers.Conv2D(1, 3, padding="same"))(x)
    return keras.Model(
        picture, layers.Activation("linear", dtype="float32")(verdict), name="critic"
    )


def _bounded(layer: keras.Layer) -> keras.Layer:
    return layers.SpectralNormalization(layer)


def _doubled(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    return _activate(layers.Conv2DTranspose(channels, 4, 2, padding="same", name=name)(x))


def _picture(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    drawn = layers.Conv2D(3, 3, padding="same", name=f"draw_{name}")(x)
    return layers.Activation("tanh", dtype="float32", name=name)(drawn)


def _activate(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.LeakyReLU(negative_slope=SLOPE)(x)
