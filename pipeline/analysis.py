"""First pass: where every face is in every frame, and the best looks at each."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import cv2
import numpy as np

from generator.canonical import frontal, neutral, skin_tone
from generator.looks import looks
from pipeline import planes, search
from pipeline.contract import Faces, Floats, Frame
from pipeline.errors import ContractError, DeidError
from pipeline.geometry import pixels, scaled, warp, yaw
from pipeline.media import Source
from pipeline.rooms import Drawing, Rooms
from pipeline.settings import Settings
from pipeline.shots import Shots
from pipeline.tracking import MESH_FOUND, Tracker
from pipeline.tracks import Sample, Track

_SAMPLES: Final = 3
_APART: Final = 5
_CROP: Final = 1.9
_CROP_SIDE: Final = 280
_GOOD_WIDTH: Final = 150.0
_KNOWABLE: Final = 20.0
_LOOKS: Final = 40
_FRONTAL_DEGREES: Final = 45.0
_TEXTURE_SIDE: Final = 96

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Faults:
    """How often a room failed on one face; that face is then covered by its box."""

    count: int = 0

    def guarded(self, work: Callable[[], T], otherwise: T) -> T:
        """What `work` gives, or `otherwise` where a room fails; our own errors pass."""
        try:
            return work()
        except DeidError:
            raise
        except Exception as error:
            self.count += 1
            log.debug("a room failed on one face: %s", type(error).__name__)
            return otherwise


@dataclass(slots=True, eq=False)
class Analysis:
    """The tracks of one file and what is needed to plan for them."""

    digest: bytes
    frames: int = 0
    size: tuple[int, int] = (0, 0)
    shots: list[int] = field(default_factory=lambda: [0])  # first frames
    tracks: list[Track] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)


def analyse(source: Source, rooms: Rooms, settings: Settings) -> Iterator[Analysis]:
    """Read the file once; the same growing Analysis is yielded after every frame."""
    result = Analysis(digest(source.path))
    tracker = Tracker(rooms.mesh, settings.detect_threshold, result.faults.guarded, rooms.eyes)
    shots = Shots()
    for frame in source.frames():
        picture = planes.picture(frame, settings.detect_size)
        if shots.cut(picture):
            _finish(result, tracker.cut(frame.index), rooms)
            result.shots.append(frame.index)
        faces = None
        if (frame.index - result.shots[-1]) % settings.detect_every == 0:
            photo = source.kind == "image"
            faces = search.faces(rooms.detector, frame, picture, settings, photo)
        ended = tracker.step(frame, faces)
        if rooms.drawing is not None:
            result.faults.guarded(lambda f=frame: _look(tracker.active, f), None)  # type: ignore[misc]
        _finish(result, ended, rooms)
        result.frames, result.size = frame.index + 1, frame.size
        yield result
    _finish(result, tracker.cut(result.frames), rooms)
    result.tracks.sort(key=lambda track: (track.first.frame, track.number))
    yield result


def of_faces(tracks: list[Track], frame: Frame, content: bytes, rooms: Rooms) -> Analysis:
    """What `analyse` would tell of one frame whose faces, a track each, are known already."""
    result = Analysis(content, frame.index + 1, frame.size, [frame.index])
    if rooms.drawing is not None:
        result.faults.guarded(lambda: _look(tracks, frame), None)
    _finish(result, tracks, rooms)
    return result


def digest(path: Path) -> bytes:
    """sha256 of a file's content."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()


def _look(tracks: list[Track], frame: Frame) -> None:
    """Keep a crop of each face that is seen better in this frame than before."""
    for track in tracks:
        last = track.last if track.sightings else None
        if last is None or last.frame != frame.index or last.width < _KNOWABLE:
            continue
        quality = min(last.width, _GOOD_WIDTH) * (1.0 if last.mesh_score >= MESH_FOUND else 0.3)
        close = [s for s in track.samples if frame.index - s.frame < _APART]
        worst = min(close or track.samples, key=lambda s: s.quality, default=None)
        if worst and (close or len(track.samples) >= _SAMPLES):
            if quality <= 1.05 * worst.quality:
                continue
            track.samples.remove(worst)
        track.samples.append(_sample(track, frame, quality))


def _sample(track: Track, frame: Frame, quality: float) -> Sample:
    sighting = track.last
    at = pixels(scaled(sighting.box, _CROP), frame.size)
    crop = planes.region(frame, at)
    face = Faces.of(
        [sighting.box], sighting.landmarks, None, sighting.mesh, [sighting.mesh_score]
    ).moved(1.0, (-at[0], -at[1]))
    factor = min(1.0, _CROP_SIDE / max(crop.shape[:2]))
    if factor < 1:
        size = [max(1, round(n * factor)) for n in crop.shape[1::-1]]
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Sample(frame.index, quality, crop, face.moved(factor))


def _finish(result: Analysis, tracks: list[Track], rooms: Rooms) -> None:
    """Learn from the samples of ended tracks who it is, then forget the samples."""
    for track in tracks:
        if not track.sightings:
            continue
        drawing = rooms.drawing
        if drawing is not None:
            _describe(track, drawing, result.faults)
            track.look = max(track.samples, key=lambda sample: sample.quality, default=None)
        track.samples.clear()
        result.tracks.append(track)


def _describe(track: Track, drawing: Drawing, faults: Faults) -> None:
    rows = [
        faults.guarded(lambda s=s: _features(s, drawing), None)  # type: ignore[misc]
        for s in track.samples
    ]
    known = [row for row in rows if row is not None and np.isfinite(row).all()]
    if known:
        mean = np.mean(known, axis=0)
        track.features = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    unseen = track.skin, track.style
    track.skin, track.style = faults.guarded(lambda: _seen(track, drawing), unseen)
    track.shape = faults.guarded(lambda: _shape(track, drawing), track.shape)
    track.glasses = faults.guarded(lambda: _glasses(track, drawing), track.glasses)


def _features(sample: Sample, drawing: Drawing) -> Floats:
    rows = drawing.extractor.extract(sample.crop, sample.faces)
    if rows.shape != (1, len(drawing.mean)):
        raise ContractError(f"features must have shape {(1, len(drawing.mean))}, got {rows.shape}")
    return rows[0]


def _seen(track: Track, drawing: Drawing) -> tuple[Floats, Floats]:
    """(3,) CIE Lab of the cheeks and (3,) beard and make-up, medians over the samples that have
    a mesh, NaN without one.
    """
    face = drawing.canonical
    layout = face.layout * _TEXTURE_SIDE - 0.5
    size = (_TEXTURE_SIDE, _TEXTURE_SIDE)
    textures = [
        np.asarray(warp(s.crop, s.faces.mesh[0], layout, face.triangles, size)[0])
        for s in track.samples
        if s.faces.mesh_scores[0] >= MESH_FOUND
    ]
    if not textures:
        return track.skin, track.style
    skin = np.median([skin_tone(texture) for texture in textures], axis=0)
    style = track.style
    if drawing.beard is not None:
        measures = np.stack([looks(texture, face.layout) for texture in textures])
        style = np.median(drawing.beard.style(measures), axis=0)
    return skin.astype(np.float32), style.astype(np.float32)


def _glasses(track: Track, drawing: Drawing) -> Floats:
    """(h, w) where the person's glasses lie in the samples, empty where none are worn."""
    if drawing.glasses is None:
        return track.glasses
    good = [s for s in track.samples if s.faces.mesh_scores[0] >= MESH_FOUND]
    mattes = [drawing.glasses.matte(s.crop, s.faces.mesh[0]) for s in good]
    return drawing.glasses.worn(mattes)


def _shape(track: Track, drawing: Drawing) -> Floats:
    """(468, 3) the person's shape without expression, over the track's frontal frames."""
    face = drawing.canonical
    good = [s.mesh for s in track.sightings if s.mesh_score >= MESH_FOUND]
    meshes = [m for m in good if yaw(m, face.shape) < _FRONTAL_DEGREES] or good
    if not meshes:
        return track.shape
    some = np.stack(meshes[:: max(1, len(meshes) // _LOOKS)])
    return np.median(neutral(frontal(some, face.shape), face), axis=0).astype(np.float32)
