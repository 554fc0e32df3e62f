"""--record and --record-names on the command line."""

import argparse
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.job import Task
    from pipeline.rooms import Rooms

log = logging.getLogger("facesurrogate")


def add_to(group: argparse._ArgumentGroup) -> None:
    """Where records go."""
    add = group.add_argument
    add("--record", type=Path, metavar="DIR",
        help="write here, as NAME.faces.json, what was decided for each face and where to look "
        "again: `facesurrogate review` shows it, `facesurrogate render` obeys what you change; it "
        "names weak moments, so keep it apart from the outputs")  # fmt: skip
    add("--record-names", action="store_true",
        help="call kept people by their names in the record, not by numbers")  # fmt: skip


def check(options: argparse.Namespace) -> None:
    """Raise SettingsError for options that do not go together."""
    if options.record_names and not options.record:
        raise SettingsError("--record-names needs --record")
    if options.record and _inside(options.record, options.out):
        log.warning("--record %s lies among the outputs: take it out before you pass them on",
                    options.record)  # fmt: skip


def prepare(
    tasks: list["Task"], rooms: "Rooms", settings: Settings, options: argparse.Namespace
) -> None:
    """Give each waiting task its recorder. Raises SettingsError where a record is there already."""
    from pipeline import job, models
    from pipeline.record import ENDING
    from pipeline.recording import Job, Recorder

    keeper = rooms.keeper
    names = keeper.names if keeper is not None and options.record_names else ()
    listed = "" if keeper is None else "only" if keeper.only else "keep"
    boxes = "ours" if rooms.given is None else "given" if options.boxes_only else "both"
    common = Job(settings, models.used(settings, options.db), names, listed, boxes)
    places = Counter(place(task.target, options, settings) for task in tasks)
    for task in tasks:
        if task.state != "waiting":
            continue
        target = place(task.target, options, settings)
        if places[target] > 1:
            target = target.with_name(f"{task.path.name.replace('.', '_')}{ENDING}")
        if target.exists() and not settings.overwrite:
            raise SettingsError(
                f"{target} is there already: add --overwrite or name another --record"
            )
        job.prepare(target.parent)
        task.report.recorder = Recorder(target, common)


def note_skipped(tasks: list["Task"]) -> None:
    """Say of which outputs, made by runs before, no record is written."""
    for task in tasks:
        if task.state == "skipped":
            log.warning("%s is there already, so nothing is recorded of it: add --overwrite",
                        task.target)  # fmt: skip


def place(output: Path, options: argparse.Namespace, settings: Settings) -> Path:
    """Where the record of an output goes: as it lies below --out, without the suffix.

    Where two would get one name, as a.jpg and a.png, their own endings are put into them.
    """
    from pipeline.record import ENDING

    folder = options.record / output.parent.relative_to(options.out)
    return Path(folder) / f"{output.stem.removesuffix(settings.suffix)}{ENDING}"


def _inside(folder: Path, other: Path) -> bool:
    return other.resolve() in (folder.resolve(), *folder.resolve().parents)
