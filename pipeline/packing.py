"""Sightings in little memory: a mesh of 5.6 KB is kept as a few numbers.

Meshes of one face differ by place, size and a few ways to turn and to speak: these are found over
some hundred frames at a time by principal components, at most 40 of them, in which lids and lips
weigh more than their small motion. On real clips that left an error of 0.1 % of the face's width,
less than the mesh trembles by, at 5.9 KB → 300 bytes.
"""

from collections.abc import Iterable, Iterator, MutableSequence
from dataclasses import dataclass
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from pipeline.contract import MESH_POINTS, Floats, Mask
from pipeline.smoothing import SPEAKING
from pipeline.tracks import Seen, Sighting

PIECE: Final = 512
_LOOSE: Final = 64
_OPENED: Final = 32
_MOST: Final = 40
_ERROR: Final = 0.001  # of the mesh's width, root mean square
_STEPS: Final = 127
_WEIGHT: Final = 3.0  # of lids and lips, whose motion is small and looked at
_WEIGHTS: Final = np.repeat(np.where(np.isin(np.arange(MESH_POINTS), SPEAKING), _WEIGHT, 1.0), 3)


class Sightings(MutableSequence[Sighting]):
    """A list of sightings in the order of their frames; only its last ones can change."""

    def __init__(self, some: Iterable[Sighting] = ()) -> None:
        self._pieces: list[_Piece] = []
        self._loose: list[Sighting] = []
        self._opened: tuple[int, list[Sighting]] = (-1, [])
        for sighting in some:
            self.append(sighting)

    def __len__(self) -> int:
        return sum(len(piece.frames) for piece in self._pieces) + len(self._loose)

    @property
    def packed(self) -> bool:
        """Whether `pack` has closed the list."""
        return bool(self._pieces) and len(self._pieces[-1].frames) < PIECE

    @property
    def nbytes(self) -> int:
        """The memory that the packed part takes."""
        return sum(piece.nbytes for piece in self._pieces)

    def pack(self) -> None:
        """Nothing more comes: what is left is packed too."""
        while self._loose:
            self._pieces.append(_Piece.of(self._loose[:PIECE]))
            del self._loose[:PIECE]

    def insert(self, index: int, value: Sighting) -> None:
        """Before the sighting at `index`."""
        self._loose.insert(self._changing(index), value)
        if len(self._loose) >= PIECE + _LOOSE:
            self._pieces.append(_Piece.of(self._loose[:PIECE]))
            del self._loose[:PIECE]

    def _changing(self, index: int) -> int:
        """The place of `index` among those that can change."""
        if self.packed:
            raise IndexError("sightings that are packed cannot change")
        place = min(index + len(self) if index < 0 else index, len(self))
        place -= PIECE * len(self._pieces)
        if place < 0:
            raise IndexError(f"sighting {index} is packed and cannot change")
        return place

    def __iter__(self) -> Iterator[Sighting]:
        """All of them; quicker than one by one."""
        for piece in self._pieces:
            for start in range(0, len(piece.frames), _OPENED):
                yield from piece.rows(start, start + _OPENED)
        yield from self._loose

    @overload
    def __getitem__(self, index: int) -> Sighting: ...
    @overload
    def __getitem__(self, index: slice) -> "list[Sighting]": ...
    def __getitem__(self, index: int | slice) -> "Sighting | list[Sighting]":
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if -len(self._loose) <= index < 0:
            return self._loose[index]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"sighting {index} of {len(self)}")
        number, row = divmod(place, PIECE)
        if number >= len(self._pieces):
            return self._loose[place - PIECE * len(self._pieces)]
        start = row - row % _OPENED
        if self._opened[0] != place - place % _OPENED:
            rows = self._pieces[number].rows(start, start + _OPENED)
            self._opened = (place - place % _OPENED, rows)
        return self._opened[1][row - start]

    @overload
    def __setitem__(self, index: int, value: Sighting) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[Sighting]) -> None: ...
    def __setitem__(self, index: int | slice, value: Sighting | Iterable[Sighting]) -> None:
        if isinstance(index, slice) or not isinstance(value, Sighting):
            raise TypeError("sightings are set one at a time")
        self._loose[self._changing(index)] = value

    def __delitem__(self, index: int | slice) -> None:
        if not isinstance(index, slice):
            del self._loose[self._changing(index)]
        elif self._pieces:
            raise IndexError("sightings that are packed cannot be deleted")
        else:
            del self._loose[index]


def packed(some: Iterable[Sighting]) -> Sightings:
    """All of them, closed."""
    result = some if isinstance(some, Sightings) else Sightings(some)
    result.pack()
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Some hundred sightings; m of the n have a mesh, made of r components."""

    frames: NDArray[np.int32]  # (n,)
    known: Floats  # (n, 17) box, landmarks, gaze, mesh score
    seen: NDArray[np.uint8]  # (n,)
    has_mesh: Mask  # (n,)
    pose: Floats  # (m, 4) centre and size, px
    mean: Floats  # (1404,)
    parts: NDArray[np.int8]  # (r, 1404)
    shares: NDArray[np.float16]  # (m, r)

    @classmethod
    def of(cls, sightings: list[Sighting]) -> "_Piece":
        """What `rows` gives back, up to the error of the meshes."""
        known = [np.concatenate([s.box, s.landmarks.ravel(), s.gaze]) for s in sightings]
        scores = np.array([[s.mesh_score] for s in sightings], np.float32)
        has_mesh = np.array([bool(np.isfinite(s.mesh).all()) for s in sightings], np.bool_)
        meshes = [s.mesh for s, has in zip(sightings, has_mesh, strict=True) if has]
        return cls(
            np.array([s.frame for s in sightings], np.int32),
            np.concatenate([np.stack(known), scores], axis=1).astype(np.float32),
            np.array([s.seen for s in sightings], np.uint8),
            has_mesh,
            *_components(np.stack(meshes) if meshes else np.zeros((0, MESH_POINTS, 3), np.float32)),
        )

    @property
    def nbytes(self) -> int:
        """Of all arrays."""
        return sum(int(getattr(self, name).nbytes) for name in self.__slots__)

    def rows(self, start: int, end: int) -> list[Sighting]:
        """The sightings `start`..`end`."""
        result = []
        meshes = iter(self._meshes(start, end))
        for row in range(start, min(end, len(self.frames))):
            known = self.known[row]
            mesh = next(meshes) if self.has_mesh[row] else np.full((MESH_POINTS, 3), np.nan)
            box, landmarks, gaze = known[:4], known[4:14].reshape(5, 2), known[14:16]
            how = Seen(int(self.seen[row]))
            frame, score = int(self.frames[row]), float(known[16])
            mesh = mesh.astype(np.float32)
            result.append(Sighting(frame, box, landmarks, mesh, score, how, gaze))
        return result

    def _meshes(self, start: int, end: int) -> Floats:
        first, last = int(self.has_mesh[:start].sum()), int(self.has_mesh[:end].sum())
        shares, pose = self.shares[first:last].astype(np.float32), self.pose[first:last, None]
        flat = self.mean + shares @ self.parts.astype(np.float32)
        result: Floats = flat.reshape(-1, MESH_POINTS, 3) * pose[:, :, 3:] + pose[:, :, :3]
        return result


def _components(
    meshes: Floats,
) -> tuple[Floats, Floats, NDArray[np.int8], NDArray[np.float16]]:
    """Pose, mean, parts and shares (see _Piece) of (m, 468, 3) meshes."""
    count = len(meshes)
    if not count:
        parts, shares = np.zeros((0, 0), np.int8), np.zeros((0, 0), np.float16)
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), parts, shares
    centre = meshes.mean(axis=1)
    size = np.maximum(np.ptp(meshes[:, :, 0], axis=1), 1e-3)
    flat = ((meshes - centre[:, None]) / size[:, None, None]).reshape(count, -1)
    mean = flat.mean(axis=0)
    weighed = (flat - mean) * _WEIGHTS
    values, vectors = np.linalg.eigh(weighed @ weighed.T)  # small, as m < 1404
    values, vectors = values[::-1], vectors[:, ::-1]
    left = np.clip(values.sum() - np.cumsum(values), 0, None) / flat.size
    rank = min(int(np.count_nonzero(left > _ERROR**2)) + 1, _MOST)
    rank = min(rank, int(np.count_nonzero(values > 1e-9 * max(float(values[0]), 1e-12))))
    parts = vectors[:, :rank].T @ (flat - mean)
    step = np.maximum(np.abs(parts).max(axis=1), 1e-12) / _STEPS
    pose = np.concatenate([centre, size[:, None]], axis=1).astype(np.float32)
    return (
        pose,
        mean.astype(np.float32),
        np.rint(parts / step[:, None]).astype(np.int8),
        (vectors[:, :rank] * step).astype(np.float16),
    )
