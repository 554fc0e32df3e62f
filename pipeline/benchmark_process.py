"""What a process has used, where it may work, and what machine it runs on."""

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_STATUS: Final = Path("/proc/self/status")
_POWER: Final = Path("/sys/class/powercap")
_PROCESSORS: Final = Path("/proc/cpuinfo")
_KIB: Final = 1024
_OURS: Final = re.compile(r"\.facesurrogate-(\d+)-.+\.part")


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A folder inside `folder` that is gone afterwards, with all that is still in it."""
    prefix = f".facesurrogate-{os.getpid()}-"
    made = Path(tempfile.mkdtemp(prefix=prefix, suffix=".part", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what `scratch` left in `folder` when its process was killed."""
    for path in folder.iterdir():
        found = _OURS.fullmatch(path.name)
        if found and path.is_dir() and not _lives(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)


def _lives(process: int) -> bool:
    if os.name == "nt":  # there it would not ask, but end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def used() -> dict[str, Any]:
    """Of this process and those it waited for: processor seconds, and peak memory in MB.

    Memory is that of this process and of the largest it waited for; None where the system does
    not tell.
    """
    times = os.times()
    cpu = times.user + times.system + times.children_user + times.children_system
    own, child = _peaks()
    return {"cpu_seconds": cpu, "memory_mb": None if own is None else (own + child) / 1e6}


def _peaks() -> tuple[int | None, int]:
    """Bytes of this process and of the largest child at their largest."""
    try:
        import resource
    except ImportError:  # Windows
        return None, 0
    unit = 1 if platform.system() == "Darwin" else _KIB
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    if _STATUS.is_file():  # ru_maxrss begins with that of the process that started this one
        found = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.M)
        own = int(found[1]) * _KIB if found else own
    return own, child


class Energy:
    """Joules that the processors' packages took since it was made; RAPL, as Linux shows it."""

    def __init__(self, folder: Path = _POWER) -> None:
        self._zones = {
            zone: count
            for zone in sorted(folder.glob("*-rapl:*"))
            if _name(zone).startswith("package")
            and (count := _number(zone / "energy_uj")) is not None
        }

    def joules(self) -> float | None:
        """None where the machine does not tell, or only its owner."""
        total = 0
        for zone, before in self._zones.items():
            now, most = _number(zone / "energy_uj"), _number(zone / "max_energy_range_uj")
            if now is None:
                return None
            total += now - before if now >= before else now - before + (most or 0)
        return total / 1e6 if self._zones else None


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text(encoding="ascii")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def machine() -> dict[str, Any]:
    """What the numbers of a run depend on."""
    name = platform.processor() or platform.machine()
    if _PROCESSORS.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", _PROCESSORS.read_text("utf-8"), re.M)
        name = found[1] if found else name
    # Those that this process may use, where the system tells.
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count()
    return {"processor": name, "cores": cores, "system": platform.system()}
