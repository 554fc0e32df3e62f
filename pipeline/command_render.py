"""`facesurrogate render`: a file again, as its edited record says."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import options as shared
from pipeline.errors import MediaError, RecordError
from pipeline.weights import DB

if TYPE_CHECKING:
    from pipeline.record import Record
    from pipeline.rerender import Order
    from pipeline.settings import Settings

_OUT: Final = DB.parent / "out"

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `render` to the command line."""
    render = commands.add_parser(
        "render",
        help="write an output again, as its edited record says",
        description="Write the output of FILE again after its record was edited: decisions, who "
        "is who, faces that were missed. Only what changed is computed; everything else is taken "
        "from the output before. The record is brought up to date.",
        formatter_class=shared.Defaults,
    )
    render.set_defaults(run=_run)
    group = render.add_argument_group("files")
    add = group.add_argument
    add("input", type=Path, metavar="FILE", help="the photo or video that the record is of")
    add("--record", type=Path, required=True, metavar="NAME.faces.json",
        help="what `run --record` wrote, edited since; it is brought up to date")  # fmt: skip
    add("--output", type=Path, metavar="FILE",
        help="the output before, where it is no longer where the record says; if it is nowhere "
        "every face is drawn anew")  # fmt: skip
    add("--out", type=Path, metavar="DIR",
        help="where the new output goes (default: where the one before is, else out/)")  # fmt: skip
    add("--suffix", help="added to its name (default: as in the run before)")
    add("--overwrite", action="store_true", help="replace an output that exists")
    shared.add_common(group)
    faces = render.add_argument_group("surrogates")
    faces.add_argument("--extractor", metavar="MODULE:CLASS",
        help="confirms code that the record wants to run")  # fmt: skip
    faces.add_argument("--generator-class", metavar="MODULE:CLASS", help="the same")
    shared.add_salt(faces)


def _run(options: argparse.Namespace) -> int:
    from pipeline import display, job, media, rerender
    from pipeline import record as records
    from pipeline.analysis import digest
    from pipeline.job import Task

    path: Path = options.input
    salt = shared.salt(options)
    record = records.read(options.record)
    settings = _settings(options, record)
    source = media.open_source(path, settings)
    records.check_fits(record, path, digest(path).hex())
    before = _before(options, record)
    task = Task(path, _target(options, settings, source.suffix, before), source)
    log.debug("settings: %s", settings.record())
    order = _order(options, (task.target, before), (record, settings, salt))
    job.prepare(task.target.parent)
    with display.progress([task], options.quiet) as shown:
        with job.accounted(task):
            assert task.source is not None
            for step in rerender.run(task.source, order, task.report):
                shown.step(task, step)
            task.state = "done"
        shown.finish(task)
    display.summary([task], options.quiet)
    return int(task.state == "failed")


def _settings(options: argparse.Namespace, record: "Record") -> "Settings":
    from pipeline.record_settings import settings_of

    trusted = {"extractor": options.extractor, "generator_class": options.generator_class}
    settings = settings_of(record, {name: place for name, place in trusted.items() if place})
    return replace(settings, overwrite=options.overwrite, suffix=options.suffix or settings.suffix)


def _before(options: argparse.Namespace, record: "Record") -> Path | None:
    """The output before; None where it is gone or altered. Raises RecordError."""
    from pipeline import rerender

    given: Path | None = options.output
    if given is not None and not given.is_file():
        raise RecordError(f"--output {given}: there is no such file")
    return rerender.usable(record, given or options.record.parent / record.output.path)


def _target(
    options: argparse.Namespace, settings: "Settings", ending: str, before: Path | None
) -> Path:
    """Where the new output goes; beside the one before only where that is what it was, since a
    record may name any place. Raises MediaError where something is there already.
    """
    target: Path = (options.out or _OUT) / f"{options.input.stem}{settings.suffix}{ending}"
    if before is not None and not options.out:
        target = before.with_name(target.name) if options.suffix else before
    if target.exists() and not settings.overwrite:
        raise MediaError(f"{target} is there already: add --overwrite or name another --out")
    return target


def _order(
    options: argparse.Namespace,
    places: tuple[Path, Path | None],
    told: tuple["Record", "Settings", bytes],
) -> "Order":
    """Everything that rendering needs, from the output before to the new one.

    Raises RecordError where the record's models are gone.
    """
    from pipeline import models, rerender, rooms
    from pipeline.record_settings import check_models

    record, settings, salt = told
    used = models.used(settings, options.db)
    check_models(record, used)
    target, before = places
    return rerender.Order(
        record,
        options.record,
        target,
        before,
        rooms.furnish(settings, options.db),
        settings,
        {name: used.get(name, old) for name, old in record.models.items()} or used,
        salt,
    )
