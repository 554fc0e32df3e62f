"""We, deface, and the limit that decoding and encoding set, on the same clips, run by run in turn.

Machines are noisy: each round runs every contestant once, ratios are taken within a round, and
the median over the rounds is told.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from pipeline import benchmark_deface
from pipeline.benchmark_contestant import LIMIT, OURS, STAGES
from pipeline.benchmark_process import Energy, scratch
from pipeline.errors import DeidError, MediaError, one_line
from pipeline.settings import Settings

DEFACE: Final = "deface"
# How often each reads a clip, for progress.
PASSES: Final = {OURS: 2, STAGES: 2, LIMIT: 1, DEFACE: 1}
_ROOT: Final = Path(__file__).resolve().parents[1]

log = logging.getLogger(__name__)

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contest:
    """What all clips have in common; `deface` is the Python that has it, None to leave it out."""

    settings: Settings
    repeat: int
    work: Path
    db: Path
    deface: Path | None = None


def compare(path: Path, contest: Contest, progress: Callable[[int], None]) -> Result:
    """What each contestant took for one clip; `progress` is told how many frames were done.

    Raises MediaError where we fail; where deface fails it is left out of this clip.
    """
    runs: dict[str, list[Result]] = {OURS: [], LIMIT: []}
    if contest.deface is not None:
        runs[DEFACE] = []
    for _ in range(contest.repeat):
        for name in list(runs):
            try:
                runs[name].append(_run(name, path, contest, progress))
            except DeidError as error:
                if name != DEFACE:
                    raise
                log.warning("deface is left out: %s", error)
                del runs[DEFACE]
    result: Result = {name: _middle(each) for name, each in runs.items()}
    ours = [_speed(run) for run in runs[OURS]]
    result["ratios"] = {
        name: median(a / _speed(b) for a, b in zip(ours, each, strict=True))
        for name, each in runs.items()
        if name != OURS
    }
    result[OURS]["stages"] = _stages(_run(STAGES, path, contest, progress))
    return result


def _speed(run: Result) -> float:
    return run["frames"] / max(run["seconds"], 1e-9)


def _middle(runs: list[Result]) -> Result:
    """The median of what several runs of a contestant took, memory at its most."""
    speeds, first = [_speed(run) for run in runs], runs[0]
    joules = [run["joules"] for run in runs if run["joules"] is not None]
    memory = [run["memory_mb"] for run in runs if run["memory_mb"] is not None]
    result = {
        "frames": first["frames"],
        "frames_per_second": median(speeds),
        "runs": speeds,
        "first_frame_seconds": median(run["first_frame"] for run in runs),
        "cpu_seconds": median(run["cpu_seconds"] for run in runs),
        "memory_mb": max(memory, default=None),
        "joules": median(joules) if joules else None,
    }
    told = ("face_frames", "surrogates", "persons", "faults", "version", "backend")
    return result | {key: first[key] for key in told if key in first}


def _stages(run: Result) -> list[Result]:
    """Each stage's time in a run on one core; "rest" is what none of them accounts for."""
    known, busy = (sum(stage[key] for stage in run["stages"]) for key in ("seconds", "cpu"))
    rest = {
        "phase": "",
        "stage": "rest",
        "seconds": max(run["seconds"] - known, 0.0),
        "cpu": max(run["busy_seconds"] - busy, 0.0),
        "calls": 0,
        "first": 0.0,
    }
    frames, faces = run["frames"], max(run["face_frames"], 1)
    return [
        {
            "phase": one["phase"],
            "stage": one["stage"],
            "ms_per_frame": 1000 * one["seconds"] / frames,
            "ms_per_face": 1000 * one["seconds"] / faces if run["face_frames"] else None,
            "cpu_ms_per_frame": 1000 * one["cpu"] / frames,
            "share": one["seconds"] / max(run["seconds"], 1e-9),
            "calls": one["calls"],
            "first_call_ms": 1000 * one["first"],
        }
        for one in [*run["stages"], rest]
    ]


def _run(name: str, path: Path, contest: Contest, progress: Callable[[int], None]) -> Result:
    """One contestant once, in a process and a folder of its own."""
    with scratch(contest.work) as folder:
        target, begun = folder / "out.mp4", time.monotonic()
        if name == DEFACE:
            program = str(benchmark_deface.program())
            command = [str(contest.deface), "-I", program, str(path), str(target), str(begun)]
        else:
            order = {
                "contestant": name,
                "clip": str(path),
                "target": str(target),
                "settings": contest.settings.record(),
                "db": str(contest.db.resolve()),
                "begun": begun,
            }
            command = [sys.executable, "-m", "pipeline.benchmark_contestant", json.dumps(order)]
        energy = Energy()
        result = _called(name, command, folder / "errors", progress)
        result["joules"] = energy.joules()
    if not result["frames"] or not result["seconds"]:
        raise MediaError(f"{path}: {name} read no frame of it")
    return result


def _called(name: str, command: list[str], errors: Path, progress: Callable[[int], None]) -> Result:
    """The result that a process writes as its last line; it dies with us."""
    told = done = 0
    last = ""
    with (
        errors.open("w+", encoding="utf-8", errors="replace") as wrong,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=wrong, text=True, cwd=_ROOT,
            start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout is not None
            for line in process.stdout:
                last = line
                if line.strip().isdigit():
                    told, done = int(line), told
                    progress(told - done)
            code = process.wait()
        except BaseException:
            _end(process)
            raise
        wrong.seek(0)
        lines = [line for line in wrong.read().splitlines() if line.strip()]
    if code:
        why = one_line(lines[-1]) if lines else f"exit code {code}"
        raise MediaError(why if name != DEFACE else f"it failed ({why[:200]})")
    result: Result = json.loads(last)
    progress(PASSES[name] * result["frames"] - told)
    return result


def _end(process: "subprocess.Popen[str]") -> None:
    """Stop a process and those it has started."""
    if os.name == "nt":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
