"""The command line: `facesurrogate run`, which `./generate.sh` calls."""

import argparse
import logging
import os
import secrets
import signal
import sys
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, NoReturn

from pipeline.errors import DeidError, SettingsError
from pipeline.registry import BACKENDS
from pipeline.settings import DONORS, MODES, Settings
from pipeline.weights import DB

SALT_VARIABLE: Final = "FACESURROGATE_SALT"
INTERRUPTED: Final = 130
_DEFAULT: Final = Settings()

log = logging.getLogger("facesurrogate")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line and exit code 1, as for every other bad input."""
        sys.stderr.write(f"{message}; `{self.prog} --help` explains\n")
        raise SystemExit(1)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 1 after one line for each thing that failed; 130 when interrupted."""
    options = _parser().parse_args(arguments)
    # Small matrices only: more BLAS threads would spin in the decoder's and the networks' way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pipeline import display  # heavy: after --help and bad options have had their answer

    # Scripts start background jobs with SIGINT ignored; whoever sends one means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    display.start_logging(options.verbose, options.quiet)
    try:
        return _run(options)
    except DeidError as error:
        log.error("%s", error)
        return 1
    except KeyboardInterrupt:
        log.error("interrupted: the file at work was not written, earlier ones are whole")
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    settings = Settings(**{f.name: getattr(options, f.name) for f in fields(Settings)})
    salt = _salt(options)
    if settings.donors == "nearest":
        log.warning("--donors nearest gives away whom a person resembles: for comparison only")
    inputs = options.inputs or [_standard_input_folder(options.quiet)]
    from pipeline import display, job, rooms

    tasks, problems = job.tasks(inputs, options.out, settings)
    for problem in problems:
        log.error("%s", problem)
    log.debug("settings: %s", settings.record())
    waiting = [task for task in tasks if task.state == "waiting"]
    if waiting or not tasks:
        furnished = rooms.furnish(settings, options.db)
        with display.progress(waiting, options.quiet) as shown:
            for task in waiting:
                for step in job.run(task, furnished, settings, salt):
                    shown.step(task, step)
                shown.finish(task)
    if not tasks and not problems:
        log.warning("nothing to do: no photo or video in %s", ", ".join(map(str, inputs)))
    display.summary(tasks, options.quiet)
    return int(bool(problems) or any(task.state == "failed" for task in tasks))


def _standard_input_folder(quiet: bool) -> Path:
    from pipeline import demo, job

    folder = DB.parent / "in"
    if job.is_empty(folder):
        demo.write(folder)
        if not quiet:
            log.warning("in/ was empty: wrote a demo clip to %s", folder / demo.NAME)
    return folder


def _salt(options: argparse.Namespace) -> bytes:
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="facesurrogate",
        description="Replace every face in photos and videos by the face of nobody.",
    )
    try:
        number = version("facesurrogate")
    except PackageNotFoundError:
        number = "not installed"
    parser.add_argument("--version", action="version", version=f"facesurrogate {number}")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    run = commands.add_parser(
        "run",
        help="process photos, videos and folders",
        description="Replace every face in photos and videos. With no INPUT the folder in/ "
        "is processed to out/; an empty in/ is given a demo clip first.",
        formatter_class=_Defaults,
    )
    _add_files(run)
    _add_faces(run)
    _add_outputs(run)
    return parser


class _Defaults(argparse.ArgumentDefaultsHelpFormatter):
    def _get_help_string(self, action: argparse.Action) -> str | None:
        """Defaults are told where there are any."""
        plain = action.default in (None, "", False, [])
        return action.help if plain else super()._get_help_string(action)


def _add_files(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("files")
    group.add_argument("inputs", nargs="*", type=Path, metavar="INPUT", help="files or folders")
    group.add_argument("--out", type=Path, default=DB.parent / "out", help="where outputs go")
    group.add_argument("--suffix", default=_DEFAULT.suffix, help="added to each output's name")
    group.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    group.add_argument("--db", type=Path, default=DB, help="folder of generators and donors")
    group.add_argument("-q", "--quiet", action="store_true", help="say only what went wrong")
    group.add_argument("-v", "--verbose", action="store_true", help="log settings and faults")


def _add_faces(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("faces")
    known = {room: ", ".join(names) for room, names in BACKENDS.items()}
    add = group.add_argument
    add("--mode", default=_DEFAULT.mode, help=f"what to show instead: {', '.join(MODES)}")
    add("--detector", default=_DEFAULT.detector, help=f"finds faces: {known['detector']}")
    add("--detect-size", type=int, default=_DEFAULT.detect_size,
        help="px of the longer side of the picture in which faces are sought")  # fmt: skip
    add("--detect-every", type=int, default=_DEFAULT.detect_every,
        help="seek faces in every n-th frame and follow them in between")  # fmt: skip
    add("--detect-threshold", type=float, default=_DEFAULT.detect_threshold,
        help="score from which a face starts to be followed; lower covers more")  # fmt: skip
    add("--min-face", type=int, default=_DEFAULT.min_face,
        help="px; smaller finds are taken for noise")  # fmt: skip
    add("--extractor", default=_DEFAULT.extractor, help=f"tells people apart: {known['extractor']}")
    add(
        "--generator",
        default=_DEFAULT.generator,
        help="name under DB/generators (default: current)",
    )
    add("--donors", default=_DEFAULT.donors,
        help=f"how donors are chosen: {', '.join(DONORS)}; nearest gives people away")  # fmt: skip
    add("-k", type=int, default=_DEFAULT.k, help="how many donors are mixed for a person")
    add("--shape", type=float, default=_DEFAULT.shape,
        help="0..1: how far a face's shape moves towards its surrogate's")  # fmt: skip
    add("--salt", default="", help="secret that makes a run repeatable; better in a file or "
        f"${SALT_VARIABLE} (default: new and random)")  # fmt: skip
    add("--salt-file", type=Path, help="file that holds the salt")


def _add_outputs(run: argparse.ArgumentParser) -> None:
    add = run.add_argument_group("outputs").add_argument
    add("--crf", type=int, default=_DEFAULT.crf, help="x264 quality, 0 lossless .. 51 worst")
    add("--preset", default=_DEFAULT.preset, help="x264 speed: ultrafast .. veryslow")
    add("--max-pixels", type=int, default=_DEFAULT.max_pixels,
        help="megapixels above which a picture is refused")  # fmt: skip
    add("--keep-date", action="store_true", help="keep the date of recording")


if __name__ == "__main__":
    sys.exit(main())
