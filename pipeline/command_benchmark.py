"""`facesurrogate benchmark`: our speed here, beside that of deface and of the codecs alone."""

import argparse
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import command_run
from pipeline import options as shared
from pipeline.errors import DeidError, SettingsError
from pipeline.weights import DB, checksum

if TYPE_CHECKING:
    from pipeline.benchmark import Contest
    from pipeline.progress import Advance

_SECONDS: Final = 12.0
_LONGEST: Final = 600.0
_MOST_RUNS: Final = 99
_WIDTH: Final = 120
_DIGITS: Final = 16  # digits of a clip's sha256

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `benchmark` to the command line."""
    benchmark = commands.add_parser(
        "benchmark",
        help="measure the speed on this machine",
        description="Measure the speed on this machine: of a whole run and each of its stages, of "
        "decoding and encoding alone, and of deface, in turn, on clips drawn for it or given.",
        formatter_class=shared.Defaults,
    )
    benchmark.set_defaults(run=_run)
    group = benchmark.add_argument_group("benchmark")
    add = group.add_argument
    add("given", nargs="*", type=Path, metavar="CLIP", help="videos (default: drawn clips)")
    add("--clips", default="goals", metavar="NAMES",
        help="drawn clips: faces and size as 8x1080p,0x4k; goals: the four whose speed is a "
        "goal; all: 0, 1, 8 and 30 faces at 720p, 1080p and 4k")  # fmt: skip
    add("--seconds", type=float, default=_SECONDS, help="length of drawn clips")
    add("--repeat", type=int, default=1, metavar="N", help="runs of each; medians are told")
    add("--without-deface", action="store_true",
        help="do not install (0.8 GB) and measure deface")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write all numbers here, as JSON")
    add("--work", type=Path, default=DB / "local" / "benchmark",
        help="folder in which drawn clips and deface are kept")  # fmt: skip
    shared.add_common(group)
    command_run.add_faces(benchmark)
    command_run.add_encoding(benchmark.add_argument_group("outputs"))


def _run(options: argparse.Namespace) -> int:
    from pipeline import benchmark_clips

    settings = shared.settings(options)
    _check(options)
    drawn = [] if options.given else benchmark_clips.chosen(options.clips, options.seconds)
    from rich.console import Console

    from pipeline import atomic, benchmark, benchmark_process, benchmark_table, media

    with atomic.telling(options.work):
        options.work.mkdir(parents=True, exist_ok=True)
    atomic.sweep(options.work)
    benchmark_process.sweep(options.work)
    clips = [(path.name, path.resolve()) for path in options.given]
    clips += [(clip.name, _drawn(clip, options)) for clip in drawn]
    sources = [media.open_source(path, settings) for _, path in clips]
    contest = benchmark.Contest(
        settings, options.repeat, options.work.resolve(), options.db, _deface(options)
    )
    console, results = Console(highlight=False), []
    if not console.is_terminal:
        console.width = _WIDTH
    with _bar("measuring", _frames(sources, contest), options.quiet) as advance:
        done = 0

        def progress(frames: int) -> None:
            nonlocal done
            done += frames
            advance(done)

        for (name, path), source in zip(clips, sources, strict=True):
            first = next(iter(source.frames()))
            known: dict[str, Any] = {
                "clip": name,
                "sha256": checksum(path)[:_DIGITS],
                "size": first.size,
            }
            results.append(known | benchmark.compare(path, contest, progress))
    for result in results if not options.quiet else ():
        console.print(benchmark_table.tables(result))
    if options.json:
        record = {
            "machine": benchmark_process.machine(),
            "settings": settings.record(),
            "repeat": options.repeat,
            "clips": results,
        }
        with atomic.replacing(options.json) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0


def _check(options: argparse.Namespace) -> None:
    if not 1 <= options.repeat <= _MOST_RUNS:
        raise SettingsError(f"--repeat must lie in 1..{_MOST_RUNS}, got {options.repeat}")
    if not 0 < options.seconds <= _LONGEST:
        raise SettingsError(f"--seconds must lie in 0..{_LONGEST:g}, got {options.seconds:g}")


def _drawn(clip: Any, options: argparse.Namespace) -> Path:
    """The file of a drawn clip, which is drawn first where it is not there yet."""
    from pipeline import benchmark_clips

    with _bar(f"drawing {clip.name}", clip.frames, options.quiet) as advance:
        return benchmark_clips.made(clip, options.work.resolve(), options.db, advance)


def _deface(options: argparse.Namespace) -> Path | None:
    """The Python that has deface; None where it is not wanted or not to be had."""
    from pipeline import benchmark_deface

    if options.without_deface:
        return None
    try:
        return benchmark_deface.python(options.work.resolve())
    except DeidError as error:
        log.warning("%s; it is left out", error)
        return None


def _frames(sources: list[Any], contest: "Contest") -> int:
    """How many frames all contestants read in all runs, as far as the files tell."""
    from pipeline.benchmark import DEFACE, PASSES
    from pipeline.benchmark_contestant import STAGES

    each = sum(n for name, n in PASSES.items() if name != DEFACE or contest.deface) - PASSES[STAGES]
    passes = contest.repeat * each + PASSES[STAGES]
    return passes * sum(source.count or 1 for source in sources)


@contextmanager
def _bar(label: str, total: int, quiet: bool) -> Iterator["Advance"]:
    from pipeline.progress import steps

    if quiet:
        yield lambda done: None
    else:
        with steps(label, total) as advance:
            yield advance
