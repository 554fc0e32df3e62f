"""A pair of glasses in space, and the outlines it shows in a picture of the face that wears it.

Canonical units: 0.33 lie between the eyes' centres, about 63 mm. Depth grows away from the camera.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from pipeline.contract import Floats
from pipeline.geometry import align
from replacer.glasses_style import Style, outline

# Points that expressions hardly move: eye corners, the nose's root, temples, cheekbones, forehead.
_RIGID: Final = [33, 133, 362, 263, 6, 168, 197, 9, 127, 356, 234, 454, 117, 346, 10, 151]
SIDES: Final = ([21, 162, 127, 234, 93], [251, 389, 356, 454, 323])  # the contour, downwards
_EYE_LEVEL: Final = 0.362
_NOSE: Final = 0.092
_LEAST_APART: Final = 0.162
_FRONT: Final = -0.15
_WRAP: Final = 0.5
_TILT: Final = 0.1
_DEPTH: Final = 0.012
_HANG: Final = 0.24  # of a lens's height: how much lower than the eye its centre lies
_HIGH: Final = 0.45  # of the same: how far above its centre bridge and temples begin
_TEMPLE_STEP: Final = 1.5
_PAST: Final = 0.05
_FREE: Final = 0.015
_SEEN_SIDE: Final = (0.1, 0.22)


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """The parts of one pair, points (n, 3) in canonical units; left then right."""

    lenses: tuple[Floats, Floats]
    rims: tuple[Floats, Floats]
    bridges: tuple[Floats, ...]
    pads: tuple[Floats, Floats]
    hinges: tuple[Floats, Floats]  # (2, 3) where the temple begins and where it turns back
    centres: tuple[Floats, Floats]  # (2,) of the lenses


@dataclass(frozen=True, slots=True, eq=False)
class Temple:
    """One temple in a picture, its outline (n, 2) px."""

    points: Floats
    edge: Floats  # (2,) where it leaves the face
    end: Floats  # (2,)
    shown: float  # 0 on the far side of a turned head, 1 on the near one


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """What one pair shows in a picture, points (n, 2) px."""

    lenses: list[Floats]
    rims: list[Floats]
    back: list[tuple[Floats, Floats]]  # inner and outer edge of each rim's rear
    bridges: list[Floats]
    pads: list[Floats]
    temples: list[Temple]
    plane: Floats  # (2, 3) canonical x, y of a pixel (x, y, 1), as if all lay in one plane
    unit: float  # px of a canonical unit
    aside: float  # -1..1: how far the face is turned


@lru_cache(maxsize=64)
def solid(look: Style) -> Solid:
    """The pair of that style."""
    apart = max(0.5 * _NOSE + look.width, _LEAST_APART)
    level = _EYE_LEVEL + _HANG * look.height
    centres = [np.array([0.5 + sign * apart, level], np.float32) for sign in (-1, 1)]
    flat = [outline(look, side, centres[side]) for side in (0, 1)]
    outer = [_widened(points, look, level) for points in flat]
    lenses, rims = [_raised(points) for points in flat], [_raised(points) for points in outer]
    high = level - _HIGH * look.height
    return Solid(
        (lenses[0], lenses[1]),
        (rims[0], rims[1]),
        _bridges(flat, look, level),
        (_pad(flat[0], level, 1), _pad(flat[1], level, -1)),
        (_hinge(outer[0], high, look, -1), _hinge(outer[1], high, look, 1)),
        (centres[0], centres[1]),
    )


def worn(pair: Solid, look: Style, faces: tuple[Floats, Floats], levels: Floats) -> Outlines:
    """The pair on a face: `faces` are the canonical shape and its mesh (468, 3) px.

    `levels` (2,) are the contour points at which the temples leave the face, counted downwards
    along it; NaN where the usual one is meant.
    """
    shape, mesh = faces
    linear, shift = align(shape[_RIGID], mesh[_RIGID])

    def put(points: Floats) -> Floats:
        return np.asarray((points @ linear + shift)[:, :2], np.float32)

    behind = np.array([0, 0, _DEPTH], np.float32)
    across = linear[0] / max(float(np.linalg.norm(linear[0])), 1e-9)
    middle = np.array([0.5, _EYE_LEVEL, _FRONT + 0.5 * _WRAP * _LEAST_APART**2], np.float32)
    affine = np.column_stack([linear[:2, :2].T, put(middle[None])[0] - middle[:2] @ linear[:2, :2]])
    square = np.vstack([affine, [0, 0, 1]])
    return Outlines(
        lenses=[put(points) for points in pair.lenses],
        rims=[put(points) for points in pair.rims],
        back=[
            (put(inner + behind), put(outer + behind))
            for inner, outer in zip(pair.lenses, pair.rims, strict=True)
        ],
        bridges=[put(points) for points in pair.bridges],
        pads=[put(points) for points in pair.pads],
        temples=[
            _temple(put, pair.hinges[side], (mesh, linear, look), (side, float(levels[side])))
            for side in (0, 1)
        ],
        plane=np.linalg.pinv(square)[:2].astype(np.float32),
        unit=float(np.linalg.norm(linear, axis=1).mean()),
        aside=float(across[2]),
    )


def _raised(points: Floats) -> Floats:
    """(n, 3) points (n, 2) on the curved, slightly tilted front of a pair."""
    across, down = points[:, 0] - 0.5, points[:, 1] - _EYE_LEVEL
    return np.column_stack([points, _FRONT + _WRAP * across**2 + _TILT * down]).astype(np.float32)


def _widened(points: Floats, look: Style, level: float) -> Floats:
    """The outer edge of the rim around a lens (n, 2)."""
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    normal = np.column_stack([along[:, 1], -along[:, 0]])
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    out = points - points.mean(axis=0)
    normal = normal * np.sign((normal * out).sum(axis=1).sum())
    lower = np.clip((points[:, 1] - level) / (0.4 * look.height) + 0.5, 0, 1)
    thick = look.rim * (1 + (look.lower_rim - 1) * lower * lower * (3 - 2 * lower))
    return (points + normal * thick[:, None]).astype(np.float32)


def _bridges(flat: list[Floats], look: Style, level: float) -> tuple[Floats, ...]:
    """Strips between the lenses; two of them on an aviator's."""
    high = level - _HIGH * look.height
    result = [_arch(flat, high, 1.1 * look.rim, 0.012)]
    if look.drop > 0.2:
        result.append(_arch(flat, level - 0.82 * look.height, 0.9 * look.rim, 0.004))
    return tuple(result)


def _arch(flat: list[Floats], high: float, thickness: float, rise: float) -> Floats:
    left, right = (_edge(points, high, sign) for points, sign in zip(flat, (1, -1), strict=True))
    t = np.linspace(-0.04, 1.04, 14, dtype=np.float32)[:, None]
    line = left + (right - left) * t
    line[:, 1] -= rise * np.sin(np.pi * np.clip(t[:, 0], 0, 1))
    half = np.array([0, thickness / 2], np.float32)
    return _raised(np.concatenate([line - half, (line + half)[::-1]]))


def _edge(points: Floats, high: float, sign: int) -> Floats:
    """(2,) where the edge of a lens crosses a height, on its right (`sign` 1) or left side."""
    side = points[(points[:, 0] - points[:, 0].mean()) * sign > 0]
    return np.asarray(side[np.argmin(np.abs(side[:, 1] - high))], np.float32)


def _pad(points: Floats, level: float, sign: int) -> Floats:
    """A nose pad behind the inner edge of a lens."""
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    at = _edge(points, level - 0.01, sign) + np.array([0.012 * sign, 0.012], np.float32)
    oval = at + np.column_stack([0.006 * np.cos(angle), 0.017 * np.sin(angle)])
    return _raised(oval.astype(np.float32)) + np.array([0, 0, 0.025], np.float32)


def _hinge(outer: Floats, high: float, look: Style, sign: int) -> Floats:
    edge = _edge(outer, high, sign)
    inwards = edge - np.array([sign * look.rim * 0.7, 0], np.float32)
    beside = edge + np.array([sign * (0.006 + 0.3 * look.rim), 0], np.float32)
    points = _raised(np.stack([inwards, beside]))
    points[1, 2] += 0.02
    return points


def _temple(
    put: Callable[[Floats], Floats],
    hinge: Floats,
    face: tuple[Floats, Floats, Style],
    place: tuple[int, float],
) -> Temple:
    """The temple from its hinge to the face's outline, and over the beginning of a real one."""
    (mesh, linear, look), (side, level) = face, place
    contour = mesh[SIDES[side], :2]
    steps = np.arange(len(contour), dtype=np.float32)
    met = bool(np.isfinite(level))
    step = level if met else _TEMPLE_STEP
    edge = np.array([np.interp(step, steps, contour[:, axis]) for axis in (0, 1)], np.float32)
    start, turn = put(hinge)
    unit = float(np.linalg.norm(linear, axis=1).mean())
    along = (edge - turn) / max(float(np.linalg.norm(edge - turn)), 0.02 * unit)
    end = edge + along * np.float32((_PAST if met else _FREE) * unit)
    line = np.stack([start, turn, edge, end])
    thick = np.array([1.0, 1.0, 0.8, 0.78])[:, None] * look.temple / 2
    half = linear[1, :2] * thick
    outward = linear[0] * (-1 if side == 0 else 1) / max(float(np.linalg.norm(linear[0])), 1e-9)
    low, high = _SEEN_SIDE
    shown = float(np.clip((high - outward[2]) / (high - low), 0, 1))
    points = np.concatenate([line - half, (line + half)[::-1]]).astype(np.float32)
    return Temple(points, edge, end, shown)
