"""Several files at once, each in a process of its own that works off one file after the other.

What comes out is what one process would have made: files of a job know nothing of each other, and
where they should, as with one cast for all, they are not parted. A process that dies costs the file
it was at, and is replaced. An interrupt ends all of them, and nothing half-written stays.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing as mp
import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import networks
from pipeline.chain import Step
from pipeline.errors import SettingsError
from pipeline.job import Task
from pipeline.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

AUTO: Final = "auto"
_MOST: Final = 64
_MEMORY: Final = 1_300_000_000  # bytes that a file of 1080p may take
_OFTEN: Final = 0.1  # s between two steps that are told
_PATIENCE: Final = 10.0  # s to clean up

log = logging.getLogger("facesurrogate")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with every file; nothing of it stands on a command line, salt least."""

    options: argparse.Namespace
    settings: Settings
    salt: bytes
    paths: list[Path]  # of all files of the job
    cores: int = 0


def number(text: str, files: int) -> int:
    """How many files to work on at once, of `files`; SettingsError where `text` tells none.

    "auto" takes a file for each core, as far as there is memory for 1080p.
    """
    if text == AUTO:
        wanted = min(networks.usable_cores(), _memory() // _MEMORY)
    elif text.isdecimal() and 1 <= int(text) <= _MOST:
        wanted = int(text)
    else:
        raise SettingsError(f"--jobs must be {AUTO} or lie in 1..{_MOST}, got {text!r}")
    return max(1, min(wanted, files))


def _memory() -> int:
    """Bytes that are free, where the system tells."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _MEMORY


def largest_first(tasks: list[Task]) -> list[Task]:
    """By the size of the files: what takes longest is begun first, so that no core is left over."""
    return sorted(tasks, key=lambda task: -task.path.stat().st_size)


def run(tasks: list[Task], order: Order, count: int) -> Iterator[tuple[Task, Step | None]]:
    """Work off the tasks, the largest files first, `count` at once; None ends a task's steps.

    States, seconds and reports are as after `job.run`.
    """
    order = replace(order, cores=max(1, networks.usable_cores() // count))
    left = deque(largest_first(tasks))
    crew = [_Worker(order) for _ in range(count)]
    try:
        while True:
            for worker in crew:
                if worker.task is None and left:
                    worker.begin(left.popleft())
            busy = {worker.pipe: worker for worker in crew if worker.task is not None}
            if not busy:
                break
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                yield from busy[pipe].told()
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A process, and the task it is at."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.task: Task | None = None
        self._start()

    def _start(self) -> None:
        context = mp.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_work, args=(theirs, self._order), daemon=True
        )
        self._process.start()
        theirs.close()

    def begin(self, task: Task) -> None:
        """Give it a task. Its recorder, if it has one, goes along while it is new."""
        self.task = task
        with suppress(OSError):  # a process that has died is found out below
            self.pipe.send((task.path, task.target, task.report))

    def told(self) -> Iterator[tuple[Task, Step | None]]:
        """What it has said."""
        task = self.task
        assert task is not None
        try:
            kind, content = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(_PATIENCE)
            task.state = "failed"
            task.problem = f"{task.path}: its process ended early ({_end(self._process.exitcode)})"
            self.pipe.close()
            self._start()
            kind, content = "lost", None
        if kind == "step":
            yield task, content
        elif kind == "log":
            logging.getLogger(content.name).handle(content)
        else:
            if kind == "done":
                recorder = task.report.recorder
                task.state, task.problem, task.seconds, task.report = content
                task.report.recorder = recorder
            self.task = None
            yield task, None

    def end(self) -> None:
        """Let it go; what it was at is left."""
        with suppress(OSError):
            self.pipe.send(None)
        if self.task is not None:
            self._process.terminate()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.pipe.close()


def _end(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else -code
        hint = ", perhaps for want of memory: try a smaller --jobs" if code == -9 else ""
        return f"{name}{hint}"
    return f"exit code {code}"


class _Told(QueueHandler):
    """Log lines are the first process's to show."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self.queue.send(("log", record))  # type: ignore[attr-defined]


def _work(pipe: Connection, order: Order) -> None:
    """The process: furnish rooms once, then do one file after the other."""
    # The first process has the interrupts; it ends this one by SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    root = logging.getLogger()
    root.handlers[:] = [_Told(pipe)]  # type: ignore[arg-type]
    root.setLevel(logging.WARNING)
    for name in ("facesurrogate", "pipeline"):
        logging.getLogger(name).setLevel(logging.DEBUG if order.options.verbose else logging.INFO)
    with suppress(KeyboardInterrupt, EOFError, OSError):
        _serve(pipe, order)


def _serve(pipe: Connection, order: Order) -> None:
    from pipeline import box_options, job, keep_options, media, rooms

    networks.limit(order.cores)
    furnished = None
    while (told := pipe.recv()) is not None:
        path, target, report = told
        task = Task(path, target, report=report)
        with job.accounted(task):
            if furnished is None:
                made = rooms.furnish(order.settings, order.options.db)
                made = keep_options.keeping(order.options, order.settings, made)
                furnished = box_options.giving(order.options, order.paths, made)
            task.source = media.open_source(path, order.settings)
        if task.source is not None and furnished is not None:
            for step in _seldom(job.run(task, furnished, order.settings, order.salt)):
                pipe.send(("step", step))
        report = replace(task.report, recorder=None)
        pipe.send(("done", (task.state, task.problem, task.seconds, report)))


def _seldom(steps: Iterator[Step]) -> Iterator[Step]:
    """The first of each phase and then some of them."""
    phase, last = "", 0.0
    for step in steps:
        now = time.monotonic()
        if step.phase != phase or now - last >= _OFTEN:
            phase, last = step.phase, now
            yield step
