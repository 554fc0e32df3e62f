"""What a person changed in a record, and what follows for each frame: what is drawn anew there and
what may be copied from the output before.

Where faces lie over each other, one picture holds both: as soon as one of them changes, all of them
are drawn anew, so that nothing is copied that shows somebody's surrogate who is kept now.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.geometry import bounds, pixels, scaled
from pipeline.record import FALLBACK, IGNORE, PASTED, REPLACE, Box, Record, Rendered, TrackEntry

_MIDDLE: Final = 0.5  # of a box, which what covers the face
_HIDDEN: Final = 0.4  # must hide a share of: see chain.py
_REACH: Final = 1.5  # of a face's box, over which its surrogate or cover may reach
BY_HAND: Final = "decided by hand"
ADDED: Final = "added by hand"


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame: what is copied from the output before, and the rows of the tracks drawn anew."""

    copied: list[tuple[int, int, int, int]]
    drawn: list[int]


class Edits:
    """What becomes of `tracks`; with `afresh` nothing can be copied."""

    def __init__(
        self, tracks: list[TrackEntry], size: tuple[int, int], afresh: bool = False
    ) -> None:
        self._tracks, self._size, self._afresh = tracks, size, afresh
        self._at: dict[int, list[int]] = defaultdict(list)
        for row, track in enumerate(tracks):
            for frame in shown(track):
                self._at[frame].append(row)

    def scene(self, frame: int) -> Scene:
        """What one frame is made of."""
        rows = self._at.get(frame, [])
        covered = {row for row in rows if not _uncovered(self._tracks[row])}
        drawn = {row for row in covered if self._anew(row, frame)}
        touched = [self._reach(row, frame) for row in drawn]
        if not self._afresh:
            # What the output before shows of those who are kept now must not come along.
            stale = [self._was(row, frame) for row in rows if row not in covered]
            touched += [box for box in stale if box is not None]
        rest = {row: self._was(row, frame) for row in covered - drawn}
        copied = {row: box for row, box in rest.items() if box is not None}
        while touched:
            near = [row for row, box in copied.items() if _meets(box, touched)]
            drawn.update(near)
            touched = [self._reach(row, frame) for row in near]
            copied = {row: box for row, box in copied.items() if row not in near}
        boxes = [(x1, y1, x2, y2) for x1, y1, x2, y2 in copied.values()]
        return Scene(boxes, sorted(drawn))

    def drawn(self) -> dict[int, list[int]]:
        """The frames in which each track that is drawn anew is so, by its row."""
        result: dict[int, list[int]] = defaultdict(list)
        for frame in sorted(self._at):
            if any(self._anew(row, frame) for row in self._at[frame]):
                for row in self.scene(frame).drawn:
                    result[row].append(frame)
        return result

    def _anew(self, row: int, frame: int) -> bool:
        """Whether it is not enough to copy what the output before shows of a face."""
        track, was = self._tracks[row], self._was(row, frame)
        if self._afresh or track.edited:
            return True
        if was is None:
            return track.decision == REPLACE
        middle = pixels(scaled(np.array(track.boxes[frame - track.first], np.float32), _MIDDLE),
            self._size)  # fmt: skip
        return _common(was, middle) < _HIDDEN * _common(middle, middle)

    def _was(self, row: int, frame: int) -> Box | None:
        track = self._tracks[row]
        return track.altered[frame - track.first]

    def _reach(self, row: int, frame: int) -> Box:
        """What the drawing of a face may change, and what it has changed before."""
        track, before = self._tracks[row], self._was(row, frame)
        box = scaled(np.array(track.boxes[frame - track.first], np.float32), _REACH)
        if before is not None:
            box = bounds(np.array([*box, *before], np.float32).reshape(-1, 2))
        return [int(edge) for edge in (*np.floor(box[:2]), *np.ceil(box[2:]))]


def _uncovered(track: TrackEntry) -> bool:
    """Whether a person decided that the face is seen."""
    return track.decision not in (REPLACE, track.rendered.decision)


def shown(track: TrackEntry) -> Iterable[int]:
    """The frames in which a track's face is to be covered, or was: where it is out of the picture
    there is nothing to cover.
    """
    altered = {track.first + row for row, box in enumerate(track.altered) if box is not None}
    if track.decision != REPLACE:
        return sorted(altered)
    every = range(track.first, track.last + 1)
    spans = (range(first, last + 1) for _, first, last in track.coverage)
    return sorted(altered.union(*spans).intersection(every)) if track.coverage else every


def fallbacks(track: TrackEntry) -> set[int]:
    """The frames in which nothing but a cover could be laid over a face."""
    return _frames(track, FALLBACK)


def pasted(track: TrackEntry) -> set[int]:
    """The frames in which a face's mesh was guessed."""
    return _frames(track, PASTED)


def _frames(track: TrackEntry, how: str) -> set[int]:
    spans = (range(first, last + 1) for name, first, last in track.coverage if name == how)
    return set().union(*spans)


def additions(record: Record) -> list[TrackEntry]:
    """The boxes that a person added, as tracks that nobody covers yet and that do not move.

    Whoever is nobody of the record so far gets a number of their own.
    """
    result = []
    track = max((t.number for t in record.tracks), default=0)
    person = max((p.number for p in record.persons), default=0)
    for row, added in enumerate(record.added, 1):
        person += added.person is None
        number = person if added.person is None else added.person
        count = added.last - added.first + 1
        result.append(TrackEntry(
            number=track + row, person=number, decision=REPLACE, reason=ADDED, first=added.first,
            boxes=[added.box] * count, altered=[None] * count, coverage=[],
            rendered=Rendered(IGNORE, number),
        ))  # fmt: skip
    return result


def _common(a: Box | tuple[int, ...], b: Box | tuple[int, ...]) -> int:
    """The pixels that two boxes share."""
    low, high = map(max, a[:2], b[:2]), map(min, a[2:], b[2:])
    width, height = (end - start for start, end in zip(low, high, strict=True))
    return max(width, 0) * max(height, 0)


def _meets(box: Box, others: list[Box]) -> bool:
    x1, y1, x2, y2 = box
    return any(x1 < b[2] and b[0] < x2 and y1 < b[3] and b[1] < y2 for b in others)
