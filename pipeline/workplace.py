"""Where a training run keeps what it has done, so that it can go on; and how its result goes in."""

import argparse
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline import database
from pipeline.atomic import replacing
from pipeline.errors import DeidError, SettingsError
from pipeline.layouts import Picture

try:
    import fcntl
except ImportError:  # Windows: two runs at once are not told apart
    fcntl = None  # type: ignore[assignment]

_LOCK: Final = ".lock"
_STAGED: Final = "generator"
_DIGITS: Final = 10
_INTERRUPTED: Final = 130

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workplace:
    """The folders of one run."""

    work: Path  # checkpoints, losses, sheets: of these pictures, labels and options
    faces: Path  # what was measured: of these pictures, whatever is trained on them

    def staged(self) -> Path:
        """An empty folder in which the result is put together."""
        folder = self.work / _STAGED
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def answered(work: Callable[[], object], place: Path) -> int:
    """The exit code of an offline command: 0, 1 after one line that says why, 130 when stopped.

    `place` is named where the system does not say which file it failed on.
    """
    try:
        work()
    except DeidError as error:
        log.error("%s", error)
        return 1
    except OSError as error:
        log.error("%s: %s", error.filename or place, error.strerror or error)
        return 1
    except KeyboardInterrupt:
        log.error("stopped; the same command goes on from here")
        return _INTERRUPTED
    return 0


@contextmanager
def opened(options: argparse.Namespace, pictures: list[Picture]) -> Iterator[Workplace]:
    """The folders for these options and pictures, to which no other run writes meanwhile.

    Raises SettingsError where there is nothing to `--resume`, or another run is at work.
    """
    home = options.work or options.out / "local" / "training"
    how = (options.epochs, options.seed, options.size, options.extractor)
    named = [(p.name, p.person, p.labels, p.width, p.yaw, p.unwanted) for p in pictures]
    place = Workplace(
        home / f"{options.name}-{_digest(named, _files(pictures), how)}",
        home / f"faces-{_digest(_files(pictures))}",
    )
    there = place.work.is_dir()
    if options.resume and not there:
        raise SettingsError(
            f"nothing to resume: {place.work} is not there (another name, other pictures or other "
            "options make another run); leave out --resume to start one"
        )
    place.work.mkdir(parents=True, exist_ok=True)
    with _alone(place.work):
        if options.fresh:
            _empty(place.work)
            shutil.rmtree(place.faces, ignore_errors=True)
        elif there:
            log.info("going on in %s; --fresh would begin anew", place.work)
        else:
            log.info("working in %s; if stopped, the same command goes on there", place.work)
        _recover(options.out / "generators" / options.name)
        yield place


def switch_in(staged: Path, target: Path) -> None:
    """Put a whole generator in its place and point to it; the one before stays until then."""
    new, old = (target.with_name(f".{target.name}.{state}") for state in ("new", "old"))
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(staged, new)  # the work folder may lie on another disk
    if target.exists():
        target.rename(old)
    new.rename(target)
    with replacing(target.parent / database.POINTER) as temporary:
        temporary.write_text(f"{target.name}\n", encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)


def _recover(target: Path) -> None:
    """Bring back what a run that was killed between two renames had put aside."""
    old = target.with_name(f".{target.name}.old")
    if old.is_dir() and not target.exists():
        old.rename(target)


def _files(pictures: list[Picture]) -> list[tuple[str, int, int]]:
    """What tells whether the files are still the same."""
    stats = [(picture.name, picture.path.stat()) for picture in pictures]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _digest(*told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()[:_DIGITS]


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SettingsError(
                    f"another run is at work in {folder}; wait for it or take another --name"
                ) from None
            except OSError:  # some network file systems know no locks
                pass
        yield
