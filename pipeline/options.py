"""What the commands share on the command line: errors in one line, help with defaults, the salt."""

import argparse
import os
import secrets
import sys
from dataclasses import fields
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

from pipeline.errors import SettingsError
from pipeline.registry import BACKENDS
from pipeline.settings import Settings
from pipeline.weights import DB

SALT_VARIABLE: Final = "FACESURROGATE_SALT"
_DEFAULT: Final = Settings()

# What `add_to` of each command is given.
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Parser(argparse.ArgumentParser):
    """Bad options are one line and exit code 1, as every other bad input."""

    def error(self, message: str) -> NoReturn:
        """Say so and leave."""
        sys.stderr.write(f"{message}; `{self.prog} --help` explains\n")
        raise SystemExit(1)


class Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Tells defaults where there are any."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        plain = action.default in (None, "", False, [])
        return action.help if plain else super()._get_help_string(action)


def add_common(group: argparse._ArgumentGroup) -> None:
    """The options of every command that makes rooms."""
    group.add_argument("--db", type=Path, default=DB, help="folder of generators and donors")
    group.add_argument("-q", "--quiet", action="store_true", help="say only what went wrong")
    group.add_argument("-v", "--verbose", action="store_true", help="log settings and faults")


def add_salt(group: argparse._ArgumentGroup) -> None:
    """The secret that makes a run repeatable."""
    group.add_argument("--salt", default="", help="secret that makes a run repeatable; better in a "
        f"file or ${SALT_VARIABLE} (default: new and random)")  # fmt: skip
    group.add_argument("--salt-file", type=Path, help="file that holds the salt")


def salt(options: argparse.Namespace) -> bytes:
    """The key that surrogates are drawn with: given, or new and random for this run."""
    given: str | bytes | None = options.salt or os.environ.get(SALT_VARIABLE)
    if options.salt_file:
        try:
            given = options.salt_file.read_bytes().strip()
        except OSError as error:
            raise SettingsError(f"--salt-file {options.salt_file}: {error.strerror}") from None
        if not given:
            raise SettingsError(f"--salt-file {options.salt_file} is empty: put a secret into it")
    if not given:
        return secrets.token_bytes(32)
    return given.encode() if isinstance(given, str) else given


def add_room(parser: argparse.ArgumentParser, room: str) -> argparse._ArgumentGroup:
    """Files in and out of one room alone."""
    group = parser.add_argument_group("files")
    group.add_argument("inputs", nargs="+", type=Path, metavar="FILE",
        help="photos, videos, or the .json of the room before")  # fmt: skip
    group.add_argument("--out", type=Path, default=DB.parent / "out" / room,
        help="folder for what is written")  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    add_common(group)
    return group


def add_detection(parser: argparse.ArgumentParser) -> None:
    """How faces are found where no document names them."""
    add = parser.add_argument_group("faces").add_argument
    add("--detector", default=_DEFAULT.detector,
        help=f"finds faces: {', '.join(BACKENDS['detector'])}")  # fmt: skip
    add("--detect-size", type=int, default=_DEFAULT.detect_size,
        help="px of the longer side of the picture in which faces are sought")  # fmt: skip
    add("--detect-threshold", type=float, default=_DEFAULT.detect_threshold,
        help="score from which a face counts")  # fmt: skip
    add("--min-face", type=int, default=_DEFAULT.min_face,
        help="px; smaller finds are taken for noise")  # fmt: skip
    add("--every", type=int, default=25, help="of a video, look at every n-th frame")


def settings(options: argparse.Namespace, **fixed: object) -> Settings:
    """The settings among the options that a command has, and some of its own."""
    given = {f.name: getattr(options, f.name) for f in fields(Settings) if hasattr(options, f.name)}
    every = getattr(options, "every", 1)
    if every < 1:
        raise SettingsError(f"--every must be 1 or more, got {every}")
    return Settings(**(given | fixed))
