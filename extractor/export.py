"""From a Keras recogniser to OpenVINO's format, read without TensorFlow. Offline only."""

import tempfile
from pathlib import Path

import keras
import openvino as ov


def export(model: keras.Model, target: Path) -> None:
    """Write `target` (.xml, with .bin beside it), weights as fp16.

    `model` takes (batch, side, side, 3) and must have been built in float32: a mixed-precision
    policy leaves casts in the graph that OpenVINO refuses.
    """
    shape = model.input_shape[1:]
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        # Not `ov.convert_model`, which reports each conversion to its makers.
        converted = ov.Core().read_model(folder)
        converted.reshape([-1, *shape])
        for key in list(converted.get_rt_info()):  # notes about the machine it ran on
            del converted.rt_info[key]
        ov.save_model(converted, target, compress_to_fp16=True)
