"""Small random weights in the layout of the files that keras-vggface released.

The layout is Keras 2's: a group for each layer, its arrays below the layer's name once more, and
their order in attributes. Names are written out here as keras-vggface spells them.
"""

from pathlib import Path

import h5py
import numpy as np

BLOCKS = {2: 3, 3: 4, 4: 6, 5: 3}
Arrays = dict[str, list[tuple[str, tuple[int, ...]]]]


def vgg16(width: int = 4, side: int = 64, classes: int = 5, top: bool = True) -> Arrays:
    """Layer by layer the names and shapes of VGG16, the first layer `width` wide."""
    result: Arrays = {}
    before = 3
    for stage, (factor, depth) in enumerate(((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)), 1):
        for place in range(1, depth + 1):
            now = width * factor
            result[f"conv{stage}_{place}"] = dense((3, 3, before, now))
            before = now
        result[f"pool{stage}"] = []
    if top:
        hidden = width * 64
        result["flatten"] = []
        for name, inner, outer in (
            ("fc6", before * (side // 32) ** 2, hidden),
            ("fc7", hidden, hidden),
            ("fc8", hidden, classes),
        ):
            result[name] = dense((inner, outer))
            result[f"{name}/{'softmax' if name == 'fc8' else 'relu'}"] = []
    return result


def residual(width: int = 4, classes: int = 0, squeeze: bool = False) -> Arrays:
    """The same of ResNet-50, or SENet-50 with `squeeze`."""
    result = convolution("conv1/7x7_s2", (7, 7, 3, width))
    before = width
    for stage, depth in BLOCKS.items():
        inner = width * 2 ** (stage - 2)
        outer = 4 * inner
        for block in range(1, depth + 1):
            name = f"conv{stage}_{block}"
            result |= convolution(f"{name}_1x1_reduce", (1, 1, before, inner))
            result |= convolution(f"{name}_3x3", (3, 3, inner, inner))
            result |= convolution(f"{name}_1x1_increase", (1, 1, inner, outer))
            if squeeze:
                result[f"{name}_1x1_down"] = dense((1, 1, outer, outer // 16))
                result[f"{name}_1x1_up"] = dense((1, 1, outer // 16, outer))
            if block == 1:
                result |= convolution(f"{name}_1x1_proj", (1, 1, before, outer))
            result[f"activation_{stage}_{block}"] = []
            before = outer
    if classes:
        result["classifier"] = dense((before, classes))
    return result


def dense(kernel: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
    return [("kernel", kernel), ("bias", kernel[-1:])]


def convolution(name: str, kernel: tuple[int, ...]) -> Arrays:
    statistics = ("gamma", "beta", "moving_mean", "moving_variance")
    return {
        name: [("kernel", kernel)],
        f"{name}/bn": [(part, kernel[-1:]) for part in statistics],
    }


def write(path: Path, layers: Arrays, nested: bool = False) -> dict[str, list[np.ndarray]]:
    """Random weights for `layers` in the h5 file `path`; `nested` as a whole saved model."""
    rng = np.random.default_rng(1)
    written: dict[str, list[np.ndarray]] = {}
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if nested else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        root.attrs["keras_version"] = b"2.0.9"
        for name, arrays in layers.items():
            group = root.require_group(name)
            names = [f"{name}/{part}:0".encode() for part, _ in arrays]
            group.attrs["weight_names"] = names
            written[name] = [drawn(rng, part, shape) for part, shape in arrays]
            for key, values in zip(names, written[name], strict=True):
                group.create_dataset(key, data=values)
    return written


def drawn(rng: np.random.Generator, part: str, shape: tuple[int, ...]) -> np.ndarray:
    """Random values of the usual size, so that what flows through stays finite."""
    if part in {"gamma", "moving_variance"}:
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = (2 / np.prod(shape[:-1])) ** 0.5 if part == "kernel" else 0.1
    return rng.normal(0, spread, shape).astype(np.float32)
