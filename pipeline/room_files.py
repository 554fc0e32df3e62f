"""What the rooms hand each other as files: pictures, their faces, and more with each room.

A JSON document holds pictures, and each picture its faces; `detect` writes boxes, landmarks and
meshes, `extract` adds features, `match` donors, `generate` the files of surrogates. Every
room takes the document of the one before, or photos and videos, and then does the rooms
before it by itself. docs/rooms.md describes the fields.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline import media, planes, search
from pipeline.analysis import Analysis, Faults, digest, of_faces
from pipeline.atomic import replacing, telling
from pipeline.contract import Faces, Floats, Frame
from pipeline.errors import ContractError, MediaError
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from pipeline.tracking import Tracker
from pipeline.tracks import Seen, Sighting, Track

FORMAT: Final = "facesurrogate faces 1"
_PIXEL_DIGITS: Final = 3
_SHARE_DIGITS: Final = 6


@dataclass(slots=True, eq=False)
class Picture:
    """One photo, or one frame of a video, its faces, and what rooms said of each of them."""

    file: Path
    digest: str
    frame: int
    size: tuple[int, int]
    faces: Faces
    said: list[dict[str, Any]] = field(default_factory=list)  # a row a face


def pictures(
    inputs: list[Path], rooms: Rooms, settings: Settings, every: int = 1
) -> Iterator[tuple[Picture, Frame]]:
    """The pictures in files and documents with their pixels; of videos every n-th frame.

    Raises MediaError for a file that cannot be read or does not fit its document.
    """
    for path in inputs:
        if path.suffix.lower() == ".json":
            yield from _again(load(path), path, settings)
            continue
        source, content = media.open_source(path, settings), digest(path).hex()
        for frame in source.frames():
            if frame.index % every == 0:
                faces, gazes = found(frame, rooms, settings, source.kind == "image")
                said: list[dict[str, Any]] = [{"gaze": _numbers(g, _SHARE_DIGITS)} for g in gazes]
                yield Picture(path, content, frame.index, frame.size, faces, said), frame


def found(
    frame: Frame, rooms: Rooms, settings: Settings, photo: bool
) -> tuple[Faces, list[Floats]]:
    """The faces that a run would start to follow in this frame, with meshes and gazes (2,)."""
    small = planes.picture(frame, settings.detect_size)
    closer = search.everything(frame.size, settings) if photo else None
    faces = search.faces(rooms.detector, frame, small, settings, closer)
    tracker = Tracker(rooms.mesh, settings.detect_threshold, Faults().guarded, rooms.eyes)
    tracker.step(frame, faces)
    seen = [track.first for track in tracker.active]
    if not seen:
        return Faces.of([]), []
    rows = [int(np.abs(faces.boxes - s.box).sum(axis=1).argmin()) for s in seen]
    faces = Faces.of(
        np.stack([s.box for s in seen]),
        np.stack([s.landmarks for s in seen]),
        faces.scores[rows],
        np.stack([s.mesh for s in seen]),
        [s.mesh_score for s in seen],
    )
    return faces, [s.gaze for s in seen]


def studied(picture: Picture, frame: Frame, rooms: Rooms) -> Analysis:
    """The picture's faces as tracks of one frame, with what a run would learn of them.

    Features of the document take the place of those that the extractor gives.
    """
    faces, tracks = picture.faces, []
    for row in range(len(faces)):
        sighting = Sighting(
            frame.index,
            faces.boxes[row],
            faces.landmarks[row],
            faces.mesh[row],
            float(faces.mesh_scores[row]),
            Seen.DETECTED,
            gaze(picture.said[row]),
        )
        tracks.append(Track(row, frame.index, [sighting]))
    result = of_faces(tracks, frame, bytes.fromhex(picture.digest), rooms)
    for track, said in zip(result.tracks, picture.said, strict=True):
        if said.get("features") is not None and rooms.drawing is not None:
            track.features = _features(said["features"], len(rooms.drawing.mean), picture.file)
    return result


def gaze(said: dict[str, Any]) -> Floats:
    """(2,) where a document says that a face looks, NaN where it does not."""
    return np.asarray(_known(said.get("gaze"), (2,)), np.float32)


def load(path: Path) -> list[Picture]:
    """The pictures of a document; MediaError where it is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']!r}, not {FORMAT!r}")
        return [_picture(row, path.parent) for row in document["pictures"]]
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, ContractError) as error:
        why = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
        raise MediaError(f"{path}: is no document of faces: {why}") from error


def save(target: Path, rows: list[Picture]) -> None:
    """Write a document; the files it names are found from its own folder."""
    document = {"format": FORMAT, "pictures": [_plain(row, target.parent) for row in rows]}
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    with replacing(target) as temporary, telling(target):
        temporary.write_text(text, encoding="utf-8")


def fresh(target: Path, overwrite: bool) -> Path:
    """`target`, its folder made; MediaError if it is there and may not be overwritten."""
    if target.exists() and not overwrite:
        raise MediaError(f"{target} is there already; add --overwrite or name another --out")
    with telling(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _again(rows: list[Picture], path: Path, settings: Settings) -> Iterator[tuple[Picture, Frame]]:
    """The pictures of a document, read from the files that it was made from."""
    for file in dict.fromkeys(row.file for row in rows):
        wanted = {row.frame: row for row in rows if row.file == file}
        source, content = media.open_source(file, settings), digest(file).hex()
        for row in wanted.values():
            if row.digest != content:
                raise MediaError(f"{file}: is not the file that {path} was made from")
        for frame in source.frames():
            if frame.index in wanted:
                yield wanted.pop(frame.index), frame
            if not wanted:
                break
        if wanted:
            raise MediaError(f"{path}: {file} has no frame {min(wanted)}")


def _picture(row: dict[str, Any], folder: Path) -> Picture:
    said = [dict(face) for face in row["faces"]]
    parts = {name: [face.pop(name) for face in said] for name in ("box", "score", "mesh_score")}
    meshes = [_known(face.pop("mesh", None), (468, 3)) for face in said]
    landmarks = [_known(face.pop("landmarks", None), (5, 2)) for face in said]
    faces = Faces.of(parts["box"], landmarks, parts["score"], meshes, parts["mesh_score"])
    if not np.isfinite(faces.boxes).all() or (faces.boxes[:, 2:] <= faces.boxes[:, :2]).any():
        raise ValueError("a box must be x1, y1, x2, y2 with x1 < x2 and y1 < y2")
    width, height = row["size"]
    file = folder / row["file"]
    return Picture(file, str(row["sha256"]), int(row["frame"]), (width, height), faces, said)


def _known(values: Any, shape: tuple[int, ...]) -> Any:
    return np.full(shape, np.nan) if values is None else np.asarray(values).reshape(shape)


def _plain(picture: Picture, folder: Path) -> dict[str, Any]:
    faces, rows = picture.faces, []
    for row in range(len(faces)):
        place = {
            "box": _numbers(faces.boxes[row], _PIXEL_DIGITS),
            "score": round(float(faces.scores[row]), _SHARE_DIGITS),
            "landmarks": _numbers(faces.landmarks[row], _PIXEL_DIGITS),
            "mesh_score": round(float(faces.mesh_scores[row]), _SHARE_DIGITS),
            "mesh": _numbers(faces.mesh[row], _PIXEL_DIGITS),
        }
        rows.append(place | picture.said[row])
    file = os.path.relpath(picture.file.resolve(), folder.resolve())
    start = {"file": file, "sha256": picture.digest, "frame": picture.frame}
    return start | {"size": list(picture.size), "faces": rows}


def _numbers(values: Any, digits: int) -> Any:
    """Nested lists of rounded numbers; None where they are not known."""
    array = np.asarray(values, np.float64)
    return array.round(digits).tolist() if np.isfinite(array).all() else None


def _features(values: Any, count: int, file: Path) -> Any:
    row = np.asarray(values, np.float32)
    if row.shape != (count,) or not np.isfinite(row).all():
        raise MediaError(f"{file}: its document must give {count} features a face, "
                         f"got shape {row.shape}")  # fmt: skip
    return (row / max(float(np.linalg.norm(row)), 1e-9)).astype(np.float32)
