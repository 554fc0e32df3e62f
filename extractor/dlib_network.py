"""dlib's face recognition network, read out of dlib's own file and run by OpenVINO.

King, "Dlib-ml: a machine learning toolkit", JMLR 2009. The file is dlib's serialisation of a
`loss_metric` over the ResNet-29 of its examples: each layer's name, then its parameters, the layers
nearest to the input first. Integers are a length and that many bytes, tensors four of them and
then 32-bit floats, all little-endian.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino as ov
from openvino import opset1 as op

from pipeline.contract import Floats, Image
from pipeline.networks import Network

SIDE: Final = 150
FEATURES: Final = 128
MEAN: Final = (122.782, 117.001, 104.298)  # of the training pictures, red first
SCALE: Final = 256.0
WIDTHS: Final = (32, 32, 32, 64, 64, 64, 64, 128, 128, 128, 256, 256, 256, 256)
HALVED: Final = (3, 7, 10, 13)  # blocks of half the size of those before


class DlibNetwork:
    """150 px squares with a face in each → 128 features each, as dlib gives them within 1e-3."""

    def __init__(self, weights: Path) -> None:
        def read(core: Any, file: Path) -> ov.Model:
            return model(file.read_bytes())

        self._network = Network(weights, read, "dlib_resnet 1", exact=True)

    def __call__(self, chips: Image) -> Floats:
        """(n, 150, 150, 3) RGB → (n, 128), not normalised."""
        rows = np.empty((len(chips), FEATURES), np.float32)
        for row, chip in enumerate(chips):
            rows[row] = self._network(chip[None])[0][0]
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """One layer, the scaling that is left of its batch normalisation folded into it."""

    kernel: Floats  # (out, in, height, width)
    shift: Floats  # (out,)
    steps: tuple[int, int]  # down, across
    pads: tuple[int, int]


def convolutions(content: bytes) -> list[Convolution]:
    """Those in the content of dlib's file: the first one, then two of each of WIDTHS' blocks.

    Raises ValueError where it is another network's.
    """
    file, result, channels = _Reader(content), [], 3
    for count in (WIDTHS[0], *(width for width in WIDTHS for _ in range(2))):
        result.append(_convolution(file, channels, count))
        channels = count
    return result


def last(content: bytes) -> Floats:
    """(c, FEATURES) the fully connected layer in the content of dlib's file."""
    return _Reader(content).tensor(b"fc_2", skip=2).reshape(-1, FEATURES)


def model(content: bytes) -> ov.Model:
    """The network in the content of dlib's file. Raises ValueError where it is another one."""
    layers = iter(convolutions(content))
    picture = op.parameter([1, SIDE, SIDE, 3], np.uint8, name="picture")
    x = op.convert(op.transpose(picture, np.array([0, 3, 1, 2])), np.float32)
    mean = np.array(MEAN, np.float32).reshape(1, 3, 1, 1)
    x = op.multiply(op.subtract(x, mean), np.float32(1 / SCALE))
    x = op.max_pool(op.relu(_convolved(x, next(layers))), [2, 2], [0, 0], [0, 0], [3, 3])
    for block in range(len(WIDTHS)):
        inside = _convolved(op.relu(_convolved(x, next(layers))), next(layers))
        x = _added(x, inside, halved=block in HALVED)
    x = op.reduce_mean(x, np.array([2, 3]), False)
    return ov.Model([op.matmul(x, last(content), False, False)], [picture], "dlib_resnet")


def _added(x: ov.Node, inside: ov.Node, halved: bool) -> ov.Node:
    """What came into a block added to what comes out; the smaller is filled up by 0."""
    if halved:
        x = op.avg_pool(x, [2, 2], [0, 0], [0, 0], [2, 2], True)
    sizes = [np.array(v.get_output_shape(0)) for v in (inside, x)]
    largest = np.maximum(*sizes)
    none = np.zeros(4, np.int64)
    filled = [
        op.pad(v, none, largest - size, "constant", np.float32(0))
        for v, size in zip((inside, x), sizes, strict=True)
    ]
    return op.relu(op.add(*filled))


def _convolved(x: ov.Node, layer: Convolution) -> ov.Node:
    pads = list(layer.pads)
    drawn = op.convolution(x, layer.kernel, list(layer.steps), pads, pads, [1, 1])
    return op.add(drawn, layer.shift.reshape(1, -1, 1, 1))


def _convolution(file: "_Reader", channels: int, expected: int) -> Convolution:
    values = file.tensor(b"con_4")
    count, height, width, step_y, step_x, pad_y, pad_x = (file.integer() for _ in range(7))
    if count != expected:
        raise ValueError(f"a layer of {expected} channels was expected, not {count}")
    split = count * channels * height * width
    if len(values) != split + count:
        raise ValueError(f"a convolution has {len(values)} values, not {split + count}")
    scale, shift = file.tensor(b"affine_").reshape(2, count)
    kernel = values[:split].reshape(count, channels, height, width) * scale[:, None, None, None]
    return Convolution(kernel, shift + scale * values[split:], (step_y, step_x), (pad_y, pad_x))


class _Reader:
    """Walks through the file from layer to layer."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def tensor(self, layer: bytes, skip: int = 0) -> Floats:
        """The flat parameters of the next layer of that name, which follow `skip` integers."""
        self._at = self._content.index(bytes([1, len(layer)]) + layer, self._at) + 2 + len(layer)
        version, *shape = [self.integer() for _ in range(skip + 5)][skip:]
        size = int(np.prod(shape))
        if version != 2 or not 0 < 4 * size <= len(self._content) - self._at:
            raise ValueError(f"{layer.decode()} has no parameters of a known form")
        result = np.frombuffer(self._content, "<f4", size, self._at)
        self._at += 4 * size
        return result

    def integer(self) -> int:
        """One integer: its length in bytes (the highest bit is the sign), then these."""
        head = self._content[self._at]
        length = head & 0x0F
        start, self._at = self._at + 1, self._at + 1 + length
        value = int.from_bytes(self._content[start : self._at], "little")
        return -value if head & 0x80 else value
