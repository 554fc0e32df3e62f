"""First pass: where every face is in every frame, and the best looks at each."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from generator.canonical import frontal, neutral, skin_tone
from generator.expression import eye_code
from generator.looks import looks
from matcher.cosine import agreed
from pipeline import search
from pipeline.asking import MOST, SHAPES
from pipeline.contract import Floats, Frame
from pipeline.crew import Crew
from pipeline.errors import ContractError
from pipeline.faults import Faults as Faults
from pipeline.geometry import shared, warp, yaw
from pipeline.given_boxes import FileBoxes
from pipeline.looking import careful
from pipeline.media import Source
from pipeline.packing import packed
from pipeline.parting import Partings
from pipeline.rooms import Drawing, Rooms
from pipeline.samples import sample
from pipeline.scouting import Scout, View
from pipeline.settings import Settings
from pipeline.tracking import Tracker
from pipeline.tracks import MESH_FOUND, Sample, Sighting, Track
from pipeline.witness import CROSSED, Witness

_SAMPLES: Final = 3
_APART: Final = 5
_GOOD_WIDTH: Final = 150.0
_KNOWABLE: Final = 20.0
_UNFITTED: Final = 0.3
_CORNERS: Final = (33, 263)  # outer, of the eyes in the face mesh
_LOOKS: Final = 40
_LOOKED_AT: Final = 400
_CUT: Final = 0.25
_CUT_OFF: Final = 0.06
_FEWEST_OF_EYES: Final = 12
_OPEN_EYES: Final = 0.75  # quantile: blinks are rarer than open eyes
_FRONTAL_DEGREES: Final = 45.0
_TEXTURE_SIDE: Final = 96
_RESTED: Final = 3  # frames in which a calm face is not measured


@dataclass(slots=True, eq=False)
class Analysis:
    """The tracks of one file and what is needed to plan for them."""

    digest: bytes
    frames: int = 0
    size: tuple[int, int] = (0, 0)
    shots: list[int] = field(default_factory=lambda: [0])  # first frames
    looks: list[int] = field(default_factory=list)  # frames in which the detector was asked
    tracks: list[Track] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    fades: list[tuple[int, int]] = field(default_factory=list)  # first and last frame of dissolves
    closely: list[int] = field(default_factory=list)  # the looks that were more than a glance
    blends: list[tuple[int, int]] = field(default_factory=list)  # what may be dissolves as well


def analyse(source: Source, rooms: Rooms, settings: Settings) -> Iterator[Analysis]:
    """Read the file once; the same growing Analysis is yielded after every frame."""
    given = rooms.given.of(source.path) if rooms.given is not None else None
    rooms = rooms if source.kind == "clip" else careful(rooms)
    with Crew() as crew:
        _prepare(rooms, crew)
        seen = Analysis(digest(source.path))
        analyst = Analyst(seen, rooms, settings, given, _RESTED, crew)
        seen_ahead = analyst.scout.views(source.frames())
        with crew.ahead(seen_ahead, View.searched, MOST) as views:
            for view in views:
                analyst.follow(view)
                yield analyst.result
        analyst.finish()
    yield analyst.result


def _prepare(rooms: Rooms, crew: Crew) -> None:
    """Have networks read while the first frame is; those of other makers wait until they work."""
    detector = search.quick(rooms.detector)
    for room, sizes in ((detector, SHAPES), (rooms.mesh, ()), (rooms.eyes, ())):
        prepare = getattr(room, "prepare", None)
        if prepare is not None:
            crew.soon(partial(prepare, *sizes))


class Analyst:
    """Feed it every frame of a clip in order; `result` grows by the tracks that have ended."""

    def __init__(
        self,
        result: Analysis,
        rooms: Rooms,
        settings: Settings,
        given: FileBoxes | None = None,
        ahead: int = 0,
        crew: Crew | None = None,
    ) -> None:
        """Nobody uses a track's last `ahead` frames before the next one was seen."""
        self.result, self._rooms, self._crew = result, rooms, crew
        guard = result.faults.guarded
        start = settings.detect_threshold
        hints = getattr(rooms.detector, "hints", None)
        self._tracker = Tracker(rooms.mesh, start, guard, rooms.eyes, ahead, crew, hints)
        self.scout = Scout(rooms, settings, given, crew)
        self._witness = Witness(rooms.keeper, result.faults) if rooms.keeper else None
        self._partings = Partings(rooms.drawing, result.faults) if rooms.drawing else None

    @property
    def held(self) -> list[Track]:
        """The tracks that may still change."""
        return self._tracker.held

    def step(self, frame: Frame) -> None:
        """Look for faces in the next frame, follow those known, keep the best looks at them."""
        self.follow(self.scout.view(frame))

    def follow(self, view: View) -> None:
        """The same, with what the scout has seen of the frame."""
        result, rooms, frame = self.result, self._rooms, view.frame
        if view.cut:
            self._end(self._tracker.cut(frame.index))
            result.shots.append(frame.index)
        view.note(result.fades, result.blends)
        faces, looked = self.scout.found(view, self._tracker.active)
        if looked:
            result.looks.append(frame.index)
        if looked > 1:
            result.closely.append(frame.index)
        ended = self._tracker.step(frame, faces)
        drawing, active, known = rooms.drawing, self._tracker.active, self._tracker.measured
        if drawing is not None:
            result.faults.guarded(lambda: keep_looks(known, frame, drawing), None)
        if self._witness is not None:
            self._witness.step(known, frame)
        if self._partings is not None:
            guessed = [track for track in active if track not in known]
            for track, since in self._partings.step(active, frame, guessed):
                self._tracker.part(track, since)
        self._end(ended)
        result.frames, result.size = frame.index + 1, frame.size

    def finish(self) -> None:
        """The clip has ended."""
        self.scout.finish(self.result.frames)
        self._end(self._tracker.cut(self.result.frames))
        self.result.tracks.sort(key=lambda track: (track.first.frame, track.number))

    def _end(self, tracks: list[Track]) -> None:
        tracks = [track for track in tracks if not track.is_blend(self.result.fades)]
        if self._witness is not None:
            self._witness.ended(tracks)
        learn(self.result, tracks, self._rooms, self._crew)


def of_faces(tracks: list[Track], frame: Frame, content: bytes, rooms: Rooms) -> Analysis:
    """What `analyse` would tell of one frame whose faces, a track each, are known already."""
    result = Analysis(content, frame.index + 1, frame.size, [frame.index])
    drawing = rooms.drawing
    if drawing is not None:
        result.faults.guarded(lambda: keep_looks(tracks, frame, drawing), None)
    learn(result, tracks, rooms)
    return result


def digest(path: Path) -> bytes:
    """sha256 of a file's content."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()


def keep_looks(tracks: list[Track], frame: Frame, drawing: Drawing) -> None:
    """Keep a crop of each face that is seen better in this frame than before."""
    here = [t for t in tracks if t.sightings and t.last.frame == frame.index]
    boxes = np.stack([t.last.box for t in here]) if here else np.zeros((0, 4), np.float32)
    crossed = (shared(boxes, boxes) > CROSSED).sum(axis=1) > 1
    for track, hidden in zip(here, crossed, strict=True):
        last = track.last
        if last.width < _KNOWABLE:
            continue
        partly = hidden or _at_border(last, frame)
        quality = _quality(last, drawing) * (_CUT if partly else 1.0)
        close = [s for s in track.samples if frame.index - s.frame < _APART]
        worst = min(close or track.samples, key=lambda s: s.quality, default=None)
        if worst and (close or len(track.samples) >= _SAMPLES):
            if quality <= 1.05 * worst.quality:
                continue
            track.samples.remove(worst)
        track.samples.append(sample(track.last, frame, quality))


def _at_border(sighting: Sighting, frame: Frame) -> bool:
    """Whether the picture's border cuts off a part of the face: the rest tells nobody."""
    x1, y1, x2, y2 = (float(edge) for edge in sighting.box)
    width, height = frame.size
    margin = _CUT_OFF * (x2 - x1)
    return min(x1, y1, width - x2, height - y2) < -margin or min(x1, width - x2) < 1


def _quality(sighting: Sighting, drawing: Drawing) -> float:
    """How well a face shows who it is: large, with a mesh, upright and turned to the camera."""
    mesh, wide = sighting.mesh, min(sighting.width, _GOOD_WIDTH)
    if sighting.mesh_score < MESH_FOUND or not np.isfinite(mesh).all():
        return _UNFITTED * wide
    across = mesh[_CORNERS[1], :2] - mesh[_CORNERS[0], :2]
    upright = float(across[0]) / max(float(np.hypot(*across)), 1e-6)
    ahead = float(np.cos(np.radians(yaw(mesh, drawing.canonical.shape))))
    return wide * (_UNFITTED + (1 - _UNFITTED) * max(min(upright, ahead), 0.0))


def learn(result: Analysis, tracks: list[Track], rooms: Rooms, crew: Crew | None = None) -> None:
    """Learn from the samples of ended tracks who it is (a `crew` of several), then forget them."""
    drawing, tracks = rooms.drawing, [track for track in tracks if track.sightings]
    if drawing is not None:
        shared = getattr(drawing.extractor, "concurrent", False)
        learners = crew if crew and shared else Crew(1)
        learners.all(lambda track: describe(track, drawing, result.faults), tracks)
    for track in tracks:
        track.samples.clear()
        track.sightings = packed(track.sightings)
        result.tracks.append(track)


def describe(track: Track, drawing: Drawing, faults: Faults) -> None:
    """Learn from the samples of a track who it is, and how they look."""
    track.look = max(track.samples, key=lambda sample: sample.quality, default=track.look)
    rows = [
        faults.guarded(lambda s=s: _features(s, drawing), None)  # type: ignore[misc]
        for s in sorted(track.samples, key=lambda sample: -sample.quality)
    ]
    known = [row for row in rows if row is not None and np.isfinite(row).all()]
    if known:
        track.features = agreed(np.stack(known), drawing.mean)
    unseen = track.skin, track.style
    track.skin, track.style = faults.guarded(lambda: _seen(track, drawing), unseen)
    before = track.shape, track.eyes
    track.shape, track.eyes = faults.guarded(lambda: _shape(track, drawing), before)
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
    """(h, w) what the samples tell of the person's glasses, empty where none are worn."""
    if drawing.glasses is None:
        return track.glasses
    good = [s for s in track.samples if s.faces.mesh_scores[0] >= MESH_FOUND]
    return drawing.glasses.worn_by([(s.crop, s.faces.mesh[0]) for s in good])


def _shape(track: Track, drawing: Drawing) -> tuple[Floats, float]:
    """(468, 3) the person's shape without expression, over the track's frontal frames, and how
    wide their eyes are when they are open; NaN where too few frames tell.
    """
    face = drawing.canonical
    some = track.sightings[:: max(1, len(track.sightings) // _LOOKED_AT)]
    good = [s.mesh for s in some if s.mesh_score >= MESH_FOUND]
    meshes = [m for m in good if yaw(m, face.shape) < _FRONTAL_DEGREES] or good
    if not meshes:
        return track.shape, track.eyes
    few = frontal(np.stack(meshes[:: max(1, len(meshes) // _LOOKS)]), face.shape)
    calm = np.median(neutral(few, face), axis=0).astype(np.float32)
    if len(few) < _FEWEST_OF_EYES:
        return calm, track.eyes
    return calm, float(np.quantile(eye_code(few).mean(axis=1), _OPEN_EYES))
