"""Where the face is in each donor picture, what its mesh is, and what an extractor says of it.

Results are kept piece by piece in a folder, so that a run that was killed goes on from there.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from detector.facemesh import FaceMesh
from detector.iris import Iris
from generator.expression import eye_code, mouth_code
from pipeline import extractors, registry, stills
from pipeline.atomic import replacing
from pipeline.contract import MESH_POINTS, Detector, Faces, Floats, Image
from pipeline.errors import MediaError
from pipeline.geometry import procrustes
from pipeline.layouts import Picture, Unusable
from pipeline.progress import steps
from pipeline.settings import Settings
from pipeline.weights import DB, locate

PRESENT: Final = 0.9
_DETECTOR_SIDE: Final = 480
_PIECE: Final = 64
_LOOKED_AT: Final = 32  # frames of a video
_TAKEN: Final = 6

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The m pictures and frames in which a face was found, and the pictures in which none was."""

    pictures: list[Picture]
    boxes: Floats  # (m, 4) px
    landmarks: Floats  # (m, 5, 2) px
    meshes: Floats  # (m, 468, 3) px
    unusable: list[Unusable]

    def only(self, rows: list[int]) -> "Measured":
        """The same of some rows."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self)[1:4]}
        return replace(self, pictures=[self.pictures[row] for row in rows], **arrays)


def faces(pictures: list[Picture], folder: Path) -> Measured:
    """Find and mesh the widest face of each picture; of videos a few frames that differ."""
    finder: list[_Finder] = []

    def measure(piece: list[Picture]) -> Arrays:
        if not finder:
            finder.append(_Finder())
        return finder[0].measure(piece)

    found = _in_pieces("finding faces", pictures, folder, "faces", measure)
    places = zip(found["rows"].tolist(), found["moments"].tolist(), strict=True)
    lost = zip(found["lost"].tolist(), found["reasons"].tolist(), strict=True)
    return Measured(
        [replace(pictures[row], moment=moment) for row, moment in places],
        found["boxes"].astype(np.float32),
        found["landmarks"].astype(np.float32),
        found["meshes"].astype(np.float32),
        [Unusable(pictures[row].name, reason) for row, reason in lost],
    )


def features(measured: Measured, extractor: str, folder: Path, db: Path = DB) -> Floats:
    """(m, d) features of every face, NaN where it cannot be aligned."""
    extract: list[Any] = []

    def measure(piece: list[int]) -> Arrays:
        if piece and not extract:
            extract.append(registry.extractor(Settings(extractor=extractor), db).extract)
        images = stills.each(measured.pictures[row] for row in piece)
        rows = []
        for row, image in zip(piece, images, strict=True):
            box, points = measured.boxes[row], measured.landmarks[row]
            face = Faces.of([box], [points], None, [measured.meshes[row]], [1.0])
            rows.append(extract[0](image, face)[0])
        return {"features": np.stack(rows) if rows else np.zeros((0, 0), np.float32)}

    label = f"describing faces ({extractor})"
    everyone = list(range(len(measured.pictures)))
    return _in_pieces(label, everyone, folder, _named(extractor, db), measure)["features"]


def _named(extractor: str, db: Path) -> str:
    """What files of its features are called: one that was trained anew must not find the old."""
    manifest = extractors.home_of(extractor, db) / extractors.MANIFEST
    name = f"features-{extractor.replace(':', '-')}"
    if manifest.is_file():
        name += f"-{hashlib.sha256(manifest.read_bytes()).hexdigest()[:8]}"
    return name


def _in_pieces(
    label: str, items: list[Any], folder: Path, name: str, measure: Callable[[list[Any]], Arrays]
) -> Arrays:
    """What `measure` gives for all items, of which each piece is kept in a file of its own.

    Arrays whose names are "rows" or "lost" count from the start of a piece.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = list(range(0, max(len(items), 1), _PIECE))
    paths = {start: folder / f"{name}-{start:06}.npz" for start in starts}
    done = sum(len(items[s : s + _PIECE]) for s in starts if paths[s].is_file())
    pieces = []
    with steps(label, len(items), done) as advance:
        for start in starts:
            if not paths[start].is_file():
                piece = items[start : start + _PIECE]
                with replacing(paths[start]) as temporary, temporary.open("wb") as file:
                    np.savez(file, allow_pickle=False, **measure(piece))
                done += len(piece)
                advance(done)
            with np.load(paths[start], allow_pickle=False) as saved:
                shift = {"rows": start, "lost": start}
                pieces.append({key: saved[key] + shift[key] if key in shift else saved[key]
                               for key in saved.files})  # fmt: skip
    return {key: np.concatenate([piece[key] for piece in pieces]) for key in pieces[0]}


class _Finder:
    def __init__(self) -> None:
        settings = Settings(detect_size=_DETECTOR_SIDE, detect_threshold=0.5)
        self._detector: Detector = registry.detector(settings)
        self._mesh = FaceMesh(locate("face_landmark"))
        self._iris = Iris(locate("iris_landmark"))

    def measure(self, pictures: list[Picture]) -> Arrays:
        """The faces of some pictures side by side, and the pictures without one."""
        found: list[tuple[int, int, Faces]] = []
        lost: list[tuple[int, str]] = []
        for row, picture in enumerate(pictures):
            try:
                here = self._in_video(picture) if picture.is_video else self._in_still(picture)
                found += [(row, moment, face) for moment, face in here]
            except MediaError as error:
                why = str(error).removeprefix(f"{picture.path}: ")
                lost.append((row, why if why in _FACELESS else f"cannot be read: {why}"))
        shape = (-1, MESH_POINTS, 3)
        return {
            "rows": np.array([row for row, _, _ in found], np.int64),
            "moments": np.array([moment for _, moment, _ in found], np.int64),
            "boxes": np.array([f.boxes[0] for *_, f in found], np.float32).reshape(-1, 4),
            "landmarks": np.array([f.landmarks[0] for *_, f in found]).reshape(-1, 5, 2),
            "meshes": np.array([f.mesh[0] for *_, f in found]).reshape(shape),
            "lost": np.array([row for row, _ in lost], np.int64),
            "reasons": np.array([why for _, why in lost], np.str_),
        }

    def _in_still(self, picture: Picture) -> list[tuple[int, Faces]]:
        face = self._widest(stills.read(picture.path))
        if face is None:
            raise MediaError(_NO_FACE)
        if face.mesh_scores[0] <= PRESENT:
            raise MediaError(_NO_MESH)
        return [(-1, face)]

    def _in_video(self, picture: Picture) -> list[tuple[int, Faces]]:
        """The frames of a video whose expressions differ most."""
        seen = []
        for moment, image in stills.spread(picture.path, _LOOKED_AT):
            face = self._widest(image)
            if face is not None and face.mesh_scores[0] > PRESENT:
                seen.append((moment, face))
        if not seen:
            raise MediaError(_NO_FACE)
        aligned, _ = procrustes(np.stack([face.mesh[0] for _, face in seen]))
        code = np.concatenate([mouth_code(aligned), eye_code(aligned)], axis=1)
        return [seen[row] for row in sorted(diverse(code, _TAKEN))]

    def _widest(self, image: Image) -> Faces | None:
        found = self._detector.detect(image)
        if not len(found):
            return None
        widest = int((found.boxes[:, 2] - found.boxes[:, 0]).argmax())
        fitted = self._mesh.fit(image, found[[widest]])
        refined, _ = self._iris.look(image, fitted.mesh[0])
        known = fitted.boxes, fitted.landmarks, fitted.scores
        return Faces.of(*known, refined[None], fitted.mesh_scores)


_NO_FACE: Final = "no face found"
_NO_MESH: Final = "no face mesh fits"
_FACELESS: Final = (_NO_FACE, _NO_MESH)


def diverse(points: Floats, most: int, first: int = 0) -> list[int]:
    """At most `most` rows of (n, d) points, each as far from those before as can be.

    Gonzalez, Theoretical Computer Science 1985 (doi:10.1016/0304-3975(85)90224-5), in units of
    each number's spread. Rows equal to one already taken are left out.
    """
    scaled = points / (points.std(axis=0) + 1e-6)
    taken = [first]
    distance = np.linalg.norm(scaled - scaled[first], axis=1)
    while len(taken) < min(most, len(points)) and distance.max() > 0:
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[taken[-1]], axis=1))
    return taken
