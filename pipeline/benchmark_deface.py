"""deface (github.com/ORB-HD/deface, MIT), in an environment of its own: its OpenCV is not ours."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from pipeline.benchmark_process import scratch
from pipeline.errors import MediaError, one_line

VERSION: Final = "1.5.0"
# deface takes the faster ONNX Runtime by itself where it finds these two, else OpenCV.
_PACKAGES: Final = (f"deface=={VERSION}", "onnx", "onnxruntime")
_PIP: Final = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1")

log = logging.getLogger(__name__)


def program() -> Path:
    """What its Python runs."""
    return Path(__file__).with_name("benchmark_deface_run.py")


def python(folder: Path) -> Path:
    """The Python of the environment in `folder`, which is made where there is none yet.

    Raises MediaError, whose line says why, where it cannot be made, as without a network.
    """
    home = folder / f"deface-{VERSION}"
    inner = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")
    if not (home / inner).exists():
        log.info("installing deface %s into an environment of its own", VERSION)
        with scratch(folder) as made:
            _call(sys.executable, "-m", "venv", str(made))
            _call(str(made / inner), *_PIP, *_PACKAGES)
            shutil.rmtree(home, ignore_errors=True)
            made.rename(home)
    return home / inner


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        last = lines[-1] if lines else f"exit code {done.returncode}"
        wrong = next((line for line in lines if line.startswith("ERROR")), last)
        raise MediaError(f"deface cannot be installed: {one_line(wrong)[:200]}")
