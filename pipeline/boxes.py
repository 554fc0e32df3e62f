"""Boxes that another detector drew, whatever format they came in."""

from dataclasses import dataclass
from functools import reduce
from math import gcd
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.contract import Floats, Ints
from pipeline.errors import BoxesError

LARGEST: Final = 1e6
_MOST_APART: Final = 30

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """n boxes of one photo or video in the order of their frames, as one file gave them."""

    path: Path
    place: str  # what the file counts them by, as "line {}"
    places: Ints  # (n,)
    frames: Ints  # (n,) from 0
    boxes: Floats  # (n, 4) x1 y1 x2 y2, px
    pictures: Ints  # (m,) the frames that the file speaks of, from 0, in order
    every: int  # of how many frames one was looked at: nobody says so, but their numbers tell
    size: tuple[int, int] | None = None  # width and height of pictures, where the file tells
    listed: bool = False  # whether the file lists pictures without boxes too

    @classmethod
    def of(
        cls,
        path: Path,
        place: str,
        rows: tuple[Ints, Ints, Floats],
        pictures: Ints | None = None,
        size: tuple[int, int] | None = None,
    ) -> "Boxes":
        """From `rows` in any order, which are places, frames and boxes."""
        places, frames, boxes = rows
        order = np.argsort(frames, kind="stable")
        spoken_of = np.unique(frames if pictures is None else pictures)
        own = places[order], frames[order], boxes[order].astype(np.float32)
        every = min(reduce(gcd, np.diff(spoken_of).tolist(), 0), _MOST_APART) or 1
        return cls(path, place, *own, spoken_of, every, size, pictures is not None)

    def at(self, frame: int) -> Floats:
        """(n, 4) the boxes of one frame."""
        first, last = np.searchsorted(self.frames, [frame, frame + 1])
        return self.boxes[first:last]

    def sought(self, frame: int) -> bool:
        """Whether somebody looked for faces in a frame."""
        return not len(self.pictures) or (frame - int(self.pictures[0])) % self.every == 0

    def check_size(self, size: tuple[int, int]) -> None:
        """Raise BoxesError where the boxes were not drawn in a picture of `size`."""
        shown = f"{size[0]}x{size[1]}"
        if self.size is not None and self.size != size:
            raise BoxesError(
                f"{self.path}: was made for pictures of {self.size[0]}x{self.size[1]}, and this "
                f"one is {shown}"
            )
        part = np.minimum(self.boxes[:, 2:], size) - np.maximum(self.boxes[:, :2], 0)
        outside = np.flatnonzero((part <= 0).any(axis=1))
        if len(outside):
            box = ", ".join(f"{edge:g}" for edge in self.boxes[outside[0]].tolist())
            raise BoxesError(
                f"{self._where(int(outside[0]))}: the box ({box}) lies outside of the {shown} "
                "picture: boxes are in pixels of the picture as it is shown"
            )

    def check_frames(self, count: int) -> None:
        """Raise BoxesError where the file speaks of frames beyond the `count` that there are."""
        beyond = np.flatnonzero(self.frames >= count)
        if len(beyond):
            row = int(beyond[0])
            raise BoxesError(f"{self._where(row)}: {_beyond(int(self.frames[row]), count)}")
        if len(self.pictures) and self.pictures[-1] >= count:
            raise BoxesError(f"{self.path}: {_beyond(int(self.pictures[-1]), count)}")

    def check_whole(self, count: int) -> None:
        """Raise BoxesError where the file lists pictures, and not up to both ends of the clip: in
        what is missing nobody has looked for faces.
        """
        if not self.listed or not len(self.pictures):
            return
        first, last = int(self.pictures[0]), int(self.pictures[-1])
        if first >= self.every or last + self.every < count:
            raise BoxesError(
                f"{self.path}: lists pictures of the frames {first}..{last} of {count}, and "
                "--boxes-only lets nobody else look: leave it out"
            )

    def _where(self, row: int) -> str:
        return f"{self.path}: {self.place.format(int(self.places[row]))}"


def wrong(boxes: Table) -> tuple[int, str] | None:
    """The first of (n, 4) left, top, width, height that is no box, and why; None where all are."""
    with np.errstate(invalid="ignore"):
        for bad, why in (
            (~np.isfinite(boxes).all(axis=1), "a box must have four numbers"),
            ((boxes[:, 2:] <= 0).any(axis=1), "a box must have a width and a height above 0"),
            ((np.abs(boxes) > LARGEST).any(axis=1), "a box is larger than any picture"),
        ):
            rows = np.flatnonzero(bad)
            if len(rows):
                got = ", ".join(f"{value:g}" for value in boxes[rows[0]].tolist())
                return int(rows[0]), f"{why}, got {got}"
    return None


def _beyond(frame: int, count: int) -> str:
    return (
        f"frame {frame} (counted from 0) is beyond the {count} of this file: the boxes are of "
        "another one, or --boxes-first must tell from which number they count"
    )
