"""One run of deface (github.com/ORB-HD/deface) at its defaults, by the Python that has it.

CLIP and TARGET come as arguments, the moment at which the
process was asked for as a third; the last line written is the result as JSON.
"""

import json
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

_BACKENDS: Final = {
    "onnxrt": ("onnxruntime", "ONNX Runtime"),
    "opencv": ("opencv-python", "OpenCV"),
}


def main(clip: str, target: str, begun: float) -> dict[str, Any]:
    """Cover the faces of a clip; what it took without the start and the model's loading."""
    program: Any = import_module("deface.deface")
    network: Any = import_module("deface.centerface")
    told: dict[str, Any] = {"version": version("deface"), "frames": 0, "seconds": 0.0}
    inside, find, make = program.video_detect, network.CenterFace.__call__, network.CenterFace

    def timed(*args: Any, **options: Any) -> None:
        start = time.perf_counter()
        inside(*args, **options)
        told["seconds"] += time.perf_counter() - start

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        found = find(self, *args, **options)
        if not told["frames"]:
            told["first_frame"] = time.monotonic() - begun
            package, name = _BACKENDS[self.backend]
            told["backend"] = f"{name} {version(package)}"
        told["frames"] += 1
        told["face_frames"] = told.get("face_frames", 0) + len(found[0])
        return found

    program.video_detect, make.__call__ = timed, counted
    sys.argv = ["deface", clip, "--output", target]
    program.main()
    sys.path.append(str(Path(__file__).resolve().parents[1]))  # last: its packages are not ours
    used: dict[str, Any] = import_module("pipeline.benchmark_process").used()
    return told | used


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1], sys.argv[2], float(sys.argv[3]))) + "\n")
