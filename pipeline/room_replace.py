"""`facesurrogate replace`: the replacer alone, over photos whose faces are known or sought."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import options as shared
from pipeline.command_run import add_mixing, add_wearing, add_wishes
from pipeline.room_extract import add_people
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.chain import Report
    from pipeline.contract import Frame
    from pipeline.media import Source

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `replace` to the command line."""
    replace = commands.add_parser(
        "replace",
        help="lay surrogates over the faces of photos: given ones, or those of a document",
        description="Replace the faces of photos. A face gets the surrogate of --surrogate or "
        "--identity, or the one that its document names, or one of its own. Faces that the "
        "detector finds and the document does not name are covered. Where a surrogate "
        "cannot be laid, the face is covered too.",
        formatter_class=shared.Defaults,
    )
    replace.set_defaults(run=_run)
    files = shared.add_room(replace, "replace")
    files.add_argument("--suffix", default=Settings().suffix, help="added to each output's name")
    _add_surrogates(replace)
    shared.add_detection(replace)


def _add_surrogates(replace: argparse.ArgumentParser) -> None:
    group = replace.add_argument_group("surrogates")
    add = group.add_argument
    add("--surrogate", type=Path, metavar="FILE",
        help="for every face: .npz of `generate`, or a flat texture as a picture")  # fmt: skip
    add("--only", action="store_true",
        help="leave faces that no document names as they are: RECOGNISABLE")  # fmt: skip
    add_wearing(group)
    add_mixing(group)
    add_wishes(group)
    shared.add_salt(group)
    add_people(replace)


def _run(options: argparse.Namespace) -> int:
    settings, salt = shared.settings(options), shared.salt(options)
    from pipeline import database, media, room_files, rooms
    from pipeline.chain import Report
    from pipeline.errors import MediaError, SettingsError
    from pipeline.room_given import Given

    if options.surrogate and options.identity:
        raise SettingsError("--surrogate and --identity exclude each other")
    for path in options.inputs:
        if not path.is_file():
            raise MediaError(f"{path}: no such file")
    furnished = rooms.furnish(settings, options.db)
    donors = database.load(settings.generator, options.db, settings.extractor)
    given = Given(furnished, donors, settings, salt)
    if options.surrogate:
        given.wear(options.surrogate)
    for path in options.inputs:
        for picture, frame in room_files.pictures([path], furnished, settings):
            source = media.open_source(picture.file, settings)
            if source.kind != "image":
                raise MediaError(f"{picture.file}: is no photo; `facesurrogate run` takes videos")
            if not options.only:
                given.cover_others(picture, frame)
            name = f"{picture.file.stem}{settings.suffix}{source.suffix}"
            target = room_files.fresh(options.out / name, options.overwrite)
            report = Report()
            _write((source, target), given.covered(picture, frame, path, report), settings)
            _tell(target, report)
    return 0


def _write(place: "tuple[Source, Path]", frame: "Frame", settings: Settings) -> None:
    source, target = place
    with source.writer(target, settings) as writer:
        writer.write(frame)


def _tell(target: Path, report: "Report") -> None:
    log.info("%s: %d faces with a surrogate, %d covered", target, report.surrogates,
             report.fallbacks)  # fmt: skip
    if report.faults.count:
        log.error("%s: %d times a room failed on one face; it was covered", target,
                  report.faults.count)  # fmt: skip
