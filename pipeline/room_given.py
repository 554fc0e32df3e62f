"""Surrogates that come from a file, a document or the command line, laid over one photo's faces."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image

from generator.canonical import frontal
from pipeline import chain, planning, portraits, room_files
from pipeline.chain import Report
from pipeline.contract import Faces, Floats, Frame, Generator, Image, Ints, Person, Surrogate
from pipeline.database import Database
from pipeline.errors import MediaError
from pipeline.geometry import overlap
from pipeline.people import people
from pipeline.room_files import Picture
from pipeline.room_surrogates import identity
from pipeline.rooms import Rooms
from pipeline.settings import Settings

_SAME_FACE: Final = 0.3
_SIDES: Final = (16, 4096)
_COVER: Final = "cover"


class Wardrobe:
    """A generator with finished surrogates: identity (-1,) is the first of them, (-2,) the second.

    All other identities are drawn by the generator that it stands before. Finished textures
    without a shape take on the mesh they are asked for.
    """

    def __init__(self, generator: Generator, shape: Floats) -> None:
        self._generator = generator
        self._shape = shape
        self._ready: list[Surrogate | Image] = []

    def add(self, ready: Surrogate | Image) -> Ints:
        """The identity by which this surrogate is asked for."""
        self._ready.append(ready)
        return np.array([-len(self._ready)], np.int64)

    def generate(
        self, identity: Ints, person: Person, mesh: Floats, gaze: Floats | None = None
    ) -> Surrogate:
        """The surrogate of that identity; see Generator."""
        if identity[0] >= 0:
            return self._generator.generate(identity, person, mesh, gaze)
        ready = self._ready[-1 - int(identity[0])]
        if isinstance(ready, Surrogate):
            return ready
        return Surrogate(ready, frontal(mesh[None], self._shape)[0])


class Given:
    """The faces of photos under surrogates that were chosen from outside."""

    def __init__(self, rooms: Rooms, donors: Database, settings: Settings, salt: bytes) -> None:
        assert rooms.drawing is not None
        drawing = rooms.drawing
        self._wardrobe = Wardrobe(drawing.generator, drawing.canonical.shape)
        self._rooms = replace(rooms, drawing=replace(drawing, generator=self._wardrobe))
        self._donors, self._settings, self._salt = donors, settings, salt
        self._all: Ints | None = None

    def wear(self, path: Path) -> None:
        """Every face gets the surrogate or the texture in this file."""
        self._all = self._wardrobe.add(read(path))

    def cover_others(self, picture: Picture, frame: Frame) -> None:
        """Add the faces that the detector sees and the picture does not name, to be covered."""
        seen, _ = room_files.found(frame, self._rooms, self._settings, photo=True)
        named = picture.faces
        new = overlap(seen.boxes, named.boxes).max(axis=1, initial=0) < _SAME_FACE
        if new.any():
            boxes = np.concatenate([named.boxes, seen.boxes[new]])
            parts = [
                np.concatenate([getattr(named, name), getattr(seen[new], name)])
                for name in ("landmarks", "scores", "mesh", "mesh_scores")
            ]
            picture.faces = Faces.of(boxes, *parts)
            picture.said.extend({_COVER: True} for _ in range(int(new.sum())))

    def covered(self, picture: Picture, frame: Frame, path: Path, report: Report) -> Frame:
        """The photo with every face replaced or covered, by the same ladder as in a run."""
        analysis = room_files.studied(picture, frame, self._rooms)
        known = people(analysis, self._rooms)
        chosen = [self._chosen(said, path) for said in picture.said]
        wanting = [
            m is None and not s.get(_COVER) for m, s in zip(chosen, picture.said, strict=True)
        ]
        if any(wanting):
            own = planning.plan(analysis, self._rooms, self._settings, self._salt).donors
            chosen = [b if a is None else a for a, b in zip(chosen, own, strict=True)]
        donors = [
            None if said.get(_COVER) else mix
            for mix, said in zip(chosen, picture.said, strict=True)
        ]
        plan = planning.arranged(analysis, known, donors, self._rooms)
        report.faults = analysis.faults
        return chain.covered(frame, plan, self._rooms, report)

    def _chosen(self, said: dict[str, Any], path: Path) -> Ints | None:
        """What a face was given: on the command line, by a file, or by donors; None: nothing."""
        if self._all is not None or said.get(_COVER):
            return self._all
        if self._settings.identity:
            return None
        if said.get("surrogate"):
            return self._wardrobe.add(read(path.parent / str(said["surrogate"])))
        return identity(said, self._donors, path)


def read(path: Path) -> Surrogate | Image:
    """A surrogate (.npz) or a flat texture (a square picture, canonical layout)."""
    if path.suffix.lower() == ".npz":
        return portraits.load_surrogate(path)
    try:
        with PIL.Image.open(path) as opened:
            width, height = opened.size
            if width != height or not _SIDES[0] <= width <= _SIDES[1]:
                raise MediaError(
                    f"{path}: a texture must be a square of {_SIDES[0]}..{_SIDES[1]} px, "
                    f"got {width}x{height}"
                )
            return np.asarray(opened.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"{path}: is no picture of a texture: {error}") from error
