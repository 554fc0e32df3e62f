"""A track: one face through one shot, frame by frame, and how each frame of it is known."""

from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np

from pipeline.contract import MESH_POINTS, Faces, Floats, Image, no_glasses, unknown_style
from pipeline.geometry import bounds, overlap, scaled

MESH_FOUND: Final = 0.5
_GOES_ON: Final = 3
_CONVINCING: Final = (0.3, 0.2)  # of the doubts; where a mesh lay on it
_AT_ONCE: Final = 4  # frames
_STAYS: Final = 0.7
_AROUND: Final = 3  # frames next to a dissolve
MESHED: Final = 24.0  # px from which on a mesh fits most faces


def unknown_gaze() -> Floats:
    """The (2,) of a face whose eyes could not be read."""
    return np.full(2, np.nan, np.float32)


class Seen(IntEnum):
    """How a face's place in a frame is known, best first."""

    DETECTED = 0
    FOLLOWED = 1  # by its mesh, from a near frame
    SOUGHT = 2  # by its looks, from a near frame
    FILLED = 3  # between two frames in which it was seen
    PREDICTED = 4  # before its first or after its last sight


@dataclass(slots=True, eq=False)
class Sighting:
    """One face in one frame, frame pixels."""

    frame: int
    box: Floats  # (4,)
    landmarks: Floats  # (5, 2)
    mesh: Floats  # (468, 3), NaN where none fits
    mesh_score: float
    seen: Seen
    gaze: Floats = field(default_factory=unknown_gaze)  # (2,) see detector/iris.py

    @classmethod
    def detected(cls, frame: int, faces: Faces, row: int) -> "Sighting":
        """Row `row` of what the detector and the mesh found."""
        return cls(
            frame,
            faces.boxes[row],
            faces.landmarks[row],
            faces.mesh[row],
            float(faces.mesh_scores[row]),
            Seen.DETECTED,
        )

    @classmethod
    def followed(cls, frame: int, mesh: Floats, score: float) -> "Sighting":
        """A mesh that was found from the mesh of a near frame."""
        unknown = np.full((5, 2), np.nan, np.float32)
        return cls(frame, scaled(bounds(mesh), 1.02), unknown, mesh, score, Seen.FOLLOWED)

    @classmethod
    def sought(cls, frame: int, box: Floats) -> "Sighting":
        """A box that looks as it did in a near frame."""
        unknown = np.full((5, 2), np.nan, np.float32)
        nowhere = np.full((MESH_POINTS, 3), np.nan, np.float32)
        return cls(frame, box, unknown, nowhere, 0.0, Seen.SOUGHT)

    @property
    def width(self) -> float:
        """The box's width in px."""
        return float(self.box[2] - self.box[0])

    def stays(self, before: "Sighting", after: "Sighting") -> bool:
        """Whether its mesh lies where the face was in a frame just before and will be soon."""
        places = np.stack([before.box, after.box])
        near = after.frame - before.frame <= _AT_ONCE and self.mesh_score >= MESH_FOUND
        return bool(near and (overlap(self.box[None], places) >= _STAYS).all())


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A good look at a face, kept to tell who it is: a small crop and the face in it."""

    frame: int
    quality: float
    crop: Image
    faces: Faces  # one row, crop pixels


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """Whom one frame shows a track's face to be, for the keep-list."""

    frame: int
    quality: float
    features: Floats  # (d,) length 1


@dataclass(slots=True, eq=False)
class Track:
    """Sightings in the order of their frames, at most one a frame."""

    number: int
    shot: int
    sightings: MutableSequence[Sighting] = field(default_factory=list)
    evidence: float = 0.0  # that it is a face, see `sure`
    doubts: int = 0  # weak detections without a mesh
    certain: bool = False  # whether any detection left no doubt
    believed: int | None = None  # the frame from which on the evidence is enough
    samples: list[Sample] = field(default_factory=list)
    look: Sample | None = None  # the best sample, on which surrogates are tried
    features: Floats | None = None  # (d,) length 1
    glances: list[Glance] = field(default_factory=list)  # empty where nobody is to be kept
    skin: Floats = field(default_factory=lambda: np.full(3, np.nan, np.float32))
    style: Floats = field(default_factory=unknown_style)  # (3,) see looks.py
    shape: Floats = field(default_factory=lambda: np.full((MESH_POINTS, 3), np.nan, np.float32))
    eyes: float = float("nan")  # how wide they usually are, as codes tell it
    glasses: Floats = field(default_factory=no_glasses)  # (h, w) what is known; empty if none
    vacant: dict[int, Floats] = field(default_factory=dict)  # frame → (4,), see vacancy.py

    @property
    def sure(self) -> bool:
        """Whether it is a face: a few strong detections among many weak ones are an accident."""
        if self.certain:
            return self.evidence >= 1
        return self.evidence >= max(1.0, _CONVINCING[self.fits] * self.doubts)

    @property
    def doubted(self) -> int:
        """For how many frames it was detected, but too weakly to be believed."""
        if self.believed is None:
            return 0
        found = (s.frame for s in self.sightings if s.seen == Seen.DETECTED)
        return max(self.believed - next(found, self.believed), 0)

    def is_blend(self, fades: Sequence[tuple[int, int]]) -> bool:
        """Whether two pictures that lay over each other merely looked like a face: nobody was ever
        seen there but weakly, large and yet without a mesh, and in dissolves (first and last
        frames).
        """
        if self.certain or not fades:
            return False
        found = [s for s in self.sightings if s.seen == Seen.DETECTED]
        return bool(found) and all(
            s.mesh_score < MESH_FOUND
            and s.width >= MESHED
            and any(first - _AROUND <= s.frame <= last + _AROUND for first, last in fades)
            for s in found
        )

    @property
    def fits(self) -> bool:
        """Whether a mesh ever lay on it."""
        return any(sighting.mesh_score >= MESH_FOUND for sighting in self.sightings)

    @property
    def first(self) -> Sighting:
        """The earliest sighting."""
        return self.sightings[0]

    @property
    def last(self) -> Sighting:
        """The latest sighting."""
        return self.sightings[-1]

    def predicted(self, frame: int) -> Floats:
        """Where the box (4,) should lie in `frame`, from its last motion."""
        last = self.last
        if len(self.sightings) < 2:
            return last.box
        before = self.sightings[-2]
        elapsed = max(last.frame - before.frame, 1)
        motion = (last.box - before.box) / elapsed
        shift = np.tile((motion[:2] + motion[2:]) / 2, 2) * min(frame - last.frame, _GOES_ON)
        return (last.box + shift).astype(np.float32)


def surely(track: Track) -> tuple[int, int]:
    """The first and the last frame in which the detector saw the face itself: what was merely
    followed at a track's ends may have run on onto somebody else.
    """
    frames = [s.frame for s in (track.first, track.last) if s.seen == Seen.DETECTED]
    if len(frames) < 2:
        found = [s.frame for s in track.sightings if s.seen == Seen.DETECTED]
        frames = [found[0], found[-1]] if found else [track.first.frame, track.last.frame]
    return frames[0], frames[-1]
