"""Output files that are whole or not there: temporary names, locks, renames.

A temporary is `.NAME.facesurrogate-PID-RANDOM.part` beside its target, readable by its
owner only, and locked while its process lives, so that `sweep` can tell a file that is
being written from one that a killed run left behind.
"""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import av

from pipeline.errors import MediaError

try:
    import fcntl
except ImportError:  # Windows refuses to delete open files, which serves as the lock.
    fcntl = None  # type: ignore[assignment]

_TEMPORARY = re.compile(r"\..+\.facesurrogate-\d+-[0-9a-f]{8}\.part")
_LONGEST_NAME = 200


@contextmanager
def replacing(target: Path, private: bool = False) -> Iterator[Path]:
    """A temporary file (mode 0600) that becomes `target` when the block ends well.

    A `private` one stays readable by its owner only. It is flushed to the disk before it is
    renamed, and removed on any exception. Raises MediaError if the folder cannot be written to
    or the disk is full.
    """
    with ExitStack() as afterwards:
        with telling(target):
            temporary = _create(target, afterwards)
        yield temporary
        with telling(target):
            _publish(temporary, target, private)


@contextmanager
def telling(target: Path) -> Iterator[None]:
    """Turns what goes wrong while `target` is written into one MediaError."""
    try:
        yield
    except MediaError:
        raise
    except (OSError, av.FFmpegError) as error:
        if error.errno == errno.ENOSPC:
            why = "the disk is full; free some space or write elsewhere with --out"
        else:
            why = f"cannot be written: {error.strerror or error}"
        raise MediaError(f"{target}: {why}") from error


def check_count(target: Path, written: int, read: int | None) -> None:
    """Raise MediaError unless as many frames were written as were read."""
    if written != read:
        raise MediaError(f"{target}: {written} frames were written of {read} that were read")


def is_temporary(path: Path) -> bool:
    """Whether a file is one of our temporaries."""
    return _TEMPORARY.fullmatch(path.name) is not None


def sweep(folder: Path) -> list[Path]:
    """Remove and return the temporaries in `folder` whose process is gone."""
    removed = []
    for path in sorted(folder.glob(".*.part")):
        if is_temporary(path) and _is_abandoned(path):
            with suppress(OSError):
                path.unlink()
                removed.append(path)
    return removed


def _create(target: Path, afterwards: ExitStack) -> Path:
    """A new temporary for `target`; it is unlocked, and gone unless it was renamed, `afterwards`.

    That is arranged before there is one, so that no interrupt can leave it behind.
    """
    stem = os.fsencode(target.name)[:_LONGEST_NAME].decode(errors="ignore")
    while True:
        name = f".{stem}.facesurrogate-{os.getpid()}-{secrets.token_hex(4)}.part"
        path = target.with_name(name)
        afterwards.callback(path.unlink, missing_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        lock = afterwards.enter_context(os.fdopen(descriptor, "wb"))
        if fcntl is not None:
            # Some network file systems know no locks; there, nothing is ever swept.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another process may have swept the file in the instant before it was locked.
        if path.exists():
            return path


def _is_abandoned(path: Path) -> bool:
    if fcntl is None:
        return True
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _publish(temporary: Path, target: Path, private: bool) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    if not private:
        mask = os.umask(0o077)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
    temporary.replace(target)
    # A rename is only safe from a power cut once its folder is on the disk too.
    with suppress(OSError):
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
