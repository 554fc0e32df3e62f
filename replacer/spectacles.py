"""Glasses for surrogates: a drawn pair for each person who wears some.

The person's own pair is left behind with the face. Whether one is worn, and of what broad kind,
is told once from good looks at the person; the new pair is drawn in space over the mesh, so it
turns with the head and is as steady as the mesh is.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints, Patch
from pipeline.geometry import align, bounds, pixels
from replacer.glasses import LEAST, Glasses, bared
from replacer.glasses_band import SIDE, TOP
from replacer.glasses_painting import Canvas, Paint, light_on, painted
from replacer.glasses_solid import SIDES, Outlines, Solid, solid, worn
from replacer.glasses_style import Pair, Traits, chosen

_OPAQUE: Final = 0.45
_THICK: Final = 0.21
_BLACK: Final = 0.42
_DARK: Final = 0.66
_RIM: Final = (0.105, 0.15)  # shares of the texture's side: where temples leave the face
_TEMPLE: Final = 1.5
_USUAL: Final = (1.1, 2.1)  # temple to ear, in steps along the contour
_MARGIN: Final = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A pair of glasses on one face of a picture."""

    pair: Pair
    solid: Solid
    seen: Outlines


class Spectacles:
    """`face` is the canonical shape (468, 3) and layout (468, 2).

    `strength` in [0, 1] is how far faces take on the surrogate's shape, as in the replacer.
    """

    def __init__(self, finder: Glasses, face: tuple[Floats, Floats], strength: float) -> None:
        self._finder, (self._shape, self._layout) = finder, face
        self._strength = np.float32(strength)

    def worn_by(self, looks: list[tuple[Image, Floats]]) -> Floats:
        """(1, 5) what looks (picture, mesh px) at a person tell of their glasses.

        How opaque, large and dark they are, and where left and right temple leave the face (NaN
        if unseen). An empty (0, 0) array where none are worn.
        """
        mattes = [self._finder.matte(*look) for look in looks]
        evidence = [self._finder.evidence(matte) for matte in mattes]
        if not evidence or np.mean(evidence) < LEAST:
            return np.zeros((0, 0), np.float32)
        kind = self._finder.kind(*looks[int(np.argmax(evidence))])
        return np.array([[*kind, *self._levels(np.mean(mattes, axis=0))]], np.float32)

    def fitted(self, mesh: Floats, worn_by: Floats, donors: Ints, shape: Floats) -> Fitted:
        """The pair of a person on the face of `mesh` (468, 3) px that takes on `shape` (468, 3).

        The model is drawn with the `donors` (k,) of the surrogate as key: a pair belongs to a
        surrogate, and the person adds no more than the kind.
        """
        opaque, large, dark = worn_by[0, :3]
        kind = Traits(
            bool(opaque > _OPAQUE), bool(dark < _BLACK or large > _THICK), bool(dark < _DARK)
        )
        key = hashlib.sha256(np.asarray(donors, np.int64).tobytes()).digest()
        pair = chosen(kind, np.random.default_rng(list(key)))
        linear, shift = align(shape, mesh)
        face = mesh + self._strength * (shape @ linear + shift - mesh)
        face[_CONTOUR] = mesh[_CONTOUR]
        form = solid(pair.style)
        return Fitted(pair, form, worn(form, pair.style, (self._shape, face), worn_by[0, 3:5]))

    def _levels(self, matte: Floats) -> Floats:
        """(2,) the steps along each side's contour at which a temple crosses it, NaN if unseen."""
        y = (np.arange(len(matte), dtype=np.float32) + TOP + 0.5) / SIDE
        first, last = (round(edge * SIDE) for edge in _RIM)
        levels = []
        for side, columns in enumerate((slice(first, last), slice(SIDE - last, SIDE - first))):
            rows = np.square(matte[:, columns]).sum(axis=1)
            down = self._layout[SIDES[side], 1]
            step = np.interp((rows * y).sum() / max(rows.sum(), 1e-3), down, np.arange(len(down)))
            sure = rows.sum() > _TEMPLE * (last - first)
            levels.append(np.clip(step, *_USUAL) if sure else np.nan)
        return np.array(levels, np.float32)


_CONTOUR: Final = [point for side in SIDES for point in side]


def lit_through(image: Image, worn: Fitted) -> Image:
    """The picture without what the person's own dark lenses take from the light on the face.

    They lie about where the drawn ones do; of clear lenses nothing is taken.
    """
    if worn.pair.style.tint < 0.5:
        return image
    over = np.zeros(image.shape[:2], np.float32)
    for points in worn.seen.rims:
        cv2.fillPoly(over, [np.rint(points).astype(np.int32)], 1.0)
    grown = max(3, round(0.05 * worn.seen.unit) | 1)
    return bared(image, np.asarray(cv2.dilate(over, np.ones((grown, grown), np.uint8)), np.float32))


def laid(patch: Patch, worn: Fitted, size: tuple[int, int]) -> Patch:
    """The patch with the glasses over it, larger where they reach beyond it.

    `size` (width, height) is that of the picture.
    """
    shapes = [*worn.seen.rims, *worn.seen.bridges, *(outer for _, outer in worn.seen.back)]
    shapes += [temple.points for temple in worn.seen.temples if temple.shown > 0]
    box = bounds(np.concatenate(shapes))
    grown = _MARGIN * worn.seen.unit + 2
    x1, y1, x2, y2 = pixels(box + np.array([-1, -1, 1, 1], np.float32) * np.float32(grown), size)
    if x2 - x1 < 2 or y2 - y1 < 2:
        return patch
    whole = _extended(patch, (x1, y1, x2, y2))
    left, top = x1 - whole.corner[0], y1 - whole.corner[1]
    part = np.s_[top : top + y2 - y1, left : left + x2 - x1]
    canvas = Canvas((x1, y1), (x2 - x1, y2 - y1))
    light = light_on(whole.rgb[part], whole.alpha[part], canvas.size)
    paint = painted(worn.pair, (worn.solid, worn.seen), canvas, light)
    rgb, alpha = whole.rgb.copy(), whole.alpha.copy()
    rgb[part], alpha[part] = _over(whole.rgb[part], whole.alpha[part], paint)
    return Patch(rgb, alpha, whole.corner)


def _over(rgb: Image, alpha: Floats, paint: Paint) -> tuple[Image, Floats]:
    """Colour (h, w, 3) and opacity (h, w) of a face with glasses painted over it."""
    face = rgb.astype(np.float32) * (1 - paint.shadow)[..., None]
    rest = (1 - paint.opacity) * alpha
    both = paint.opacity + rest
    colour = (paint.colour + face * rest[..., None]) / np.maximum(both, 1e-4)[..., None]
    return np.clip(np.rint(colour), 0, 255).astype(np.uint8), both.astype(np.float32)


def _extended(patch: Patch, box: tuple[int, int, int, int]) -> Patch:
    """The patch on a canvas that takes in the `box` too; alpha is 0 where it was not."""
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    x1, y1 = min(x, box[0]), min(y, box[1])
    x2, y2 = max(x + width, box[2]), max(y + height, box[3])
    rgb, alpha = np.zeros((y2 - y1, x2 - x1, 3), np.uint8), np.zeros((y2 - y1, x2 - x1), np.float32)
    part = np.s_[y - y1 : y - y1 + height, x - x1 : x - x1 + width]
    rgb[part], alpha[part] = patch.rgb, patch.alpha
    return Patch(rgb, alpha, (x1, y1))
