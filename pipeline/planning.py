"""Between the passes: whole tracks, persons, their donors, and how each face-frame is covered."""

import hashlib
import hmac
import logging
from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline import trial
from pipeline.analysis import Analysis
from pipeline.contract import Ints, Person
from pipeline.geometry import bounds, overlap, yaw
from pipeline.pose import has_pose
from pipeline.rooms import Drawing, Rooms
from pipeline.settings import Settings
from pipeline.smoothing import steady
from pipeline.tracking import MESH_FOUND
from pipeline.tracks import Seen, Sighting, Track

BEFORE: Final = 3
AFTER: Final = 5
_FRONTAL_ENOUGH: Final = 68.0
_AGREE: Final = 0.3
_SAME_PERSON: Final = 0.72  # one pair of strangers in 1,000 is more alike than this
_SMALLEST_MESH: Final = 14.0

log = logging.getLogger(__name__)


class Rung(IntEnum):
    """How a face-frame is covered: the ladder, best first."""

    SURROGATE = 0  # along the fitted mesh
    PASTED = 1  # along a mesh known only from landmarks or from other frames
    COVER = 2  # its box


@dataclass(slots=True, eq=False)
class Planned:
    """One track with a rung for each of its sightings."""

    sightings: list[Sighting]
    rungs: list[Rung]
    person: int


@dataclass(slots=True, eq=False)
class Plan:
    """What the second pass does: plain data."""

    tracks: list[Planned]
    persons: list[Person]
    donors: list[Ints | None]  # (k,) per person; None: cover by box
    at: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # frame → (track, row)

    def counts(self) -> Counter[Rung]:
        """Face-frames by rung."""
        return Counter(rung for track in self.tracks for rung in track.rungs)


def plan(analysis: Analysis, rooms: Rooms, settings: Settings, salt: bytes) -> Plan:
    """Decide for every face of the file before its first frame is written."""
    every = settings.detect_every
    tracks = [_whole(track, analysis, every) for track in analysis.tracks]
    numbers = _persons(analysis.tracks, rooms.drawing)
    planned = [
        Planned(sightings, [_rung(s, rooms.drawing) for s in sightings], number)
        for sightings, number in zip(tracks, numbers, strict=True)
    ]
    groups: list[list[Track]] = [[] for _ in range(max(numbers, default=-1) + 1)]
    for track, number in zip(analysis.tracks, numbers, strict=True):
        groups[number].append(track)
    persons = [_person(group) for group in groups]
    job, drawing = (analysis, settings, salt), rooms.drawing
    donors: list[Ints | None] = []
    for group, person in zip(groups, persons, strict=True):
        donors.append(_donors(group, person, donors, job, drawing) if drawing else None)
    result = Plan(planned, persons, donors)
    for number, whole in enumerate(planned):
        for row, sighting in enumerate(whole.sightings):
            result.at.setdefault(sighting.frame, []).append((number, row))
    return result


def _whole(track: Track, analysis: Analysis, every: int) -> list[Sighting]:
    """The track without gaps, steadied, and a little longer than it was seen.

    At least until the frame in which the detector, asked in each `every`-th, did not see it.
    """
    before, after = max(BEFORE, every - 1), max(AFTER, every - 1)
    seen = steady(track.sightings)
    result = [seen[0]]
    for sighting in seen[1:]:
        result.extend(_between(result[-1], sighting))
        result.append(sighting)
    end = min((s for s in analysis.shots if s > track.shot), default=analysis.frames)
    early = range(max(track.shot, seen[0].frame - before), seen[0].frame)
    late = range(seen[-1].frame + 1, min(end, seen[-1].frame + 1 + after))
    width, height = analysis.size
    head = [_still(seen[0], frame) for frame in early]
    tail = [_still(seen[-1], frame) for frame in late]
    whole = [*head, *result, *tail]
    return [s for s in whole if (s.box[:2] < (width, height)).all() and (s.box[2:] > 0).all()]


def _between(a: Sighting, b: Sighting) -> list[Sighting]:
    """The frames between two sightings, on a straight line."""
    result = []
    for frame in range(a.frame + 1, b.frame):
        t = np.float32((frame - a.frame) / (b.frame - a.frame))
        box, landmarks, mesh = (
            getattr(a, name) * (1 - t) + getattr(b, name) * t
            for name in ("box", "landmarks", "mesh")
        )
        score = min(a.mesh_score, b.mesh_score)
        result.append(Sighting(frame, box, landmarks, mesh, score, Seen.FILLED))
    return result


def _still(sighting: Sighting, frame: int) -> Sighting:
    return Sighting(
        frame,
        sighting.box,
        sighting.landmarks,
        sighting.mesh,
        sighting.mesh_score,
        Seen.PREDICTED,
    )


def _rung(sighting: Sighting, drawing: Drawing | None) -> Rung:
    if drawing is None:
        return Rung.COVER
    mesh, box = sighting.mesh, sighting.box
    if np.isfinite(mesh).all() and sighting.mesh_score >= MESH_FOUND:
        own = bounds(mesh)
        fits = overlap(own[None], box[None])[0, 0] > _AGREE
        wide = float((own[2:] - own[:2]).max()) >= _SMALLEST_MESH
        if fits and wide and yaw(mesh, drawing.canonical.shape) < _FRONTAL_ENOUGH:
            return Rung.SURROGATE if sighting.seen <= Seen.FOLLOWED else Rung.PASTED
    posable = has_pose(sighting.landmarks, drawing.canonical.shape)
    return Rung.PASTED if posable else Rung.COVER


def _persons(tracks: list[Track], drawing: Drawing | None) -> list[int]:
    """The person's number of each track: tracks much alike and never seen together are one."""
    numbers = list(range(len(tracks)))
    known = [i for i, track in enumerate(tracks) if track.features is not None]
    if drawing is not None and len(known) > 1:
        features = np.stack([tracks[i].features for i in known])  # type: ignore[misc]
        alike = similarity(features, features, drawing.mean)
        order = np.argsort(-alike, axis=None)
        for place in order.tolist():
            a, b = known[place // len(known)], known[place % len(known)]
            if alike.flat[place] < _SAME_PERSON:
                break
            if numbers[a] != numbers[b] and _never_together(tracks, numbers, a, b):
                numbers = [numbers[a] if n == numbers[b] else n for n in numbers]
    first_seen = {n: i for i, n in enumerate(dict.fromkeys(numbers))}
    return [first_seen[n] for n in numbers]


def _never_together(tracks: list[Track], numbers: list[int], a: int, b: int) -> bool:
    groups = [[t for t, n in zip(tracks, numbers, strict=True) if n == numbers[i]] for i in (a, b)]
    return not any(
        one.first.frame <= other.last.frame and other.first.frame <= one.last.frame
        for one in groups[0]
        for other in groups[1]
    )


def _person(tracks: list[Track]) -> Person:
    """What is known of a person over all tracks, the longest first."""
    tracks = sorted(tracks, key=lambda track: -len(track.sightings))
    rows = [track.features for track in tracks if track.features is not None]
    mean = np.mean(rows, axis=0) if rows else np.full(1, np.nan, np.float32)
    features = mean / max(float(np.linalg.norm(mean)), 1e-9) if rows else mean
    skin = [track.skin for track in tracks if np.isfinite(track.skin).all()]
    shape = [track.shape for track in tracks if np.isfinite(track.shape).all()]
    return Person(
        features.astype(np.float32),
        skin[0] if skin else tracks[0].skin,
        shape[0] if shape else tracks[0].shape,
    )


def _donors(
    tracks: list[Track],
    person: Person,
    taken: list[Ints | None],
    job: tuple[Analysis, Settings, bytes],
    drawing: Drawing,
) -> Ints | None:
    """The donors of the next person, drawn with a key from salt, file and number.

    `taken` are those of the persons before; None if drawing failed.
    """
    analysis, settings, salt = job
    number, others = len(taken), [mix for mix in taken if mix is not None]
    key = hmac.new(salt, analysis.digest + number.to_bytes(4, "big"), hashlib.sha256).digest()
    rng = np.random.default_rng(list(key))
    looks = [
        track.look
        for track in tracks
        if track.look and track.look.faces.mesh_scores[0] >= MESH_FOUND
    ]
    look = max(looks, key=lambda sample: sample.quality, default=None)

    def draw() -> Ints:
        mixes = trial.draws(person, settings.k, rng, drawing, others)
        return trial.least_alike(person, look, mixes, drawing)

    return analysis.faults.guarded(draw, None)
