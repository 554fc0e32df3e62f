"""`facesurrogate fetch`: brings a recogniser that is not shipped and converts it, once.

The file at the manifest's URL is kept in DB/local/downloads, the OpenVINO network made from it
in DB/local/extractors. Downloads go through pooch (BSD-3-Clause, 1.9.0 of January 2026), the
usual library for it; naming, locking and renaming of what it writes are `pipeline.atomic`'s.
"""

from __future__ import annotations

import argparse
import errno
import importlib.util
import json
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import extractors, weights
from pipeline.errors import MediaError, SettingsError, WeightsError
from pipeline.weights import DB, Weight, checksum

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

NETWORKS: Final = {
    "vggface": "vgg16",
    "vggface_resnet50": "resnet50",
    "vggface_senet50": "senet50",
}
SUMS: Final = "sha256.json"
_TRIES: Final = 3
_SECONDS: Final = 30
_CHUNK: Final = 1 << 20

log = logging.getLogger(__name__)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "fetch",
        help="bring a recogniser that is not shipped",
        description="Download the weights of a recogniser, or take them from a file, check them "
        "and convert them for `facesurrogate run --extractor NAME`. Needs the training libraries.",
    )
    add = parser.add_argument
    add("name", metavar="NAME", help=f"what to bring: {', '.join(NETWORKS)}")
    add("--from", dest="given", type=Path, metavar="FILE", help="take this h5 file instead")
    add("--db", type=Path, default=DB, help="folder in whose local/ it is kept (default: DB)")
    add("-q", "--quiet", action="store_true", help="say only what went wrong")
    parser.set_defaults(run=main)


def main(options: argparse.Namespace) -> int:
    """Exit code 0; DeidError where it cannot be had, and then nothing has changed."""
    name: str = options.name
    if name not in NETWORKS:
        raise SettingsError(f"nothing to fetch called {name!r}; known: {', '.join(NETWORKS)}")
    if options.given is None and _is_there(name, options.db):
        log.info("%s is already there and whole", name)
        return 0
    _check_libraries()
    row = weights.manifest()[name]
    log.info("%s: %s; licence: %s", name, row.source, row.licence)
    path = bring(row, options.given, options.db, options.quiet)
    known = sums(options.db)
    first = not (row.sha256 or row.file in known)
    folder = convert(name, path, options.db, keep=not first)
    if first:
        digest = checksum(path)
        _write_sums(known | {row.file: digest}, options.db)
        log.info(
            "nobody publishes a sha256 of %s: this first one, %s…, was written down and every "
            "later file must fit it", row.file, digest[:12],
        )  # fmt: skip
    log.info("%s is ready in %s: facesurrogate run --extractor %s", name, folder, name)
    return 0


def bring(row: Weight, given: Path | None, db: Path, quiet: bool = False) -> Path:
    """The verified file of a manifest's row: from disk, from `given` or from its URL.

    Raises WeightsError or SettingsError; what was there before stays then.
    """
    target = downloads(db) / row.file
    wanted = row.sha256 or sums(db).get(row.file, "")
    if given is not None:
        return _taken(given, target, wanted)
    if target.is_file():
        if not wanted or checksum(target) == wanted:
            return target
        log.info("%s is damaged: it is taken anew", target)
    for left in reversed(range(_TRIES)):
        try:
            _download(row.url, target, wanted, quiet)
            return target
        except _Broken as error:
            if not left:
                way_out = "try again later, or give the file by --from FILE"
                raise WeightsError(f"{row.url}: {error} ({_TRIES} tries); {way_out}") from None
            log.warning("%s: %s; once more", row.url, error)
    raise AssertionError("unreachable")


def convert(name: str, path: Path, db: Path, keep: bool = True) -> Path:
    """The folder of an extractor made from the h5 file `path`. Raises WeightsError.

    A file that holds no such network is deleted unless told to `keep` it.
    """
    log.info("converting %s", path)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from extractor.export import export
    from extractor.vggface import features

    try:
        model = features(NETWORKS[name], path)
    except WeightsError:
        if not keep:
            path.unlink(missing_ok=True)
        raise
    row = weights.manifest()[name]
    origin = extractors.Origin(source=row.source, licence=row.licence)
    staged = extractors.home_of(f".{name}.part", db)
    shutil.rmtree(staged, ignore_errors=True)
    try:
        staged.mkdir(parents=True)
        export(model, staged / extractors.NETWORK)
        return extractors.publish(staged, name, origin, db)
    except (OSError, RuntimeError) as error:  # OpenVINO's own, which does not tell of a full disk
        raise WeightsError(f"{staged}: {_why(error)}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def downloads(db: Path = DB) -> Path:
    """The folder of what was fetched, as it was fetched."""
    return db / "local" / "downloads"


def sums(db: Path = DB) -> dict[str, str]:
    """The sha256 of each file fetched first, by name."""
    path = downloads(db) / SUMS
    if not path.is_file():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in told.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path} cannot be used ({error}); delete it") from None


class _Broken(Exception):
    """A download that is worth another try."""


class _Bar:
    """What pooch tells of its progress, shown in a terminal."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task
        self.total = 0

    def update(self, amount: int) -> None:
        """So many bytes more."""
        self._progress.update(self._task, total=self.total or None, advance=amount)

    def reset(self) -> None:
        """Back to none."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """All is there."""


def _is_there(name: str, db: Path) -> bool:
    try:
        extractors.locate(name, db)
    except WeightsError:
        return False
    return True


def _check_libraries() -> None:
    missing = [lib for lib in ("tensorflow", "keras", "h5py") if not importlib.util.find_spec(lib)]
    if missing:
        raise WeightsError(
            f"converting the weights needs {', '.join(missing)}: run `./train_once.sh --help` "
            "once, which installs them, then fetch again"
        )


def _taken(given: Path, target: Path, wanted: str) -> Path:
    """A copy of a file that the user has."""
    from pipeline.atomic import replacing

    try:
        got = checksum(given)
    except OSError as error:
        raise SettingsError(f"--from {given}: {error.strerror}") from None
    if wanted and got != wanted:
        raise WeightsError(
            f"{given} is another file than the one known: its sha256 should start with "
            f"{wanted[:12]}, got {got[:12]}; delete {target.with_name(SUMS)} to trust this one"
        )
    if target.exists() and given.samefile(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            shutil.copyfile(given, temporary)
    except OSError as error:
        raise WeightsError(f"{target}: {_why(error)}") from error
    return target


def _download(url: str, target: Path, wanted: str, quiet: bool) -> None:
    import requests

    from pipeline.atomic import replacing, sweep

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        with replacing(target) as temporary:
            _stream(url, temporary, quiet)
            got = checksum(temporary)
            if wanted and got != wanted:
                raise _Broken(f"its sha256 should start with {wanted[:12]}, got {got[:12]}")
    except requests.HTTPError as error:
        answer = str(error).split(" for url")[0]
        raise WeightsError(
            f"{url}: {answer}; give the file by --from FILE if you have it"
        ) from None
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _Broken(_short(error)) from None
    except requests.RequestException as error:
        raise _Broken(f"the download broke off: {_short(error)}") from None
    except OSError as error:
        raise WeightsError(f"{target}: {_why(error)}") from error


def _stream(url: str, temporary: Path, quiet: bool) -> None:
    """The whole content of `url` into a file; requests' errors and OSError pass through."""
    import pooch
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True, highlight=False)
    columns = (*Progress.get_default_columns()[:2], DownloadColumn(), TransferSpeedColumn())
    shown = console.is_terminal and not quiet
    log.info("fetching %s", url)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not shown) as progress:
        bar = _Bar(progress, progress.add_task("fetching", total=None))
        fetch = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=_SECONDS)
        fetch(url, str(temporary), None)


def _why(error: BaseException) -> str:
    cause = error.__cause__ or error if isinstance(error, MediaError) else error
    if getattr(cause, "errno", None) == errno.ENOSPC:
        return "the disk is full; free some space or name another place with --db"
    doubt = " (is the disk full?)" if isinstance(cause, RuntimeError) else ""
    told = getattr(cause, "strerror", None) or str(cause).splitlines()[0]
    return f"cannot be written{doubt}: {told}"


def _short(error: Exception) -> str:
    """The innermost reason of a failed request, in few words."""
    inner: BaseException = error
    while inner.__context__ is not None:
        inner = inner.__context__
    return str(getattr(inner, "strerror", None) or inner or type(error).__name__)


def _write_sums(known: dict[str, str], db: Path) -> None:
    from pipeline.atomic import replacing

    with replacing(downloads(db) / SUMS) as temporary:
        temporary.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
