"""`facesurrogate review`: a page on which people check and correct what was decided."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import options as shared
from pipeline.errors import MediaError, RecordError, SettingsError

if TYPE_CHECKING:
    from pipeline.record import Record

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `review` to the command line."""
    review = commands.add_parser(
        "review",
        help="write a page that shows what was decided, for people to check and correct",
        description="Write one HTML page that plays the output, jumps to the moments that are "
        "worth a look and has forms to correct what was decided. The corrected record is "
        "downloaded from it and given to `facesurrogate render`. The page works offline.",
        formatter_class=shared.Defaults,
    )
    review.set_defaults(run=_run)
    add = review.add_argument
    add("record", type=Path, metavar="OUT.faces.json", help="what `run --record` wrote")
    add("--out", type=Path, metavar="FILE",
        help="the page (default: NAME.review.html beside the record)")  # fmt: skip
    add("--overwrite", action="store_true", help="replace a page that exists")
    add("--output", type=Path, metavar="FILE",
        help="what was written, where it is no longer where the record says")  # fmt: skip
    add("--with-originals", type=Path, metavar="FILE",
        help="show the original faces beside the new: THE PAGE THEN SHOWS REAL FACES")  # fmt: skip
    carried = review.add_mutually_exclusive_group()
    carried.add_argument("--embed", action="store_true",
        help="put the output into the page, however large (default: up to 16 MB)")  # fmt: skip
    carried.add_argument("--link", action="store_true",
        help="never put the output into the page, but name where it lies")  # fmt: skip
    add("-q", "--quiet", action="store_true", help="say only what went wrong")
    add("-v", "--verbose", action="store_true", help="log settings and faults")


def _run(options: argparse.Namespace) -> int:
    from pipeline import record as records

    path: Path = options.record
    record = records.read(path)
    target = options.out or path.with_name(f"{_stem(path)}.review.html")
    output = _output(options, record)
    original = options.with_originals
    if original is not None:
        records.check_fits(record, original, _digest(original))
    _check_target(target, [path, output, original], options.overwrite)
    from pipeline import review_page, review_thumbnails

    shots = review_thumbnails.taken(record, output, original, options.quiet)
    carried = True if options.embed else False if options.link else None
    review = review_page.Review(record, path, output, shots, original is not None)
    review_page.write(review, target, carried)
    if original is not None:
        log.warning("%s shows real faces: keep it as you keep the original", target)
    log.info("%s: open it in a browser", target)
    return 0


def _stem(path: Path) -> str:
    from pipeline.record import ENDING

    return path.name.removesuffix(ENDING) if path.name.endswith(ENDING) else path.stem


def _output(options: argparse.Namespace, record: "Record") -> Path:
    """The file that the record tells of. Raises RecordError where it is another one."""
    given: Path | None = options.output
    path = given or options.record.parent / record.output.path
    if given is None and not path.is_file():
        raise RecordError(f"{path}: the record names this output, and there is no such file; "
            "name it with --output")  # fmt: skip
    if _digest(path) != record.output.sha256:
        raise RecordError(f"{path}: is not the output that {options.record} tells of, or was "
            "changed since; name the right one with --output, or run again")  # fmt: skip
    return path


def _digest(path: Path) -> str:
    from pipeline.analysis import digest

    if not path.is_file():
        raise MediaError(f"{path}: there is no such file")
    try:
        return digest(path).hex()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error


def _check_target(target: Path, sources: list[Path | None], overwrite: bool) -> None:
    from pipeline.room_files import fresh

    for source in sources:
        if source is not None and target.resolve() == source.resolve():
            raise SettingsError(f"--out {target}: is {source} itself; name another file")
    fresh(target, overwrite)
