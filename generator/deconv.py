"""Draws surrogates online: identity donors for the face, expression donors for mouth and eyes.

A mix of k identity donors, fixed for a person, gives the face. Each donor has one picture, so
expressions are borrowed region by region: mouth and eyes are drawn as mixes of the donors whose
codes lie nearest to this frame's, among those of like skin, and laid in softly. Open eyes are the
mix's own, narrowed or widened by the mesh; lids are laid over them as they close.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import openvino as ov

from generator.canonical import Canonical, codes, frontal, neutral
from pipeline.contract import Floats, Ints, Mask, Person, Surrogate

_MOUTH: Final = slice(0, 5)
_LEFT_EYE: Final = slice(5, 6)
_RIGHT_EYE: Final = slice(6, 7)
_OPEN: Final = 0.067
_CLOSED: Final = 0.052
_LIPS: Final = [
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375),
    *(291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
]
_LEFT: Final = [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246]
_RIGHT: Final = [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466]
_NEIGHBOURS: Final = 3
_SKIN_UNIT: Final = 22.0
_LIKENESS_UNIT: Final = np.array([0.35, 0.4], np.float32)
_CLOSENESS: Final = 0.35
_FACES_KEPT: Final = 64
_GAIN: Final = (0.7, 1.4)


@dataclass(frozen=True, slots=True, eq=False)
class DonorFaces:
    """What the DB knows of the m donors in the network's table."""

    shapes: Floats  # (m, 468, 3) canonical units
    codes: Floats  # (m, 7) mouth and eyes
    skin: Floats  # (m, 3) CIE Lab
    likeness: Floats  # (m, 2) apparent sex in [0, 1] and log age
    mouth: Mask  # (m,) may lend a mouth
    eyes: Mask  # (m,) may lend eyes


class Deconv:
    """One surrogate per call; about 5 ms of one network run for a new expression."""

    def __init__(self, network: Path, canonical: Canonical, donors: DonorFaces) -> None:
        self._model = ov.Core().compile_model(network, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        self._canonical = canonical
        self._donors = donors
        self._spread = donors.codes.std(axis=0) + 1e-6
        self._calm = neutral(donors.shapes, canonical)
        self._face = lru_cache(maxsize=_FACES_KEPT)(self._mixed)
        side = int(self._model.output(0).get_partial_shape()[1].get_length())
        lids = donors.eyes & (donors.codes[:, 5:].max(axis=1) < _OPEN)
        self._regions = [
            (_region(canonical.layout, side, _LIPS, 0.075, 0.028), _MOUTH, donors.mouth),
            (_region(canonical.layout, side, _LEFT, 0.06, 0.022), _LEFT_EYE, lids),
            (_region(canonical.layout, side, _RIGHT, 0.06, 0.022), _RIGHT_EYE, lids),
        ]

    def generate(self, identity: Ints, person: Person, mesh: Floats) -> Surrogate:
        """The mix of the donors `identity` (k,) with the expression of `mesh` (468, 3).

        The shape follows the mesh: the person's own shape without expression is exchanged for
        the mix's, and what the frame adds to it stays.
        """
        own = frontal(mesh[None], self._canonical.shape)[0]
        code = codes(own)
        known = np.isfinite(person.shape).all()
        base = person.shape if known else neutral(own[None], self._canonical)[0]
        shape = own + self._calm[identity].mean(axis=0) - base
        closing = np.clip((_OPEN - code[5:]) / (_OPEN - _CLOSED), 0, 1)
        shares = np.array([1.0, *closing], np.float32)
        parts = [(r, s) for r, s in zip(self._regions, shares, strict=True) if s > 0]
        mixes = np.stack([self._expression(code, identity, region) for region, _ in parts])
        face = self._face(tuple(identity.tolist()))
        for picture, ((alpha, _, _), share) in zip(self._draw(mixes), parts, strict=True):
            face = _laid_in(face, picture, alpha * share)
        texture = np.clip(np.rint(face), 0, 255).astype(np.uint8)
        return Surrogate(texture, shape.astype(np.float32))

    def _mixed(self, identity: tuple[int, ...]) -> Floats:
        """(s, s, 3) the calm face of equal parts of these donors."""
        mix = np.zeros((1, len(self._calm)), np.float32)
        mix[0, list(identity)] = 1 / len(identity)
        return self._draw(mix)[0]

    def _draw(self, mixes: Floats) -> Floats:
        """(b, s, s, 3) textures in 0..255 of (b, m) donor mixes."""
        result: Floats = (self._model(mixes)[0] + 1) * 127.5
        return result

    def _expression(self, code: Floats, identity: Ints, part: tuple[Floats, slice, Mask]) -> Floats:
        """(m,) weights of the donors nearest in one region's code, fading to 0 at the last."""
        _, numbers, usable = part
        donors = self._donors
        far = (((donors.codes - code) / self._spread)[:, numbers] ** 2).mean(axis=1)
        skin, likeness = donors.skin[identity].mean(axis=0), donors.likeness[identity].mean(axis=0)
        far += ((donors.skin - skin) ** 2).sum(axis=1) / _SKIN_UNIT**2
        far += (((donors.likeness - likeness) / _LIKENESS_UNIT) ** 2).sum(axis=1) * 0.25
        far = np.where(usable, far, np.inf)
        near = np.argpartition(far, _NEIGHBOURS + 1)[: _NEIGHBOURS + 1]
        kernel = np.exp(-(far[near] - far[near].min()) / _CLOSENESS)
        kernel -= kernel.min()
        weights = np.zeros(len(far), np.float32)
        weights[near] = kernel / kernel.sum() if kernel.sum() > 0 else 1 / len(near)
        return weights


def _region(layout: Floats, side: int, points: list[int], grow: float, soft: float) -> Floats:
    """(s, s) opacity: 1 on the points' convex hull, grown and feathered in shares of the side."""
    filled = np.zeros((side, side), np.uint8)
    hull = cv2.convexHull(np.rint(layout[points] * side).astype(np.int32))
    cv2.fillConvexPoly(filled, hull, 1)
    brush = max(1, round(grow * side))
    grown = cv2.dilate(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (brush, brush)))
    result: Floats = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), soft * side)
    return result


def _laid_in(face: Floats, other: Floats, alpha: Floats) -> Floats:
    """`other` over `face` where alpha, its colours matched on the ring in which both are seen."""
    ring = (alpha > 0.02 * alpha.max()) & (alpha < 0.6 * alpha.max())
    a, b = other[ring], face[ring]
    gain = np.clip(b.std(axis=0) / np.maximum(a.std(axis=0), 1.0), *_GAIN)
    matched = (other - a.mean(axis=0)) * gain + b.mean(axis=0)
    result: Floats = face + (matched - face) * alpha[..., None]
    return result
