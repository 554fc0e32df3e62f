"""Networks on devices that only ONNX Runtime reaches: NVIDIA's, Apple's, DirectX's.

ONNX and ONNX Runtime are not installed by default, and nothing here is imported where networks run
by OpenVINO.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SettingsError, one_line
from pipeline.onnx_writing import written

_SILENT: Final = 4  # of ONNX Runtime's levels of logging

Array = NDArray[Any]


class _Device(NamedTuple):
    provider: str  # ONNX Runtime's name
    extra: str  # what installs it
    system: str = ""  # the only one that has it
    one_by_one: bool = False  # a network takes no calls from several threads at once


DEVICES: Final = {
    "cuda": _Device("CUDAExecutionProvider", "cuda"),
    "tensorrt": _Device("TensorrtExecutionProvider", "cuda"),
    "coreml": _Device("CoreMLExecutionProvider", "onnx", "macOS"),
    "directml": _Device("DmlExecutionProvider", "directml", "Windows", one_by_one=True),
    "onnx": _Device("CPUExecutionProvider", "onnx"),
}


def present() -> list[str]:
    """Those of DEVICES that the installed ONNX Runtime was built for."""
    try:
        offered = _library().get_available_providers()
    except ImportError:
        return []
    return [name for name, device in DEVICES.items() if device.provider in offered]


def check(name: str) -> None:
    """Raise SettingsError unless networks can run on the device `name`."""
    device = DEVICES[name]
    where = f" on {device.system}" if device.system else ""
    way_out = f"pip install -e '.[{device.extra}]' brings one{where}, see docs/speed.md"
    try:
        offered = _library().get_available_providers()
    except ImportError as error:
        raise SettingsError(
            f"--device {name}: no ONNX Runtime can be loaded ({one_line(error)}); {way_out}"
        ) from None
    if device.provider not in offered:
        raise SettingsError(
            f"--device {name}: the ONNX Runtime here has no {device.provider}, only "
            f"{', '.join(offered)}; {way_out}"
        )
    small = Session(_small(), name)
    try:
        small([np.zeros((1, 1, 4, 4), np.float32)])
    except Exception as error:
        raise _refused(name, one_line(error)) from error


class Session:
    """The network that an ONNX file's `content` holds, on the device `name`.

    An `exact` network is not computed in shorter numbers. Calls may come from several threads.
    Raises SettingsError where the device does not take it.
    """

    def __init__(self, content: bytes, name: str, exact: bool = False) -> None:
        runtime, providers = _library(), _providers(name, exact)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the caller's own
        options.log_severity_level = _SILENT
        options.enable_cpu_mem_arena = False  # it keeps what the largest picture needed
        options.enable_mem_pattern = not DEVICES[name].one_by_one
        try:
            # Without `enable_fallback=0` what fails on a device is quietly done elsewhere.
            self._session = runtime.InferenceSession(
                content, options, providers=providers, enable_fallback=0
            )
        except Exception as error:  # its own are of many kinds
            raise _refused(name, one_line(error)) from error
        if providers[0][0] not in self._session.get_providers():
            raise _refused(name, f"{providers[0][0]} found no device, driver or library for it")
        self._names = [port.name for port in self._session.get_inputs()]
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if DEVICES[name].one_by_one else nullcontext()
        )

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs in their order."""
        given = {
            name: np.ascontiguousarray(array)
            for name, array in zip(self._names, inputs, strict=True)
        }
        with self._turn:
            outputs: list[Array] = self._session.run(None, given)
        return outputs

    def sizes(self) -> tuple[list[list[int]], list[list[int]]]:
        """Shapes of all inputs and outputs, -1 where a side is free."""
        inputs, outputs = (
            [[side if isinstance(side, int) else -1 for side in port.shape] for port in ports]
            for ports in (self._session.get_inputs(), self._session.get_outputs())
        )
        return inputs, outputs


def _refused(name: str, why: str) -> SettingsError:
    return SettingsError(f"--device {name}: ONNX Runtime cannot use it ({why}); use --device cpu")


def _providers(name: str, exact: bool) -> list[tuple[str, dict[str, str]]]:
    """ONNX Runtime's names in the order of their turns, with what they are told."""
    cuda = (DEVICES["cuda"].provider, {"cudnn_conv_algo_search": "HEURISTIC"})
    cuda[1].update({"use_tf32": "0"} if exact else {})
    units = "CPUAndGPU" if exact else "ALL"  # the neural engine has 16-bit numbers only
    return {
        "cuda": [cuda],
        # TensorRT rounds as it likes; where that may not be, CUDA does the work.
        "tensorrt": [cuda] if exact else [(DEVICES["tensorrt"].provider, {}), cuda],
        "coreml": [
            (DEVICES["coreml"].provider, {"ModelFormat": "MLProgram", "MLComputeUnits": units})
        ],
    }.get(name, [(DEVICES[name].provider, {})])


@cache
def _library() -> Any:
    """ONNX Runtime, ready and silent; ImportError where it or ONNX is not installed."""
    import_module("onnx")
    runtime = import_module("onnxruntime")
    runtime.set_default_logger_severity(_SILENT)
    runtime.disable_telemetry_events()
    with redirect_stdout(io.StringIO()):  # it prints what it does not find
        runtime.preload_dlls()
    return runtime


def _small() -> bytes:
    """A network that any device can run."""
    from openvino import Model, opset1

    given = opset1.parameter([1, 1, 4, 4], np.float32)
    return written(Model([opset1.relu(given)], [given], "small"), "small")
