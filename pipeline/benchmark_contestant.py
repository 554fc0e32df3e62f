"""One run of a contestant in a process of its own, so that its memory and its start are its own.

The order comes as JSON on the command line; lines with a number tell how many frames are done, the
last line is the result as JSON.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

OURS: Final = "ours"
STAGES: Final = "stages"  # ours once more, one stage after the other, with clocks
LIMIT: Final = "limit"
_EVERY: Final = 5  # frames between two lines
_SALT: Final = b"the same surrogates in every run"


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Do what is ordered; what it took."""
    from pipeline import media
    from pipeline.benchmark_process import used
    from pipeline.errors import MediaError
    from pipeline.settings import Settings

    settings = Settings(**order["settings"])
    source = media.open_source(Path(order["clip"]), settings)
    if source.kind != "clip":
        raise MediaError(f"{source.path}: is a picture, and the benchmark takes videos")
    target = Path(order["target"]).with_suffix(source.suffix)
    run = {OURS: _ours, STAGES: _clocked, LIMIT: _limit}[order["contestant"]]
    return run(source, target, settings, order) | used()


def _limit(source: Any, target: Path, settings: Any, order: dict[str, Any]) -> dict[str, Any]:
    """Decode and encode with the same settings, and nothing between."""
    start, first, frames = time.perf_counter(), 0.0, 0
    with source.writer(target, settings) as writer:
        for frame in source.frames():
            first = first or time.monotonic() - order["begun"]
            writer.write(frame)
            frames = frame.index + 1
            _tell(frames)
    return {"frames": frames, "seconds": time.perf_counter() - start, "first_frame": first}


def _ours(source: Any, target: Path, settings: Any, order: dict[str, Any]) -> dict[str, Any]:
    """A whole run, as users have it."""
    from pipeline import rooms

    return _run(source, target, rooms.furnish(settings, Path(order["db"])), settings, order)


def _clocked(source: Any, target: Path, settings: Any, order: dict[str, Any]) -> dict[str, Any]:
    """A whole run on one core, every stage of it timed."""
    from pipeline import networks, rooms
    from pipeline.benchmark_stages import Stopwatch, TimedSource, clocks

    networks.limit(1)
    furnished, watch = rooms.furnish(settings, Path(order["db"])), Stopwatch()
    with clocks(watch, furnished):
        result = _run(TimedSource(source, watch), target, furnished, settings, order)
    stages = [
        {"phase": phase, "stage": stage, **asdict(spent)}
        for (phase, stage), spent in watch.spent.items()
    ]
    return result | {"stages": stages}


def _run(
    source: Any, target: Path, furnished: Any, settings: Any, order: dict[str, Any]
) -> dict[str, Any]:
    from pipeline import chain

    report, first = chain.Report(), 0.0
    start, busy = time.perf_counter(), time.process_time()
    for _ in _told(chain.run(source, target, furnished, settings, _SALT, report)):
        first = first or time.monotonic() - order["begun"]
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return {
        "frames": report.frames,
        "seconds": seconds,
        "busy_seconds": busy,
        "first_frame": first,
        "face_frames": report.surrogates + report.fallbacks,
        "surrogates": report.surrogates,
        "persons": report.persons,
        "faults": report.faults.count,
    }


def _told(steps: Iterator[Any]) -> Iterator[Any]:
    for number, step in enumerate(steps, 1):
        _tell(number)
        yield step


def _tell(frames: int) -> None:
    if frames % _EVERY == 0:
        sys.stdout.write(f"{frames}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    from pipeline.errors import DeidError

    try:
        result = main(json.loads(sys.argv[1]))
    except DeidError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    sys.stdout.write(json.dumps(result) + "\n")
