"""`facesurrogate detect`: the detector and the mesh alone."""

import argparse
import logging
from pathlib import Path

from pipeline import options as shared

ORIGINALS = "It shows the ORIGINAL faces, by purpose: keep what it writes as you keep its input."

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `detect` to the command line."""
    detect = commands.add_parser(
        "detect",
        help="find faces: boxes, landmarks and meshes, as pictures and JSON",
        description="Find the faces of photos and of every n-th frame of videos; write STEM.json "
        f"and a picture with boxes, landmarks and mesh for each. {ORIGINALS}",
        formatter_class=shared.Defaults,
    )
    detect.set_defaults(run=_run)
    shared.add_room(detect, "detect")
    shared.add_detection(detect)


def _run(options: argparse.Namespace) -> int:
    settings = shared.settings(options, mode="mosaic")
    from pipeline import database, planes, room_files, room_pictures, rooms

    targets = outputs(options)
    furnished = rooms.furnish(settings, options.db)
    triangles = database.load("", options.db).canonical.triangles
    for path, target in targets.items():
        rows = []
        for picture, frame in room_files.pictures([path], furnished, settings, options.every):
            rows.append(picture)
            drawn = room_pictures.marked(planes.picture(frame), picture.faces, triangles)
            room_pictures.write(shot(target, picture.frame, options), drawn)
        room_files.save(target, rows)
        told(target, sum(len(row.faces) for row in rows), len(rows))
    return 0


def outputs(options: argparse.Namespace, ending: str = ".json") -> dict[Path, Path]:
    """For each input a file in --out, `STEM.json`; refused before any work if one is there."""
    from pipeline import room_files
    from pipeline.errors import MediaError

    targets: dict[Path, Path] = {}
    for path in options.inputs:
        target = options.out / f"{path.stem}{ending}"
        if not path.is_file():
            raise MediaError(f"{path}: no such file")
        if target in targets.values() or target.resolve() == path.resolve():
            raise MediaError(
                f"{path}: another file has {target} for its output; name another --out"
            )
        targets[path] = room_files.fresh(target, options.overwrite)
    return targets


def shot(target: Path, frame: int, options: argparse.Namespace) -> Path:
    """The picture beside a document: `STEM.png`, or `STEM-000025.png` for frame 25 of a video."""
    from pipeline import room_files

    number = f"-{frame:06d}" if frame else ""
    return room_files.fresh(target.with_name(f"{target.stem}{number}.png"), options.overwrite)


def told(target: Path, faces: int, pictures: int) -> None:
    """One line of what was written."""
    log.info("%s: %d face%s in %d picture%s", target, faces, "s" * (faces != 1), pictures,
             "s" * (pictures != 1))  # fmt: skip
