"""What a generator costs: bytes on disk, and time of one core for a face of each size."""

import time
from typing import Final

import numpy as np
import openvino as ov

from pipeline.database import DECONV, WEIGHTS, Database
from pipeline.report import Measure

_RUNS: Final = 30
_LARGEST_MB: Final = 30.0
_CORE_MS: Final = {96: 6.0, 192: 16.0}


def measure(donors: Database) -> list[Measure]:
    """Size of the weights and core-milliseconds a face, for each size that is drawn."""
    if donors.kind != DECONV:
        return []
    size = (donors.folder / WEIGHTS).stat().st_size / 1e6
    result = [Measure("weights", f"{size:.1f} MB", "≤ 30 MB", size <= _LARGEST_MB)]
    core = ov.Core()
    model = core.read_model(donors.network)
    precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    for output in model.outputs:
        side = output.get_partial_shape()[1].get_length()
        taken = _core_ms(core, ov.Model([output], model.get_parameters(), "head"), precision)
        most = _CORE_MS.get(side)
        goal, met = (f"≤ {most:.0f}", taken <= most) if most else ("", None)
        result.append(
            Measure(f"core-ms a face at {side} px ({precision})", f"{taken:.1f}", goal, met)
        )
    return result


def _core_ms(core: ov.Core, model: ov.Model, precision: str) -> float:
    """Time of the process, not of the clock: others may use the machine."""
    hints = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": precision}
    run = core.compile_model(model, "CPU", hints)
    donors = run.input(0).get_partial_shape()[1].get_length()
    mix = np.zeros((1, donors), np.float32)
    mix[0, :4] = 0.25
    taken = []
    for _ in range(_RUNS):
        start = time.process_time()
        run(mix)
        taken.append(time.process_time() - start)
    return float(np.median(taken)) * 1e3
