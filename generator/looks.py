"""Beard and make-up, read off a canonical texture by comparing parts of a face with its cheeks.

Comparing makes the numbers free of skin tone and, mostly, of light. Lengths are shares of the
texture's side, colours CIE Lab (L 0..100).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from generator.statistics import logistic
from pipeline.contract import Floats, Image, Mask

MEASURES: Final = (
    *(f"{zone} {channel}" for zone in ("moustache", "chin", "jaw") for channel in "Lab"),
    *(f"{zone} grain" for zone in ("moustache", "chin", "jaw")),
    *("lips L", "lips a", "lips b", "lids L"),
)
BEARD: Final = slice(0, 12)

_CHEEKS: Final = (50, 280, 205, 425, 117, 346)
_ZONES: Final = {
    "moustache": (164, 167, 393),
    "chin": (200, 199, 18),
    "jaw": (214, 434, 210, 430),
}
_LIPS: Final = (11, 72, 302, 16, 85, 315)
_LIDS: Final = (27, 28, 257, 258)
_RADIUS: Final = 0.022
_SIDE: Final = 96
_SURE: Final = 3.0


def looks(texture: Image, layout: Floats) -> Floats:
    """(16,) MEASURES of a canonical texture (s, s, 3); `layout` (468, 2) is in shares of s."""
    small = cv2.resize(texture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    light = np.ascontiguousarray(lab[..., 0])
    grain = cv2.blur(np.abs(light - cv2.GaussianBlur(light, (0, 0), 2)), (3, 3))[..., None]
    places = np.rint(layout * _SIDE - 0.5).astype(int)
    cheeks = _mean(lab, places, _CHEEKS)
    calm = _mean(grain, places, _CHEEKS) + 1
    colours = [_mean(lab, places, zone) - cheeks for zone in _ZONES.values()]
    grains = [np.log((_mean(grain, places, zone) + 1) / calm) for zone in _ZONES.values()]
    lips, lids = (_mean(lab, places, zone) - cheeks for zone in (_LIPS, _LIDS))
    return np.concatenate([*colours, *grains, lips, lids[:1]]).astype(np.float32)


def _mean(picture: Floats, places: Floats, points: tuple[int, ...]) -> Floats:
    """(c,) mean of discs around some points."""
    around = np.zeros(picture.shape[:2], np.uint8)
    for x, y in places[list(points)]:
        cv2.circle(around, (int(x), int(y)), round(_RADIUS * _SIDE), 1, -1)
    result: Floats = picture[around > 0].mean(axis=0)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Beard:
    """A quadratic score of BEARD measures, above 0 where a face wears a beard."""

    centre: Floats  # (12,)
    scale: Floats  # (12,)
    weights: Floats  # (22,) the last is the constant

    def style(self, measures: Floats) -> Floats:
        """(n, 3) beard, redness of the lips and darkness of the lids, of (n, 16) looks."""
        lips, lids = measures[:, MEASURES.index("lips a")], -measures[:, MEASURES.index("lids L")]
        beard = np.clip(self.score(measures), -_SURE, _SURE)
        return np.stack([beard, lips, lids], axis=1).astype(np.float32)

    def score(self, measures: Floats) -> Floats:
        """(n,) of (n, 16) looks."""
        result: Floats = _curved(measures, self.centre, self.scale) @ self.weights[:-1]
        return (result + self.weights[-1]).astype(np.float32)


def fit_beard(measures: Floats, bearded: Mask) -> Beard:
    """Fitted on labelled donors: (m, 16) looks, of which `bearded` (m,) surely wear one."""
    own = measures[:, BEARD]
    centre, scale = own.mean(axis=0), own.std(axis=0) + 1e-6
    if not bearded.any() or bearded.all():
        never = np.append(np.zeros(21, np.float32), np.float32(-1))
        return Beard(centre, scale, never)
    return Beard(centre, scale, logistic(_curved(measures, centre, scale), bearded))


def _curved(measures: Floats, centre: Floats, scale: Floats) -> Floats:
    """Colours count squared as well: beards are darker or, grey, lighter than the skin."""
    x = (measures[:, BEARD] - centre) / scale
    return np.column_stack([x, x[:, :9] ** 2 - 1]).astype(np.float32)
