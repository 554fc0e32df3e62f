"""Renders a file again from its edited record: only the faces that changed are drawn anew.

All others are copied from the output before or, where that is missing or was altered, drawn from
their boxes and donors too. The record follows the output, so that a crash between the two leaves
one that does not fit its output any more: then everything is drawn anew the next time.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain as one_after_the_other
from itertools import repeat
from pathlib import Path
from typing import Final

from pipeline import chain, media, planes, renewing
from pipeline import record as records
from pipeline.analysis import Analysis, digest
from pipeline.chain import Report, Step
from pipeline.contract import Frame
from pipeline.crew import Crew
from pipeline.edits import Edits, additions
from pipeline.errors import RecordError
from pipeline.media import Source
from pipeline.planning import Plan
from pipeline.record import Record
from pipeline.recording import Job, Recorder
from pipeline.replanning import Draft, planned
from pipeline.retracing import Retracer
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from replacer.occlusion import Own

_END: Final = [None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What is to be rendered again, and with what."""

    record: Record
    path: Path  # of the record
    target: Path
    previous: Path | None  # the output before, None where it is of no use
    rooms: Rooms
    settings: Settings
    models: dict[str, str]
    salt: bytes


def usable(record: Record, path: Path) -> Path | None:
    """The output before if it is there and as it was written, else None.

    What shows the faces of the input is no output, whatever a record says.
    """
    try:
        same = path.is_file() and digest(path).hex() == record.output.sha256
        if same and record.output.sha256 != record.input.sha256:
            return path
    except (OSError, ValueError):  # a name with a NUL
        pass
    return None


def run(source: Source, order: Order, report: Report) -> Iterator[Step]:
    """Write the output, and when it is whole the record of it.

    Raises RecordError where the record does not fit the file, MediaError as `chain.run` does.
    """
    record = order.record
    analysis = Analysis(
        bytes.fromhex(record.input.sha256), record.input.frames, faults=report.faults
    )
    retracer = Retracer(order.rooms, report.faults)
    tracks = [*record.tracks, *additions(record)]
    added = {row: tracks[row] for row in range(len(record.tracks), len(tracks))}
    for count in retracer.follow(source, added, record.tracks):
        yield Step("analyse", count)
    size = record.input.width, record.input.height
    edits = Edits(tracks, size, afresh=order.previous is None)
    draft = Draft(record, tracks, edits.drawn())
    faces = sum(len(frames) for frames in draft.drawn.values())
    log.info("%s: %d faces of frames are drawn anew", source.path.name, faces)
    if order.rooms.drawing is not None:
        some = {row: frames for row, frames in draft.wanted().items() if row not in added}
        for count in retracer.study(source, draft, some):
            yield Step("analyse", count)
    plan = planned(draft, retracer.tracks, analysis, (order.rooms, order.settings, order.salt))
    recorder = report.recorder = Recorder(order.path, Job(order.settings, order.models))
    report.expected = record.input.frames
    for frame in _rendered(source, (edits, plan), order, report):
        yield Step("render", frame.index + 1)
    renewed = renewing.renewed(draft, plan, recorder, (order.target, order.path), order.models)
    renewing.count(renewed, report)
    records.write(renewed, order.path)


def _rendered(
    source: Source, todo: tuple[Edits, Plan], order: Order, report: Report
) -> Iterator[Frame]:
    """Write every frame, and give it."""
    edits, plan = todo
    own: dict[int, Own] = {}
    with Crew() as crew, source.writer(order.target, order.settings) as writer:
        for frame, before in _pairs(source, order):
            scene = edits.scene(frame.index)
            made = frame
            if scene.copied and before is not None:
                made = planes.copied(frame, before, scene.copied)
            if scene.drawn:
                made = chain.covered(made, plan, order.rooms, report, own, crew)
            else:
                own.clear()
            writer.write(made)
            yield made
        _check_still(order)


def _pairs(source: Source, order: Order) -> Iterator[tuple[Frame, Frame | None]]:
    """Each frame with that of the output before. Raises RecordError where they do not fit."""
    told, path = order.record.input, order.previous
    before: Iterator[Frame | None] = repeat(None)
    if path is not None:
        before = one_after_the_other(media.open_source(path, order.settings).frames(), _END)
    count = 0
    for count, frame in enumerate(source.frames(), 1):
        if frame.size != (told.width, told.height):
            raise RecordError(f"the record tells of {told.width}x{told.height} px, the frames of "
                f"{source.path} have {frame.size[0]}x{frame.size[1]}")  # fmt: skip
        if count > told.frames:
            break
        other = next(before)
        if path is not None and (other is None or other.size != frame.size):
            raise _misfit(path, told.frames)
        yield frame, other
    if count != told.frames:
        raise RecordError(f"the record tells of {told.frames} frames, {source.path} has "
            f"{'more' if count > told.frames else count}")  # fmt: skip
    if path is not None and next(before) is not None:
        raise _misfit(path, told.frames)


def _check_still(order: Order) -> None:
    """Raise RecordError where the output before was exchanged since it was checked."""
    path = order.previous
    if path is not None and digest(path).hex() != order.record.output.sha256:
        raise RecordError(f"{path}, the output before, changed meanwhile: render again")


def _misfit(path: Path, frames: int) -> RecordError:
    return RecordError(f"{path}, the output before, has not the {frames} frames or the size of "
        "the record: take it away, and all faces are drawn anew")  # fmt: skip
