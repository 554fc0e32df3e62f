"""From a trained Keras model to OpenVINO's format, read without TensorFlow. Offline only."""

import tempfile
from pathlib import Path

import keras
import openvino as ov

from generator.network import Architecture, build


def export(model: keras.Model, architecture: Architecture, target: Path) -> None:
    """Write `target` (.xml, with .bin beside it), weights as fp16; outputs largest first.

    The network is built anew in float32: a mixed-precision policy leaves casts in the graph that
    OpenVINO refuses.
    """
    keras.mixed_precision.set_global_policy("float32")
    plain = build(architecture)
    plain.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        plain.export(folder, verbose=False)
        converted = ov.Core().read_model(folder)
        converted.reshape([-1, architecture.donors])
        _forget_origin(converted)
        ov.save_model(converted, target, compress_to_fp16=True)


def _forget_origin(model: ov.Model) -> None:
    """Take out what the converter notes about the machine it ran on."""
    for key in list(model.get_rt_info()):
        del model.rt_info[key]
