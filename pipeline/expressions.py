"""Expressions by name, as meshes: the canonical face bent until its codes are those asked for."""

from dataclasses import replace
from typing import Final

import numpy as np

from generator.canonical import Canonical, codes, with_lids
from generator.expression import LIPS_MIDDLE, MOUTH
from pipeline.contract import Floats, Generator, Ints, Person, Surrogate

# Mouth: opening, width, left and right corner below the upper lip, pucker; eyes: both openings.
# All in distances of the outer eye corners, see generator/expression.py.
EXPRESSIONS: Final[dict[str, tuple[float, ...]]] = {
    "neutral": (0.004, 0.45, 0.022, 0.022, 0.034, 0.100, 0.100),
    "smile": (0.090, 0.62, 0.002, 0.002, 0.022, 0.088, 0.088),
    "open-mouth": (0.200, 0.46, 0.060, 0.060, 0.030, 0.104, 0.104),
    "pucker": (0.015, 0.38, 0.028, 0.028, 0.052, 0.098, 0.098),
    "closed-eyes": (0.004, 0.45, 0.022, 0.022, 0.034, 0.005, 0.005),
    "wink": (0.030, 0.52, 0.012, 0.012, 0.030, 0.005, 0.098),
    "surprise": (0.140, 0.44, 0.052, 0.052, 0.032, 0.122, 0.122),
}
# Where the irises lie off the eyes' middle, in half an eye's width: x right, y down, as seen.
GAZES: Final[dict[str, tuple[float, float]]] = {
    "ahead": (0.0, 0.0),
    "left": (-0.3, 0.0),
    "right": (0.3, 0.0),
    "up": (0.0, -0.2),
    "down": (0.0, 0.2),
}
_ROUNDS: Final = 6
_MOVING: Final = ("smile", "open-mouth", "pucker", "surprise")
_FURTHEST: Final = 1.3
_LIDS: Final = (0.01, 0.12)


def wearing(expression: str, canonical: Canonical) -> Floats:
    """(468, 3) canonical units: the canonical face with one of EXPRESSIONS."""
    return bent(np.array(EXPRESSIONS[expression], np.float32), canonical)


def bent(wanted: Floats, canonical: Canonical) -> Floats:
    """(468, 3) canonical units: the canonical face with the codes `wanted` (7,).

    Codes are lengths, which the linear `bend` of the mouth meets only nearly: the rest is bent
    again. Eyes are opened by their lids alone.
    """
    shape, mouth = canonical.shape, len(MOUTH)
    for _ in range(_ROUNDS):
        now = codes(shape)[:mouth]
        upper, lower = shape[LIPS_MIDDLE, 1]
        now[0] = np.copysign(now[0], lower - upper)  # lips may cross on the way
        missing = wanted[:mouth] - now
        shape = shape + np.einsum("c,cpx->px", missing, canonical.bend[:mouth])
    return with_lids(shape, wanted[mouth:])


def at_random(rng: np.random.Generator) -> Floats:
    """(7,) a calm face on its way to one of EXPRESSIONS or beyond, its eyes opened at will."""
    calm = np.array(EXPRESSIONS["neutral"], np.float32)
    goal = np.array(EXPRESSIONS[str(rng.choice(_MOVING))], np.float32)
    code = calm + (goal - calm) * np.float32(rng.uniform(0, _FURTHEST))
    code[5:] = rng.uniform(*_LIDS)
    return code


class Calm:
    """Any generator, but its surrogates never move: mouth closed, eyes open.

    It is given one and the same mesh, and the canonical shape for a person's own, so nothing of
    an expression and nothing of a person's shape reaches the surrogate.
    """

    def __init__(self, generator: Generator, canonical: Canonical) -> None:
        self._generator = generator
        self.concurrent: bool = getattr(generator, "concurrent", False)
        self._mesh = wearing("neutral", canonical)
        self._shape = canonical.shape

    def generate(
        self, identity: Ints, person: Person, mesh: Floats, gaze: Floats | None = None
    ) -> Surrogate:
        """The mix of the donors `identity` (k,), neutral, looking ahead, as large as `mesh`."""
        size = np.ptp(mesh[:, :2], axis=0).max() / np.ptp(self._shape[:, :2], axis=0).max()
        worn, nobody = self._mesh * np.float32(size), replace(person, shape=self._shape)
        return self._generator.generate(identity, nobody, worn, np.zeros(2, np.float32))
