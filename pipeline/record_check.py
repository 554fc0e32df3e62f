"""What no schema can tell of a record: whether its parts fit each other, and what people edited."""

import hashlib
import json
from collections.abc import Sequence

from pipeline.errors import RecordError
from pipeline.record import Added, Record, TrackEntry


def check(record: Record) -> None:
    """Raise RecordError where numbers repeat, or frames and boxes are none of the file's."""
    persons = [person.number for person in record.persons]
    for name, numbers in (("persons", persons), ("tracks", [t.number for t in record.tracks])):
        if len(set(numbers)) < len(numbers):
            raise RecordError(f"two of {name} have one number")
    for row, track in enumerate(record.tracks):
        _check_track(f"tracks[{row}]", track, persons, record.input.frames)
    for row, added in enumerate(record.added):
        _check_added(f"added[{row}]", added, persons, record)


def _check_track(where: str, track: TrackEntry, persons: Sequence[int], frames: int) -> None:
    if track.person not in persons:
        raise RecordError(f"{where}.person: nobody in persons has the number {track.person}")
    if track.last >= frames:
        raise RecordError(f"{where}.boxes: frame {track.last} is beyond the file's {frames}")
    if len(track.altered) != len(track.boxes):
        raise RecordError(f"{where}.altered must be as long as boxes, {len(track.boxes)}")
    for how, first, last in track.coverage:
        if not track.first <= first <= last <= track.last:
            raise RecordError(f"{where}.coverage: {how} {first}..{last} lies outside of the "
                f"track's {track.first}..{track.last}")  # fmt: skip


def _check_added(where: str, added: Added, persons: Sequence[int], record: Record) -> None:
    (x1, y1, x2, y2), source = added.box, record.input
    if not added.first <= added.last < source.frames:
        raise RecordError(f"{where}: first..last must lie in 0..{source.frames - 1}, got "
            f"{added.first}..{added.last}")  # fmt: skip
    outside = min(x2, y2) <= 0 or x1 >= source.width or y1 >= source.height
    if x1 >= x2 or y1 >= y2 or outside:
        raise RecordError(f"{where}.box must be x1 y1 x2 y2 in the picture, got {added.box}")
    if added.person is not None and added.person not in persons:
        raise RecordError(f"{where}.person: nobody in persons has the number {added.person}")


def seal(record: Record) -> str:
    """sha256 of what nobody may edit: a face whose boxes were lost by mistake would be shown.

    It is no signature: whoever wants to show a face can say so in `decision`.
    """
    total = hashlib.sha256(f"[{json.dumps(record.output.sha256)}, [".encode())
    for row, t in enumerate(record.tracks):
        shown = t.rendered.decision, t.rendered.person
        track = [t.number, t.first, t.boxes, t.altered, t.coverage, *shown]
        total.update(((", " if row else "") + json.dumps(track, default=list)).encode())
    total.update(b"]]")
    return total.hexdigest()
