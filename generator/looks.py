"""Beard and make-up, read off a canonical texture by comparing parts of a face with its cheeks.

Comparing makes the numbers free of skin tone and, mostly, of light. Lengths are shares of the
texture's side, colours CIE Lab (L 0..100).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from generator.regions import LIPS, filled
from generator.statistics import logistic
from pipeline.contract import Floats, Image, Mask

PAINT: Final = ("lips L", "lips a", "lips b", "lids L")  # the last of `looks`

_CHEEKS: Final = (50, 280, 205, 425, 117, 346)
_LIPS: Final = (11, 72, 302, 16, 85, 315)
_LIDS: Final = (27, 28, 257, 258)
_UNDER_NOSE: Final = 2
_RADIUS: Final = 0.022
_SIDE: Final = 96
_CELL: Final = 4
_COVERED: Final = 0.4  # of a cell
_MARGIN: Final = 1  # from the outline, px of _SIDE
_GRAIN: Final = 10.0  # makes its logarithm count as colours do
_SURE: Final = 3.0
_PARTS: Final = 48  # principal components of lower faces
_FAR: Final = 1e-3


def looks(texture: Image, layout: Floats) -> Floats:
    """(g + 4,) of a canonical texture (s, s, 3): colour and grain of g / 4 cells below the nose, as
    a face and its mirror image have them on average, then PAINT; `layout` (468, 2) is in shares
    of s.
    """
    small = cv2.resize(texture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    light = np.ascontiguousarray(lab[..., 0])
    grain = cv2.blur(np.abs(light - cv2.GaussianBlur(light, (0, 0), 2)), (5, 5))
    places = np.rint(layout * _SIDE - 0.5).astype(int)
    cheeks = _mean(lab, places, _CHEEKS)
    calm = _mean(grain[..., None], places, _CHEEKS)[0] + 1
    channels = np.dstack([lab - cheeks, _GRAIN * np.log((grain + 1) / calm)])
    even = ((channels + channels[:, ::-1]) / 2).astype(np.float32)
    cells = _cells(even, _lower(layout))
    lips, lids = (_mean(lab, places, zone) - cheeks for zone in (_LIPS, _LIDS))
    return np.concatenate([cells, lips, lids[:1]]).astype(np.float32)


def _lower(layout: Floats) -> Floats:
    """(96, 96) 1 where a beard may grow: below the nose, inside the outline, not on the lips."""
    hull = cv2.convexHull(np.rint(layout * _SIDE - 0.5).astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros((_SIDE, _SIDE), np.uint8), hull, 1)
    face = cv2.erode(face, np.ones((2 * _MARGIN + 1,) * 2, np.uint8))
    face[: round(float(layout[_UNDER_NOSE, 1]) * _SIDE)] = 0
    lips = cv2.dilate((filled(layout, _SIDE, LIPS) > 0).astype(np.uint8), np.ones((3, 3)))
    face[lips > 0] = 0
    return np.minimum(face, face[:, ::-1]).astype(np.float32)


def _cells(channels: Floats, where: Floats) -> Floats:
    """Means of the channels (96, 96, c) over the cells that lie `where` they count, flat."""
    size = (_SIDE // _CELL,) * 2
    share = cv2.resize(where, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(channels * where[..., None], size, interpolation=cv2.INTER_AREA)
    inside = share > _COVERED
    result: Floats = (total[inside] / share[inside][:, None]).ravel()
    return result


def _mean(picture: Floats, places: Floats, points: tuple[int, ...]) -> Floats:
    """(c,) mean of discs around some points."""
    around = np.zeros(picture.shape[:2], np.uint8)
    for x, y in places[list(points)]:
        cv2.circle(around, (int(x), int(y)), round(_RADIUS * _SIDE), 1, -1)
    result: Floats = picture[around > 0].mean(axis=0)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Beard:
    """A linear score of a lower face, above 0 where it wears a beard."""

    centre: Floats  # (g,)
    scale: Floats  # (g,)
    weights: Floats  # (g + 1,) the last is the constant

    def style(self, measures: Floats) -> Floats:
        """(n, 3) beard, redness of the lips and darkness of the lids, of (n, g + 4) looks."""
        lips, lids = measures[:, -3], -measures[:, -1]
        beard = np.clip(self.score(measures), -_SURE, _SURE)
        return np.stack([beard, lips, lids], axis=1).astype(np.float32)

    def score(self, measures: Floats) -> Floats:
        """(n,) of (n, g + 4) looks."""
        own = (measures[:, : -len(PAINT)] - self.centre) / self.scale
        return (own @ self.weights[:-1] + self.weights[-1]).astype(np.float32)


def fit_beard(measures: Floats, bearded: Mask, counts: Mask | None = None) -> Beard:
    """Fitted on donors: (m, g + 4) looks, of which `bearded` (m,) surely wear one; those that do
    not count are left out, unless nobody does.

    A regression on the principal components of lower faces.
    """
    some = np.ones(len(measures), bool) if counts is None or not counts.any() else counts
    own, wanted = measures[some, : -len(PAINT)].astype(np.float64), bearded[some]
    centre, scale = own.mean(axis=0), own.std(axis=0) + _FAR
    if not wanted.any() or wanted.all():
        never = np.append(np.zeros(own.shape[1]), -1.0)
        return Beard(*(v.astype(np.float32) for v in (centre, scale, never)))
    x = (own - centre) / scale
    axes = np.linalg.svd(x, full_matrices=False)[2][:_PARTS]
    parts = x @ axes.T
    spread = parts.std(axis=0) + _FAR
    *slopes, constant = logistic((parts / spread).astype(np.float32), wanted).tolist()
    weights = np.append((np.array(slopes) / spread) @ axes, constant)
    return Beard(*(v.astype(np.float32) for v in (centre, scale, weights)))
