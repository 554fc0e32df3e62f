"""dlib's face recogniser as training sees by it: gradients pass through. Offline only."""

from pathlib import Path
from typing import Any, Final

import dlib
import keras
import numpy as np
from keras import ops

from extractor.dlib_network import (
    HALVED,
    MEAN,
    SCALE,
    SIDE,
    WIDTHS,
    Convolution,
    convolutions,
    last,
)
from pipeline.contract import Floats

DEPTHS: Final = (0, 3, 7)  # how many blocks come before each answer of `perceive`
_PADDING: Final = 0.25


class DlibKeras:
    """The network of `weights`: its parameters are constants, its arithmetic is that of the policy.

    `same` is the centred cosine from which it takes two faces for one person's.
    """

    def __init__(self, weights: Path, same: float) -> None:
        kind = keras.mixed_precision.global_policy().compute_dtype
        content = weights.read_bytes()
        self.same = same
        self._kind = kind
        self._layers = [_Layer(one, kind) for one in convolutions(content)]
        self._last = ops.convert_to_tensor(last(content))
        self._mean = ops.convert_to_tensor(np.array(MEAN, np.float32))

    def perceive(self, pictures: Any) -> list[Any]:
        """The activations (b, p, p, c) after each of DEPTHS blocks, finest first, of pictures
        (b, s, s, 3) RGB in [-1, 1], a face in each.
        """
        activations = self._activations(pictures, DEPTHS[-1])
        return [ops.cast(activations[depth], "float32") for depth in DEPTHS]

    def describe(self, pictures: Any) -> Any:
        """Features (b, 128), not normalised, of faces aligned as `placed` tells, (b, SIDE, SIDE, 3)
        RGB in [-1, 1].
        """
        seen = ops.cast(self._activations(pictures, len(WIDTHS))[-1], "float32")
        return ops.mean(seen, axis=(1, 2)) @ self._last

    def _activations(self, pictures: Any, blocks: int) -> list[Any]:
        x = ops.cast(((pictures + 1) * 127.5 - self._mean) / SCALE, self._kind)
        result = [ops.max_pool(ops.relu(self._layers[0](x)), 3, 2)]
        for block in range(blocks):
            x = result[-1]
            inside = self._layers[2 * block + 2](ops.relu(self._layers[2 * block + 1](x)))
            result.append(ops.relu(_added(x, inside, halved=block in HALVED)))
        return result


def placed(points: Floats) -> Floats:
    """(2, 3) the map from a picture to the SIDE px square in which dlib expects a face.

    `points` (5, 2) px: outer and inner corner of the eye at the right, the same at the left, the
    nose's base, which are those of dlib's five-point predictor.
    """
    parts = [dlib.point(int(x), int(y)) for x, y in np.rint(points * 16)]
    low, high = (int(f) for f in (points.min() * 16, points.max() * 16))
    told = dlib.full_object_detection(dlib.rectangle(low, low, high, high), parts)
    chip = dlib.get_face_chip_details(told, SIDE, _PADDING)
    scale = SIDE * 16 / chip.rect.width()
    turn = scale * np.array(
        [[np.cos(chip.angle), np.sin(chip.angle)], [-np.sin(chip.angle), np.cos(chip.angle)]]
    )
    centre = np.array([chip.rect.dcenter().x, chip.rect.dcenter().y]) / 16
    middle = np.full(2, (SIDE - 1) / 2)
    return np.column_stack([turn, middle - turn @ centre]).astype(np.float32)


def _added(x: Any, inside: Any, halved: bool) -> Any:
    if halved:
        x = ops.average_pool(x, 2, 2)
    largest = [max(sizes) for sizes in zip(x.shape[1:], inside.shape[1:], strict=True)]
    filled = [
        ops.pad(v, [(0, 0), *((0, m - n) for m, n in zip(largest, v.shape[1:], strict=True))])
        for v in (x, inside)
    ]
    return filled[0] + filled[1]


class _Layer:
    def __init__(self, told: Convolution, kind: str) -> None:
        self._kernel = ops.convert_to_tensor(told.kernel.transpose(2, 3, 1, 0), kind)
        self._shift = ops.convert_to_tensor(told.shift, kind)
        self._steps = told.steps
        self._room = ((0, 0), *((pad, pad) for pad in told.pads), (0, 0))

    def __call__(self, x: Any) -> Any:
        return ops.conv(ops.pad(x, self._room), self._kernel, self._steps, "valid") + self._shift
