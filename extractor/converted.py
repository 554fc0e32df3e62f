"""Recognisers that were converted to OpenVINO: VGG-Face, and those trained here.

Their networks take RGB in 0..255 and do their own preprocessing (extractor/vggface.py,
extractor/train.py), so nothing here knows which one it is and nothing needs Keras.
"""

from pathlib import Path

import numpy as np

from extractor.crops import crop, eyes
from pipeline.contract import Faces, Floats, Image
from pipeline.networks import Network


class _Converted:
    """Features of length 1 of the square around each face's box, 1.3 times as wide."""

    concurrent = True
    level = False

    def __init__(self, network: Path) -> None:
        self._network = Network(network, exact=True)
        ((_, self._side, *_),), ((_, self.features, *_),) = self._network.sizes()

    def extract(self, image: Image, faces: Faces) -> Floats:
        """(n, d) features of length 1, a row a face; NaN where its box is empty or unknown."""
        rows = np.full((len(faces), self.features), np.nan, np.float32)
        for row, box in enumerate(faces.boxes):
            square = crop(image, box, self._side, eyes(faces, row) if self.level else None)
            if square is not None:
                rows[row] = self._network(square[None].astype(np.float32))[0][0]
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


class VggFace(_Converted):
    """VGG16, ResNet-50 or SENet-50 of VGG-Face, cropped as by users of keras-vggface: by box."""


class Trained(_Converted):
    """A recogniser that `./train_once.sh extractor` made; turned so that the eyes are level."""

    level = True
