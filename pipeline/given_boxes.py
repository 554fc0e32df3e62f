"""Boxes that a run was given: which file of boxes belongs to which input, and what they add.

A box given is a face, whatever our own rooms think of it: it is covered where nobody confirms it.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline import coco, mot
from pipeline.boxes import Boxes
from pipeline.coco_document import Document, Place
from pipeline.contract import Faces, Frame
from pipeline.errors import BoxesError
from pipeline.geometry import overlap

_SAME_FACE: Final = 0.5
_JSON: Final = ".json"
_ENDINGS: Final = (".mot.txt", ".txt", ".csv", ".coco.json", _JSON)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """How files of boxes are read."""

    first: int | None = None  # number of the first frame; None: as the format counts
    least: float | None = None  # confidence below which a box is left out
    category: str = ""  # of COCO; "": faces


class GivenBoxes:
    """Boxes for the inputs of a job, by the names of files and of what is in them.

    `alone` says that nobody else looks for faces. Raises BoxesError for a file that belongs to no
    input, or to several.
    """

    def __init__(
        self, places: list[Path], inputs: list[Path], reading: Reading, alone: bool = False
    ) -> None:
        self._reading, self._alone = reading, alone
        self._known: dict[Path, list[tuple[Path, list[Place]]]] = {path: [] for path in inputs}
        self._documents: dict[Path, Document] = {}
        for place in places:
            if place.is_dir():
                self._add_folder(place)
            else:
                self._add(place)
        self._refuse_shared()

    def of(self, path: Path) -> "FileBoxes | None":
        """The boxes of one input; None, after a warning, where there are none.

        Raises BoxesError where they cannot be read, or where nobody else would look.
        """
        known = self._known.get(path, [])
        if not known and self._alone:
            raise BoxesError("--boxes has none for it, and --boxes-only lets nobody else look")
        if not known:
            log.warning("%s: --boxes has none for it: only the detector looks for faces", path)
            return None
        return FileBoxes([self._read(*part) for part in known], self._alone)

    def _read(self, file: Path, places: list[Place]) -> Boxes:
        if file in self._documents:
            return self._documents[file].boxes(places)
        return mot.read(file, self._reading.first, self._reading.least)

    def _add_folder(self, folder: Path) -> None:
        """For each input the files in the folder that are called as it is."""
        for path, known in self._known.items():
            for name in _names(path):
                files = [folder / f"{name}{ending}" for ending in _ENDINGS]
                found = [file for file in files if file.is_file()]
                for file in found:
                    places = self._places(file, path, True)
                    if places is None:
                        raise BoxesError(f"{file}: none of its pictures is of {path}")
                    known.append((file, places))
                if found:
                    break

    def _add(self, file: Path) -> None:
        """One file: of the only input, or of those whose name it bears or its content tells."""
        alone = len(self._known) == 1
        found = False
        for path, known in self._known.items():
            places = self._places(file, path, alone)
            if places is not None:
                known.append((file, places))
                found = True
        if not found:
            raise BoxesError(
                f"{file}: is of none of the inputs: name it as one of them, NAME.txt, or give it "
                "with one input alone"
            )

    def _places(self, file: Path, path: Path, alone: bool) -> list[Place] | None:
        """What of a file is of an input: pictures in COCO's; None where nothing is."""
        if file.suffix.lower() != _JSON:
            if not file.is_file():
                raise BoxesError(f"{file}: no such file")
            own = file.name.removesuffix(".txt").removesuffix(".csv").removesuffix(".mot")
            return [] if alone or own in _names(path) else None
        if file not in self._documents:
            self._documents[file] = coco.read(file, self._reading.least, self._reading.category)
        return self._documents[file].places(path, self._reading.first, alone)

    def _refuse_shared(self) -> None:
        """A file, or a picture in it, that may belong to two inputs of one name."""
        owners: dict[tuple[Path, int], Path] = {}
        for path, known in self._known.items():
            for file, places in known:
                for key in {(file, place.image) for place in places} or {(file, -1)}:
                    owner = owners.setdefault(key, path)
                    if owner != path:
                        raise BoxesError(
                            f"{file}: may be of {owner} and of {path}: run them one by one"
                        )


class FileBoxes:
    """The boxes of one photo or video, from one or more files."""

    def __init__(self, parts: list[Boxes], alone: bool = False) -> None:
        self._parts, self.alone = parts, alone
        self._size: tuple[int, int] | None = None

    def sought(self, frame: int) -> bool:
        """Whether all who gave boxes looked at this frame."""
        return all(part.sought(frame) for part in self._parts)

    def faces(self, frame: Frame, own: Faces | None = None) -> Faces:
        """The faces of a frame, our `own` among them.

        Where several lie over each other they become one, as large as all of them.
        """
        given = Faces.of(np.concatenate([part.at(frame.index) for part in self._parts]))
        return united(Faces.of([]) if own is None else own, given)

    def check_size(self, size: tuple[int, int]) -> None:
        """Raise BoxesError where the boxes were not drawn in pictures of `size`."""
        if size != self._size:
            for part in self._parts:
                part.check_size(size)
            self._size = size

    def check_frames(self, count: int) -> None:
        """Raise BoxesError where the boxes are of a longer clip than one of `count` frames."""
        for part in self._parts:
            part.check_frames(count)
            if self.alone:
                part.check_whole(count)
        if self.alone and not any(len(part.frames) for part in self._parts):
            raise BoxesError(
                f"{self._parts[0].path}: holds no box, and --boxes-only lets nobody else look: "
                "leave it out"
            )


def united(own: Faces, given: Faces) -> Faces:
    """All faces; what is given and lies over another one makes that as large as both, and sure."""
    if not len(given):
        return own
    known = np.concatenate([own.boxes, given.boxes])
    around, scores, count = known.copy(), np.ones(len(known), np.float32), len(own)
    scores[:count] = own.scores
    for box in given.boxes:
        alike = overlap(box[None], known[:count])[0]
        if alike.max(initial=0) > _SAME_FACE:
            row = int(alike.argmax())
            around[row, :2] = np.minimum(around[row, :2], box[:2])
            around[row, 2:] = np.maximum(around[row, 2:], box[2:])
            scores[row] = 1.0
        else:
            known[count] = around[count] = box
            count += 1
    unknown = np.full((count - len(own), 5, 2), np.nan, np.float32)
    landmarks = np.concatenate([own.landmarks, unknown])
    return Faces.of(around[:count], landmarks, scores[:count])


def _names(path: Path) -> Iterable[str]:
    """What a file of boxes of an input may be called, the surest first."""
    names: Iterator[str] = iter((path.name, path.name.replace(".", "_"), path.stem))
    return dict.fromkeys(names)
