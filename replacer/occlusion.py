"""What lies in front of a face: hair, hat brims, microphones, whatever is no skin.

Two plain measures in canonical space. Toward the forehead and the temples, where hair and hats
end, all that differs from the skin of the cheeks. Elsewhere what differs from the person's own
texture as earlier frames showed it and comes in from outside the face. Both compare colours after
division by the light: a shadow changes brightness, an object changes the ratios of red, green
and blue too. When in doubt there is nothing in front: the surrogate covers.
"""

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints, Mask
from pipeline.geometry import bounds, pixels, similarity, warp
from replacer import skin
from replacer.resting import Rest
from replacer.unwrap import Unwrap

SIDE: Final = 64
SMALLEST: Final = 48.0
MOST: Final = 0.35
_MOST_LOWER: Final = 0.25
_BRIGHTNESS: Final = (0.9, 1.3)
_SURELY: Final = 0.35
_SURELY_DARK: Final = 1.3
_RIM: Final = 0.09
_LEVEL: Final = 0.62  # down to which hair hangs into the rim, in canonical units
_BROWS: Final = 0.02
_LEARNT: Final = 8
_RATE: Final = 0.08
_CHANGE: Final = 0.09
_LEAST: Final = 0.012
_BORDER: Final = 0.05
_CONTACT: Final = 3
_GROWTH: Final = 0.34
_STALE: Final = 12
_BESIDE: Final = np.array([-1, -1, 1, 1], np.float32)
_BEYOND: Final = 0.07  # of a face's width: as far as surrogates reach beyond the contour
_BROW_LINE: Final = (127, 70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 356)
_FEATURES: Final = (
    (70, 63, 105, 66, 107, 133, 145, 33),
    (300, 293, 334, 296, 336, 362, 374, 263),
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 270, 0, 40),
    (168, 48, 2, 278),
)


@dataclass(slots=True, eq=False)
class Own:
    """What one track's face looked like so far, without what was in front of it."""

    frames: int = 0
    refused: int = 0
    mean: Floats = field(default_factory=lambda: np.zeros((3, SIDE, SIDE), np.float32))
    spread: Floats = field(default_factory=lambda: np.zeros((SIDE, SIDE), np.float32))
    shown: Floats = field(default_factory=lambda: np.zeros((SIDE, SIDE), np.float32))
    since: int = 0  # frames since it was read
    settled: bool = False  # whether nothing is in front that moves by itself, as hands do
    rest: Rest = field(default_factory=Rest)
    drawn: Floats = field(
        default_factory=lambda: np.zeros((0, 0), np.float32)
    )  # shown in a picture
    corner: tuple[int, int] = (0, 0)  # of what is drawn, px
    mesh: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))  # where it was


class Occlusion:
    """`layout` (468, 2) and `triangles` are those of the canonical texture."""

    def __init__(self, layout: Floats, triangles: Ints) -> None:
        self._canonical, self._triangles = layout, triangles
        self._layout = layout * SIDE - 0.5
        self._unwrap = Unwrap(layout, triangles, SIDE)
        self._inside = self._unwrap.inside > 0
        self._within = np.flatnonzero(self._inside)
        depth = cv2.distanceTransform(np.pad(self._inside, 1).astype(np.uint8), cv2.DIST_L2, 5)
        depth = depth[1:-1, 1:-1] / SIDE
        self._border = self._inside & (depth < _BORDER)
        self._outskirts = self._inside & (self._above_brows() | self._rim(depth))
        self._lower = self._inside & ~self._outskirts
        self._features = self._filled([self._layout[list(part)] for part in _FEATURES])

    def over(self, image: Image, mesh: Floats, own: Own | None = None) -> Floats:
        """(h, w) in 0..1: what is in front of the face at `mesh` (468, 3) px of a picture.

        `own` is what is known of this face from earlier frames, and learns from this one.
        An empty (0, 0) array where nothing is.
        """
        if float(np.ptp(mesh[:, 0])) < SMALLEST:
            return np.zeros((0, 0), np.float32)
        if own is not None:
            own.since += 1
            if own.rest.resting and own.settled:
                return _carried(own, mesh, image.shape)
        matte = self.matte(self._unwrap(image, mesh), own)
        corner, drawn = self._drawn(matte, mesh, image.shape)
        if own is not None:
            own.drawn, own.corner, own.mesh, own.since = drawn, corner, mesh, 0
        if not drawn.size:
            return drawn
        result = np.zeros(image.shape[:2], np.float32)
        (x, y), (height, width) = corner, drawn.shape
        result[y : y + height, x : x + width] = drawn
        return result

    def _drawn(
        self, matte: Floats, mesh: Floats, shape: tuple[int, ...]
    ) -> tuple[tuple[int, int], Floats]:
        """Where in a picture of some shape the matte can be seen: a corner, and (h, w) from there,
        empty where it is nowhere.
        """
        if not matte.any():
            return (0, 0), np.zeros((0, 0), np.float32)
        reach = round(_BEYOND * float(np.ptp(mesh[:, 0])))
        x1, y1, x2, y2 = self._box(matte, mesh, reach, shape[1::-1])
        if x2 <= x1 or y2 <= y1:
            return (0, 0), np.zeros((0, 0), np.float32)
        target = mesh - np.array([x1, y1, 0], np.float32)
        drawn, lies = warp(matte, self._layout, target, self._triangles, (x2 - x1, y2 - y1))
        drawn *= lies
        beyond = cv2.dilate(drawn, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        return (x1, y1), np.maximum(drawn, beyond * (1 - lies))

    def _box(
        self, matte: Floats, mesh: Floats, reach: int, size: tuple[int, ...]
    ) -> tuple[int, int, int, int]:
        """The pixels of a picture of `size` in which anything of a matte can be seen, and those
        nearer than `reach`.
        """
        near = cv2.dilate(matte, np.ones((5, 5), np.uint8)) > 0
        places = self._unwrap.places(mesh[:, :2])[near & self._inside]
        return pixels(bounds(places) + _BESIDE * np.float32(1 + reach), (size[0], size[1]))

    def matte(self, texture: Floats, own: Own | None = None) -> Floats:
        """The same in canonical space: (SIDE, SIDE) for a face's own texture (SIDE, SIDE, 3)."""
        colours = skin.logarithms(texture)
        brightness, colour = skin.apart(colours, skin.tone(colours, self._canonical))
        found = skin.unlike(brightness, colour) * self._outskirts
        if own is None:
            return self._bounded(found)
        change = skin.apart(colours, own.mean)
        if own.frames >= _LEARNT:
            strange = self._strange(*change, own.spread)
            surely = (colour > _SURELY) | (brightness < -_SURELY_DARK)
            strange[self._features & ~surely] = 0
            found = np.maximum(found, strange)
        matte = self._bounded(found)
        self._learn(own, colours, change, found)
        own.shown = np.minimum(matte, own.shown + np.float32(_GROWTH))
        calm = own.frames >= _LEARNT and bool((own.shown == matte).all())
        lower = float(own.shown.sum(where=self._lower))
        own.settled = calm and lower < _LEAST * len(self._within)
        return own.shown

    def _strange(self, brightness: Floats, colour: Floats, spread: Floats) -> Floats:
        """(SIDE, SIDE) in 0..1: how surely this is not the face that was seen before, from which it
        differs in `brightness` and `colour`.
        """
        usual = spread.take(self._within)
        calm = self._within[usual <= _middle(usual)]
        doubt = 1 + spread / np.float32(_CHANGE)
        brightness = brightness - _middle(brightness.take(calm))
        differs = skin.unlike(brightness / doubt, colour / doubt, _BRIGHTNESS)
        return np.asarray(differs * self._inside, np.float32)

    def _bounded(self, found: Floats) -> Floats:
        """What is found, in pieces that come in from outside, nothing where it is too much."""
        sure = (found > 0.3).astype(np.uint8)
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(sure, connectivity=8)
        contact = np.bincount(pieces[self._border], minlength=count)
        face = len(self._within)
        kept = (stats[:, cv2.CC_STAT_AREA] >= _LEAST * face) & (contact >= _CONTACT)
        kept[0] = False
        matte = np.where(kept[pieces], found, 0).astype(np.float32)
        if not kept.any():
            return matte
        lower = matte * ~self._outskirts
        if matte.sum() > MOST * face or lower.sum() > _MOST_LOWER * face:
            return np.zeros_like(matte)
        soft: Floats = cv2.GaussianBlur(matte, (0, 0), 0.6) * self._inside
        return soft

    def _learn(
        self, own: Own, colours: Floats, change: tuple[Floats, Floats], found: Floats
    ) -> None:
        """Let the model of the face follow where nothing strange is; begin anew if all is.
        `change` is how far it is from what is seen, in brightness and colour.
        """
        plain = self._inside & (cv2.dilate(found, np.ones((3, 3), np.uint8)) < 0.1)
        too_strange = 2 * np.count_nonzero(plain) < len(self._within)
        since = max(own.since, 1)
        own.refused = own.refused + since if too_strange else 0
        if own.refused > _STALE:
            own.frames = own.refused = 0
        if too_strange and own.frames:
            return
        if own.frames == 0:
            own.mean, own.frames = colours, 1
            return
        brightness, colour = change
        rate = plain * np.float32(max(_RATE * since, 1 / (own.frames + 1)))
        level = _middle(brightness[plain])
        own.mean += rate * (colours - level - own.mean)
        own.spread += rate * (colour - own.spread)
        own.frames += 1

    def _above_brows(self) -> Mask:
        line = self._layout[list(_BROW_LINE)]
        order = np.argsort(line[:, 0])
        across, down = np.arange(SIDE), np.arange(SIDE)[:, None]
        brows = np.interp(across, line[order, 0], line[order, 1])
        return np.asarray(down < brows - _BROWS * SIDE)

    def _rim(self, depth: Floats) -> Mask:
        return np.asarray((depth < _RIM) & (np.arange(SIDE)[:, None] < _LEVEL * SIDE))

    def _filled(self, outlines: list[Floats]) -> Mask:
        filled = np.zeros((SIDE, SIDE), np.uint8)
        for points in outlines:
            cv2.fillConvexPoly(filled, cv2.convexHull(np.rint(points).astype(np.int32)), 1)
        return np.asarray(cv2.dilate(filled, np.ones((3, 3), np.uint8)) > 0)


def _carried(own: Own, mesh: Floats, shape: tuple[int, ...]) -> Floats:
    """(h, w) in a picture of some shape what was drawn in front of the face when it was last read,
    moved as the head was; empty where nothing was.
    """
    if not own.drawn.size:
        return own.drawn
    turn = similarity(own.mesh[:, :2], mesh[:, :2])
    turn[:, 2] += turn[:, :2] @ np.array(own.corner, np.float32)
    return np.asarray(cv2.warpAffine(own.drawn, turn, shape[1::-1]), np.float32)


def _middle(values: Floats) -> float:
    """The median of numbers (n,), the larger where two are in the middle; quicker than NumPy's."""
    half = len(values) // 2
    return float(np.partition(values, half)[half])
