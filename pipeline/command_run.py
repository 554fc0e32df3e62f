"""`facesurrogate run`, which `./generate.sh` calls: photos, videos and folders."""

import argparse
import json
import logging
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline import box_options, keep_options, record_options, steering
from pipeline import options as shared
from pipeline.registry import BACKENDS
from pipeline.settings import (
    DEVICES,
    DONORS,
    ENCODERS,
    EXPRESSIONS,
    GLASSES,
    MODES,
    OCCLUSIONS,
    PERSON_SCOPES,
    Settings,
)
from pipeline.weights import DB

if TYPE_CHECKING:
    from pipeline.job import Task
    from pipeline.rooms import Rooms

_DEFAULT: Final = Settings()

log = logging.getLogger("facesurrogate")


def add_to(commands: shared.Commands) -> None:
    """Add `run` to the command line."""
    run = commands.add_parser(
        "run",
        help="replace every face in photos, videos and folders",
        description="Replace every face in photos and videos. With no INPUT the folder in/ "
        "is processed to out/; an empty in/ is given a demo clip first.",
        formatter_class=shared.Defaults,
    )
    run.set_defaults(run=_run)
    _add_files(run)
    add_faces(run)
    box_options.add_to(run)
    keep_options.add_to(run)
    _add_surrogates(run)
    _add_outputs(run)


def joined(arguments: list[str]) -> list[str]:
    """The arguments with "--scheme k-same 5" as one option, so that inputs may follow it."""
    result: list[str] = []
    for argument in arguments:
        spelled = result[-1:] == ["--scheme=k-same"] or result[-2:] == ["--scheme", "k-same"]
        if spelled and argument.isdigit():
            result[-1] = f"{result[-1]} {argument}"
        else:
            result.append(argument)
    return result


def _run(options: argparse.Namespace) -> int:
    settings = Settings(**{f.name: getattr(options, f.name) for f in fields(Settings)})
    salt = shared.salt(options)
    keep_options.check(options, settings)
    box_options.check(options)
    record_options.check(options)
    _warn(settings)
    inputs = options.inputs or [_standard_input_folder(options.quiet)]
    from pipeline import display, encoders, job, rooms

    encoders.check(settings.encoder)
    tasks, problems = job.tasks(inputs, options.out, settings)
    for problem in problems:
        log.error("%s", problem)
    log.debug("settings: %s", settings.record())
    if options.record:
        record_options.note_skipped(tasks)
    waiting = [task for task in tasks if task.state == "waiting"]
    if waiting or not tasks:
        furnished = keep_options.keeping(options, settings, rooms.furnish(settings, options.db))
        furnished = box_options.giving(options, [task.path for task in tasks], furnished)
        if options.record:
            record_options.prepare(tasks, furnished, settings, options)
        record = _process(tasks, furnished, settings, salt, options)
        if options.report:
            _write(options.report, record)
    if not tasks and not problems:
        log.warning("nothing to do: no photo or video in %s", ", ".join(map(str, inputs)))
    display.summary(tasks, options.quiet)
    return int(bool(problems) or any(task.state == "failed" for task in tasks))


def _warn(settings: Settings) -> None:
    if settings.glasses == "keep":
        log.warning(
            "--glasses keep can give people away: real frames make recognisers sure of them"
        )
    if settings.donors == "nearest":
        log.warning("--donors nearest gives away whom a person resembles: for comparison only")
    if settings.identity:
        log.warning("--identity gives all people one face: they cannot be told apart any more")


def _process(
    tasks: list["Task"],
    rooms: "Rooms",
    settings: Settings,
    salt: bytes,
    options: argparse.Namespace,
) -> dict[str, object]:
    """Work off the files; what may be said of the scheme afterwards."""
    from pipeline import closed, display, job, k_same, workers
    from pipeline.cast import Cast

    waiting = [task for task in tasks if task.state == "waiting"]
    k = steering.k_same(settings.scheme)
    together = closed.ClosedSet(tasks, rooms, settings, k) if k and waiting else None
    cast = None
    if settings.person_scope == "job" and not k:
        job.refuse_skipped(tasks, "--person-scope job")
        cast = Cast()
    count = workers.number(options.jobs, len(waiting))
    if count > 1 and (together or cast):
        log.info("--jobs %s: these files belong together and come one by one", options.jobs)
        count = 1
    with display.progress(waiting, options.quiet) as shown:
        if together:
            for task, step in together.run(salt):
                shown.step(task, step)
            for task in waiting:
                shown.finish(task)
        elif count > 1:
            order = workers.Order(options, settings, salt, [task.path for task in tasks])
            for task, told in workers.run(waiting, order, count):
                shown.finish(task) if told is None else shown.step(task, told)
        else:
            for task in waiting:
                for step in job.run(task, rooms, settings, salt, cast):
                    shown.step(task, step)
                shown.finish(task)
    if together is None:
        return k_same.NO_CLAIM
    log.info("%s", together.outcome.line)
    return together.outcome.record()


def _write(target: Path, record: dict[str, object]) -> None:
    from pipeline.atomic import replacing

    with replacing(target) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _standard_input_folder(quiet: bool) -> Path:
    from pipeline import demo, job

    folder = DB.parent / "in"
    if job.is_empty(folder):
        demo.write(folder)
        if not quiet:
            log.warning("in/ was empty: wrote a demo clip to %s", folder / demo.NAME)
    return folder


def _add_files(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("files")
    group.add_argument("inputs", nargs="*", type=Path, metavar="INPUT", help="files or folders")
    group.add_argument("--out", type=Path, default=DB.parent / "out", help="where outputs go")
    group.add_argument("--suffix", default=_DEFAULT.suffix, help="added to each output's name")
    group.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    group.add_argument("--jobs", default="1", metavar="N|auto",
        help="files to work on at once, the largest first; each takes memory of its own: 1.2 GB at "
        "1080p")  # fmt: skip
    group.add_argument("--report", type=Path, metavar="FILE",
        help="write here, as JSON, what the scheme guarantees: groups and their sizes")  # fmt: skip
    record_options.add_to(group)
    shared.add_common(group)


def add_faces(run: argparse.ArgumentParser) -> None:
    """How faces are found and told apart."""
    group = run.add_argument_group("faces")
    known = {room: ", ".join(names) for room, names in BACKENDS.items()}
    add = group.add_argument
    add("--mode", default=_DEFAULT.mode, help=f"what to show instead: {', '.join(MODES)}")
    add("--detector", default=_DEFAULT.detector, help=f"finds faces: {known['detector']}")
    add("--detect-size", type=int, default=_DEFAULT.detect_size,
        help="px of the longer side of the picture in which faces are sought")  # fmt: skip
    add("--detect-every", type=_number_or_word, default=_DEFAULT.detect_every, metavar="N",
        help="seek faces in every n-th frame and follow them in between; auto: in every 12th, "
        "at a glance in every 4th, and where much changed or a face is hard to follow")  # fmt: skip
    add("--detect-threshold", type=float, default=_DEFAULT.detect_threshold,
        help="score from which a face starts to be followed; lower covers more")  # fmt: skip
    add("--min-face", type=int, default=_DEFAULT.min_face,
        help="px; smaller finds are taken for noise")  # fmt: skip
    add("--extractor", default=_DEFAULT.extractor, help=f"tells people apart: {known['extractor']}")
    add("--device", default=_DEFAULT.device,
        help=f"where networks run: {', '.join(DEVICES)}; auto: on a GPU if there is "
        "one; cuda and those after it: by ONNX Runtime, see docs/speed.md")  # fmt: skip


def _number_or_word(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _add_surrogates(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("surrogates")
    add = group.add_argument
    add_generator(group)
    add_mixing(group)
    add_wearing(group)
    add_wishes(group)
    add("--person-scope", default=_DEFAULT.person_scope,
        help=f"{' or '.join(PERSON_SCOPES)}: how far one person keeps one surrogate; job: through "
        "all files, which then tell who is in which of them")  # fmt: skip
    add("--scheme", default=_DEFAULT.scheme, metavar="default|k-same K",
        help="k-same K: groups of K or more people of this job share a surrogate; "
        "default: nothing formal is claimed")  # fmt: skip
    shared.add_salt(group)


def add_generator(group: argparse._ArgumentGroup) -> None:
    """Which generator, and of which class."""
    add = group.add_argument
    add("--generator", default=_DEFAULT.generator,
        help="name under DB/generators (default: current)")  # fmt: skip
    add("--generator-class", default=_DEFAULT.generator_class, metavar="MODULE:CLASS",
        help="class that draws from that folder, if it is none of ours")  # fmt: skip


def add_mixing(group: argparse._ArgumentGroup) -> None:
    """How many donors are mixed for a person, and how they are chosen."""
    add = group.add_argument
    add("--donors", default=_DEFAULT.donors,
        help=f"how donors are chosen: {', '.join(DONORS)}; nearest gives people away")  # fmt: skip
    add("-k", type=int, default=_DEFAULT.k, help="how many donors are mixed for a person")


def add_wearing(group: argparse._ArgumentGroup) -> None:
    """What surrogates do with a person's shape, expression and glasses; one mix for all."""
    add = group.add_argument
    add("--shape", type=float, default=_DEFAULT.shape,
        help="0..1: how far a face's shape moves towards its surrogate's")  # fmt: skip
    add("--expression", default=_DEFAULT.expression,
        help=f"{' or '.join(EXPRESSIONS)}; neutral: mouth closed, eyes open")  # fmt: skip
    add("--glasses", default=_DEFAULT.glasses,
        help=f"{', '.join(GLASSES)}; draw: who wears some gets another pair, made up; drop: none; "
        "keep: their own in front of the surrogate, which can give them away")  # fmt: skip
    add("--occlusion", default=_DEFAULT.occlusion,
        help=f"{' or '.join(OCCLUSIONS)} what is in front of a face, as a hat brim or a "
        "microphone, where it is surely no part of it")  # fmt: skip
    add("--identity", default=_DEFAULT.identity, metavar="ROWS",
        help="the same donors for everybody, as 12,40,77,301")  # fmt: skip


def add_wishes(group: argparse._ArgumentGroup) -> None:
    """What donors must look like, whatever the person does."""
    add = group.add_argument
    add("--age", default=_DEFAULT.age, metavar="YEARS", help="donors that look it, as 20..40")
    add("--sex", default=_DEFAULT.sex, help=f"donors that look {' or '.join(steering.SEXES)}")
    add("--skin", default=_DEFAULT.skin, metavar="TONES",
        help=f"donors of these skin tones: {', '.join(steering.SKINS)}, a range "
        "(light..tan) or degrees of ITA (10..41)")  # fmt: skip


def _add_outputs(run: argparse.ArgumentParser) -> None:
    group = run.add_argument_group("outputs")
    add_encoding(group)
    add = group.add_argument
    add("--max-pixels", type=int, default=_DEFAULT.max_pixels,
        help="megapixels above which a picture is refused")  # fmt: skip
    add("--keep-date", action="store_true", help="keep the date of recording")


def add_encoding(group: argparse._ArgumentGroup) -> None:
    """How videos are encoded."""
    add = group.add_argument
    add(
        "--crf", type=int, default=_DEFAULT.crf, help="quality, 0 best (x264: lossless) .. 51 worst"
    )
    add("--preset", default=_DEFAULT.preset, help="encoder's speed: ultrafast .. veryslow")
    add("--encoder", default=_DEFAULT.encoder,
        help=f"{', '.join(ENCODERS)}; all but x264 need their hardware")  # fmt: skip
