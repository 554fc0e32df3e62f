"""dlib's face recogniser: a ResNet-29 whose 128 features tell people apart.

King, "Dlib-ml: a machine learning toolkit", JMLR 2009; the network follows He et al.,
CVPR 2016 (arXiv:1512.03385). Raw features lie close together: compare them centred.
"""

from functools import cached_property
from pathlib import Path

import dlib
import numpy as np

from extractor.crops import MARGIN, crop, eyes
from extractor.dlib_network import FEATURES, SIDE, DlibNetwork
from pipeline.contract import Faces, Floats, Image
from pipeline.geometry import bounds, scaled

_PADDING = 0.25
_HALF_WIDTH = 0.66
_DOWN = 0.04
_LEVEL = 25.0  # degrees up to which dlib's five points are found in a head that leans
_SIDE = 320
_AROUND = 1.6
_MESH_FOUND = 0.5
_AROUND_MESH = 1.02


class DlibResnet:
    """128 features of length 1 of each face, aligned by dlib's own five points (~5 ms a face).

    These points are found in upright faces only: a head that leans far is turned level before.
    """

    concurrent = True

    def __init__(self, weights: Path, five_points: Path) -> None:
        self._network = DlibNetwork(weights)
        self._five_points = five_points

    @cached_property
    def _predictor(self) -> "dlib.shape_predictor":
        return dlib.shape_predictor(str(self._five_points))

    def extract(self, image: Image, faces: Faces) -> Floats:
        """(n, 128) features of length 1, a row a face."""
        image = np.ascontiguousarray(image)
        rows = np.empty((len(faces), FEATURES), np.float32)
        for row in range(len(faces)):
            upright, box = _upright(image, faces, row)
            points = self._predictor(upright, _rectangle(box))
            chip = dlib.get_face_chip(upright, points, SIDE, _PADDING)
            rows[row] = self._network(chip[None])[0]
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _rectangle(box: Floats) -> "dlib.rectangle":
    """The square that dlib's own detector would have drawn where another one found `box`."""
    x, y = (box[:2] + box[2:]) / 2
    y, half = y + _DOWN * (box[3] - box[1]), _HALF_WIDTH * (box[2] - box[0])
    return dlib.rectangle(int(x - half), int(y - half), int(x + half), int(y + half))


def _upright(image: Image, faces: Faces, row: int) -> tuple[Image, Floats]:
    """The picture and box (4,) of a face; of one that leans far a part of it, turned level."""
    box, across = faces.boxes[row], _across(faces, row)
    if across is None or across[0] >= np.cos(np.radians(_LEVEL)):
        return image, box
    turn = np.stack([across, [-across[1], across[0]]])
    if faces.mesh_scores[row] >= _MESH_FOUND and np.isfinite(faces.mesh[row]).all():
        level = scaled(bounds(faces.mesh[row, :, :2] @ turn.T), _AROUND_MESH)
        centre, size = (level[:2] + level[2:]) / 2 @ turn, level[2:] - level[:2]
    else:
        centre, size = (box[:2] + box[2:]) / 2, np.sort(box[2:] - box[:2])
    reach = _AROUND * size.max() / 2
    around = np.concatenate([centre - reach, centre + reach]).astype(np.float32)
    turned = crop(image, around, _SIDE, np.stack([centre, centre + across]))
    if turned is None:
        return image, box
    half = size / 2 * _SIDE / (2 * reach * MARGIN)
    middle = (_SIDE - 1) / 2
    return turned, np.concatenate([middle - half, middle + half]).astype(np.float32)


def _across(faces: Faces, row: int) -> Floats | None:
    """(2,) from the eye at the left to the other of the upright face, length 1; None if unknown."""
    known = eyes(faces, row)
    if faces.mesh_scores[row] >= _MESH_FOUND:
        known = eyes(Faces.of(faces.boxes[[row]], mesh=faces.mesh[[row]]), 0)
    line = known[1] - known[0]
    length = float(np.hypot(*line))
    return (line / length).astype(np.float32) if np.isfinite(length) and length > 0 else None
