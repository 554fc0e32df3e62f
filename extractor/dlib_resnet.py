"""dlib's face recogniser: a ResNet-29 whose 128 features tell people apart.

King, "Dlib-ml: a machine learning toolkit", JMLR 2009; the network follows He et al.,
CVPR 2016 (arXiv:1512.03385). Raw features lie close together: compare them centred.
"""

from pathlib import Path

import dlib
import numpy as np

from pipeline.contract import Faces, Floats, Image

FEATURES = 128
_HALF_WIDTH = 0.66
_DOWN = 0.04


class DlibResnet:
    """128 features of length 1 of each face, aligned by dlib's own five points (~100 ms a face)."""

    def __init__(self, weights: Path, five_points: Path) -> None:
        self._network = dlib.face_recognition_model_v1(str(weights))
        self._predictor = dlib.shape_predictor(str(five_points))

    def extract(self, image: Image, faces: Faces) -> Floats:
        """(n, 128) features of length 1, a row a face."""
        image = np.ascontiguousarray(image)
        rows = np.empty((len(faces), FEATURES), np.float32)
        for row, box in enumerate(faces.boxes):
            points = self._predictor(image, _rectangle(box))
            rows[row] = np.array(self._network.compute_face_descriptor(image, points))
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _rectangle(box: Floats) -> "dlib.rectangle":
    """The square that dlib's own detector would have drawn where another one found `box`."""
    x, y = (box[:2] + box[2:]) / 2
    y, half = y + _DOWN * (box[3] - box[1]), _HALF_WIDTH * (box[2] - box[0])
    return dlib.rectangle(int(x - half), int(y - half), int(x + half), int(y + half))
