"""Networks on the device of this run: compiled when first used, and lent to any number of threads.

Each inference runs in the caller's own thread. On a CPU as many of them as there are streams go on
beside each other, and the streams share the cores: several small networks at once leave a core idle
less often than one network that is split over all of them, and take less of its time.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline import memory, network_cache, onnx_runtime, onnx_writing
from pipeline.errors import ContractError, SettingsError

_MOST_STREAMS: Final = 4
_FAR: Final = {True: 1e-3, False: 0.1}  # of the largest value, by whether a network is exact

Array = NDArray[Any]
Read = Callable[[Any, Path], Any]  # openvino.Core and a file → openvino.Model


@dataclass(frozen=True, slots=True)
class Machine:
    """Where networks run: OpenVINO's name of the device, or that of one of ONNX Runtime's."""

    device: str = "CPU"

    @property
    def foreign(self) -> bool:
        """Whether only ONNX Runtime reaches it."""
        return self.device in onnx_runtime.DEVICES

    def properties(self, exact: bool) -> dict[str, Any]:
        """What OpenVINO is told; `exact` networks take no short numbers."""
        precise = {"INFERENCE_PRECISION_HINT": "f32"} if exact else {}
        if self.device != "CPU":
            return {"PERFORMANCE_HINT": "LATENCY"} | precise
        count = cores()
        streams = min(count, _MOST_STREAMS)
        return {"NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": count} | precise


_chosen = Machine()
_limit = 0


def usable_cores() -> int:
    """Those that this process may use, where the system tells."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def cores() -> int:
    """How many this process is to keep busy."""
    return _limit or usable_cores()


def limit(count: int) -> None:
    """Keep no more than so many cores busy; 0 is no limit."""
    global _limit
    _limit = count


def choose(device: str = "cpu") -> None:
    """Networks that are made from now on run on `device`, as --device names it.

    Raises SettingsError where it is not there.
    """
    global _chosen
    _chosen = Machine(_named(device))


def _named(device: str) -> str:
    """A Machine's name of a device; nobody is asked where it is the CPU, which is always there."""
    if device == "cpu":
        return "CPU"
    if device in onnx_runtime.DEVICES:
        onnx_runtime.check(device)
        return device
    there = present()
    if device == "auto":
        return "GPU" if "gpu" in there else "CPU"
    if device not in there:
        raise SettingsError(f"--device {device}: there is none here; here: {', '.join(there)}")
    return device.upper()


def short() -> bool:
    """Whether the device of this run computes in 8-bit integers what is given in them."""
    core = _core()
    return _chosen.device == "CPU" and "INT8" in core.get_property("CPU", _TELLING[1])


def present() -> list[str]:
    """The devices that OpenVINO finds here, as --device names them."""
    return sorted({name.split(".")[0].lower() for name in _core().available_devices})


class Ready(Protocol):
    """A network that is ready on its device. Calls may come from several threads at once."""

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs in their order."""
        ...

    def sizes(self) -> tuple[list[list[int]], list[list[int]]]:
        """Shapes of all inputs and outputs, -1 where a side is free."""
        ...


class Network:
    """The network in `file`, or what `read` makes of it; called with its inputs as arrays.

    `part` tells apart what several `read`s make of one file. An `exact` network gives the same on
    every device within 1e-3. Calls may come from several threads at once.
    """

    def __init__(
        self, file: Path, read: Read | None = None, part: str = "", exact: bool = False
    ) -> None:
        self._file, self._read, self._part, self._exact = file, read, part, exact
        self._machine = _chosen
        self._lock, self._checking = threading.Lock(), threading.Lock()
        self._ready: Ready | None = None
        self._checked = self._machine.device == "CPU"

    def __call__(self, *inputs: Array) -> list[Array]:
        """The outputs in their order."""
        result = self.ready(inputs)
        if not self._checked:
            self._check(inputs, result)
        return result

    @property
    def ready(self) -> Ready:
        """Made at the first call."""
        with self._lock:
            if self._ready is None:
                self._ready = self._made(self._machine, self._exact)
                memory.hand_back()  # what it was read from is as large again
            return self._ready

    def sizes(self) -> tuple[list[list[int]], list[list[int]]]:
        """Shapes of all inputs and outputs, -1 where a side is free."""
        return self.ready.sizes()

    def _made(self, machine: Machine, exact: bool) -> Ready:
        core = _core()
        if machine.foreign:
            content = onnx_writing.written(self._model(core), self._file.name)
            return onnx_runtime.Session(content, machine.device, exact)
        return _Compiled(self._compiled(core, machine, machine.properties(exact)))

    def _compiled(self, core: Any, machine: Machine, told: dict[str, Any]) -> Any:
        """OpenVINO's own object."""
        folder = network_cache.folder()
        if folder is None:
            return core.compile_model(self._model(core), machine.device, told)
        kept = network_cache.Kept(folder, self._key(core, machine, told))
        made = kept.read(lambda blob: core.import_model(blob, machine.device, told))
        if made is None:
            made = core.compile_model(self._model(core), machine.device, told)
            kept.write(made.export_model)
        return made

    def _model(self, core: Any) -> Any:
        return self._read(core, self._file) if self._read else core.read_model(self._file)

    def _key(self, core: Any, machine: Machine, told: dict[str, Any]) -> str:
        """Of all that a compiled network depends on."""
        from openvino import get_version

        device = machine.device
        chip = [str(core.get_property(device, f"{n}")) for n in _TELLING]
        files = [self._file, self._file.with_suffix(".bin")]
        sums = [hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.is_file()]
        parts = [get_version(), device, *chip, sorted(told.items()), *sums, self._part]
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def _check(self, inputs: tuple[Array, ...], result: list[Array]) -> None:
        """A device that nobody tried must say what the CPU says, before anything it says counts."""
        with self._checking:
            if self._checked:
                return
            # In full numbers: CPUs with short ones differ from that as much as a device may.
            true = self._made(Machine(), exact=True)(inputs)
            for mine, expected in zip(result, true, strict=True):
                self._compare(mine, expected)
            self._checked = True

    def _compare(self, mine: Array, true: Array) -> None:
        alike = mine.shape == true.shape
        gap = np.abs(mine.astype(np.float64) - true).max(initial=0.0) if alike else np.inf
        if not gap <= _FAR[self._exact] * max(np.abs(true).max(initial=0.0), 1e-3):
            raise ContractError(
                f"{self._file.name} differs on --device {self._machine.device.lower()} from what "
                f"it gives on the CPU by {gap:.2g}: use --device cpu"
            )


class _Compiled:
    """A network that OpenVINO has compiled."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._local = threading.local()

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs in their order."""
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        given = request.infer(list(inputs), share_inputs=True)
        return [given[place] for place in range(len(given))]

    def sizes(self) -> tuple[list[list[int]], list[list[int]]]:
        """Shapes of all inputs and outputs, -1 where a side is free."""
        inputs, outputs = (
            [[d.get_length() if d.is_static else -1 for d in port.partial_shape] for port in ports]
            for ports in (self._compiled.inputs, self._compiled.outputs)
        )
        return inputs, outputs


_TELLING: Final = ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
_cores: list[Any] = []
_making = threading.Lock()


def _core() -> Any:
    """OpenVINO, of which one is enough for a process."""
    with _making:
        if not _cores:
            import openvino

            # Its tables of types are made at their first use, in which two threads would wait for
            # each other for ever.
            openvino.Type.f32.to_dtype()
            openvino.Tensor(np.zeros(1, np.float32)).data.sum()
            _cores.append(openvino.Core())
        return _cores[0]
