"""What a pair of glasses looks like, and which one a surrogate wears.

Of a person's own pair only the broad kind is followed: sunglasses, thin or thick rims, dark or
light ones. All else is drawn at random, so that the pair tells nobody apart.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline.contract import Floats

Colour = tuple[float, float, float]

_DARK_METALS: Final = ((38, 38, 41), (62, 60, 62), (58, 48, 42))
_LIGHT_METALS: Final = ((170, 165, 158), (190, 162, 108), (176, 136, 112), (130, 122, 114))
_DARK_PLASTICS: Final = ((22, 21, 23), (34, 28, 26), (56, 38, 27), (28, 31, 42), (48, 25, 27))
_LIGHT_PLASTICS: Final = ((150, 118, 88), (128, 126, 126), (176, 152, 132), (112, 84, 62))
_GLASSES: Final = ((20, 20, 22), (42, 30, 22), (24, 32, 28))


@dataclass(frozen=True, slots=True)
class Style:
    """One pair of glasses; lengths are shares of the texture's side."""

    width: float  # half a lens
    height: float
    squareness: float  # exponent of the superellipse: 2 is round
    drop: float  # how far the lens's lower half leans inwards: aviators
    lift: float  # how far its outer corner is raised: cat eyes
    rim: float  # thickness
    lower_rim: float  # share of `rim` below: 0 for half rims
    temple: float
    opacity: float
    colour: Colour
    mottled: float
    shine: float
    tint: float  # opacity of the lenses
    tint_fade: float  # how much of it is lost at their lower edge


@dataclass(frozen=True, slots=True)
class Traits:
    """What kind of glasses a person wears; `dark` frames of metal or plastic."""

    opaque: bool
    thick: bool
    dark: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair of glasses and the colour of its lenses."""

    style: Style
    glass: Colour
    gleam: float  # how much its lenses reflect


def outline(look: Style, side: int, centre: Floats) -> Floats:
    """(n, 2) the edge of one lens; `side` 0 is the image's left eye. Starts at the outer end."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    x = np.sign(c) * np.abs(c) ** (2 / look.squareness)
    y = np.sign(s) * np.abs(s) ** (2 / look.squareness)
    x = x * (1 - 0.35 * look.drop * np.clip(y, 0, 1)) - 0.4 * look.drop * np.clip(y, 0, 1)
    y = y - look.lift * np.clip(x, 0, 1) ** 2 + 0.5 * look.drop * np.clip(y, 0, 1)
    points = np.stack([x * look.width, y * look.height], axis=1)
    return (points * (-1 if side == 0 else 1, 1) + centre).astype(np.float32)


def chosen(traits: Traits, rng: np.random.Generator) -> Pair:
    """A pair of the kind that `traits` tell, its model drawn at random."""
    base = _thick(traits.dark, rng) if traits.thick else _thin(traits.dark, rng)
    look = _shaped(base, traits, rng)
    if not traits.opaque:
        return Pair(look, (205.0, 215.0, 225.0), float(rng.uniform(0.05, 0.14)))
    look = replace(
        look,
        height=look.height * 1.08,
        tint=float(rng.uniform(0.93, 0.98)),
        tint_fade=float(rng.choice([0.0, 0.0, 0.08])),
    )
    return Pair(look, _picked(_GLASSES, 4, rng), float(rng.uniform(0.1, 0.25)))


def _thick(dark: bool, rng: np.random.Generator) -> Style:
    """Rims of plastic."""
    colour = _picked(_DARK_PLASTICS if dark else _LIGHT_PLASTICS, 5, rng)
    return Style(
        width=0.0, height=0.0, squareness=2.0, drop=0.0, lift=0.0,
        rim=float(rng.uniform(0.014, 0.023)), lower_rim=float(rng.choice([1.0, 0.8, 0.6])),
        temple=float(rng.uniform(0.028, 0.04)), opacity=1.0 if dark else 0.93, colour=colour,
        mottled=float(rng.uniform(0.3, 0.7)) if dark and rng.random() < 0.35 else 0.0,
        shine=float(rng.uniform(0.15, 0.35)), tint=0.02, tint_fade=0.0,
    )  # fmt: skip


def _thin(dark: bool, rng: np.random.Generator) -> Style:
    """Rims of metal, a third of them without a lower half."""
    colour = _picked(_DARK_METALS if dark else _LIGHT_METALS, 5, rng)
    return Style(
        width=0.0, height=0.0, squareness=2.0, drop=0.0, lift=0.0,
        rim=float(rng.uniform(0.0065, 0.0095)), lower_rim=float(rng.choice([1.0, 1.0, 0.0])),
        temple=float(rng.uniform(0.016, 0.023)), opacity=0.95, colour=colour,
        mottled=0.0, shine=float(rng.uniform(0.3, 0.6)), tint=0.02, tint_fade=0.0,
    )  # fmt: skip


def _shaped(look: Style, traits: Traits, rng: np.random.Generator) -> Style:
    """The style with lenses: round, oval, rectangular, square, raised outside or an aviator's."""
    kinds = ["round", "oval", "rectangular", "square"]
    kinds.append("raised" if traits.thick else "aviator")
    if traits.opaque:
        kinds = ["square", "square", "round", kinds[-1]]
    width, height, squareness, drop, lift = {
        "round": (0.122, 0.116, 2.1, 0.0, 0.0),
        "oval": (0.136, 0.1, 2.4, 0.0, 0.0),
        "rectangular": (0.144, 0.09, 4.2, 0.04, 0.04),
        "square": (0.141, 0.106, 3.4, 0.06, 0.05),
        "raised": (0.143, 0.102, 2.8, 0.08, 0.2),
        "aviator": (0.146, 0.11, 2.6, 0.26, 0.05),
    }[str(rng.choice(kinds))]
    whole = look.lower_rim if squareness > 2.3 and drop < 0.2 else 1.0
    wide, high, square = rng.normal(1, (0.025, 0.035, 0.06))
    return replace(
        look, width=float(width * wide), height=float(height * high),
        squareness=float(squareness * square), drop=drop, lift=lift, lower_rim=whole,
    )  # fmt: skip


def _picked(palette: tuple[Colour, ...], spread: float, rng: np.random.Generator) -> Colour:
    red, green, blue = np.clip(
        np.array(palette[rng.integers(len(palette))]) + rng.normal(0, spread, 3), 8, 245
    ).tolist()
    return red, green, blue
