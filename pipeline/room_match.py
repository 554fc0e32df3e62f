"""`facesurrogate match`: whose faces would be mixed for a face, and how the mix looks."""

import argparse
from typing import TYPE_CHECKING, Any

from pipeline import options as shared
from pipeline.command_run import add_mixing, add_wishes
from pipeline.room_detect import ORIGINALS, outputs, shot, told
from pipeline.room_extract import add_people
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.contract import Frame, Image, Ints, Person
    from pipeline.database import Database
    from pipeline.room_files import Picture
    from pipeline.rooms import Drawing, Rooms

_TILE = 256


def add_to(commands: shared.Commands) -> None:
    """Add `match` to the command line."""
    match = commands.add_parser(
        "match",
        help="choose donors: whose faces would be mixed for a face, as JSON and a picture",
        description="Write the donors that each face would get into STEM.json, with the apparent "
        "sex, age and skin that were read, and a picture with each face at the left and its mix "
        f"at the right. {ORIGINALS}",
        formatter_class=shared.Defaults,
    )
    match.set_defaults(run=_run)
    shared.add_room(match, "match")
    shared.add_detection(match)
    group = add_people(match)
    add_mixing(group)
    add_wishes(group)
    shared.add_salt(group)


def _run(options: argparse.Namespace) -> int:
    settings, salt = shared.settings(options), shared.salt(options)
    from pipeline import database, room_files, room_pictures, rooms, sheets

    targets = outputs(options)
    furnished = rooms.furnish(settings, options.db)
    donors = database.load(settings.generator, options.db, settings.extractor)
    for path, target in targets.items():
        rows = []
        for picture, frame in room_files.pictures([path], furnished, settings, options.every):
            rows.append(picture)
            tiles = _matched((picture, frame), furnished, donors, settings, salt)
            if tiles:
                sheet = sheets.contact_sheet(tiles, _TILE)
                room_pictures.write(shot(target, picture.frame, options), sheet)
        room_files.save(target, rows)
        told(target, sum(len(row.faces) for row in rows), len(rows))
    return 0


def _matched(
    shown: "tuple[Picture, Frame]",
    rooms: "Rooms",
    donors: "Database",
    settings: Settings,
    salt: bytes,
) -> "list[tuple[str, list[Image], list[str]]]":
    """Add to the picture's faces what they would be given; a row of two tiles for each."""
    from pipeline import planes, planning, room_files, room_pictures

    picture, frame = shown
    assert rooms.drawing is not None
    plan = planning.plan(room_files.studied(picture, frame, rooms), rooms, settings, salt)
    tiles = []
    for number, mix in enumerate(plan.donors):
        read = _read(plan.persons[number], mix, donors)
        picture.said[number] |= read | {"generator": donors.name}
        left = room_pictures.crop(planes.picture(frame), picture.faces.boxes[number], _TILE)
        right = _drawn(mix, plan.persons[number], picture, number, rooms.drawing)
        words = "no donors: it would be covered" if mix is None else f"donors {mix.tolist()}"
        heading = ", ".join(f"{k} {read[k]}" for k in ("sex", "age", "typology angle"))
        tiles.append((f"{number}: {heading}", [left, right], ["original", words]))
    return tiles


def _read(person: "Person", mix: "Ints | None", donors: "Database") -> dict[str, Any]:
    """What was read of a person, and how like its donors it is; None where unknown."""
    import numpy as np

    from matcher.attributes import AGE_OFFSET
    from matcher.cosine import similarity
    from matcher.wishes import typology_angle

    said: dict[str, Any] = dict.fromkeys(
        ("sex", "age", "skin", "typology angle", "donors", "centred cosine")
    )
    if np.isfinite(person.features).all():
        sex, log_age = donors.rows.attributes.of_photograph(person.features[None])[0]
        said["sex"] = f"{'male' if sex > 0.5 else 'female'} {max(sex, 1 - sex):.2f}"
        said["age"] = round(float(np.exp(log_age) - AGE_OFFSET), 1)
    if np.isfinite(person.skin).all():
        said["skin"] = [round(float(value), 2) for value in person.skin]
        said["typology angle"] = round(float(typology_angle(person.skin[None])[0]), 1)
    if mix is not None:
        said["donors"] = mix.tolist()
        if np.isfinite(person.features).all():
            rows = np.searchsorted(donors.rows.rows, mix)
            mean = donors.rows.attributes.mean
            alike = similarity(person.features[None], donors.rows.features[rows], mean)[0]
            said["centred cosine"] = [round(float(value), 4) for value in alike]
    return said


def _drawn(
    mix: "Ints | None", person: "Person", picture: "Picture", number: int, drawing: "Drawing"
) -> "Image":
    """The mix with the face's expression where that is known, a plain tile without donors."""
    import numpy as np

    from pipeline import room_files, room_pictures

    if mix is None:
        return np.full((_TILE, _TILE, 3), room_pictures.GROUND, np.uint8)
    mesh = picture.faces.mesh[number]
    mesh = mesh if np.isfinite(mesh).all() else drawing.canonical.shape * np.float32(_TILE)
    gaze = room_files.gaze(picture.said[number])
    surrogate = drawing.generator.generate(mix, person, mesh, gaze)
    return room_pictures.portrait(surrogate, drawing.canonical, _TILE)
