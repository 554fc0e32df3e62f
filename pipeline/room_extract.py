"""`facesurrogate extract`: who a face is, as features, and who is like whom."""

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import options as shared
from pipeline.command_run import add_generator
from pipeline.registry import BACKENDS
from pipeline.room_detect import outputs, told
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.contract import Floats

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `extract` to the command line."""
    extract = commands.add_parser(
        "extract",
        help="tell who a face is: features as JSON, and who is like whom as a picture",
        description="Write the features of each face into STEM.json and, where several faces are "
        "given, their centred cosines as similarity.json and similarity.png. Features can tell who "
        "somebody is: keep them as you keep the pictures.",
        formatter_class=shared.Defaults,
    )
    extract.set_defaults(run=_run)
    shared.add_room(extract, "extract")
    shared.add_detection(extract)
    add_people(extract)


def add_people(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Which extractor tells people apart, and the DB whose mean face centres its features."""
    group = parser.add_argument_group("people")
    group.add_argument("--extractor", default=Settings().extractor,
        help=f"tells people apart: {', '.join(BACKENDS['extractor'])}")  # fmt: skip
    add_generator(group)
    return group


def _run(options: argparse.Namespace) -> int:
    settings = shared.settings(options)
    import numpy as np

    from pipeline import room_files, rooms

    targets = outputs(options)
    table, chart = (
        room_files.fresh(options.out / f"similarity{e}", options.overwrite)
        for e in (".json", ".png")
    )
    furnished = rooms.furnish(settings, options.db)
    assert furnished.drawing is not None
    mean = furnished.drawing.mean
    names, features = [], []
    for path, target in targets.items():
        rows = []
        for picture, frame in room_files.pictures([path], furnished, settings, options.every):
            rows.append(picture)
            for number, track in enumerate(room_files.studied(picture, frame, furnished).tracks):
                row = track.features
                plain = None if row is None else [round(float(value), 6) for value in row]
                picture.said[number] |= {"extractor": settings.extractor, "features": plain}
                names.append(f"{picture.file.name}, frame {picture.frame}, face {number}")
                features.append(np.full_like(mean, np.nan) if row is None else row)
        room_files.save(target, rows)
        told(target, sum(len(row.faces) for row in rows), len(rows))
    if len(names) > 1:
        _compare(table, chart, names, np.stack(features), mean)
    return 0


def _compare(table: Path, chart: Path, names: list[str], rows: "Floats", mean: "Floats") -> None:
    """Write how alike the faces are; a face without features is like nobody."""
    import numpy as np

    from matcher.cosine import similarity
    from pipeline import atomic, room_pictures

    alike = similarity(rows, rows, mean)
    plain = [[round(float(v), 4) if np.isfinite(v) else None for v in row] for row in alike]
    text = json.dumps({"faces": names, "centred cosine": plain}, indent=1) + "\n"
    with atomic.replacing(table) as temporary:
        temporary.write_text(text, encoding="utf-8")
    room_pictures.write(chart, room_pictures.heat_map(alike))
    log.info("%s: %d faces, in the order of %s", chart, len(names), table.name)
