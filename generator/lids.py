"""Lets the eyes of a drawn face close: skin comes down over them, lashes stay a thin line.

Textures show open eyes, whose lids are a narrow, dark band. On a shape that closes them the mesh
stretches that band over the whole eye, which would look like an open one. So the further an eye
closes, the more of its lid is exchanged for the skin around it, with lashes along the edge.
"""

from typing import Final

import numpy as np

from generator.regions import LEFT_CREASE, LEFT_EYE, RIGHT_CREASE, RIGHT_EYE
from pipeline.contract import Floats

# Lengths are shares of the texture's side. Ramps are where something begins and is complete:
# along the eye from its outer corner, 0, to the inner, 1; down the lid from crease, 0, to edge, 1.
_REACH: Final = 0.085
_OPEN: Final = 0.09  # openings as codes tell them: from here on lids are skin and lashes,
_SLIT: Final = (0.05, 0.02)  # and here what is left between them
_AROUND: Final = ((-0.4, -0.05), (1.15, 0.95))
_LID: Final = (-0.15, 0.4)  # creases above and bags below are the person's own
_UNDER: Final = (0.04, 0.014)
_SKIN_ABOVE: Final = (-0.5, -0.05)
_SKIN_BELOW: Final = (0.042, 0.068)
_SMOOTH: Final = 0.02
_LASHES: Final = ((-0.15, 0.1), (1.02, 0.8))
_THICK: Final = (-0.019, -0.002)
_FRINGE: Final = (0.3, 0.01)  # how dark, and how far below the eye
_EDGE: Final = 0.013
_DARK: Final = 0.02
_HOLLOW: Final = 0.2
_SHADE: Final = 0.12


class Lids:
    """The lids of both eyes in textures of one side; `layout` is (468, 2) in shares of it."""

    def __init__(self, layout: Floats, side: int) -> None:
        rows = ((LEFT_CREASE, LEFT_EYE), (RIGHT_CREASE, RIGHT_EYE))
        self.lids = [Lid(layout[crease], layout[eye], side) for crease, eye in rows]
        self.places = [lid.box for lid in self.lids]  # outside these no texture changes

    def close(self, texture: Floats, openings: Floats) -> None:
        """Close the eyes of a texture (s, s, 3) in place as far as `openings` (2,), codes, tell."""
        for lid, opening in zip(self.lids, openings, strict=True):
            if opening < _OPEN:
                lid.close(texture, float(opening))


class Lid:
    """One eye; `crease` (7, 2) and `outline` (16, 2) are shares of the texture's side.

    In its `box`, (h, w) of the texture: `around` (h, w) averages the skin of each column, `blur`
    (w, w) smooths that along the eye, `light` (h, w, 1) shades it into a lid, `lashes` (h, w, 1)
    are how dark it is by them, and where `edge` (h, w) is true their own colour is found.
    """

    def __init__(self, crease: Floats, outline: Floats, side: int) -> None:
        edge, under = outline[[0, *range(15, 7, -1)]], outline[:9]
        every = np.concatenate([crease, outline])
        x1, y1 = np.floor((every.min(axis=0) - _REACH) * side).astype(int)
        x2, y2 = np.ceil((every.max(axis=0) + _REACH) * side).astype(int)
        self.box = np.s_[int(y1) : int(y2), int(x1) : int(x2)]
        y, x = ((np.mgrid[y1:y2, x1:x2] + 0.5) / side).astype(np.float32)
        top, upper, lower = (_line(row, x[0]) for row in (crease, edge, under))
        along = (x - outline[0, 0]) / (outline[8, 0] - outline[0, 0])
        down, off, low = (y - top) / (upper - top), y - upper, y - lower
        inside = off / np.maximum(lower - upper, 1 / side)

        ends = _ramp(along, _AROUND[0]) * _ramp(along, _AROUND[1])
        self._opacity = (_ramp(down, _LID) * _ramp(low, _UNDER) * ends)[..., None]
        self._eye = ((off > 0) & (low < 0))[..., None]
        fringe = np.where(
            low < 0,
            1 - (1 - _FRINGE[0]) * _ramp(inside, (0.2, 1)),
            _FRINGE[0] * _ramp(low, (_FRINGE[1], 0)),
        )
        ends = _ramp(along, _LASHES[0]) * _ramp(along, _LASHES[1])
        self.lashes = (_ramp(off, _THICK) * fringe * ends)[..., None]
        self.edge = np.abs(off) < max(_EDGE, 1 / side)
        hollow, shade = _HOLLOW * _ramp(down, (0.6, 0)), _SHADE * _ramp(down, (0.6, 1))
        self.light = (1 - hollow - shade * _ramp(low, (0.02, 0)))[..., None]
        above = (down > _SKIN_ABOVE[0]) & (down < _SKIN_ABOVE[1])
        below = (low > _SKIN_BELOW[0]) & (low < _SKIN_BELOW[1])
        self.around = (_mean(above) + _mean(below)) / 2
        blur = np.exp(-(((x[0][:, None] - x[0]) / _SMOOTH) ** 2) / 2)
        self.blur = (blur / blur.sum(axis=1, keepdims=True)).astype(np.float32)

    def close(self, texture: Floats, opening: float) -> None:
        part = texture[self.box]
        skin = self.blur @ np.einsum("yx,yxc->xc", self.around, part) * self.light
        edge = part[self.edge].mean(axis=1)
        dark = float(np.partition(edge, int(_DARK * len(edge)))[int(_DARK * len(edge))])
        ink = np.clip(dark / np.maximum(skin.mean(axis=2, keepdims=True), 1), 0, 1)
        closed = skin * (1 - (1 - ink) * self.lashes)
        texture[self.box] = part + (closed - part) * self.opacity(opening)

    def opacity(self, opening: float) -> Floats:
        """(h, w, 1) how much of the texture is exchanged for the lid of an eye that far open."""
        lids, slit = (_eased(opening, *ends) for ends in ((_OPEN, _SLIT[1]), _SLIT))
        result: Floats = self._opacity * np.where(self._eye, slit, lids).astype(np.float32)
        return result


def _eased(opening: float, start: float, end: float) -> float:
    """0 to 1 on the way from start to end, fast at first."""
    left = 1 - np.clip((opening - start) / (end - start), 0, 1)
    return float(1 - left**2)


def _mean(rows: Floats) -> Floats:
    """(h, w) weights that average each column over the pixels where `rows`, or over all."""
    weights = rows + np.float32(1e-6)
    return np.asarray(weights / weights.sum(axis=0), np.float32)


def _line(points: Floats, x: Floats) -> Floats:
    order = np.argsort(points[:, 0])
    return np.interp(x, points[order, 0], points[order, 1]).astype(np.float32)


def _ramp(values: Floats, ends: tuple[float, float]) -> Floats:
    """Smoothly from 0 to 1 between both ends."""
    t = np.clip((values - ends[0]) / (ends[1] - ends[0]), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
