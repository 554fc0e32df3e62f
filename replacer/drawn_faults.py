"""What pictures of faces suffer, drawn at random: hair, brows and make-up that are no glasses,
light, and the loss of small or compressed pictures. Offline only.
"""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image

_EYES: Final = ((0.305, 0.44), (0.695, 0.44))  # shares of the band's width and height
_BROW: Final = 0.14


def disturbed(band: Floats, rng: np.random.Generator) -> Floats:
    """A band (h, w, 3) of a face with strands, strong brows, bags or make-up added, or without."""
    for share, add in ((0.25, _strands), (0.3, _brows), (0.3, _bags), (0.15, _made_up)):
        if rng.random() < share:
            band = add(band, rng)
    return band


def worn_down(band: Floats, rng: np.random.Generator) -> Image:
    """The band (h, w, 3) as a camera and a codec give it, (h, w, 3) uint8."""
    band = _lit(band, rng)
    height, width = band.shape[:2]
    factor = float(np.exp(rng.uniform(np.log(0.28), 0))) if rng.random() < 0.75 else 1.0
    small = max(8, round(width * factor)), max(8, round(height * factor))
    picture = cv2.GaussianBlur(band, (0, 0), float(np.exp(rng.uniform(-1.6, 0.4))))
    picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    picture = picture + rng.normal(0, np.exp(rng.uniform(-1, 2.2)), picture.shape)
    result = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))]
        result = cv2.imdecode(cv2.imencode(".jpg", result, quality)[1], cv2.IMREAD_COLOR)
    way = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(result, (width, height), interpolation=way), np.uint8)


def _lit(band: Floats, rng: np.random.Generator) -> Floats:
    """Another exposure, contrast, colour of light; grey now and then."""
    if rng.random() < 0.18:
        band = np.repeat(band.mean(axis=2, keepdims=True), 3, axis=2)
    height, width = band.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    slope = 1 + rng.normal(0, 0.2) * x + rng.normal(0, 0.15) * y
    gamma, gain = np.exp(rng.normal(0, 0.25)), np.exp(rng.normal(0, 0.2))
    cast = np.exp(rng.normal(0, 0.08, 3))
    lit = 255 * (np.clip(band, 0, 255) / 255) ** gamma * gain * cast * slope[..., None]
    return np.clip(lit + rng.normal(0, 8), 0, 255).astype(np.float32)


def _laid(band: Floats, mask: Image, blur: float, colour: Floats, share: float) -> Floats:
    """`colour` over the band where `mask` is not 0, softened."""
    alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), blur)[..., None] * share
    return (band + (colour - band) * alpha).astype(np.float32)


def _empty(band: Floats) -> Image:
    return np.zeros(band.shape[:2], np.uint8)


def _curve(mask: Image, points: Floats, thickness: int) -> None:
    """A quadratic Bezier curve through the control points (3, 2), px."""
    t = np.linspace(0, 1, 20)[:, None]
    line = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]
    cv2.polylines(mask, [np.rint(line).astype(np.int32)], False, 255, thickness, cv2.LINE_AA)


def _strands(band: Floats, rng: np.random.Generator) -> Floats:
    """Hair that hangs in from above or from the sides."""
    mask, (height, width) = _empty(band), band.shape[:2]
    for _ in range(rng.integers(1, 14)):
        start = np.array([rng.uniform(0, width), -2.0])
        if rng.random() < 0.5:
            start = np.array([rng.choice([-2.0, width + 2.0]), rng.uniform(0, height)])
        end = start + rng.normal(0, (35, 30))
        points = np.stack([start, (start + end) / 2 + rng.normal(0, 8, 2), end])
        _curve(mask, points.astype(np.float32), int(rng.integers(1, 4)))
    colour = np.array(rng.choice([15, 40, 70, 160]) + rng.normal(0, 10, 3), np.float32)
    return _laid(band, mask, rng.uniform(0.4, 1.2), colour, rng.uniform(0.4, 1.0))


def _brows(band: Floats, rng: np.random.Generator) -> Floats:
    """Darker, thicker or thinner brows, of hairs."""
    mask, (height, width) = _empty(band), band.shape[:2]
    high, bow, thick = rng.uniform(-0.02, 0.2), rng.uniform(0, 0.15), rng.integers(1, 8)
    for x, _ in _EYES:
        ends = np.array([[x - _BROW, high + 0.05], [x, high - bow], [x + _BROW, high + 0.05]])
        _curve(mask, (ends * (width, height)).astype(np.float32), int(thick))
    grain = rng.uniform(0.4, 1, mask.shape).astype(np.float32)
    mask = (mask * cv2.GaussianBlur(grain, (0, 0), 0.6)).astype(np.uint8)
    colour = np.array(rng.uniform(10, 70) + rng.normal(0, 6, 3), np.float32)
    return _laid(band, mask, rng.uniform(0.7, 2.5), colour, rng.uniform(0.3, 0.95))


def _bags(band: Floats, rng: np.random.Generator) -> Floats:
    """Folds below the eyes and beside them, and lines on the nose's root: dark or light."""
    mask, (height, width) = _empty(band), band.shape[:2]
    for x, y in _EYES:
        for _ in range(rng.integers(1, 4)):
            deep = y + rng.uniform(0.05, 0.35)
            side = rng.uniform(0.05, 0.13)
            ends = np.array([[x - side, deep - 0.08], [x, deep + 0.08], [x + side, deep - 0.08]])
            ends = ends + rng.normal(0, 0.015, (3, 2))
            _curve(mask, (ends * (width, height)).astype(np.float32), int(rng.integers(1, 3)))
    colour = band.mean(axis=(0, 1)) * rng.choice([0.35, 0.55, 1.35])
    return _laid(
        band, mask, rng.uniform(0.6, 2.5), colour.astype(np.float32), rng.uniform(0.2, 0.8)
    )


def _made_up(band: Floats, rng: np.random.Generator) -> Floats:
    """Shadow around the eyes, with a line at the lids."""
    mask, (height, width) = _empty(band), band.shape[:2]
    size = rng.uniform((0.07, 0.08), (0.12, 0.2))
    for x, y in _EYES:
        centre = round(x * width), round((y - 0.04) * height)
        axes = round(size[0] * width), round(size[1] * height)
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1 if rng.random() < 0.5 else 2)
    colour = np.array(rng.uniform(10, 120, 3), np.float32)
    return _laid(band, mask, rng.uniform(1, 5), colour, rng.uniform(0.15, 0.6))
