"""Keeps a person's own glasses in front of the surrogate.

A network looks at the eye band of the face's own texture and tells frames, and lenses through
which nothing is seen, from skin, brows and eyes. Whether a person wears any is decided once, from
good looks at the person; each picture then tells where they lie.
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Ints
from pipeline.geometry import bounds, pixels, rasterise, warp
from pipeline.networks import Network
from replacer.glasses_band import HEIGHT, SIDE, TOP, prepared
from replacer.outlines import EYES
from replacer.unwrap import barycentric, shrunk

SMALLEST: Final = 50.0
_FADE: Final = 12.0
_SURE: Final = (0.25, 0.75)
_NEAR: Final = 9
_KNOWN: Final = 20.0
_MOST_FRAME: Final = 0.3
_MOST: Final = 0.6
LEAST: Final = 0.02
_LIGHT: Final = 0.06
_SMOOTH_SIDE: Final = 48
_SHOWN: Final = (0.4, 0.7)
_CONTRAST: Final = 2.5
_AROUND: Final = 10.0
_PART: Final = 0.2
_GAP: Final = 5
_SUREST: Final = 0.97
_CORNERS: Final = (33, 263)  # the eyes' outer ones


class Glasses:
    """`layout` (468, 2) and `triangles` are those of the canonical texture."""

    def __init__(self, network: Path, layout: Floats, triangles: Ints) -> None:
        self._model = Network(network)
        self._layout = layout * SIDE - np.array([0.5, 0.5 + TOP], np.float32)
        cover = rasterise(self._layout, triangles, (SIDE, HEIGHT))
        self._inside = (cover >= 0).astype(np.float32)
        self._share = cv2.GaussianBlur(self._inside, (0, 0), _AROUND)[..., None] + 1e-3
        self._corners = triangles[np.maximum(cover, 0)]
        self._shares = barycentric(self._layout[self._corners])
        self._triangles = triangles[np.unique(cover[cover >= 0])]
        self._eyes = _filled([self._layout[eye] for eye in EYES])

    def matte(self, image: Image, mesh: Floats) -> Floats:
        """(HEIGHT, SIDE) how surely glasses hide the face of `mesh` (468, 3) px there, 0..1.

        All 0 where the face is too small to tell, or where more of it would stay than glasses
        can hide.
        """
        if float(np.ptp(mesh[:, 0])) < SMALLEST:
            return np.zeros((HEIGHT, SIDE), np.float32)
        return self.of_band(self._band(image, mesh))

    def of_band(self, band: Image) -> Floats:
        """The same of a face's own texture (HEIGHT, SIDE, 3), as far as glasses lie in it."""
        frame, lens = self._seen(band)
        frame = frame * (1 - self._eyes)
        face = self._inside.sum()
        if frame.sum() > _MOST_FRAME * face:
            return np.zeros((HEIGHT, SIDE), np.float32)
        matte: Floats = np.maximum(frame, lens)
        return matte if matte.sum() <= _MOST * face else np.zeros_like(matte)

    def worn(self, mattes: list[Floats]) -> Floats:
        """What a person's `mattes` show together, an empty (0, 0) array where these are no glasses.

        Of rims so thin that only pieces are found nothing is kept: pieces look worse than none.
        """
        evidence = [self.evidence(matte) for matte in mattes]
        if not evidence or np.mean(evidence) < LEAST:
            return np.zeros((0, 0), np.float32)
        together = np.max(mattes, axis=0)
        return together if self._whole(together) else np.zeros((0, 0), np.float32)

    def evidence(self, matte: Floats) -> float:
        """The share of the band that glasses hide, on that half of it where it is smaller.

        A strand of hair over one eye is no pair of glasses.
        """
        sure = _ramp(matte, *_SURE)
        halves = [sure[:, : SIDE // 2].sum(), sure[:, SIDE // 2 :].sum()]
        return float(min(halves) / (self._inside.sum() / 2))

    def _whole(self, matte: Floats) -> bool:
        """Whether one piece reaches past the outer corners of both eyes, small gaps aside."""
        part = (matte > _PART).astype(np.uint8)
        joined = cv2.dilate(part, np.ones((_GAP, _GAP), np.uint8))
        pieces = cv2.connectedComponentsWithStats(joined)[2][1:]
        left, right = self._layout[list(_CORNERS), 0]
        start, end = pieces[:, cv2.CC_STAT_LEFT], pieces[:, [0, 2]].sum(axis=1)
        return bool(((start < left) & (end > right)).any())

    def worn_by(self, looks: list[tuple[Image, Floats]]) -> Floats:
        """What a person wears, told from looks (picture, mesh px) at them; see `worn`."""
        return self.worn([self.matte(*look) for look in looks])

    def kind(self, image: Image, mesh: Floats) -> tuple[float, float, float]:
        """How opaque the lenses are, how much of the face the frame hides, how dark that is.

        All in 0..1; the last is the frame's luminance as a share of the skin's around it.
        """
        band = self._band(image, mesh)
        frame, lens = self._seen(band)
        luminance = cv2.cvtColor(band, cv2.COLOR_RGB2GRAY).astype(np.float32)
        frame = frame * (1 - self._eyes)
        sure = frame * (frame > np.quantile(frame, _SUREST))
        skin = self._inside * (np.maximum(frame, lens) < _PART)
        own, around = (
            float((luminance * part).sum() / (part.sum() + 1e-3)) for part in (sure, skin)
        )
        opaque = float((lens * self._eyes).sum() / self._eyes.sum())
        return opaque, float(frame.sum() / self._inside.sum()), own / (around + 1)

    def over(self, image: Image, mesh: Floats, worn: Floats) -> Floats:
        """(h, w) in 0..1: where in the picture glasses lie over the face of `mesh` (468, 3) px.

        `worn` (HEIGHT, SIDE) is what the person wears: there is nothing far from it, and near it
        less must be seen than to tell a stranger's glasses.
        """
        near = np.asarray(cv2.dilate(worn, np.ones((_NEAR, _NEAR), np.uint8)))
        matte = self.matte(image, mesh)
        odds = matte / (1 - np.minimum(matte, 0.999)) * (1 + _KNOWN * near)
        strength = np.clip((float(np.ptp(mesh[:, 0])) - SMALLEST) / _FADE, 0, 1)
        steady = _ramp(odds / (1 + odds), *_SURE) * _ramp(near, *_SURE)
        steady = _completed(steady, _ramp(worn, *_SURE)) * strength
        result = np.zeros(image.shape[:2], np.float32)
        x1, y1, x2, y2 = pixels(bounds(mesh), image.shape[1::-1])
        if x2 > x1 and y2 > y1:
            target = mesh - np.array([x1, y1, 0], np.float32)
            size = (x2 - x1, y2 - y1)
            drawn, lies = warp(steady, self._layout, target, self._triangles, size)
            result[y1:y2, x1:x2] = drawn * lies
        return result

    def _band(self, image: Image, mesh: Floats) -> Image:
        """The face's own texture (HEIGHT, SIDE, 3), from a picture shrunk to fit; black outside."""
        x1, y1, x2, y2 = pixels(bounds(mesh), image.shape[1::-1])
        region = image[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
        if region.size == 0:
            return np.zeros((HEIGHT, SIDE, 3), np.uint8)
        factor = min(1.0, SIDE / max(region.shape[:2]))
        size = [max(1, round(n * factor)) for n in region.shape[1::-1]]
        region = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA), np.uint8)
        points = ((mesh[:, :2] - (x1, y1)) * factor + (factor - 1) / 2).astype(np.float32)
        place = np.einsum("hwc,hwcx->hwx", self._shares, points[self._corners])
        band = cv2.remap(region, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(band * self._inside[..., None].astype(np.uint8))

    def _seen(self, band: Image) -> tuple[Floats, Floats]:
        """(HEIGHT, SIDE) each: how surely there is a frame, and an opaque lens."""
        logits = self._model(prepared(self._contrasted(band))[None])[0][0]
        sure = self._inside[..., None] / (1 + np.exp(-np.clip(logits, -30, 30)))
        return sure[..., 0], sure[..., 1]

    def _contrasted(self, band: Image) -> Floats:
        """The band (HEIGHT, SIDE, 3), 0..255, with stronger detail: a thin metal rim is faint."""
        colours = band.astype(np.float32)
        around = cv2.GaussianBlur(colours, (0, 0), _AROUND) / self._share
        strong = np.clip(around + _CONTRAST * (colours - around), 0, 255)
        return np.asarray(strong * self._inside[..., None], np.float32)


def bared(image: Image, over: Floats) -> Image:
    """The picture (h, w, 3) with what lies `over` (h, w) the face painted out by what is near.

    The light on a face is read off it, and dark glasses are no shadow.
    """
    over = np.asarray(cv2.dilate(over, np.ones((3, 3), np.uint8)))
    x, y, width, height = cv2.boundingRect((over > 0).astype(np.uint8))
    if width == 0:
        return image
    near, factor = _around(image, over)
    place = np.s_[y : y + height, x : x + width]
    result = image.copy()
    part = _enlarged(near, factor, (x, y, width, height))
    part += (image[place] - part) * cv2.merge([1 - over[place]] * 3)
    result[place] = cv2.convertScaleAbs(part)  # rounds
    return result


def _around(image: Image, over: Floats) -> tuple[Floats, float]:
    """A small picture of what is near and not hidden by what is `over` (h, w) the `image`, and by
    what factor it is smaller.
    """
    image, first = shrunk(image, 2 * _SMOOTH_SIDE)
    weight = 1 - shrunk(over, 2 * _SMOOTH_SIDE)[0]
    layers = cv2.merge([*(colour * weight for colour in cv2.split(image)), weight])
    layers, second = shrunk(layers, _SMOOTH_SIDE)
    layers = cv2.GaussianBlur(layers, (0, 0), _LIGHT * max(layers.shape[:2]))
    mean = np.array(cv2.mean(image)[:3], np.float32)
    result: Floats = (layers[..., :3] + 1e-3 * mean) / (layers[..., 3:] + 1e-3)
    return result, first * second


def _enlarged(picture: Floats, factor: float, box: tuple[int, ...]) -> Floats:
    """The part x y w h of what a picture shows, which is smaller by a factor."""
    x, y, width, height = box
    shift = (factor - 1) / 2
    there = np.array([[factor, 0, x * factor + shift], [0, factor, y * factor + shift]], np.float32)
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(picture, there, (width, height), None, way, cv2.BORDER_REPLICATE)
    return np.asarray(part, np.float32)


def _completed(seen: Floats, usual: Floats) -> Floats:
    """What is `seen` (HEIGHT, SIDE), and on the half where less of the `usual` is, that too.

    A grin moves cheek and brow behind one lens; while the other half is in its place, so is the
    whole frame.
    """
    shared = np.minimum(seen, usual)
    parts = slice(None, SIDE // 2), slice(SIDE // 2, None)
    shown = [float(shared[:, part].sum() / (usual[:, part].sum() + 1)) for part in parts]
    lost = parts[int(np.argmin(shown))]
    result = seen.copy()
    trust = _ramp(np.full(1, max(shown), np.float32), *_SHOWN)
    result[:, lost] = np.maximum(seen[:, lost], usual[:, lost] * trust)
    return result


def _ramp(values: Floats, low: float, high: float) -> Floats:
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def _filled(outlines: list[Floats]) -> Floats:
    """(HEIGHT, SIDE) 1 within the outlines (n, 2) px, 0 elsewhere, soft at the edge."""
    filled = np.zeros((HEIGHT, SIDE), np.float32)
    for points in outlines:
        cv2.fillConvexPoly(filled, cv2.convexHull(np.rint(points).astype(np.int32)), 1.0)
    return np.asarray(cv2.GaussianBlur(filled, (0, 0), 0.8), np.float32)
