"""Looks at the places where faces are only expected while their frames are at hand.

Before its first and after its last sight a face is expected for some frames, and between sights it
is sought by its looks. Where nothing of it is seen there, the track is told so.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pipeline.contract import Floats, Frame
from pipeline.expecting import LEAVING, RECENT, expected, motion, onward
from pipeline.hints import Hints
from pipeline.tracks import Seen, Sighting, Track
from pipeline.vacancy import bare

_KNOWN: Final = 30  # sightings
_BEFORE: Final = 8  # frames

Others = Callable[[Track], Mapping[int, Sequence[Floats]]]


class Absences:
    """Asked after every frame; `recent` holds the last frames, and `others` tells by frame the
    boxes (4,) of the faces that are not a track's. `hints` are the detector's, if it gives any.
    """

    def __init__(self, recent: deque[Frame], others: Others, hints: Hints | None) -> None:
        self._recent, self._others, self._hints = recent, others, hints
        self._told: set[int] = set()  # tracks that know where they were not before

    def step(self, tracks: Sequence[Track], frame: Frame) -> None:
        """The last frame has been seen, and is among the recent ones."""
        self._told &= {track.number for track in tracks}
        for track in tracks:
            if frame.index - track.first.frame >= RECENT:
                self._before(track)
            lost = frame.index - track.last.frame
            sought = lost == 0 and track.last.seen > Seen.FOLLOWED
            if track.evidence >= 1 and (sought or 0 < lost <= LEAVING):
                self._after(track, frame)

    def cut(self, tracks: Sequence[Track]) -> None:
        """The shot is over."""
        for track in tracks:
            self._before(track)
        self._told.clear()

    def _before(self, track: Track) -> None:
        if track.number in self._told:
            return
        self._told.add(track.number)
        first, step = track.first, motion(track.sightings[:RECENT])
        early = [f.index for f in self._recent if f.index < first.frame]
        places = [expected(first, number, step, None) for number in early[-_BEFORE:]]
        self._look(track, [*places, *(s for s in track.sightings if s.seen == Seen.SOUGHT)])

    def _after(self, track: Track, frame: Frame) -> None:
        last = track.sightings[-RECENT:]
        place = last[-1]
        if place.frame < frame.index:
            step, more = onward(last, last, frame.size)
            if frame.index - place.frame > more:
                return
            place = expected(place, frame.index, step, None)
        self._look(track, [place])

    def _look(self, track: Track, places: Sequence[Sighting]) -> None:
        sure = [s for s in track.sightings[-_KNOWN:] if s.seen <= Seen.FOLLOWED]
        if places and sure:
            track.vacant |= bare(places, sure, self._recent, self._others(track), self._hints)
