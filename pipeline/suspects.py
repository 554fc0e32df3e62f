"""Which moments of a file a person should look at, found while it is rendered."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pipeline.planning import Planned
from pipeline.record import FALLBACK, Input, Suspect, timecode
from pipeline.tracks import Seen

_NEAR: Final = 12  # frames between two doubtful ones that count as one moment
_LOW: Final = 0.75  # of a mesh's score

Moment = tuple[int, int, str, int | None]  # first, last, why, track

FAULT, LOW, CUT, NEAR = "fault", "low score", "cut with faces", "near the threshold"


def of_track(
    track: Planned, number: int, coverage: list[list[Any]], faults: list[int]
) -> Iterator[Moment]:
    """Where a face was covered by a mosaic, hardly found, or a room failed on it.

    `coverage` is how it is covered, with first and last frames, where a surrogate is asked for.
    """
    yield from ((*span, FAULT, number) for span in spans(faults))
    seen, low, first, last = set(), [], -1, -1
    for sighting in track.sightings:  # not all at once: they are packed
        last = sighting.frame
        first = last if first < 0 else first
        if sighting.seen != Seen.PREDICTED:  # where it is only expected a cover is what we want
            seen.add(last)
        if sighting.seen in (Seen.SOUGHT, Seen.FILLED) or 0 < sighting.mesh_score < _LOW:
            low.append(last)
    runs = (range(a, b + 1) for how, a, b in coverage if how == FALLBACK)
    covered = (frame for run in runs for frame in run if frame in seen)
    yield from ((*span, FALLBACK, number) for span in spans(covered))
    if track.near and any(track.kept):
        yield first, last, NEAR, number
    yield from ((*span, LOW, number) for span in (spans(low) if track.certain else [(first, last)]))


def cuts(
    starts: Iterable[int], fades: Iterable[tuple[int, int]], busy: set[int]
) -> Iterator[Moment]:
    """Cuts and dissolves next to which a face is seen: there it is most easily missed."""
    for first, last in (*((start - 1, start) for start in starts if start), *fades):
        if any(frame in busy for frame in range(first, last + 1)):
            yield max(first, 0), last, CUT, None


def spans(frames: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of runs of growing frame numbers; small gaps are bridged."""
    first = last = None
    for frame in frames:
        if last is not None and first is not None and frame - last > _NEAR:
            yield first, last
            first = None
        first, last = frame if first is None else first, frame
    if first is not None and last is not None:
        yield first, last


def told(moments: Iterable[Moment], source: Input) -> list[Suspect]:
    """The moments with their times, in the order of these."""
    result = []
    for first, last, why, track in sorted(moments, key=lambda moment: (moment[0], moment[1])):
        seconds = round(source.seconds(first), 3)
        result.append(Suspect(first, last, seconds, timecode(seconds), why, track))
    return result
