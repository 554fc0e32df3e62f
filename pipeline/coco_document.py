"""Which pictures of a COCO document are of which photo or video."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from pipeline.boxes import Boxes
from pipeline.contract import Floats, Ints
from pipeline.errors import BoxesError
from pipeline.media import IMAGE_ENDINGS, MEDIA_ENDINGS

ANNOTATION: Final = "annotations[{}]"
_NUMBER: Final = re.compile(r"(\d+)$")
_MOT_FOLDER: Final = "img1"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, or a frame of a video."""

    name: str
    video: str | None
    frame: int | None
    size: tuple[int, int] | None

    @property
    def parts(self) -> tuple[str, ...]:
        """Of its path."""
        return PurePosixPath(self.name).parts

    @property
    def group(self) -> tuple[str, ...]:
        """Of the path of the video that it is a frame of, or of the folder that it lies in."""
        if self.video is not None:
            return PurePosixPath(self.video).parts
        folders = self.parts[:-1]
        return folders[:-1] if folders[-1:] == (_MOT_FOLDER,) else folders

    @property
    def number(self) -> int | None:
        """At the end of its name."""
        found = _NUMBER.search(PurePosixPath(self.name).stem)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Place:
    """An image of a document, and the frame of an input that it shows."""

    image: int
    frame: int


class Document:
    """The images of one file with their boxes."""

    def __init__(self, path: Path, images: list[Image], rows: tuple[Ints, Ints, Floats]) -> None:
        """`rows` are places in `annotations` (n,), rows of `images` (n,), and boxes (n, 4)."""
        self._path, self._images, self._rows = path, images, rows

    def places(self, path: Path, first: int | None, alone: bool) -> list[Place] | None:
        """Which images are of the photo or video at `path`; None where none is.

        By the file's name; else by the name of its video or folder; else, if `path` is `alone`,
        those of the only video or folder. `first` is the number of a clip's first frame.
        """
        images = self._images
        named = self._nearest(path, [image.parts for image in images])
        if named:
            if len(named) > 1 and any(images[row].frame is None for row in named):
                raise BoxesError(f"{self._path}: {len(named)} images are called {path.name!r}")
            frames = [images[row].frame for row in named]
            start = first or 0
            return [
                Place(row, 0 if frame is None else self._counted(row, frame, start))
                for row, frame in zip(named, frames, strict=True)
            ]
        groups = sorted({image.group for image in images})
        photo = path.suffix.lower() in IMAGE_ENDINGS and path.suffix.lower() != ".gif"
        chosen = [] if photo else [groups[i] for i in self._nearest(path, groups, clip=True)]
        if not chosen and alone and len(groups) == 1:
            chosen = groups
        if len(chosen) > 1:
            several = " and ".join("/".join(group) for group in chosen[:2])
            raise BoxesError(f"{self._path}: {several} may both be {path}")
        if not chosen:
            return None
        rows = [row for row, image in enumerate(images) if image.group == chosen[0]]
        return self._frames(rows, first)

    def boxes(self, places: list[Place]) -> Boxes:
        """The boxes of some images."""
        frames = np.full(len(self._images), -1, np.int64)
        for place in places:
            frames[place.image] = place.frame
        numbers, rows, boxes = self._rows
        here = np.flatnonzero(frames[rows] >= 0) if len(rows) else np.zeros(0, np.int64)
        sizes = {self._images[place.image].size for place in places} - {None}
        if len(sizes) > 1:
            raise BoxesError(f"{self._path}: the images of one video differ in size: {sizes}")
        own = numbers[here], frames[rows[here]], boxes[here]
        pictures = np.array([place.frame for place in places], np.int64)
        return Boxes.of(self._path, ANNOTATION, own, pictures, next(iter(sizes), None))

    def _nearest(
        self, path: Path, names: Sequence[tuple[str, ...]], clip: bool = False
    ) -> list[int]:
        """The rows of those names that have most of their end in common with a file's path."""
        ends = [_common(path, name, clip) for name in names]
        most = max(ends, default=0)
        return [row for row, end in enumerate(ends) if end == most and most > 0]

    def _frames(self, rows: list[int], first: int | None) -> list[Place]:
        """By the numbers that the images are given, else by those at the end of their names."""
        numbers = [self._images[row].frame for row in rows]
        start = first or 0
        if any(number is None for number in numbers):
            numbers = [self._images[row].number for row in rows]
            start = (0 if 0 in numbers else 1) if first is None else first
        if len(rows) == 1 and numbers[0] is None:
            return [Place(rows[0], 0)]
        seen: dict[int, int] = {}
        for row, number in zip(rows, numbers, strict=True):
            name = self._images[row].name
            if number is None:
                raise BoxesError(
                    f"{self._path}: image {name!r} names no frame: it has neither frame_id nor a "
                    "number at its end"
                )
            frame = self._counted(row, number, start)
            other = seen.setdefault(frame, row)
            if other != row:
                raise BoxesError(
                    f"{self._path}: {self._images[other].name!r} and {name!r} are both frame "
                    f"{number} of one video"
                )
        return [Place(row, frame) for frame, row in seen.items()]

    def _counted(self, row: int, number: int, start: int) -> int:
        if number < start:
            raise BoxesError(f"{self._path}: {self._images[row].name!r} is frame {number}, but "
                f"they count from {start}")  # fmt: skip
        return number - start


def _common(path: Path, name: tuple[str, ...], clip: bool) -> int:
    """How many parts at the end of two paths are the same; a clip's ending may be missing."""
    if not name:
        return 0
    last = PurePosixPath(name[-1])
    ends = {path.name, path.stem, path.name.replace(".", "_")} if clip else {path.name}
    bare = last.stem if clip and last.suffix.lower() in MEDIA_ENDINGS else last.name
    if not {bare, last.name} & ends:
        return 0
    same = 1
    for own, other in zip(reversed(path.parts[:-1]), reversed(name[:-1]), strict=False):
        if own != other:
            break
        same += 1
    return same
