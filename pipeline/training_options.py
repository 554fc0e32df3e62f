"""The options of `./train_once.sh`."""

import argparse
from pathlib import Path
from typing import Final

from pipeline import database
from pipeline.errors import SettingsError
from pipeline.layouts import LAYOUTS
from pipeline.options import Defaults, Parser

SIZES: Final = (128, 192, 256)
_EPOCHS: Final = 210


def parser() -> Parser:
    """What can be told on the command line."""
    made = Parser(
        prog="train_once.sh",
        formatter_class=Defaults,
        description="Trains a generator on a folder of faces and puts it into the donor DB: read, "
        "align and check, train, export, describe with every installed extractor, write a card. "
        "The generator in use stays until the new one is whole. A run that was stopped goes on "
        "when the same command is given again.",
        epilog="`train_once.sh extractor --help` tells how to train a recogniser instead, "
        "`train_once.sh glasses --help` what finds people's own glasses.",
    )
    made.add_argument("data", nargs="?", type=Path, metavar="DATA",
        help="folder of faces: pictures, and videos of the same people")  # fmt: skip
    add = made.add_argument_group("what comes out").add_argument
    add("--out", type=Path, default=database.HOME, metavar="DB", help="the DB to add to")
    add("--name", default="retrained", help="the new generator's name")
    add("--size", type=int, choices=SIZES, default=192, help="side of a texture in pixels")
    add("--extractor", default="dlib_resnet", help="whose features choose donors by default")
    add("--note", default="", help="what the pictures show, for the card")
    add("--licence", default="", help="licence of the pictures, for the card")
    add = made.add_argument_group("how").add_argument
    add("--layout", choices=("auto", *LAYOUTS), default="auto", help="how DATA is laid out")
    add("--leave-out", type=Path, metavar="FILE",
        help="file of names of unfit pictures, one a line, seen from DATA")  # fmt: skip
    add("--labels", type=Path, metavar="FILE",
        help="table (CSV) with the columns file and labels: words to add to what is written about "
        "pictures, as beard, stubble, clean-shaven or unfit mouth")  # fmt: skip
    add("--limit", type=int, default=0, metavar="N", help="take the first N pictures only")
    add("--epochs", type=int, default=_EPOCHS, help="passes over the donors")
    add("--seed", type=int, default=0, help="of the network's first weights")
    add("--sheet-every", type=int, default=10, metavar="N",
        help="epochs between contact sheets, 0: none")  # fmt: skip
    add("--measure", type=int, default=200, metavar="N",
        help="faces drawn to measure the result for the card, 0: none")  # fmt: skip
    add("--work", type=Path, metavar="DIR",
        help="where checkpoints and sheets lie (default: local/training in the DB)")  # fmt: skip
    again = made.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true",
        help="go on with a run that was stopped, and refuse if there is none")  # fmt: skip
    again.add_argument("--fresh", action="store_true",
        help="begin anew, even where a run could go on")  # fmt: skip
    return made


def check(options: argparse.Namespace) -> None:
    """Raise SettingsError where an option cannot be obeyed."""
    if options.data is None:
        raise SettingsError(
            "say which folder of faces to train on: ./train_once.sh DATA (none is shipped); read "
            f"are {', '.join(LAYOUTS.values())}, with videos as further expressions"
        )
    for number, least in (
        ("epochs", 1),
        ("limit", 0),
        ("sheet_every", 0),
        ("seed", 0),
        ("measure", 0),
    ):
        if getattr(options, number) < least:
            flag = "--" + number.replace("_", "-")
            raise SettingsError(f"{flag} must be {least} or more, got {getattr(options, number)}")
    name = options.name
    if not name or name.startswith(".") or Path(name).name != name:
        raise SettingsError(f"--name must be a plain folder name, got {name!r}")
