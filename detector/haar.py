"""Viola-Jones cascades, the detector of the 2017 paper: boxes only, no landmarks.

Viola, Jones: "Rapid object detection using a boosted cascade of simple features", CVPR 2001
(doi:10.1109/CVPR.2001.990517). Kept for comparison: it misses turned and small faces.
"""

from pathlib import Path

import cv2
import numpy as np

from pipeline.contract import Faces, Floats, Image
from pipeline.errors import WeightsError

_STEP = 1.1
_NEIGHBOURS = 4
_SMALLEST = 20
_FULL_WEIGHT = 8.0
_MAX_OVERLAP = 0.3


class Haar:
    """Frontal and profile cascades, the latter on the mirror image too."""

    def __init__(
        self, frontal: Path, profile: Path, size: int = 1280, threshold: float = 0.35
    ) -> None:
        self._frontal, self._profile = _cascade(frontal), _cascade(profile)
        self._size = size
        self._threshold = threshold

    def detect(self, image: Image) -> Faces:
        """Every face of an RGB picture; scores grow with the cascade's weight, up to 1."""
        scale = min(1.0, self._size / max(image.shape[:2]))
        plain = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if scale < 1:
            plain = cv2.resize(plain, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        gray = np.asarray(cv2.equalizeHist(plain), np.uint8)
        width = gray.shape[1]
        mirrored = [
            (width - x - w, y, w, h, s) for x, y, w, h, s in _run(self._profile, gray[:, ::-1])
        ]
        found = _run(self._frontal, gray) + _run(self._profile, gray) + mirrored
        rows = np.array([row for row in found if row[4] > self._threshold], np.float32)
        return _faces(rows.reshape(-1, 5)).moved(1 / scale)


def _cascade(path: Path) -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise WeightsError(f"{path} is no cascade that OpenCV can read; reinstall OpenCV")
    return cascade


def _run(cascade: cv2.CascadeClassifier, gray: Image) -> list[tuple[float, ...]]:
    if min(gray.shape) < _SMALLEST:
        return []
    boxes, _, weights = cascade.detectMultiScale3(
        np.ascontiguousarray(gray),
        _STEP,
        _NEIGHBOURS,
        minSize=(_SMALLEST, _SMALLEST),
        outputRejectLevels=True,
    )
    scores = np.clip(np.ravel(weights) / _FULL_WEIGHT, 0, 1)
    return [(*map(float, box), float(s)) for box, s in zip(boxes, scores, strict=True)]


def _faces(rows: Floats) -> Faces:
    """Faces of (n, 5) rows x, y, width, height, score, the best of each group."""
    kept = cv2.dnn.NMSBoxes(rows[:, :4].tolist(), rows[:, 4].tolist(), 0.0, _MAX_OVERLAP)
    rows = rows[np.asarray(kept, np.int64).ravel()]
    boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    return Faces.of(boxes, scores=rows[:, 4])
