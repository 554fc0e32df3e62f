"""Finds all known faces of a frame again at once, before anybody asks for one after the other."""

from collections.abc import Sequence

from pipeline.contract import Faces, Frame
from pipeline.crew import Crew
from pipeline.following import Follower
from pipeline.tracks import Sighting


class Forefollower:
    """A follower whose work was done in threads when it is asked, where it was told in time.

    What it gives is what the follower gives: each answer depends on its question alone.
    """

    def __init__(self, follower: Follower, crew: Crew | None) -> None:
        self._follower, self._crew = follower, crew
        self._seen: dict[int, Sighting] = {}  # by the row of a detection
        self._followed: dict[int, tuple[Sighting, Sighting | None]] = {}  # by the one asked for

    def foresee(
        self,
        frame: Frame,
        faces: Faces,
        pairs: Sequence[tuple[int, Sighting | None]],
        nears: Sequence[Sighting],
    ) -> None:
        """Soon `sighting` will be asked for `pairs` of a row and the sighting before, and
        `followed` for `nears`.
        """
        self._seen, self._followed = {}, {}
        if self._crew is None or len(pairs) + len(nears) < 2:
            return
        seeing = [(row, near, True) for row, near in pairs]
        following = [(row, near, False) for row, near in enumerate(nears)]

        def found(one: tuple[int, Sighting | None, bool]) -> Sighting | None:
            row, near, seen = one
            if seen or near is None:
                return self._follower.sighting(frame, faces, row, near)
            return self._follower.followed(near, frame)

        made = self._crew.all(found, [*seeing, *following])
        for (row, near, seen), sighting in zip([*seeing, *following], made, strict=True):
            if not seen and near is not None:
                self._followed[id(near)] = near, sighting
            elif sighting is not None:
                self._seen[row] = sighting

    def sighting(
        self, frame: Frame, faces: Faces, row: int, near: Sighting | None = None
    ) -> Sighting:
        """As of the follower."""
        seen = self._seen.pop(row, None)
        return self._follower.sighting(frame, faces, row, near) if seen is None else seen

    def followed(self, near: Sighting, frame: Frame) -> Sighting | None:
        """As of the follower."""
        known = self._followed.get(id(near))
        if known is not None and known[0] is near:
            del self._followed[id(near)]
            return known[1]
        return self._follower.followed(near, frame)
