"""--keep, --only and the stored keep-list on the command line.

They are no part of Settings, which are logged: they name people, and a URL can hold a password.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import extractors, weights
from pipeline.errors import GalleryError, SettingsError, WeightsError
from pipeline.gallery_place import FILE, VARIABLE
from pipeline.settings import Settings

if TYPE_CHECKING:
    from matcher.gallery import Gallery
    from pipeline.contract import Floats
    from pipeline.enrolment import Enrolment
    from pipeline.rooms import Rooms


def add_to(parser: argparse.ArgumentParser) -> None:
    """Who stays visible, or who alone does not."""
    group = parser.add_argument_group("people to keep")
    add = group.add_argument
    add("--keep", nargs="+", action="extend", default=[], metavar="WHO",
        help="leave these people as they are: a picture or a folder of pictures of one person, a "
        "folder of such folders, or a name on the stored keep-list; who is not surely one of them "
        "is replaced")  # fmt: skip
    add("--keep-list", action="store_true", help="leave everybody on the stored keep-list as is")
    add("--only", nargs="+", action="extend", default=[], metavar="WHO",
        help="replace just these people, and whoever could be one of them")  # fmt: skip
    add("--keep-threshold", type=float, metavar="COSINE",
        help="likeness from which a face is kept (default: one that at most one stranger in 10,000 "
        "reaches)")  # fmt: skip
    add_place(group)


def add_place(group: argparse._ArgumentGroup) -> None:
    """Where the stored keep-list is."""
    group.add_argument("--gallery", default="", metavar="URL",
        help=f"the stored keep-list: a file, or postgresql://user@host/name; better in ${VARIABLE} "
        f"where it holds a password (default: {FILE} in --db)")  # fmt: skip


def check(options: argparse.Namespace, settings: Settings) -> None:
    """Raise SettingsError for options that do not go together."""
    keep = bool(options.keep or options.keep_list)
    if keep and options.only:
        raise SettingsError("--keep and --only exclude each other: name those whom you keep, or "
            "those whom you do not")  # fmt: skip
    if options.keep_threshold is not None:
        if not keep:
            raise SettingsError("--keep-threshold needs --keep or --keep-list")
        if not 0 < options.keep_threshold < 1:
            raise SettingsError(
                f"--keep-threshold must lie between 0 and 1, got {options.keep_threshold}"
            )
    if (keep or options.only) and settings.scheme != Settings().scheme:
        raise SettingsError(f"--scheme {settings.scheme} is for everybody in a job: leave --keep "
            "and --only out")  # fmt: skip


def keeping(options: argparse.Namespace, settings: Settings, rooms: "Rooms") -> "Rooms":
    """The rooms, which now know the people of --keep or --only. Raises GalleryError."""
    if not (options.keep or options.keep_list or options.only):
        return rooms
    from pipeline import keeping as deciding

    desk, donors = enrolment(settings, options.db, rooms)
    gallery = _people(options, desk, settings)
    desk.check(gallery)
    keeper = deciding.keeper(
        gallery.means(desk.mean),
        (settings.extractor, desk.extractor),
        donors,
        options.keep_threshold,
        bool(options.only),
        gallery.names,
    )
    return replace(rooms, keeper=keeper)


def enrolment(
    settings: Settings, db: Path, rooms: "Rooms"
) -> "tuple[Enrolment, tuple[Floats, Floats, Floats]]":
    """What tells who a picture shows; and the donors' features, their mean, the canonical shape.

    Raises WeightsError where the donors are not described by the extractor.
    """
    from pipeline import database, registry
    from pipeline.enrolment import Enrolment

    donors = database.load(settings.generator, db, settings.extractor)
    if donors.rows.extractor != settings.extractor:
        raise WeightsError(
            f"the donor DB was made with the extractor {donors.rows.extractor!r}, not "
            f"{settings.extractor!r}: use --extractor {donors.rows.extractor}"
        )
    own = rooms.drawing.extractor if rooms.drawing else registry.extractor(settings, db)
    mean = donors.rows.attributes.mean
    known = donors.rows.features, mean, donors.canonical.shape
    return Enrolment(rooms, own, mean, settings), known


def mark(name: str, db: Path) -> str:
    """The extractor and its weights: features of others cannot be compared with its own."""
    from pipeline.analysis import digest

    rows = weights.manifest()
    if name in extractors.added(db):
        told = digest(extractors.locate(name, db).with_name(extractors.WEIGHTS)).hex()
    else:
        told = rows[name].sha256 if name in rows else ""
    return f"{name} {told[:12]}".strip()


def _people(options: argparse.Namespace, desk: "Enrolment", settings: Settings) -> "Gallery":
    """Those named by pictures, and those named on the stored list."""
    from pipeline.gallery_store import GalleryStore

    given = options.only or options.keep
    places = [Path(who) for who in given if os.path.lexists(who)]
    names = [who for who in given if not os.path.lexists(who)]
    found = []
    if places:
        found.append(desk.gallery(places))
    if names or options.keep_list:
        store = GalleryStore(options.gallery, options.db)
        try:
            known = mark(settings.extractor, options.db)
            found.append(store.gallery(known, None if options.keep_list else names))
            if options.keep_list and names:
                store.gallery(known, names)
        except GalleryError as error:
            raise _explained(error, names) from None
        finally:
            store.close()
    first, *others = found
    for other in others:
        first = first.with_others(other)
    if not len(first):
        raise GalleryError("the stored keep-list is empty: `facesurrogate gallery add` fills it")
    return first


def _explained(error: GalleryError, names: list[str]) -> GalleryError:
    """A mistyped path is taken for a name: say that it is no file either."""
    return GalleryError(f"{error} (and no file is called so)" if names else str(error))
