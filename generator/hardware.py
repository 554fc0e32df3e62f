"""In which precision a machine trains fastest. Offline only."""

import logging
from pathlib import Path
from typing import Final

import openvino as ov
import tensorflow as tf

MIXED: Final = "mixed_bfloat16"
PLAIN: Final = "float32"
_NVIDIA: Final = Path("/proc/driver/nvidia/version")
_FIRST_WITH_BFLOAT16: Final = (8, 0)  # NVIDIA's compute capability

log = logging.getLogger(__name__)


def policy() -> str:
    """Keras's name of the precision that pays here; says in one line which and why."""
    devices = tf.config.list_physical_devices("GPU")
    if devices:
        details = [tf.config.experimental.get_device_details(device) for device in devices]
        able = all(
            tuple(d.get("compute_capability", (0, 0))) >= _FIRST_WITH_BFLOAT16 for d in details
        )
        name = details[0].get("device_name", "a GPU")
        chosen = MIXED if able else PLAIN
        log.info("training on %s in %s", name, chosen)
        return chosen
    if _NVIDIA.exists():
        version = tf.__version__
        log.warning(
            "an NVIDIA GPU is here, but TensorFlow finds no CUDA for it: "
            "`.venv/bin/python -m pip install tensorflow[and-cuda]==%s` brings it", version
        )  # fmt: skip
    chosen = MIXED if "BF16" in _abilities() else PLAIN
    log.info("training on the CPU in %s", chosen)
    return chosen


def _abilities() -> list[str]:
    return list(ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
