"""Many files: where each output goes, one after the other, and what became of them."""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import atomic, chain, media
from pipeline.cast import Cast
from pipeline.chain import Report, Step
from pipeline.errors import DeidError, MediaError, SettingsError, one_line
from pipeline.rooms import Rooms
from pipeline.settings import Settings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Task:
    """One file and its output; `state` is "waiting", "done", "skipped" or "failed"."""

    path: Path
    target: Path
    source: media.Source | None = None
    state: str = "waiting"
    problem: str = ""
    seconds: float = 0.0
    report: Report = field(default_factory=Report)


def tasks(inputs: list[Path], out: Path, settings: Settings) -> tuple[list[Task], list[str]]:
    """A task for each photo and video, and one line for each input that is of no use.

    Outputs keep their relative path and stem; where two would get the same name, the inputs'
    own endings are put into them; where that is not enough, all but the first are refused. Outputs
    of earlier runs that a search comes upon are no inputs.
    """
    found, problems = media.find(inputs)
    found = [pair for pair in found if not _is_output(pair[0], inputs, out, settings)]
    result = [_task(path, place, out, settings) for path, place in found]
    count = Counter(task.target for task in result)
    for task, (_, place) in zip(result, found, strict=True):
        if count[task.target] > 1:
            longer = f"{place.name.replace('.', '_')}{settings.suffix}{task.target.suffix}"
            task.target = out / place.parent / longer
    _refuse_doubles(result)
    for task in result:
        if task.state == "waiting" and not settings.overwrite and task.target.exists():
            task.state = "skipped"
    return result, problems


def _is_output(path: Path, inputs: list[Path], out: Path, settings: Settings) -> bool:
    """Found in the output folder, which lies below an input folder, or named like an output."""
    home = out.resolve()
    if path in inputs or home not in path.resolve().parents:
        return False
    below = any(folder.resolve() in home.parents for folder in inputs)
    return below or path.stem.endswith(settings.suffix)


def _refuse_doubles(tasks: list[Task]) -> None:
    """Of two inputs with one output name the later is refused: it would overwrite the other's."""
    first: dict[Path, Path] = {}
    for task in tasks:
        other = first.setdefault(task.target, task.path)
        if task.state == "waiting" and other != task.path:
            task.state, task.source = "failed", None
            task.problem = (
                f"{task.path}: its output would be {task.target}, as that of {other}; "
                "run it alone with another --out"
            )


def _task(path: Path, place: Path, out: Path, settings: Settings) -> Task:
    try:
        source = media.open_source(path, settings)
    except DeidError as error:
        return Task(path, out / place, state="failed", problem=str(error))
    target = out / place.parent / f"{place.stem}{settings.suffix}{source.suffix}"
    return Task(path, target, source)


def refuse_skipped(tasks: list[Task], option: str) -> None:
    """Raise SettingsError where a file was done before: `option` needs to see all of them."""
    skipped = next((task for task in tasks if task.state == "skipped"), None)
    if skipped is not None:
        raise SettingsError(
            f"{skipped.target} is there already, and {option} takes a job as a whole: "
            "add --overwrite or name another --out"
        )


def run(
    task: Task, rooms: Rooms, settings: Settings, salt: bytes, cast: Cast | None = None
) -> Iterator[Step]:
    """De-identify one file; afterwards its state, seconds and report tell what became of it.

    Persons whom `cast` holds keep their surrogates; without one those of the file are its own.
    """
    with accounted(task):
        if task.source is not None:
            prepare(task.target.parent)
            report = task.report
            yield from chain.run(task.source, task.target, rooms, settings, salt, report, cast)
            task.state = "done"


@contextmanager
def accounted(task: Task) -> Iterator[None]:
    """Whatever stops work on the file is kept with its task, and the time that it took."""
    start = time.monotonic()
    try:
        yield
    except MediaError as error:  # names its file
        task.state, task.problem = "failed", str(error)
    except DeidError as error:
        task.state, task.problem = "failed", f"{task.path}: {error}"
    except Exception as error:  # what nobody foresaw stops this file, and no other
        log.debug("%s stopped the work on a file", type(error).__name__, exc_info=True)
        task.state = "failed"
        task.problem = (
            f"{task.path}: stopped by a fault, no output ({type(error).__name__}: "
            f"{one_line(error)}); --verbose tells where"
        )
    finally:
        task.seconds += time.monotonic() - start


def prepare(folder: Path) -> None:
    """Make the output folder and clear it of what killed runs left behind."""
    with atomic.telling(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for stray in atomic.sweep(folder):
        log.info("removed %s, left behind by a run that was killed", stray)


def is_empty(folder: Path) -> bool:
    """No photo, video or folder lies there, hidden files aside."""
    return not folder.is_dir() or not any(not n.startswith(".") for n in os.listdir(folder))
