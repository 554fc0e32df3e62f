"""`facesurrogate gallery`: the stored keep-list, people who stay visible."""

import argparse
import logging
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import keep_options
from pipeline import options as shared
from pipeline.errors import GalleryError
from pipeline.room_extract import add_people

if TYPE_CHECKING:
    from pipeline.gallery_store import GalleryStore

_LONGEST: Final = 200

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `gallery` and its four verbs to the command line."""
    gallery = commands.add_parser(
        "gallery",
        help="add, remove, list and show the people of the stored keep-list",
        description="The stored keep-list: people whom `run --keep NAME` or `run --keep-list` "
        "leaves as they are. Features of their pictures are kept, no pictures; features can tell "
        "who somebody is: keep the list as you keep the pictures.",
    )
    verbs = gallery.add_subparsers(
        dest="verb", required=True, parser_class=shared.Parser, metavar="VERB", title="verbs"
    )
    add = _verb(verbs, "add", "put pictures of one person on the list", _add)
    _name(add)
    add.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE",
        help="photos with one face each, or folders of them")  # fmt: skip
    shared.add_detection(add)
    add_people(add)
    _name(_verb(verbs, "remove", "forget a person", _remove))
    _verb(verbs, "list", "tell who is on the list", _list)
    show = _verb(verbs, "show", "tell which pictures a person is known by", _show)
    _name(show)
    add_people(show)


def _verb(verbs: shared.Commands, name: str, text: str, run: object) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name, help=text, description=f"{text.capitalize()}.", formatter_class=shared.Defaults
    )
    group = parser.add_argument_group("files")
    keep_options.add_place(group)
    shared.add_common(group)
    parser.set_defaults(run=run)
    return parser


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the person is called on the list")


def _add(options: argparse.Namespace) -> int:
    _check_name(options.name)
    settings = shared.settings(options)
    from pipeline import rooms
    from pipeline.enrolment import of_looks

    covering = shared.settings(options, mode="mosaic")  # needs no generator
    desk, _ = keep_options.enrolment(settings, options.db, rooms.furnish(covering, options.db))
    looks = desk.looks(options.name, options.pictures)
    gallery, mark = of_looks({options.name: looks}), keep_options.mark(*_extractor(options))
    with closing(_store(options)) as store:
        if options.name in {name for name, _ in store.people()}:
            gallery = store.gallery(mark, [options.name]).with_others(gallery)
        desk.check(gallery)
        count = store.add(options.name, looks, mark)
    log.info("%s: %d of %d pictures are new", options.name, count, len(looks))
    return 0


def _remove(options: argparse.Namespace) -> int:
    with closing(_store(options)) as store:
        store.remove(options.name)
    log.info("%s is forgotten", options.name)
    return 0


def _list(options: argparse.Namespace) -> int:
    with closing(_store(options)) as store:
        people = store.people()
    for name, count in people:
        sys.stdout.write(f"{name}\t{count} picture{'s' if count != 1 else ''}\n")
    return 0


def _show(options: argparse.Namespace) -> int:
    settings = shared.settings(options)
    from pipeline import database

    with closing(_store(options)) as store:
        gallery = store.gallery(keep_options.mark(*_extractor(options)), [options.name])
    donors = database.load(settings.generator, options.db, settings.extractor)
    outliers = gallery.outliers(donors.rows.attributes.mean)
    for label, outlier in zip(gallery.labels, outliers.tolist(), strict=True):
        sys.stdout.write(f"{label}{chr(9) + 'unlike the others, not used' if outlier else ''}\n")
    return 0


def _store(options: argparse.Namespace) -> "GalleryStore":
    from pipeline.gallery_store import GalleryStore

    return GalleryStore(options.gallery, options.db)


def _extractor(options: argparse.Namespace) -> tuple[str, Path]:
    return options.extractor, options.db


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST:
        raise GalleryError(
            f"a name on the keep-list has 1 to {_LONGEST} printable letters, got {name[:40]!r}"
        )
