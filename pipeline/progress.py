"""How far a long offline step is and how long it will still take."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_PLAIN_SECONDS: Final = 20.0

log = logging.getLogger(__name__)

Advance = Callable[[int], None]


@contextmanager
def steps(label: str, total: int, done: int = 0) -> Iterator[Advance]:
    """A bar in a terminal, a line now and then elsewhere; call what it yields with how many are
    done by now. `done` were done by an earlier run and tell nothing of the speed.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _lines(label, total, done)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    left = TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True)
    with Progress(*columns, *left, console=console, speed_estimate_period=600) as bar:
        task = bar.add_task(label, total=total, completed=done)
        yield lambda now: bar.update(task, completed=now)


def _lines(label: str, total: int, done: int) -> Advance:
    start = said = time.monotonic()

    def advance(now: int) -> None:
        nonlocal said
        at = time.monotonic()
        if at - said < _PLAIN_SECONDS or now <= done:
            return
        said = at
        left = (at - start) / (now - done) * (total - now)
        log.info("%s: %d of %d, %s left", label, now, total, _spoken(left))

    return advance


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
