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
from typing import Any, Final

import numpy as np
import openvino

from generator.canonical import Canonical, frontal, neutral, opened_alike
from generator.complexion import Complexion
from generator.expression import eye_code, mouth_code
from generator.eyes import Drawn, Eyes
from generator.individual import individual, kind, steps
from generator.regions import mouth_opacity
from pipeline.contract import Floats, Image, Ints, Mask, Person, Surrogate
from pipeline.networks import Network

Draw = Callable[[Floats], Floats]  # (b, m) donor mixes → (b, s, s, 3) textures in 0..255

_MOUTH: Final = slice(0, 5)
_CLOSED: Final = 0.012
_OPEN: Final = 0.04
_SHADED: Final = (0.6, 0.09)  # how light it is behind lips that open, and from which opening 1
_NEIGHBOURS: Final = 3
_SKIN_UNIT: Final = 40.0
_LIKENESS_UNIT: Final = np.array([0.7, 0.5], np.float32)
_CLOSENESS: Final = 0.35
_FACES_KEPT: Final = 64
_MOUTHS_KEPT: Final = 512  # of up to 40 kB each
_GAIN: Final = (0.7, 1.4)
_RING: Final = (0.02, 0.6)  # of the mouth's opacity: where lips surround it
_SHRUNK: Final = 1.1


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


def mouth_share(opening: Any) -> Any:
    """How much of the inside of a mouth is seen, 0..1, by the first of its codes."""
    return np.clip((opening - _CLOSED) / (_OPEN - _CLOSED), 0, 1)


class Deconv:
    """One surrogate per call. The network runs once for each face and once for each donor who lends
    a mouth; between mouths textures are mixed, so that speaking costs no more than looking aside.

    `draw` gives textures of the largest side, `smaller` those of smaller ones, in falling order:
    a face that is small in the picture is drawn with less work.
    """

    concurrent = True

    def __init__(
        self, draw: Draw, canonical: Canonical, donors: DonorFaces, smaller: Sequence[Draw] = ()
    ) -> None:
        self._canonical = canonical
        self._donors = donors
        self._lending = np.flatnonzero(donors.mouth)
        self._spread = donors.codes.std(axis=0) + 1e-6
        self._calm = neutral(donors.shapes, canonical)
        self._steps = steps(kind(donors.skin, donors.likeness, donors.style), donors.identity)
        self._extent = float(np.ptp(canonical.layout, axis=0).max())
        self._heads = [_Head(head, len(donors.codes), canonical) for head in (draw, *smaller)]
        self._mixed = lru_cache(maxsize=_FACES_KEPT)(self._mix)
        self._drawn = lru_cache(maxsize=_FACES_KEPT)(self._face)
        self._mouth = lru_cache(maxsize=_MOUTHS_KEPT)(self._lent)

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
        mix, number = self._mixed(weights.tobytes()), self._number(mesh)
        own = frontal(mesh[None], self._canonical.shape)[0]
        known = np.isfinite(person.shape).all()
        base = person.shape if known else neutral(own[None], self._canonical)[0]
        shape = opened_alike(own + mix.shape - base, own, person.eyes)
        face = self._drawn(number, weights.tobytes())
        mouth = self._speaking(face, mouth_code(own), mix, number)
        ahead = gaze if gaze is not None else np.full(2, np.nan, np.float32)
        return Surrogate(
            self._heads[number].shown(face, mouth, ahead, eye_code(shape)),
            shape.astype(np.float32),
        )

    def calm(self, identity: Ints) -> Floats:
        """(s, s, 3) in 0..255 the largest texture of the donors `identity` (k,) at rest."""
        return self._drawn(0, self._parts(identity).tobytes()).texture

    def shares(self, identity: Ints) -> Floats:
        """(m,) how much of each donor is in the face of the donors `identity` (k,); sums to 1."""
        return self._mixed(self._parts(identity).tobytes()).weights

    def _parts(self, identity: Ints) -> Floats:
        weights = np.zeros(len(self._calm), np.float32)
        weights[identity] = 1 / len(identity)
        return weights

    def _number(self, mesh: Floats) -> int:
        """Of the smallest head that is large enough for a face of this size in the picture."""
        low, high = mesh.min(axis=0), mesh.max(axis=0)
        unit = float((high - low)[:2].max()) / self._extent
        large = [i for i, head in enumerate(self._heads) if head.side * _SHRUNK >= unit]
        return max(large, default=0)

    def _mix(self, weights: bytes) -> "_Mix":
        mix = individual(np.frombuffer(weights, np.float32), self._steps)
        donors, lending = self._donors, self._lending
        skin = ((donors.skin[lending] - mix @ donors.skin) ** 2).sum(axis=1) / _SKIN_UNIT**2
        likeness = (donors.likeness[lending] - mix @ donors.likeness) / _LIKENESS_UNIT
        far = skin + (likeness**2).sum(axis=1) * 0.25
        return _Mix(mix, np.einsum("m,mpx->px", mix, self._calm), far)

    def _face(self, number: int, weights: bytes) -> "_Face":
        head = self._heads[number]
        drawn = head.draw(self._mixed(weights).weights[None])[0]
        return head.face(head.complexion.evened(drawn))

    def _lent(self, number: int, donor: int) -> Floats:
        """(h, w, 3) the inside of a donor's open mouth, where the head has it, without the tint
        that light and skin give it: teeth are to be as white in another face (von Kries).
        """
        head = self._heads[number]
        one = np.zeros((1, len(self._calm)), np.float32)
        one[0, donor] = 1
        drawn = head.draw(one)[0]
        inside: Floats = drawn[head.mouth] / head.complexion.cast(drawn)
        return inside

    def _speaking(self, face: "_Face", code: Floats, mix: "_Mix", number: int) -> Floats | None:
        """(h, w, 3) the part of the face with the inside of an open mouth, None if it is shut."""
        if mouth_share(code[0]) == 0 or not len(self._lending):
            return None
        near, shares = self._lenders(code, mix)
        inside = sum(s * self._mouth(number, d) for d, s in zip(near, shares, strict=True) if s)
        return self._heads[number].laid_in(face, np.asarray(inside, np.float32), float(code[0]))

    def _lenders(self, code: Floats, mix: "_Mix") -> tuple[list[int], list[float]]:
        """The donors nearest in the mouth's code and their weights, fading to 0 at the last."""
        codes, spread = self._donors.codes[self._lending, _MOUTH], self._spread[_MOUTH]
        far = (((codes - code) / spread) ** 2).mean(axis=1) + mix.far
        near = np.argsort(far, kind="stable")[: _NEIGHBOURS + 1]
        kernel = np.exp(-(far[near] - far[near].min()) / _CLOSENESS)
        kernel -= kernel.min()
        total = kernel.sum()
        shares = kernel / total if total > 0 else np.full(len(near), 1 / len(near))
        return self._lending[near].tolist(), shares.tolist()


@dataclass(frozen=True, slots=True, eq=False)
class _Mix:
    """What a mix of donors is in all frames."""

    weights: Floats  # (m,) those that the network is given
    shape: Floats  # (468, 3) without expression
    far: Floats  # how little each donor who lends a mouth is of its kind


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """A calm face in one size, and what of it is read off more than once."""

    texture: Floats  # (s, s, 3) in 0..255
    drawn: Image  # (s, s, 3) the same
    eyes: list[Drawn]  # as they are
    lips: float  # how bright they are around the mouth
    cast: Floats  # (3,) tint of its skin


class _Head:
    """One size of texture, and the masks that belong to it."""

    def __init__(self, draw: Draw, donors: int, canonical: Canonical) -> None:
        self.draw = draw
        if isinstance(draw, _Drawing):
            self.side = draw.side
        else:
            self.side = draw(np.full((1, donors), 1 / donors, np.float32)).shape[1]
        inner = mouth_opacity(canonical.layout, self.side)
        rows, columns = (np.flatnonzero(inner.any(axis=axis)) for axis in (1, 0))
        self.mouth = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self._inner = np.repeat(inner[self.mouth][..., None], 3, axis=2)
        self._ring = _around(inner[self.mouth])
        self.complexion = Complexion(canonical.layout, self.side)
        self._eyes = Eyes(canonical.layout, self.side, eye_code(canonical.shape))

    def face(self, texture: Floats) -> _Face:
        """What is kept of a calm face (s, s, 3) in 0..255."""
        lips = float(texture[self.mouth][self._ring].mean())
        cast = self.complexion.cast(texture)
        return _Face(texture, _rounded(texture), self._eyes.drawn(texture), lips, cast)

    def laid_in(self, face: _Face, inside: Floats, opening: float) -> Floats:
        """(h, w, 3) the mouth's part of the face, with `inside` (h, w, 3) where it is open: of the
        face's tint, as bright as the lips where both are seen, in their shadow where little is.
        """
        low, lit = _SHADED
        gain = np.clip(face.lips / max(float(inside[self._ring].mean()), 1.0), *_GAIN)
        lips = face.texture[self.mouth]
        gain *= np.interp(opening, [0, lit], [low, 1])
        share = self._inner * np.float32(mouth_share(opening))
        result: Floats = lips + (inside * (face.cast * np.float32(gain)) - lips) * share
        return result

    def shown(self, face: _Face, mouth: Floats | None, gaze: Floats, openings: Floats) -> Image:
        """(s, s, 3) the face with its mouth, `gaze` and lids, see Eyes."""
        result = face.drawn.copy()
        if mouth is not None:
            result[self.mouth] = _rounded(mouth)
        texture = self._eyes.looking(face.texture, gaze, openings, face.eyes)
        for place in self._eyes.places:
            result[place] = _rounded(texture[place])
        return result


def _around(opacity: Floats) -> tuple[Ints, Ints]:
    """Rows and columns of the lips around a mouth; of all that is seen of it in few pixels."""
    low, high = (share * opacity.max() for share in _RING)
    ring = (opacity > low) & (opacity < high)
    rows, columns = np.nonzero(ring if ring.any() else opacity > 0)
    return rows, columns


def _rounded(texture: Floats) -> Image:
    """Colours 0..255 as whole numbers."""
    return np.rint(np.clip(texture, 0, 255)).astype(np.uint8)


def heads(network: Path) -> list[Draw]:
    """The network's sizes, largest first; a smaller one leaves out what only larger ones need."""
    sides = [o.partial_shape[1].get_length() for o in openvino.Core().read_model(network).outputs]
    return [
        _Drawing(Network(network, _only(number), f"head {number}"), side)
        for number, side in enumerate(sides)
    ]


def _only(number: int) -> Callable[[openvino.Core, Path], openvino.Model]:
    """Reads the network without what is needed for other outputs only."""

    def read(core: openvino.Core, network: Path) -> openvino.Model:
        model = core.read_model(network)
        return openvino.Model([model.outputs[number]], model.get_parameters(), "head")

    return read


@dataclass(frozen=True, slots=True, eq=False)
class _Drawing:
    network: Network
    side: int  # of its textures, known before the network is ready

    def __call__(self, mixes: Floats) -> Floats:
        drawn: Floats = self.network(mixes)[0]
        return (drawn + 1) * np.float32(127.5)
