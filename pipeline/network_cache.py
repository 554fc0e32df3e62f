"""Compiled networks of earlier runs, so that a start takes no seconds.

They lie in the user's cache folder, or where FACESURROGATE_CACHE says (nowhere if it is empty),
readable by their owner only. Each begins with the checksum of the rest and appears when whole, so
that a run that was killed, a full disk or another process at work leave nothing that would be used.
Where nothing can be kept networks are compiled again, and nobody is bothered.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "FACESURROGATE_CACHE"
_SUM: Final = 32  # bytes
_MOST_BYTES: Final = 500_000_000
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH

log = logging.getLogger(__name__)


def folder() -> Path | None:
    """Where compiled networks are kept, made if need be; None where they cannot be kept safely."""
    given = os.environ.get(VARIABLE)
    if given == "":
        return None
    place = Path(given) if given else _standard() / "networks"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.lstat()
    except OSError as error:
        log.debug("%s: compiled networks cannot be kept: %s", place, error.strerror)
        return None
    # Whoever can write there could give us a network of their own.
    mine = not hasattr(os, "getuid") or (found.st_uid == os.getuid())
    safe = stat.S_ISDIR(found.st_mode) and (os.name == "nt" or not found.st_mode & _OTHERS)
    if not (mine and safe):
        log.debug("%s: others can write there, so compiled networks are not kept", place)
        return None
    return place


def _standard() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("facesurrogate", appauthor=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """The compiled network that belongs to `key`, in hexadecimal digits."""

    home: Path
    key: str

    @property
    def path(self) -> Path:
        """Its file."""
        return self.home / f"{self.key}.blob"

    def read(self, load: Callable[[bytes], Any]) -> Any:
        """What `load` makes of it; None where it is not there, not whole or not taken."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return None
        head, blob = content[:_SUM], content[_SUM:]
        if hashlib.sha256(blob).digest() == head:
            with suppress(RuntimeError, OSError):  # OpenVINO's refusals are RuntimeErrors
                made = load(blob)
                os.utime(self.path)
                return made
        log.debug("%s is damaged or of another OpenVINO, and is made anew", self.path)
        with suppress(OSError):
            self.path.unlink()
        return None

    def write(self, export: Callable[[], Any]) -> None:
        """Keep what `export` gives; where that is not possible nothing happens."""
        temporary = self.home / f"{self.key}-{secrets.token_hex(4)}.part"
        try:
            blob = export().getvalue()
            opened = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(opened, "wb") as file:
                file.write(hashlib.sha256(blob).digest() + blob)
            temporary.replace(self.path)
            self._prune()
        except (OSError, RuntimeError, AttributeError) as error:
            log.debug("%s cannot be kept: %s", self.path, error)
            with suppress(OSError):
                temporary.unlink()

    def _prune(self) -> None:
        """Remove those that were not used for longest, if there are too many."""
        files = [*self.home.glob("*.blob"), *self.home.glob("*.part")]
        told = sorted(((f.stat(), f) for f in files), key=lambda one: -one[0].st_mtime)
        total = 0
        for known, file in told:
            total += known.st_size
            if total > _MOST_BYTES:
                file.unlink(missing_ok=True)
