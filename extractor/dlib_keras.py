"""The first layers of dlib's face recogniser, to measure by in training. Offline only."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from keras import ops

from extractor.dlib_network import (
    HALVED,
    MEAN,
    SCALE,
    Convolution,
    convolutions,
)

DEPTHS: Final = (0, 3, 7)  # how many blocks come before each answer


def perception(weights: Path) -> Callable[[Any], list[Any]]:
    """A function of pictures (b, s, s, 3) RGB in [-1, 1], a face in each.

    Its answers are the activations after each of DEPTHS blocks, (b, p, p, c), finest first; its
    parameters are constants, its arithmetic that of keras's policy.
    """
    kind = keras.mixed_precision.global_policy().compute_dtype
    layers = [_Layer(one, kind) for one in convolutions(weights.read_bytes())]
    mean = ops.convert_to_tensor(np.array(MEAN, np.float32))

    def answers(pictures: Any) -> list[Any]:
        x = ops.cast(((pictures + 1) * 127.5 - mean) / SCALE, kind)
        x = ops.max_pool(ops.relu(layers[0](x)), 3, 2)
        result = [x]
        for block in range(DEPTHS[-1]):
            inside = layers[2 * block + 2](ops.relu(layers[2 * block + 1](x)))
            x = ops.relu(_added(x, inside, halved=block in HALVED))
            if block + 1 in DEPTHS:
                result.append(x)
        return [ops.cast(x, "float32") for x in result]

    return answers


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
