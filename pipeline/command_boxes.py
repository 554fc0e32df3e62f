"""`facesurrogate boxes`: the boxes of records for other programs."""

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import options as shared
from pipeline.weights import DB

if TYPE_CHECKING:
    from pipeline.record import Record

_ENDINGS: Final = {"mot": ".mot.txt", "coco": ".coco.json"}
_BY: Final = ("track", "person")

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `boxes` to the command line."""
    boxes = commands.add_parser(
        "boxes",
        help="write the boxes of records as MOT or COCO",
        description="Write the boxes of all faces of records, as `run --record` makes them, as "
        "files that annotation tools and `run --boxes` read. They hold places and numbers, no "
        "names.",
        formatter_class=shared.Defaults,
    )
    boxes.set_defaults(run=_run)
    add = boxes.add_argument
    add("records", nargs="+", type=Path, metavar="NAME.faces.json", help="records")
    add("--format", choices=tuple(_ENDINGS), default="mot",
        help="mot: a file for each record; coco: one for all")  # fmt: skip
    add("--out", type=Path, default=DB.parent / "out" / "boxes",
        help="folder, or the file where it is one (.txt, .json)")  # fmt: skip
    add("--by", choices=_BY, default="track",
        help="what is numbered: person joins the tracks of one person")  # fmt: skip
    add("--overwrite", action="store_true", help="replace files that exist")
    add("-q", "--quiet", action="store_true", help="say only what went wrong")
    add("-v", "--verbose", action="store_true", help="log faults")


def _run(options: argparse.Namespace) -> int:
    from pipeline import record, room_files

    targets = _targets(options)
    for target in dict.fromkeys(targets.values()):
        room_files.fresh(target, options.overwrite)
    read = {path: record.read(path) for path in targets}
    if options.format == "coco":
        _refuse_namesakes(read)
        _write_coco(next(iter(targets.values())), list(read.values()), options.by)
    else:
        for path, target in targets.items():
            _write_mot(target, read[path], options.by)
    return 0


def _targets(options: argparse.Namespace) -> dict[Path, Path]:
    """For each record its file; raises BoxesError where two records would write one."""
    from pipeline.errors import BoxesError

    ending = _ENDINGS[options.format]
    records: list[Path] = list(dict.fromkeys(options.records))
    joined = options.format == "coco" or len(records) == 1
    if joined and options.out.suffix == Path(ending).suffix and not options.out.is_dir():
        return dict.fromkeys(records, options.out)
    if options.format == "coco" and len(records) > 1:
        return dict.fromkeys(records, options.out / f"boxes{ending}")
    targets: dict[Path, Path] = {}
    for path in records:
        target = options.out / f"{_stem(path)}{ending}"
        if target in targets.values():
            raise BoxesError(
                f"{path}: another record has {target} for its boxes; name another --out"
            )
        targets[path] = target
    return targets


def _stem(path: Path) -> str:
    from pipeline.record import ENDING

    return path.name.removesuffix(ENDING) if path.name.endswith(ENDING) else path.stem


def _refuse_namesakes(read: "dict[Path, Record]") -> None:
    """Two files of one name could not be told apart by what a document says of them."""
    from pipeline.errors import BoxesError

    first: dict[str, Path] = {}
    for path, one in read.items():
        other = first.setdefault(Path(one.input.name).stem, path)
        if other != path:
            raise BoxesError(f"{other} and {path} are of files of one name: export them one by one")


def _write_mot(target: Path, one: "Record", by: str) -> None:
    from pipeline import box_export, mot
    from pipeline.atomic import replacing, telling

    boxes = box_export.shown(one, by)
    size = one.input.width, one.input.height
    with replacing(target) as temporary, telling(target), temporary.open("w") as file:
        file.writelines(mot.lines(((b.frame, b.number, b.box) for b in boxes), size))
    _told(target, len(boxes), one.input.frames)


def _write_coco(target: Path, records: "list[Record]", by: str) -> None:
    from pipeline import box_export
    from pipeline.atomic import replacing, telling

    plain = box_export.document(records, by)
    with replacing(target) as temporary, telling(target):
        temporary.write_text(json.dumps(plain, ensure_ascii=False) + "\n", encoding="utf-8")
    _told(target, len(plain["annotations"]), len(plain["images"]))


def _told(target: Path, boxes: int, frames: int) -> None:
    log.info("%s: %d box%s in %d frame%s", target, boxes, "es" * (boxes != 1), frames,
             "s" * (frames != 1))  # fmt: skip
