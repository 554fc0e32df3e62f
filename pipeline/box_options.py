"""--boxes and its kin on the command line: the boxes of another detector.

They are no part of Settings, which are the same for all files of a job.
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.rooms import Rooms


def add_to(parser: argparse.ArgumentParser) -> None:
    """Boxes that are given."""
    add = parser.add_argument_group("boxes of another detector").add_argument
    add("--boxes", nargs="+", action="extend", default=[], type=Path, metavar="BOXES",
        help="cover these boxes too: MOT (.txt) or COCO (.json), or a folder with NAME.txt or "
        "NAME.json for each input")  # fmt: skip
    add("--boxes-only", action="store_true",
        help="cover only these: the detector here looks for no other faces")  # fmt: skip
    add("--boxes-threshold", type=float, metavar="SCORE",
        help="leave boxes with a lower score out (default: all count)")  # fmt: skip
    add("--boxes-first", type=int, metavar="N",
        help="number of a video's first frame (default: 1 in MOT, 0 in COCO)")  # fmt: skip
    add("--boxes-category", default="", metavar="NAME",
        help="which boxes of a COCO file (default: face, or its only one)")  # fmt: skip


def check(options: argparse.Namespace) -> None:
    """Raise SettingsError for options that do not go together."""
    least, first = options.boxes_threshold, options.boxes_first
    given = {
        "--boxes-only": options.boxes_only,
        "--boxes-threshold": least is not None,
        "--boxes-first": first is not None,
        "--boxes-category": options.boxes_category,
    }
    used = [name for name, is_given in given.items() if is_given]
    if used and not options.boxes:
        raise SettingsError(f"{used[0]} needs --boxes")
    if least is not None and not math.isfinite(least):
        raise SettingsError(f"--boxes-threshold must be a number, got {least}")
    if first is not None and first < 0:
        raise SettingsError(f"--boxes-first must be 0 or more, got {first}")


def giving(options: argparse.Namespace, inputs: list[Path], rooms: "Rooms") -> "Rooms":
    """The rooms, which now know the boxes of --boxes. Raises BoxesError."""
    if not options.boxes or not inputs:
        return rooms
    from pipeline.given_boxes import GivenBoxes, Reading

    reading = Reading(options.boxes_first, options.boxes_threshold, options.boxes_category)
    return replace(rooms, given=GivenBoxes(options.boxes, inputs, reading, options.boxes_only))
