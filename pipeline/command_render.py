"""`facesurrogate render`: a file again, as its edited record says."""

import argparse
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import options as shared
from pipeline.errors import MediaError, RecordError

if TYPE_CHECKING:
    from pipeline.record import Record
    from pipeline.rerender import Order
    from pipeline.settings import Settings

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
        help="where the new output goes (default: in the place of the one before)")  # fmt: skip
    add("--suffix", help="added to its name (default: as in the run before)")
    add("--overwrite", action="store_true", help="replace an output that exists")
    shared.add_common(group)
    faces = render.add_argument_group("surrogates")
    faces.add_argument("--extractor", metavar="MODULE:CLASS",
        help="confirms code that the record wants to run")  # fmt: skip
    faces.add_argument("--generator-class", metavar="MODULE:CLASS", help="the same")
    shared.add_salt(faces)


def _run(options: argparse.Namespace) -> int:
    from pipeline import display, encoders, job, media, rerender
    from pipeline import record as records
    from pipeline.analysis import digest
    from pipeline.job import Task

    path: Path = options.input
    salt = shared.salt(options)
    record = records.read(options.record)
    settings = _settings(options, record)
    encoders.check(settings.encoder)
    source = media.open_source(path, settings)
    records.check_fits(record, path, digest(path).hex())
    place = _place(options, record)
    before = rerender.usable(record, place)
    if before is None:
        log.info("%s is not the output that the record tells of: all faces are drawn anew", place)
    task = Task(path, _target(options, settings, source.suffix, (place, before)), source)
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


def _place(options: argparse.Namespace, record: "Record") -> Path:
    """Where the output before should be. Raises RecordError."""
    given: Path | None = options.output
    if given is not None and not given.is_file():
        raise RecordError(f"--output {given}: there is no such file")
    return given or Path(os.path.normpath(options.record.parent / record.output.path))


def _target(
    options: argparse.Namespace,
    settings: "Settings",
    ending: str,
    before: tuple[Path, Path | None],
) -> Path:
    """Where the new output goes: unless told otherwise to that before, if it is still what the
    record tells of, since a record may name any file. Raises MediaError where that is not so, or
    something else is there already.
    """
    place, usable = before
    target: Path = (options.out or place.parent) / f"{options.input.stem}{settings.suffix}{ending}"
    if not options.out:
        if usable is None and os.path.lexists(place):
            raise MediaError(
                f"{place} is not the output that the record tells of, and is left as it is: name "
                "the folder of the new one with --out"
            )
        if not place.parent.is_dir():
            raise MediaError(f"{place.parent} is gone: name the folder of the output with --out")
        target = place if usable and not options.suffix else place.with_name(target.name)
    if target.resolve() == options.input.resolve():
        raise MediaError(f"{target} is the input: name another --out or --suffix")
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
