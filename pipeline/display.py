"""What a person sees while a job runs: log lines, bars in a terminal, a table at the end."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from pipeline.chain import Step
from pipeline.job import Task

_CONSOLE: Final = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
_PLAIN_SECONDS: Final = 10.0
_NAMES: Final = {"analyse": "finding faces", "render": "replacing"}

log = logging.getLogger("facesurrogate")


class Shown(Protocol):
    """Progress in one form or another."""

    def step(self, task: Task, step: Step) -> None:
        """One more frame of a pass is done."""

    def finish(self, task: Task) -> None:
        """The file is done or has failed."""


def start_logging(verbose: bool, quiet: bool) -> None:
    """Log to stderr: what was dropped from files, errors only when quiet, settings when verbose."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO

    plain = not _CONSOLE.is_terminal
    handler: logging.Handler = (
        logging.StreamHandler()
        if plain
        else RichHandler(
            console=_CONSOLE, show_time=False, show_path=False, show_level=False, markup=False
        )
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("facesurrogate", "pipeline"):
        logging.getLogger(name).setLevel(level)


@contextmanager
def progress(tasks: list[Task], quiet: bool) -> Iterator[Shown]:
    """Bars in a terminal, a line now and then elsewhere, nothing when quiet."""
    if quiet:
        yield _Silence()
    elif _CONSOLE.is_terminal:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=_CONSOLE,
        ) as bars:
            yield _Bars(bars, len(tasks))
    else:
        yield _Lines()


class _Silence:
    def step(self, task: Task, step: Step) -> None:
        pass

    def finish(self, task: Task) -> None:
        _tell(task)


class _Bars:
    def __init__(self, bars: Progress, files: int) -> None:
        self._bars = bars
        self._job = bars.add_task("files", total=files, rate="") if files > 1 else None
        self._shown: dict[Path, tuple[TaskID, str, float]] = {}  # bar, phase and its start

    def step(self, task: Task, step: Step) -> None:
        if self._shown.get(task.path, (None, ""))[1] != step.phase:
            self._begin(task, step)
        bar, _, start = self._shown[task.path]
        rate = step.frames / max(time.monotonic() - start, 1e-6)
        self._bars.update(bar, completed=step.frames, rate=f"{rate:.1f} frames/s")

    def _begin(self, task: Task, step: Step) -> None:
        self._end(task)
        text = f"{escape(task.path.name)}: {_NAMES[step.phase]}"
        bar = self._bars.add_task(text, total=_total(task, step), rate="")
        self._shown[task.path] = bar, step.phase, time.monotonic()

    def _end(self, task: Task) -> None:
        if task.path in self._shown:
            self._bars.remove_task(self._shown.pop(task.path)[0])

    def finish(self, task: Task) -> None:
        self._end(task)
        if self._job is not None:
            self._bars.advance(self._job)
        _tell(task)


class _Lines:
    def __init__(self) -> None:
        self._known: dict[Path, tuple[str, float, float]] = {}  # phase, its start, the last line

    def step(self, task: Task, step: Step) -> None:
        now = time.monotonic()
        phase, start, last = self._known.get(task.path, ("", now, now))
        if phase != step.phase:
            self._known[task.path] = step.phase, now, now
        elif now - last >= _PLAIN_SECONDS:
            self._known[task.path] = phase, start, now
            total = _total(task, step)
            of = f" of {total}" if total else ""
            rate = step.frames / (now - start)
            _CONSOLE.print(
                f"{task.path.name}: {_NAMES[step.phase]}, frame {step.frames}{of}, "
                f"{rate:.1f} frames/s",
                markup=False,
                soft_wrap=True,
            )

    def finish(self, task: Task) -> None:
        if task.state == "done":
            _CONSOLE.print(f"{task.path.name} -> {task.target}", markup=False, soft_wrap=True)
        _tell(task)


def _total(task: Task, step: Step) -> int | None:
    """The second pass knows how many frames the first one saw."""
    if step.phase == "render" and task.report.expected:
        return task.report.expected
    return task.source.count if task.source is not None else None


def _tell(task: Task) -> None:
    if task.state == "failed":
        log.error("%s", task.problem)
    faults = task.report.faults.count
    if faults:
        log.error("%s: %d times a room failed on one face; it was covered", task.path, faults)


def summary(tasks: list[Task], quiet: bool) -> None:
    """A row a file: frames, faces, tracks, how they were covered, speed."""
    for task in tasks:
        if task.source is None:
            _tell(task)
    if quiet or not tasks:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    kept = any(task.report.kept for task in tasks)
    shown = ("surrogate", "fallback", *(["kept"] if kept else []), "s", "frames/s")
    for name in ("frames", "faces", "tracks", "people", *shown):
        table.add_column(name, justify="right")
    for task in tasks:
        table.add_row(escape(str(task.path.name)), *_cells(task, kept))
    _CONSOLE.print(table)
    _records(tasks)


def _command() -> str:
    """Our command as it can be typed, though the environment was never activated."""
    own = Path(sys.executable).with_name("facesurrogate")
    if not own.is_file():
        return "facesurrogate"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def _records(tasks: list[Task]) -> None:
    """Where the records are, and what to do with them."""
    recorders = [task.report.recorder for task in tasks if task.state == "done"]
    places = [recorder.target for recorder in recorders if recorder is not None]
    if places:
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        line = f"record: {places[0]}{more}; look: {_command()} review {places[0]}"
        _CONSOLE.print(line, markup=False, soft_wrap=True)


def _cells(task: Task, kept: bool) -> list[str]:
    if task.state != "done":
        return [task.state]
    done = task.report
    faces = done.surrogates + done.fallbacks + done.kept
    numbers = [done.frames, faces, done.tracks, done.persons, done.surrogates, done.fallbacks]
    numbers += [done.kept] if kept else []
    rate = done.frames / max(task.seconds, 1e-6)
    return [*(str(number) for number in numbers), f"{task.seconds:.1f}", f"{rate:.1f}"]
