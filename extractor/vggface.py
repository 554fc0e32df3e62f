"""VGG-Face in Keras 3: VGG16, ResNet-50 and SENet-50, for the weights that keras-vggface released.

Parkhi, Vedaldi, Zisserman, "Deep face recognition", BMVC 2015: VGG16, features of fc7 (4,096,
after its ReLU, as in the original Caffe network). Cao, Shen, Xie, Parkhi, Zisserman, "VGGFace2",
FG 2018 (arXiv:1710.08092): ResNet-50 and SENet-50, features of the pooling before the classifier
(2,048). The package keras-vggface (R. C. Malli) cannot be installed beside a present Keras: it
imports `keras_applications` and private TensorFlow modules. This module replaces it. Layers have
its names, with "." for "/", which Keras 3 forbids; so Keras' own `load_weights(by_name=True)`
cannot read its files and `load` does. Offline only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import keras
import numpy as np
from keras import layers, ops

from pipeline.contract import Floats
from pipeline.errors import WeightsError

CLASSES: Final = {"vgg16": 2622, "resnet50": 8631, "senet50": 8631}
# Mean of the training pictures, blue, green, red: of VGG-Face and of VGGFace2.
MEANS: Final = {1: (93.5940, 104.7624, 129.1863), 2: (91.4953, 103.8827, 131.0912)}
_VERSION: Final = {"vgg16": 1, "resnet50": 2, "senet50": 2}
_STAGES: Final = ((64, 3), (128, 4), (256, 6), (512, 3))
_EPSILON: Final = {"resnet50": 1e-3, "senet50": 1e-4}
_HALVINGS: Final = 32
_SQUEEZE: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """What differs between files of one network; the released ones have the default widths."""

    shrink: int = 1  # all widths are divided by this
    side: int = 224  # px
    classes: int = 0  # 0: without the classifying top


def build(kind: str, sizes: Sizes) -> keras.Model:
    """The network `kind` (a key of CLASSES) as it was released.

    Input shape: (batch, side, side, 3), preprocessed. Output shape: (batch, classes), softmax;
    without the top (batch, side / 32, side / 32, channels) for VGG16, else (batch, channels).
    """
    picture = keras.Input((sizes.side, sizes.side, 3), name="picture")
    x = _vgg16(picture, sizes) if kind == "vgg16" else _residual(picture, kind, sizes.shrink)
    if sizes.classes and kind == "vgg16":
        x = layers.Flatten(name="flatten")(x)
        for name in ("fc6", "fc7"):
            x = layers.Dense(4096 // sizes.shrink, name=name)(x)
            x = layers.ReLU(name=f"{name}.relu")(x)
        x = layers.Dense(sizes.classes, activation="softmax", name="fc8")(x)
    elif sizes.classes:
        x = layers.Dense(sizes.classes, activation="softmax", name="classifier")(x)
    return keras.Model(picture, x, name=f"vggface_{kind}")


def preprocess(rgb: Any, version: int) -> Any:
    """RGB pictures (..., 3) in 0..255 as the network of VGG-Face `version` 1 or 2 wants them."""
    return ops.flip(ops.cast(rgb, "float32"), -1) - np.array(MEANS[version], np.float32)


def features(kind: str, path: Path) -> keras.Model:
    """The network that describes faces, with the weights of the h5 file `path`.

    Input shape: (batch, side, side, 3), RGB in 0..255. Output shape: (batch, d), any length.
    A VGG16 without its top gives the mean over pool5 (512) instead of fc7. Sizes are read off
    the file. Raises WeightsError if it is unreadable or of another network.
    """
    model = build(kind, _sizes(kind, path))
    load(model, path)
    names = [layer.name for layer in model.layers]
    last = next(name for name in ("fc7.relu", "avg_pool", "pool5") if name in names)
    body = keras.Model(model.input, model.get_layer(last).output, name=kind)
    picture = keras.Input(model.input_shape[1:], name="rgb")
    x = body(preprocess(picture, _VERSION[kind]))
    if last == "pool5":
        x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(picture, x, name=f"features_{kind}")


def load(model: keras.Model, path: Path) -> None:
    """Give every layer that has weights those which `path` keeps under its name.

    Layers that only the file has, such as a top that is not wanted, are passed over.
    Raises WeightsError if one of the model's is missing or of another shape.
    """
    with _opened(path) as stored:
        for layer in model.layers:
            if not layer.weights:
                continue
            arrays = _arrays(stored, layer.name.replace(".", "/"))
            if [a.shape for a in arrays] != [tuple(w.shape) for w in layer.weights]:
                raise WeightsError(
                    f"{path} does not fit {model.name}: {layer.name} should hold "
                    f"{[tuple(w.shape) for w in layer.weights]}, holds {[a.shape for a in arrays]}"
                )
            layer.set_weights(arrays)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.Group]:
    """The group of an h5 file that has a group a layer."""
    try:
        with h5py.File(path) as file:
            yield file.get("model_weights", file)
    except (OSError, KeyError) as error:
        why = str(error).splitlines()[0] or "empty"
        raise WeightsError(f"{path} is no whole h5 file of Keras weights: {why}") from error


def _arrays(stored: h5py.Group, layer: str) -> list[Floats]:
    """A layer's arrays in the order in which Keras keeps them."""
    group = stored.get(layer)
    names = [] if group is None else group.attrs.get("weight_names", [])
    return [np.asarray(group[name], np.float32) for name in names]


def _sizes(kind: str, path: Path) -> Sizes:
    """The sizes of the network in `path`, whose first layer tells its width."""
    with _opened(path) as stored:
        first = _arrays(stored, "conv1_1" if kind == "vgg16" else "conv1/7x7_s2")
        if not first or first[0].ndim != 4 or 64 % first[0].shape[-1]:
            raise WeightsError(
                f"{path} holds no {kind} of keras-vggface: its first layer is not there"
            )
        shrink = 64 // first[0].shape[-1]
        if kind != "vgg16" or not (top := _arrays(stored, "fc6")):
            return Sizes(shrink=shrink)
        places = top[0].shape[0] // max(512 // shrink, 1)
        classes = _arrays(stored, "fc8")
        side = round(places**0.5) * _HALVINGS
        return Sizes(shrink=shrink, side=side, classes=len(classes[1]) if classes else 1)


def _vgg16(x: keras.KerasTensor, sizes: Sizes) -> keras.KerasTensor:
    for stage, (channels, depth) in enumerate(
        ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1
    ):
        for place in range(1, depth + 1):
            x = layers.Conv2D(
                channels // sizes.shrink, 3, padding="same", activation="relu",
                name=f"conv{stage}_{place}",
            )(x)  # fmt: skip
        x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
    return x


def _residual(x: keras.KerasTensor, kind: str, shrink: int) -> keras.KerasTensor:
    """ResNet-50 (He et al., arXiv:1512.03385), strides in the first convolution of a block."""
    epsilon, x = _EPSILON[kind], _convolution(x, 64 // shrink, 7, 2, "conv1.7x7_s2")
    x = layers.ReLU()(_normalised(x, "conv1.7x7_s2", epsilon))
    x = layers.MaxPooling2D(3, 2)(x)
    for stage, (channels, depth) in enumerate(_STAGES, start=2):
        for block in range(1, depth + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            x = _block(x, channels // shrink, stride, f"conv{stage}_{block}", kind)
    return layers.GlobalAveragePooling2D(name="avg_pool")(x)


def _block(
    x: keras.KerasTensor, channels: int, stride: int, name: str, kind: str
) -> keras.KerasTensor:
    """Three convolutions beside a shortcut, which is projected in the first block of a stage."""
    shortcut, epsilon = x, _EPSILON[kind]
    if name.endswith("_1"):
        shortcut = _convolution(x, 4 * channels, 1, stride, f"{name}_1x1_proj")
        shortcut = _normalised(shortcut, f"{name}_1x1_proj", epsilon)
    steps = (("1x1_reduce", channels, 1, stride), ("3x3", channels, 3, 1))
    for part, width, kernel, step in steps:
        x = _convolution(x, width, kernel, step, f"{name}_{part}")
        x = layers.ReLU()(_normalised(x, f"{name}_{part}", epsilon))
    x = _convolution(x, 4 * channels, 1, 1, f"{name}_1x1_increase")
    x = _normalised(x, f"{name}_1x1_increase", epsilon)
    if kind == "senet50":
        x = _excited(x, name)
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _excited(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Squeeze and excitation (Hu et al., arXiv:1709.01507)."""
    channels = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    narrow = max(channels // _SQUEEZE, 1)
    gate = layers.Conv2D(narrow, 1, activation="relu", name=f"{name}_1x1_down")(gate)
    gate = layers.Conv2D(channels, 1, activation="sigmoid", name=f"{name}_1x1_up")(gate)
    return layers.Multiply()([x, gate])


def _convolution(
    x: keras.KerasTensor, channels: int, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    return layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=name)(x)


def _normalised(x: keras.KerasTensor, name: str, epsilon: float) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=epsilon, name=f"{name}.bn")(x)
