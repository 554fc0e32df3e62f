"""Glasses drawn over faces without: pictures whose every frame pixel is known. Offline only.

Shapes, colours, lenses, light and the loss of a small or compressed picture are drawn at random,
so that a network trained on them finds the frames of photographs. The eyes of a canonical texture
always lie at the same place, which is where the lenses are drawn.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.contract import Floats, Image
from replacer.drawn_faults import disturbed, worn_down
from replacer.glasses_band import HEIGHT, SIDE, TOP
from replacer.glasses_style import Style, outline

_EYES: Final = np.array([[0.305, 0.365], [0.695, 0.365]], np.float32)
_FINER: Final = 3
_BLACKS: Final = ((18, 17, 18), (35, 30, 30), (60, 40, 28), (45, 50, 70), (75, 20, 25))
_METALS: Final = ((175, 170, 165), (196, 168, 110), (110, 105, 105), (150, 120, 95), (70, 68, 70))
_TRANSPARENT: Final = 0.45
_SHARE_BARE: Final = 0.35
_OPAQUE: Final = (0.7, 0.85)


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """What lies where, (HEIGHT, SIDE) in [0, 1]."""

    frame: Floats
    wide: Floats  # the frame and the pixels that it shares with its surroundings
    lens: Floats
    shine: Floats


def sample(textures: Image, rng: np.random.Generator) -> tuple[Image, Floats]:
    """One picture (HEIGHT, SIDE, 3) and its (HEIGHT, SIDE, 2) frame and opaque lenses.

    `textures` (m, HEIGHT, SIDE, 3) are bands of faces without glasses; about a third stay so.
    """
    band = textures[rng.integers(len(textures))].astype(np.float32)
    if rng.random() < 0.5:
        band = band[:, ::-1]
    band = disturbed(band, rng)
    wanted = np.zeros((HEIGHT, SIDE, 2), np.float32)
    if rng.random() > _SHARE_BARE:
        band, wanted = _dressed(band, style(rng), rng)
    return worn_down(band, rng), wanted


def style(rng: np.random.Generator) -> Style:
    """A pair of glasses of a random kind."""
    metal = rng.random() < 0.45
    dark = rng.random() < 0.22
    clear = rng.random() < 0.08 and not metal
    drop = float(rng.uniform(0.1, 0.4)) if rng.random() < 0.25 else 0.0
    palette = _METALS if metal else _BLACKS
    colour = np.array(palette[rng.integers(len(palette))]) + rng.normal(0, 12, 3)
    if rng.random() < 0.2:
        colour = rng.uniform(10, 250, 3)
    kind = rng.random()
    rim = rng.uniform(0.004, 0.011) if metal else np.exp(rng.uniform(np.log(0.009), np.log(0.036)))
    return Style(
        width=float(rng.uniform(0.105, 0.178)),
        height=float(rng.uniform(0.06, 0.15 if drop or dark else 0.125)),
        squareness=float(np.exp(rng.uniform(np.log(1.9), np.log(6)))),
        drop=drop,
        lift=float(rng.uniform(0.05, 0.35)) if rng.random() < 0.2 else 0.0,
        rim=float(rim),
        lower_rim=0.0 if kind < 0.18 else (0.4 if kind < 0.3 else 1.0),
        temple=float(rim * rng.uniform(0.8, 2.2) + 0.004),
        opacity=_TRANSPARENT if clear else float(rng.uniform(0.55 if metal else 0.8, 1)),
        colour=tuple(np.clip(colour, 5, 250).tolist()),
        mottled=float(rng.uniform(0.2, 0.7)) if rng.random() < 0.2 and not metal else 0.0,
        shine=float(rng.uniform(0.2, 0.9) if metal else rng.uniform(0, 0.5)),
        tint=float(rng.uniform(0.85, 1) if dark else rng.choice([0.0, 0.0, 0.0, 0.15, 0.35, 0.5])),
        tint_fade=float(rng.uniform(0.2, 0.9)) if dark and rng.random() < 0.25 else 0.0,
    )


def masks(look: Style, rng: np.random.Generator) -> Masks:
    """The glasses at a random place and tilt over the eyes."""
    move = _Move(rng)
    low = rng.uniform(0.1, 0.55) * look.height * (0.3 if look.height > 0.13 else 1.0)
    down = np.array([0, low], np.float32)
    lenses = [move(outline(look, side, _EYES[side]) + down) for side in (0, 1)]
    strokes = _rims(lenses, look) + _joins(lenses, look, rng)
    frame = np.zeros((HEIGHT * _FINER, SIDE * _FINER), np.uint8)
    wide, lens, shine = (np.zeros_like(frame) for _ in range(3))
    for points, thickness in strokes:
        pixels = thickness * SIDE * _FINER
        _stroke(frame, points, pixels)
        _stroke(wide, points, pixels + _FINER)
    for points in lenses:
        cv2.fillPoly(lens, [_fixed(points)], 255, cv2.LINE_AA, 4)
    for points, thickness in strokes:
        if rng.random() < 0.7:
            lit = points - np.array([0, 0.25 * thickness], np.float32)
            start, some = rng.integers(len(lit)), max(2, len(lit) // 3)
            _stroke(shine, np.roll(lit, -start, axis=0)[:some], 0.3 * thickness * SIDE * _FINER)
    return Masks(_coarse(frame), _coarse(wide), _coarse(lens), _coarse(shine) * _coarse(frame))


def _dressed(band: Floats, look: Style, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The band (HEIGHT, SIDE, 3) with glasses, and where they are."""
    over = masks(look, rng)
    light = cv2.GaussianBlur(band, (0, 0), 30).mean(axis=2, keepdims=True) / 150 + 0.15
    shift = np.array([[1, 0, rng.normal(0, 3)], [0, 1, rng.uniform(1, 7)]], np.float32)
    shadow = cv2.warpAffine(over.frame, shift, (SIDE, HEIGHT), flags=cv2.INTER_LINEAR)
    shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.7, 3.5))[..., None]
    band = band * (1 - rng.uniform(0, 0.55) * shadow)
    band, covered = _glazed(band, look, over.lens, light, rng)
    colour = np.array(look.colour, np.float32) * np.clip(light, 0.15, 1.3)
    if look.mottled:
        spots = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, SIDE)).astype(np.float32), (0, 0), 3)
        colour = colour * (1 + look.mottled * 8 * np.clip(spots, -0.1, 0.3)[..., None])
    colour = colour + (225 * light - colour) * look.shine * over.shine[..., None]
    alpha = (look.opacity * over.frame)[..., None]
    band = np.clip(band + (np.clip(colour, 0, 255) - band) * alpha, 0, 255)
    return band, np.stack([over.wide, covered * (1 - over.wide)], axis=2)


def _glazed(
    band: Floats, look: Style, lens: Floats, light: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The band seen through its lenses, and where nothing is seen through them any more."""
    zoom = rng.uniform(0.93, 1.07)
    matrix = np.array([[zoom, 0, SIDE / 2 * (1 - zoom)], [0, zoom, 34 * (1 - zoom)]], np.float32)
    bent = cv2.warpAffine(band, matrix, (SIDE, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    band = band + (bent - band) * lens[..., None]
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    tint = look.tint * (1 - look.tint_fade * np.clip((rows - 0.2) / 0.6, 0, 1)) * lens
    colour = np.array(rng.uniform(5, 60) + rng.normal(0, 8, 3), np.float32)
    if rng.random() < 0.15:
        colour = rng.uniform(20, 230, 3).astype(np.float32)
    other = colour + rng.normal(0, 30, 3).astype(np.float32)
    shade = (colour + (other - colour) * rows[..., None]) * np.clip(light, 0.2, 1.3)
    band = band + (shade - band) * tint[..., None]
    if rng.random() < 0.5:
        glare = _glare(rng) * lens * rng.uniform(0.1, 0.7)
        band = band + (np.minimum(240 * light, 250) - band) * glare[..., None]
    sure = np.clip((tint - _OPAQUE[0]) / (_OPAQUE[1] - _OPAQUE[0]), 0, 1)
    return band, sure.astype(np.float32)


def _glare(rng: np.random.Generator) -> Floats:
    """(HEIGHT, SIDE) reflections: windows, lamps and soft skies."""
    picture = np.zeros((HEIGHT, SIDE), np.float32)
    for _ in range(rng.integers(1, 5)):
        centre = rng.uniform((20, 10), (SIDE - 20, HEIGHT - 10))
        corners = centre + rng.normal(0, rng.uniform(2, 14), (4, 2))
        cv2.fillConvexPoly(picture, cv2.convexHull(np.rint(corners).astype(np.int32)), 1.0)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), np.exp(rng.uniform(-0.7, 1.8))), np.float32)


def _rims(lenses: list[Floats], look: Style) -> list[tuple[Floats, float]]:
    """Strokes (points, thickness) of both rims."""
    strokes = []
    for points in lenses:
        middle = points[:, 1].mean()
        closed = np.concatenate([points, points[:1]])
        if look.lower_rim > 0:
            strokes.append((closed, look.rim * look.lower_rim))
        start = int(np.argmax(points[:, 1]))
        turned = np.roll(points, -start, axis=0)
        strokes.append((turned[turned[:, 1] < middle + 0.02], look.rim))
    return strokes


def _joins(
    lenses: list[Floats], look: Style, rng: np.random.Generator
) -> list[tuple[Floats, float]]:
    """Strokes of bridge, nose pads, hinges and temples."""
    left, right = lenses[0][np.argmax(lenses[0][:, 0])], lenses[1][np.argmin(lenses[1][:, 0])]
    high = rng.uniform(0.1, 0.8) * look.height
    a, b = left - (0, high), right - (0, high)
    t = np.linspace(0, 1, 12, dtype=np.float32)[:, None]
    arch = np.sin(np.pi * t) * np.array([0, -rng.uniform(-0.005, 0.03)], np.float32)
    strokes = [(a + (b - a) * t + arch, look.rim * float(rng.uniform(0.8, 1.6)))]
    if rng.random() < 0.15:
        strokes.append((a + (b - a) * t - (0, 0.5 * look.height), look.rim))
    if rng.random() < 0.3:
        for end, sign in ((a, 1), (b, -1)):
            pad = end + np.array([[0.006 * sign, 0.02], [0.012 * sign, 0.05]], np.float32)
            strokes.append((pad, 0.006))
    slope = rng.uniform(-0.05, 0.07)
    for side, points in enumerate(lenses):
        out = -1 if side == 0 else 1
        hinge = points[np.argmax(points[:, 0] * out)] - (0, rng.uniform(0.1, 0.8) * look.height)
        hinge = hinge - (0.012 * out, 0)
        end = np.array([0.5 + 0.5 * out, hinge[1] + slope + rng.normal(0, 0.01)])
        strokes.append((np.stack([hinge, end]).astype(np.float32), look.temple))
    return [(np.asarray(points, np.float32), thickness) for points, thickness in strokes]


class _Move:
    """A slight turn, tilt and shift of points (n, 2) about the middle of the eyes."""

    def __init__(self, rng: np.random.Generator) -> None:
        angle, self._scale = rng.normal(0, 0.03), rng.normal(1, 0.03, 2)
        self._turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        self._bend = rng.normal(0, 0.25)
        self._shift = rng.normal(0, (0.016, 0.012))

    def __call__(self, points: Floats) -> Floats:
        middle = _EYES.mean(axis=0)
        moved = ((points - middle) * self._scale) @ self._turn
        moved = moved * (1 + self._bend * moved[:, :1])
        return (moved + middle + self._shift).astype(np.float32)


def _stroke(layer: Image, points: Floats, thickness: float) -> None:
    width = max(1, round(thickness))
    cv2.polylines(layer, [_fixed(points)], False, 255, width, cv2.LINE_AA, 4)


def _fixed(points: Floats) -> NDArray[np.int32]:
    """Points of the texture as pixels of the fine band in sixteenths, as OpenCV wants them."""
    pixels = (points * SIDE - (0, TOP)) * _FINER * 16
    return np.rint(pixels).astype(np.int32)


def _coarse(layer: Image) -> Floats:
    small = cv2.resize(layer, (SIDE, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)
