"""Donor pictures carried onto the canonical face: the textures that the generator learns."""

from typing import Final

import cv2
import numpy as np

from generator.canonical import Canonical
from generator.dataset import Material
from generator.lighting import evened
from generator.looks import looks
from generator.mean import EXTENT
from matcher.attributes import AGE_OFFSET
from pipeline import donor_db, stills
from pipeline.contract import Floats
from pipeline.geometry import warp
from pipeline.measuring import Measured
from pipeline.progress import steps

_ALIASING: Final = 1.3
_BLUR: Final = 0.4


def material(
    measured: Measured, aligned: Floats, features: Floats, canonical: Canonical, side: int
) -> Material:
    """Textures of `side` px and the other measures by which donors are sorted.

    `aligned` (m, 468, 3) are the meshes in canonical units, `features` (m, d) one extractor's.
    """
    count = len(measured.pictures)
    layout = canonical.layout * side - 0.5
    textures, uneven = np.empty((count, side, side, 3), np.uint8), np.empty(count, np.float32)
    mask = np.zeros((side, side), np.float32)
    with steps("unwrapping textures", count) as advance:
        for row, image in enumerate(stills.each(measured.pictures)):
            mesh = measured.meshes[row]
            scale = float(np.ptp(mesh[:, :2], axis=0).max()) / (side * EXTENT)
            if scale > _ALIASING:
                image = np.asarray(cv2.GaussianBlur(image, (0, 0), _BLUR * scale), np.uint8)
            texture, mask = warp(image, mesh, layout, canonical.triangles, (side, side))
            texture = texture * mask[..., None].astype(np.uint8)
            textures[row], uneven[row] = evened(texture, mask)
            advance(row + 1)
    words = [picture.labels for picture in measured.pictures]
    fitted = donor_db.attributes(features, words, np.arange(count))
    widths, yaws = _widths_and_yaws(measured)
    likeness = donor_db.likeness(features, words, fitted)
    return Material(
        textures, uneven, mask, aligned, words, widths, yaws,
        male=likeness[:, 0],
        ages=(np.exp(likeness[:, 1]) - AGE_OFFSET).astype(np.float32),
        looks=np.stack([looks(texture, canonical.layout) for texture in textures]),
        layout=canonical.layout,
        unwanted=np.array([picture.unwanted for picture in measured.pictures]),
    )  # fmt: skip


def _widths_and_yaws(measured: Measured) -> tuple[Floats, Floats]:
    """(m,) px and (m,) -1..1: as given with the data, or as the mesh has them."""
    meshes, pictures = measured.meshes, measured.pictures
    cheeks = [np.linalg.norm(meshes[:, side, :2] - meshes[:, 4, :2], axis=1) for side in (234, 454)]
    widths = np.linalg.norm(meshes[:, 234, :2] - meshes[:, 454, :2], axis=1)
    yaws = (cheeks[0] - cheeks[1]) / widths
    return (
        _unless_given([picture.width for picture in pictures], widths),
        _unless_given([picture.yaw for picture in pictures], yaws),
    )


def _unless_given(given: list[float], measured: Floats) -> Floats:
    told = np.array(given, np.float32)
    return np.where(np.isfinite(told), told, measured).astype(np.float32)
