"""`facesurrogate stream`: a camera, a pipe or a long recording, covered as it comes."""

import argparse
import logging
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Final

from pipeline import command_run
from pipeline import options as shared
from pipeline.errors import MediaError, SettingsError

_LOOKAHEAD: Final = 1.0
_INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `stream` to the command line."""
    stream = commands.add_parser(
        "stream",
        help="replace every face in a stream, as it comes",
        description="Replace every face in a stream: read once, written --lookahead seconds later. "
        "Interrupt it (Ctrl-C) to end the output properly.",
        formatter_class=shared.Defaults,
    )
    stream.set_defaults(run=_run)
    group = stream.add_argument_group("stream")
    add = group.add_argument
    add("source", metavar="SOURCE", help="a file, - for standard input, a device or an address")
    add("target", metavar="TARGET",
        help="a file (.mkv, .ts, .mp4), - for standard output, or an address")  # fmt: skip
    add("--lookahead", type=float, default=_LOOKAHEAD, metavar="SECONDS",
        help="how long each frame waits, to fill gaps and follow faces back")  # fmt: skip
    add("--source-form", default="", help="FFmpeg's name of the source's form, as v4l2 or mpegts")
    add("--form", default="", help="form of the target: mkv, mpegts, mp4, flv or rtsp")
    add("--overwrite", action="store_true", help="replace a target that exists")
    shared.add_common(group)
    command_run.add_faces(stream)
    group = stream.add_argument_group("surrogates")
    command_run.add_generator(group)
    command_run.add_mixing(group)
    command_run.add_wearing(group)
    command_run.add_wishes(group)
    shared.add_salt(group)
    command_run.add_encoding(stream.add_argument_group("outputs"))


class Stop:
    """Set by the first interrupt; the second one breaks off."""

    def __init__(self) -> None:
        self.given = False
        for number in _INTERRUPTS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.given = True
        for either in _INTERRUPTS:
            signal.signal(either, signal.default_int_handler)

    def __call__(self) -> bool:
        return self.given


def _run(options: argparse.Namespace) -> int:
    settings = shared.settings(options)
    salt = shared.salt(options)
    from pipeline import display, encoders, live, rooms
    from pipeline import stream as way
    from pipeline.chain import Step
    from pipeline.crew import Crew
    from pipeline.job import Task

    _check(options)
    encoders.check(settings.encoder)
    form = options.form or live.form_of(options.target)
    furnished = rooms.furnish(settings, options.db)
    stopped = Stop()
    task = Task(Path(live.shown(options.source)), Path(live.shown(options.target)))
    start = time.monotonic()
    source = live.LiveSource(options.source, stopped, options.source_form or None)
    try:
        with (
            Crew() as crew,
            display.progress([task], options.quiet) as shown,
            live.sending(source, options.target, settings, form) as writer,
        ):
            ahead, report = options.lookahead, task.report
            window = way.Window(furnished, settings, salt, ahead, report, crew)
            for written in way.run(source, writer, window, crew):
                shown.step(task, Step("render", written))
    finally:
        source.close()
    task.state, task.seconds = "done", time.monotonic() - start
    display.summary([task], options.quiet)
    if source.problem:
        raise MediaError(f"{source.problem}; {task.target} holds what came before")
    return 0


def _check(options: argparse.Namespace) -> None:
    from pipeline import live
    from pipeline.stream import LONGEST

    if not 0 <= options.lookahead <= LONGEST:
        raise SettingsError(f"--lookahead must lie in 0..{LONGEST:g}, got {options.lookahead}")
    if options.form and options.form not in live.FORMS:
        raise SettingsError(f"no form called {options.form!r}; known: {', '.join(live.FORMS)}")
    target = options.target
    if target == live.STANDARD:
        if (options.form or "mkv") not in {"mkv", "mpegts"}:
            raise SettingsError(f"--form {options.form} cannot be written to standard output: "
                "use mkv or mpegts")  # fmt: skip
    elif not live.is_address(target):
        if os.path.lexists(target) and not options.overwrite:
            raise SettingsError(f"{target} is there already: add --overwrite or name another")
        if not Path(target).absolute().parent.is_dir():
            raise SettingsError(f"{Path(target).parent} is no folder: make it first")
