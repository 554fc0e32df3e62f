"""The command line: `facesurrogate COMMAND`; `./generate.sh` calls `facesurrogate run`."""

import logging
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from pipeline import (
    command_benchmark,
    command_boxes,
    command_gallery,
    command_render,
    command_review,
    command_run,
    command_stream,
    fetch,
    report,
    room_detect,
    room_extract,
    room_generate,
    room_match,
    room_replace,
)
from pipeline.errors import DeidError, one_line
from pipeline.options import Parser

INTERRUPTED: Final = 130
_COMMANDS: Final = (
    command_run,
    command_render,
    command_stream,
    command_gallery,
    command_review,
    command_boxes,
    room_detect,
    room_extract,
    room_match,
    room_generate,
    room_replace,
    fetch,
    report,
    command_benchmark,
)

log = logging.getLogger("facesurrogate")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 1 after one line for each thing that failed; 130 when interrupted."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(command_run.joined(given))
    # Small matrices only: more BLAS threads would spin in the decoder's and the networks' way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pipeline import display  # heavy: after --help and bad options have had their answer

    # Scripts start background jobs with SIGINT ignored; whoever sends one means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    display.start_logging(getattr(options, "verbose", False), getattr(options, "quiet", False))
    try:
        code: int = options.run(options)
        return code
    except DeidError as error:
        log.error("%s", error)
        return 1
    except MemoryError:
        log.error("not enough memory; close other programs, or give smaller pictures")
        return 1
    except Exception as error:  # a fault of ours, or of a library in distress
        log.debug("stopped", exc_info=True)
        log.error("stopped by a fault (%s: %s); --verbose tells where", type(error).__name__,
                  one_line(error))  # fmt: skip
        return 1
    except KeyboardInterrupt:
        log.error("interrupted: the file at work was not written, earlier ones are whole")
        return INTERRUPTED


def _parser() -> Parser:
    parser = Parser(
        prog="facesurrogate",
        description="Replace every face in photos and videos by the face of nobody.",
    )
    try:
        number = version("facesurrogate")
    except PackageNotFoundError:
        number = "not installed"
    parser.add_argument("--version", action="version", version=f"facesurrogate {number}")
    commands = parser.add_subparsers(
        dest="command", required=True, parser_class=Parser, metavar="COMMAND", title="commands"
    )
    for command in _COMMANDS:
        command.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
