"""How good drawn textures are, as numbers: sharpness, spectrum, and distance from the donors."""

from itertools import pairwise
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Mask

OCTAVES: Final = 5
WINDOW: Final = (0.24, 0.76)  # across and down, inside every face
_INNER: Final = 0.05


def gradient(textures: Image, mask: Floats) -> Floats:
    """(n,) mean gradient magnitude of the brightness inside a face, in grey levels a pixel.

    `textures` is (n, s, s, 3), `mask` (s, s) 1 inside; a rim of 5 % of the side is left out.
    """
    side = textures.shape[1]
    depth = cv2.distanceTransform(np.pad(mask > 0.5, 1).astype(np.uint8), cv2.DIST_L2, 5)
    inside = depth[1:-1, 1:-1] > _INNER * side
    result = []
    for light in _brightness(textures):
        across, down = (
            cv2.Sobel(light, -1, 1, 0, scale=0.125),
            cv2.Sobel(light, -1, 0, 1, scale=0.125),
        )
        result.append(np.hypot(across, down)[inside].mean())
    return np.array(result, np.float32)


def spectrum(textures: Image) -> Floats:
    """(n, OCTAVES) power of the brightness in each octave of frequency, the finest first.

    From a Hann-windowed square in the middle of the face; the first octave ends at 1/2 cycle a
    pixel.
    """
    side = textures.shape[1]
    low, high = (round(edge * side) for edge in WINDOW)
    light = _brightness(textures)[:, low:high, low:high]
    hann = np.hanning(high - low).astype(np.float32)
    light = (light - light.mean(axis=(1, 2), keepdims=True)) * np.outer(hann, hann)
    power = np.abs(np.fft.fft2(light)) ** 2
    bands = [power[:, ring].sum(axis=1) for ring in rings(high - low)]
    return np.stack(bands, axis=1).astype(np.float32)


def rings(side: int) -> list[Mask]:
    """OCTAVES masks (side, side) of the frequencies of numpy's fft2."""
    across = np.fft.fftfreq(side)
    radius = np.hypot(across[:, None], across[None])
    edges = 0.5 ** np.arange(1, OCTAVES + 2)
    return [(radius <= top) & (radius > bottom) for top, bottom in pairwise(edges)]


def kernel_distance(a: Floats, b: Floats) -> float:
    """Squared maximum mean discrepancy of features (n, d) and (m, d), never below 0.

    The kernel is that of the Kernel Inception Distance (Binkowski et al., ICLR 2018,
    arXiv:1801.01401), a cubic polynomial. Biased: two samples of one source are a little apart,
    the more the fewer they are, so compare like numbers only.
    """
    inner, outer = [_kernel(x, x).mean() for x in (a, b)], _kernel(a, b).mean()
    return float(sum(inner) - 2 * outer)


def _kernel(a: Floats, b: Floats) -> Floats:
    result: Floats = (a.astype(np.float64) @ b.astype(np.float64).T / a.shape[1] + 1) ** 3
    return result


def _brightness(textures: Image) -> Floats:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    result: Floats = textures.astype(np.float32) @ weights
    return result
