"""Draws surrogates online: a mix of identity donors, made to look and to speak.

A mix of k donors, fixed for a person, gives the face. The shape carries the expression: lids and
lips open and close as in the frame. What that cannot show is added to the texture: teeth and
tongue are drawn as a mix of those of a few donors of the person's kind whose open mouths lie
nearest to this frame's, and the irises are moved to where the eyes look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from generator.canonical import Canonical, frontal, neutral, opened_alike, with_lids
from generator.expression import eye_code, mouth_code
from generator.head import Draw, Face, Head, mouth_share
from generator.individual import individual, kind
from generator.lips import with_lips
from generator.looks import Beard
from generator.shaving import Shaving
from pipeline.contract import Floats, Ints, Mask, Person, Surrogate
from pipeline.geometry import bounds

_MOUTH: Final = slice(0, 5)
_EYES: Final = slice(5, 7)
_NEIGHBOURS: Final = 7
_SKIN_UNIT: Final = 40.0
_LIKENESS_UNIT: Final = np.array([0.7, 0.5], np.float32)
_CLOSENESS: Final = 1.0
# A person is lent mouths by a few donors, some for each level of openings: of all who could, others
# would be the nearest in each frame, and teeth and tongue would flicker.
_LEVELS: Final = 5
_EACH: Final = 3
_FACES_KEPT: Final = 64
_JUST_DRAWN: Final = 8
_MOUTHS_KEPT: Final = 512  # of up to 40 kB each
# Meshes fit narrow eyes too wide and wide ones too narrow, so textures show what they left out: for
# each unit that a mix's donors open their eyes wider than others, its lids are this much lower.
_WIDER: Final = 8.0
_LIDS: Final = (0.75, 1.25)
_ENLARGED: Final = 1.25
_SEEN_AT: Final = 96  # px; beards are read off textures of this side


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
    steps: Floats  # (m, m) what each brings along, see individual.py


class Deconv:
    """One surrogate per call. The network runs once for each face and once for each donor who lends
    a mouth; between mouths textures are mixed, so that speaking costs no more than looking aside.

    `draw` gives textures of the largest side, `smaller` those of smaller ones, in falling order:
    a face that is small in the picture is drawn with less work.
    """

    concurrent = True

    def __init__(
        self,
        draw: Draw,
        canonical: Canonical,
        donors: DonorFaces,
        smaller: Sequence[Draw] = (),
        beard: Beard | None = None,
    ) -> None:
        self._canonical = canonical
        self._donors = donors
        self._lending = np.flatnonzero(donors.mouth)
        self._spread = donors.codes.std(axis=0) + 1e-6
        self._calm = neutral(donors.shapes, canonical)
        kinds, told = kind(donors.skin, donors.likeness, donors.style), donors.style[:, 0]
        self._shaving = beard and Shaving(kinds, told, donors.identity, beard, canonical.layout)
        self._extent = float(np.ptp(canonical.layout, axis=0).max())
        self._heads = [Head(head, len(donors.codes), canonical) for head in (draw, *smaller)]
        self._mixed = lru_cache(maxsize=_FACES_KEPT)(self._mix)
        self._drawn = lru_cache(maxsize=_FACES_KEPT)(self._face)
        self._mouth = lru_cache(maxsize=_MOUTHS_KEPT)(self._lent)
        self._textured = lru_cache(maxsize=_JUST_DRAWN)(self._texture)

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
        openings = eye_code(shape)
        shape = with_lids(shape, openings * mix.lids)
        shape = with_lips(shape, own, base, mix.shape)
        face = self._drawn(number, weights.tobytes())
        mouth = self._speaking(face, mouth_code(own), mix, number)
        ahead = gaze if gaze is not None else np.full(2, np.nan, np.float32)
        return Surrogate(
            self._heads[number].shown(face, mouth, ahead, openings),
            shape.astype(np.float32),
        )

    def calm(self, identity: Ints) -> Floats:
        """(s, s, 3) in 0..255 the largest texture of the donors `identity` (k,) at rest."""
        return self._drawn(0, self._parts(identity).tobytes()).texture

    def shares(self, identity: Ints) -> Floats:
        """(m,) how much of each donor is in the face of the donors `identity` (k,); sums to 1."""
        return individual(self._parts(identity), self._donors.steps)

    def _parts(self, identity: Ints) -> Floats:
        weights = np.zeros(len(self._calm), np.float32)
        weights[identity] = 1 / len(identity)
        return weights

    def _number(self, mesh: Floats) -> int:
        """Of the smallest head that is large enough for a face of this size in the picture."""
        x1, y1, x2, y2 = bounds(mesh).tolist()
        unit = max(x2 - x1, y2 - y1) / self._extent
        large = [i for i, head in enumerate(self._heads) if head.side * _ENLARGED >= unit]
        return max(large, default=0)

    def _mix(self, weights: bytes) -> "_Mix":
        mix = self._clean(np.frombuffer(weights, np.float32))
        donors, lending = self._donors, self._lending
        skin = ((donors.skin[lending] - mix @ donors.skin) ** 2).sum(axis=1) / _SKIN_UNIT**2
        likeness = (donors.likeness[lending] - mix @ donors.likeness) / _LIKENESS_UNIT
        far = skin + (likeness**2).sum(axis=1) * 0.25
        few = _of_each_level(donors.codes[lending, 0], far)
        shape = np.einsum("m,mpx->px", mix, self._calm)
        return _Mix(mix, shape, self._lids(mix), lending[few], far[few])

    def _lids(self, mix: Floats) -> float:
        """How far a mix (m,) must open its eyes to look as if they were open as wide as asked."""
        open_ = self._donors.codes[:, _EYES].mean(axis=1)
        wider = float(mix @ open_ - open_[self._donors.identity].mean())
        return float(np.clip(1 - _WIDER * wider, *_LIDS))

    def _clean(self, parts: Floats) -> Floats:
        """(m,) the weights of a mix as it is drawn, without a shadow where its donors shave."""
        mix = individual(parts, self._donors.steps)
        if not self._shaving or not self._shaving.concerns(parts):
            return mix
        sides = [abs(head.side - _SEEN_AT) for head in self._heads]
        return self._shaving.shaved(mix, self._textured(sides.index(min(sides)), mix.tobytes()))

    def _face(self, number: int, weights: bytes) -> Face:
        head = self._heads[number]
        drawn = self._textured(number, self._mixed(weights).weights.tobytes())
        return head.face(head.complexion.evened(drawn))

    def _texture(self, number: int, mix: bytes) -> Floats:
        """(s, s, 3) in 0..255 what a head draws of a mix (m,)."""
        return self._heads[number].draw(np.frombuffer(mix, np.float32)[None])[0]

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

    def _speaking(self, face: Face, code: Floats, mix: "_Mix", number: int) -> Floats | None:
        """(h, w, 3) the part of the face with the inside of an open mouth, None if it is shut."""
        if mouth_share(code[0]) == 0 or not len(self._lending):
            return None
        near, shares = self._lenders(code, mix)
        inside = sum(s * self._mouth(number, d) for d, s in zip(near, shares, strict=True) if s)
        return self._heads[number].laid_in(face, np.asarray(inside, np.float32), float(code[0]))

    def _lenders(self, code: Floats, mix: "_Mix") -> tuple[list[int], list[float]]:
        """The donors nearest in the mouth's code and their weights, fading to 0 at the last."""
        codes, spread = self._donors.codes[mix.lending, _MOUTH], self._spread[_MOUTH]
        far = (((codes - code) / spread) ** 2).mean(axis=1) + mix.far
        near = np.argsort(far, kind="stable")[: _NEIGHBOURS + 1]
        kernel = np.exp(-(far[near] - far[near].min()) / _CLOSENESS)
        kernel -= kernel.min()
        total = kernel.sum()
        shares = kernel / total if total > 0 else np.full(len(near), 1 / len(near))
        return mix.lending[near].tolist(), shares.tolist()


def _of_each_level(openings: Floats, far: Floats) -> Ints:
    """The rows of donors who lend mouths, `openings` (n,) wide: of each level the least `far`."""
    levels = np.array_split(np.argsort(openings, kind="stable"), _LEVELS)
    few = [level[np.argsort(far[level], kind="stable")[:_EACH]] for level in levels]
    return np.concatenate(few)


@dataclass(frozen=True, slots=True, eq=False)
class _Mix:
    """What a mix of donors is in all frames."""

    weights: Floats  # (m,) those that the network is given
    shape: Floats  # (468, 3) without expression
    lids: float  # its eyes' openings, in those that are asked for
    lending: Ints  # (n,) the donors who lend it mouths
    far: Floats  # (n,) how little each of them is of its kind
