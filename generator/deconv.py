"""Draws surrogates online: a mix of identity donors, made to look and to speak.

A mix of k donors, fixed for a person, gives the face. The shape carries the expression: lids and
lips open and close as in the frame. What that cannot show is added to the texture: teeth and
tongue are drawn as a mix of the donors whose open mouths lie nearest to this frame's, and the
irises are moved to where the eyes look.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import openvino as ov

from generator.canonical import Canonical, codes, frontal, neutral, opened_alike
from generator.complexion import Complexion
from generator.expression import eye_code
from generator.eyes import Eyes
from generator.individual import individual, kind, steps
from generator.regions import INNER_LIPS, region
from pipeline.contract import Floats, Ints, Mask, Person, Surrogate

Draw = Callable[[Floats], Floats]  # (b, m) donor mixes → (b, s, s, 3) textures in 0..255

_MOUTH: Final = slice(0, 5)
_CLOSED: Final = 0.02
_OPEN: Final = 0.07
_NEIGHBOURS: Final = 3
_SKIN_UNIT: Final = 40.0
_LIKENESS_UNIT: Final = np.array([0.7, 0.5], np.float32)
_CLOSENESS: Final = 0.35
_FACES_KEPT: Final = 64
_GAIN: Final = (0.7, 1.4)
_SHRUNK: Final = 1.1
_GROW: Final = 0.004
_SOFT: Final = 0.007


@dataclass(frozen=True, slots=True, eq=False)
class DonorFaces:
    """What the DB knows of the m donors in the network's table."""

    shapes: Floats  # (m, 468, 3) canonical units
    codes: Floats  # (m, 7) mouth and eyes
    skin: Floats  # (m, 3) CIE Lab
    likeness: Floats  # (m, 2) apparent sex in [0, 1] and log age
    mouth: Mask  # (m,) may lend a mouth
    identity: Mask  # (m,) may lend a whole face
    style: Floats  # (m, 3) beard, make-up of lips and lids; NaN where nobody knows


class Deconv:
    """One surrogate per call: no network run for a known face with closed lips, else one.

    `draw` gives textures of the largest side, `smaller` those of smaller ones, in falling order:
    a face that is small in the picture is drawn with less work.
    """

    def __init__(
        self, draw: Draw, canonical: Canonical, donors: DonorFaces, smaller: Sequence[Draw] = ()
    ) -> None:
        self._canonical = canonical
        self._donors = donors
        self._spread = donors.codes.std(axis=0) + 1e-6
        self._calm = neutral(donors.shapes, canonical)
        self._steps = steps(kind(donors.skin, donors.likeness, donors.style), donors.identity)
        self._heads = [_Head(head, len(donors.codes), canonical) for head in (draw, *smaller)]
        self._face = lru_cache(maxsize=_FACES_KEPT)(self._mixed)

    def generate(
        self, identity: Ints, person: Person, mesh: Floats, gaze: Floats | None = None
    ) -> Surrogate:
        """The mix of equal parts of the donors `identity` (k,), see `blend`."""
        return self.blend(self._parts(identity), person, mesh, gaze)

    def blend(
        self, weights: Floats, person: Person, mesh: Floats, gaze: Floats | None = None
    ) -> Surrogate:
        """The mix `weights` (m,), summing to 1, with the expression of `mesh` (468, 3).

        The shape follows the mesh: the person's own shape without expression is exchanged for
        the mix's, and what the frame adds to it stays. `gaze` (2,) is where the eyes look, right
        and down in halves of an eye's width; without it they look as the donors' do.
        """
        weights = individual(weights, self._steps)
        own = frontal(mesh[None], self._canonical.shape)[0]
        known = np.isfinite(person.shape).all()
        base = person.shape if known else neutral(own[None], self._canonical)[0]
        calm = np.einsum("m,mpx->px", weights, self._calm)
        shape = opened_alike(own + calm - base, own, person.eyes)
        number = self._head(mesh)
        texture = self._face(number, weights.tobytes())
        texture = self._speaking(texture, codes(own), weights, number)
        ahead = gaze if gaze is not None else np.full(2, np.nan, np.float32)
        texture = self._heads[number].eyes.looking(texture, ahead, eye_code(shape))
        drawn = np.clip(np.rint(texture), 0, 255).astype(np.uint8)
        return Surrogate(drawn, shape.astype(np.float32))

    def calm(self, identity: Ints) -> Floats:
        """(s, s, 3) in 0..255 the largest texture of the donors `identity` (k,) at rest."""
        return self._face(0, individual(self._parts(identity), self._steps).tobytes())

    def _parts(self, identity: Ints) -> Floats:
        weights = np.zeros(len(self._calm), np.float32)
        weights[identity] = 1 / len(identity)
        return weights

    def _head(self, mesh: Floats) -> int:
        """The smallest head that is large enough for a face of this size in the picture."""
        unit = float(
            np.ptp(mesh[:, :2], axis=0).max() / np.ptp(self._canonical.layout, axis=0).max()
        )
        large = [i for i, head in enumerate(self._heads) if head.side * _SHRUNK >= unit]
        return max(large, default=0)

    def _mixed(self, number: int, weights: bytes) -> Floats:
        """(s, s, 3) the calm face of a mix."""
        head = self._heads[number]
        drawn = head.draw(np.frombuffer(weights, np.float32)[None])[0]
        return head.complexion.evened(drawn)

    def _speaking(self, face: Floats, code: Floats, mix: Floats, number: int) -> Floats:
        """The face with the inside of an open mouth, (s, s, 3)."""
        share = np.clip((code[0] - _CLOSED) / (_OPEN - _CLOSED), 0, 1)
        if share == 0 or not self._donors.mouth.any():
            return face
        head = self._heads[number]
        inside = head.draw(self._lenders(code, mix)[None])[0]
        return _laid_in(face, inside, head.inner_mouth * share)

    def _lenders(self, code: Floats, mix: Floats) -> Floats:
        """(m,) weights of the donors nearest in the mouth's code, fading to 0 at the last."""
        donors = self._donors
        far = (((donors.codes - code) / self._spread)[:, _MOUTH] ** 2).mean(axis=1)
        skin, likeness = mix @ donors.skin, mix @ donors.likeness
        far += ((donors.skin - skin) ** 2).sum(axis=1) / _SKIN_UNIT**2
        far += (((donors.likeness - likeness) / _LIKENESS_UNIT) ** 2).sum(axis=1) * 0.25
        lenders = np.flatnonzero(donors.mouth)
        near = lenders[np.argsort(far[lenders], kind="stable")[: _NEIGHBOURS + 1]]
        kernel = np.exp(-(far[near] - far[near].min()) / _CLOSENESS)
        kernel -= kernel.min()
        weights = np.zeros(len(far), np.float32)
        weights[near] = kernel / kernel.sum() if kernel.sum() > 0 else 1 / len(near)
        return weights


class _Head:
    """One size of texture, and the masks that belong to it."""

    def __init__(self, draw: Draw, donors: int, canonical: Canonical) -> None:
        self.draw = draw
        self.side = draw(np.full((1, donors), 1 / donors, np.float32)).shape[1]
        self.inner_mouth = region(canonical.layout, self.side, INNER_LIPS, _GROW, _SOFT)
        self.complexion = Complexion(canonical.layout, self.side)
        self.eyes = Eyes(canonical.layout, self.side, eye_code(canonical.shape))


def heads(network: Path) -> list[Draw]:
    """The network's sizes, largest first; a smaller one leaves out what only larger ones need."""
    core = ov.Core()
    model = core.read_model(network)
    parts = [ov.Model([output], model.get_parameters(), "head") for output in model.outputs]
    return [_drawing(core.compile_model(p, "CPU", {"PERFORMANCE_HINT": "LATENCY"})) for p in parts]


def _drawing(network: ov.CompiledModel) -> Draw:
    def draw(mixes: Floats) -> Floats:
        result: Floats = (network(mixes)[0] + 1) * 127.5
        return result

    return draw


def _laid_in(face: Floats, other: Floats, alpha: Floats) -> Floats:
    """`other` over `face` where alpha, as bright as it on the ring in which both are seen."""
    ring = (alpha > 0.02 * alpha.max()) & (alpha < 0.6 * alpha.max())
    gain = np.clip(face[ring].mean() / max(float(other[ring].mean()), 1.0), *_GAIN)
    result: Floats = face + (other * gain - face) * alpha[..., None]
    return result
