"""CenterFace: an anchor-free face detector with five landmarks, run by OpenVINO.

Xu, Yan, Zhang, Li: "CenterFace: joint face detection and alignment using face as point",
Scientific Programming 2020 (arXiv:1911.03599).
"""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline import networks
from pipeline.contract import Faces, Floats, Image
from pipeline.networks import Network

_STRIDE = 4
_MULTIPLE = 32
_MAX_OVERLAP = 0.3
_SIZES_KEPT = 12


class CenterFace:
    """Finds faces from 8 px upwards in a picture shrunk to `size` px on its longer side."""

    concurrent = True

    def __init__(
        self,
        weights: Path,
        size: int = 1280,
        threshold: float = 0.35,
        quick: Path | None = None,
    ) -> None:
        """`quick` is the same network in 8-bit integers, where that is to be had."""
        self._weights = weights
        self._quick = quick
        self._size = size
        self._threshold = threshold
        self._model = lru_cache(maxsize=_SIZES_KEPT)(self._compile)

    def detect(self, image: Image) -> Faces:
        """Every face of an RGB picture, best first, with boxes, landmarks and scores."""
        height, width = image.shape[:2]
        scale = min(1.0, self._size / max(height, width))
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        small = (
            image
            if inner == (width, height)
            else cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
        )
        heat, size, offset, points = self._maps(small)
        found = _decode(heat[0], size, offset, points, self._threshold)
        return _suppress(found, self._threshold).moved(1 / scale)

    def hints(self, image: Image) -> Floats:
        """(h / 4, w / 4) how much each part of a small RGB picture looks like a face's centre, in
        [0, 1]: also what is too little to be detected.
        """
        height, width = image.shape[:2]
        heat: Floats = self._maps(image)[0][0][: -(-height // _STRIDE), : -(-width // _STRIDE)]
        return heat

    def _maps(self, image: Image) -> tuple[Floats, ...]:
        """The network's maps of a picture: heat, size, offset and landmarks."""
        height, width = image.shape[:2]
        padded = np.zeros((1, _ceil(height), _ceil(width), 3), np.uint8)
        padded[0, :height, :width] = image
        result = self._model(*padded.shape[1:3])(padded)
        return tuple(result[i][0] for i in range(4))

    @cached_property
    def quick(self) -> "CenterFace":
        """What finds nearly the same in less time; this one where the device gains nothing."""
        if self._quick is None or not networks.short():
            return self
        return CenterFace(self._quick, self._size, self._threshold)

    def prepare(self, *sizes: tuple[int, int]) -> None:
        """Get ready for pictures of these sizes, (width, height) px each, before they come."""
        networks = [self._model(_ceil(height), _ceil(width)) for width, height in sizes]
        for network in networks:
            _ = network.ready

    def rest(self) -> None:
        """Let go of all networks, which take some hundred MB while they are ready."""
        self._model.cache_clear()
        quick = vars(self).get("quick", self)
        if quick is not self:
            quick.rest()

    def _compile(self, height: int, width: int) -> Network:
        def read(core: Any, weights: Path) -> Any:
            model = core.read_model(weights)
            model.reshape({model.inputs[0]: [1, 3, height, width]})
            return _of_bytes(model, [1, height, width, 3])

        return Network(self._weights, read, f"bytes {width}x{height}")


def _of_bytes(model: Any, shape: list[int]) -> Any:
    """The openvino.Model, taking RGB bytes of `shape` (1, height, width, 3) as they lie."""
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    taking = PrePostProcessor(model)
    taking.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC")).set_shape(shape)
    taking.input().model().set_layout(Layout("NCHW"))
    return taking.build()


def _ceil(length: int) -> int:
    return -(-length // _MULTIPLE) * _MULTIPLE


def _decode(heat: Floats, size: Floats, offset: Floats, points: Floats, threshold: float) -> Faces:
    """The maxima of the heat map as faces (paper, section 3.2); rows of the maps are y before x."""
    y, x = np.nonzero(heat > threshold)
    height, width = np.exp(size[:, y, x]) * _STRIDE
    left = np.maximum((x + offset[1, y, x] + 0.5) * _STRIDE - width / 2, 0)
    top = np.maximum((y + offset[0, y, x] + 0.5) * _STRIDE - height / 2, 0)
    landmarks = np.stack(
        [points[1::2, y, x] * width + left, points[0::2, y, x] * height + top], axis=-1
    )
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    return Faces.of(boxes, landmarks.transpose(1, 0, 2), heat[y, x])


def _suppress(faces: Faces, threshold: float) -> Faces:
    """The best of each group of boxes that lie over each other."""
    if not len(faces):
        return faces
    corner_and_size = np.concatenate(
        [faces.boxes[:, :2], faces.boxes[:, 2:] - faces.boxes[:, :2]], 1
    )
    kept = cv2.dnn.NMSBoxes(
        corner_and_size.tolist(), faces.scores.tolist(), threshold, _MAX_OVERLAP
    )
    return faces[np.asarray(kept, np.int64).ravel()]
