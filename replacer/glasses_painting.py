"""Paints the outlines of a pair of glasses over a face that is to wear them.

Everything is antialiased: outlines are filled at a multiple of the picture's size and averaged.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.contract import Floats, Image
from replacer.glasses_solid import Outlines, Solid, Temple
from replacer.glasses_style import Pair

_FINEST: Final = 4
_WIDTH: Final = 900.0
_BITS: Final = 4
_WHITE: Final = 150.0  # luminance of a face in good light
_LIGHT: Final = (0.22, 1.2)
_SHADE: Final = 0.34
_GRAIN: Final = (96, 192)
_AMBER: Final = np.array([150, 92, 44], np.float32)
_ALL: Final = (slice(None), slice(None))

Part = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """What lies over a face in one region: premultiplied colour, its opacity, and shadow."""

    colour: Floats  # (h, w, 3)
    opacity: Floats  # (h, w) in [0, 1]
    shadow: Floats  # (h, w) in [0, 1], the share of the face's light that is lost


class Canvas:
    """A region of a picture, `size` (width, height) px from `corner`; layers are laid on it."""

    def __init__(self, corner: tuple[int, int], size: tuple[int, int]) -> None:
        self.corner, self.size = corner, size
        self.finer = int(np.clip(round(_WIDTH / max(size)), 1, _FINEST))
        self.colour = np.zeros((size[1], size[0], 3), np.float32)
        self.opacity = np.zeros((size[1], size[0]), np.float32)

    def filled(self, shapes: list[list[Floats]]) -> Floats:
        """(h, w) how much of each pixel the shapes hide; one of two outlines is a ring."""
        layer = np.zeros((self.size[1] * self.finer, self.size[0] * self.finer), np.uint8)
        for outlines in shapes:
            cv2.fillPoly(layer, [self._fixed(o) for o in outlines], 255, cv2.LINE_AA, _BITS)
        small = cv2.resize(layer, self.size, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32) / np.float32(255)

    def lay(self, colour: Floats, opacity: Floats, place: Part = _ALL) -> None:
        """`colour` (3,) or (h, w, 3) over what is there, where `opacity` (h, w) is not 0. Both are
        of the `place` alone.
        """
        seen = within(opacity)
        opacity = opacity[seen]
        colour = colour[seen] if colour.ndim == 3 else colour
        below, hidden = self.colour[place][seen], self.opacity[place][seen]
        below += (colour - below) * opacity[..., None]
        hidden += (1 - hidden) * opacity

    def softened(self, sigma: float, shadow: Floats) -> Paint:
        """What was laid, as sharp as a picture of this size is."""
        layers = np.dstack([self.colour, self.opacity])
        soft = cv2.GaussianBlur(layers, (0, 0), sigma)
        return Paint(soft[..., :3], np.clip(soft[..., 3], 0, 1), shadow)

    def _fixed(self, points: Floats) -> NDArray[np.int32]:
        local = (points - self.corner + 0.5) * self.finer - 0.5
        return np.rint(local * (1 << _BITS)).astype(np.int32)


def within(opacity: Floats) -> Part:
    """The smallest part of a layer (h, w) outside of which nothing is opaque."""
    x, y, width, height = cv2.boundingRect((opacity > 0).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def painted(pair: Pair, shapes: tuple[Solid, Outlines], canvas: Canvas, light: Floats) -> Paint:
    """The pair on its canvas; `light` (h, w, 1) is 1 on a well lit face."""
    seen, look = shapes[1], pair.style
    frame: Floats = (np.array(look.colour, np.float32) * light).astype(np.float32)
    place = _places(seen, canvas)
    if look.mottled:
        spots = look.mottled * _spots(look.width, place)
        frame += (_AMBER * light - frame) * spots[..., None]
    for temple in seen.temples:
        mask = canvas.filled([[temple.points]]) * _faded(temple, canvas)
        canvas.lay(0.85 * frame, np.float32(temple.shown * look.opacity) * mask)
    _glaze(pair, shapes, canvas, (light, place))
    if look.rim < 0.012:
        pads = np.float32(0.3) * canvas.filled([[pad] for pad in seen.pads])
        canvas.lay((0.6 * frame + 70 * light).astype(np.float32), pads)
    rear = canvas.filled([[inner, outer] for inner, outer in seen.back])
    canvas.lay(0.6 * frame, rear * look.opacity)
    rings = [[lens, rim] for lens, rim in zip(seen.lenses, seen.rims, strict=True)]
    both = np.maximum(canvas.filled(rings), canvas.filled([[b] for b in seen.bridges]))
    front = np.asarray(both, np.float32)
    canvas.lay(frame, front * np.float32(look.opacity))
    shine = _shine(front, canvas)
    canvas.lay((235.0 * light).astype(np.float32), look.shine * shine * front)
    shadow = _shadow(front, canvas, seen.unit)
    return canvas.softened(0.3 + 0.001 * seen.unit, shadow)


def _places(seen: Outlines, canvas: Canvas) -> Floats:
    """(h, w, 2) the canonical place of each pixel, as far as glasses lie in one plane."""
    y, x = np.mgrid[: canvas.size[1], : canvas.size[0]].astype(np.float32)
    linear, shift = seen.plane[:, :2], seen.plane[:, 2] + seen.plane[:, :2] @ canvas.corner
    both = np.stack([x, y], axis=-1) @ linear.T + shift
    return np.asarray(both, np.float32)


def _glaze(
    pair: Pair, shapes: tuple[Solid, Outlines], canvas: Canvas, where: tuple[Floats, Floats]
) -> None:
    """Tint and reflections of both lenses."""
    (solid, seen), (light, place), look = shapes, where, pair.style
    for points, centre in zip(seen.lenses, solid.centres, strict=True):
        whole = canvas.filled([[points]])
        part = within(whole)
        lens, lit, at = whole[part], light[part], place[part]
        across, down = (at[..., i] - centre[i] for i in (0, 1))
        down = down / look.height
        fade = 1 - look.tint_fade * np.clip(0.5 + 0.5 * down, 0, 1)
        canvas.lay(np.array(pair.glass, np.float32) * lit, look.tint * lens * fade, part)
        # A window behind the camera: two stripes that wander as the head turns.
        slant = across / look.width + 0.55 * down + 0.35 - 1.5 * seen.aside
        stripes = np.exp(-((slant / 0.3) ** 2)) + 0.5 * np.exp(-(((slant - 0.75) / 0.12) ** 2))
        sky = np.clip(0.35 - 0.65 * down, 0, 1)
        gleam = (pair.gleam * lens * (stripes * sky + 0.25 * sky)).astype(np.float32)
        canvas.lay(np.array([225, 232, 240], np.float32) * np.sqrt(lit), gleam, part)


@lru_cache(maxsize=64)
def _grain(seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, _GRAIN).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.2) * 7.5, np.float32)


def _spots(own: float, place: Floats) -> Floats:
    """(h, w) the light spots of tortoiseshell in [0, 1]; they ride with the frame."""
    grain = _grain(int(own * 1e6))
    at = place * _GRAIN[1]
    spots = cv2.remap(grain, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.clip(spots, 0, 1).astype(np.float32)


def _faded(temple: Temple, canvas: Canvas) -> Floats:
    """(h, w) 1 along a temple, falling to 0 where it has left the face."""
    along = temple.end - temple.edge
    length = float(np.linalg.norm(along))
    y, x = np.mgrid[: canvas.size[1], : canvas.size[0]].astype(np.float32)
    origin = temple.end - np.array(canvas.corner, np.float32)
    left = ((origin[0] - x) * along[0] + (origin[1] - y) * along[1]) / max(length, 1e-3)
    return np.clip(left / max(0.6 * length, 1.0), 0, 1).astype(np.float32)


def _shine(front: Floats, canvas: Canvas) -> Floats:
    """(h, w) where the upper edge of a frame catches the light."""
    soft = cv2.GaussianBlur(front, (0, 0), max(1.1, 0.004 * max(canvas.size)))
    slope = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)
    return np.clip(slope * 1.4, 0, 1).astype(np.float32)


def _shadow(front: Floats, canvas: Canvas, unit: float) -> Floats:
    """(h, w) the light that the frame takes from the skin below it."""
    fall = np.array([[1, 0, 0], [0, 1, 0.022 * unit]], np.float32)
    moved = cv2.warpAffine(front, fall, canvas.size)
    far = cv2.GaussianBlur(moved, (0, 0), max(0.012 * unit, 0.5))
    close = cv2.GaussianBlur(front, (0, 0), max(0.006 * unit, 0.4))
    return np.clip(_SHADE * (0.8 * far + 0.6 * close), 0, 0.6).astype(np.float32)


def light_on(rgb: Image, alpha: Floats, size: tuple[int, int]) -> Floats:
    """(h, w, 1) the light on what `alpha` (h, w) shows of `rgb`, low frequencies only."""
    few = (12, 8)
    luminance = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    share = cv2.resize(alpha, few, interpolation=cv2.INTER_AREA)
    lit = cv2.resize(luminance * alpha, few, interpolation=cv2.INTER_AREA)
    total = float(lit.sum() / max(float(share.sum()), 1e-3))
    lit, share = (cv2.GaussianBlur(part, (0, 0), 1.5) for part in (lit, share))
    low = (lit + 0.05 * total) / (share + 0.05)
    light = cv2.resize(low.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.clip(light / _WHITE, *_LIGHT)[..., None].astype(np.float32)
