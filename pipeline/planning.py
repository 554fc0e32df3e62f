"""Between the passes: whole tracks, persons, their donors, and how each face-frame is covered."""

import hashlib
import hmac
import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline import steering, trial
from pipeline.analysis import Analysis
from pipeline.contract import Floats, Ints, Person, no_glasses
from pipeline.geometry import bounds, overlap, yaw
from pipeline.pose import has_pose
from pipeline.rooms import Drawing, Rooms
from pipeline.settings import Settings
from pipeline.smoothing import steady
from pipeline.tracking import MESH_FOUND
from pipeline.tracks import Sample, Seen, Sighting, Track

BEFORE: Final = 3
AFTER: Final = 5
_FRONTAL_ENOUGH: Final = 68.0
_AGREE: Final = 0.3
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


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The persons of one file: the number of each track's person, and their tracks."""

    numbers: list[int]
    tracks: list[list[Track]]  # per person
    persons: list[Person]


def plan(analysis: Analysis, rooms: Rooms, settings: Settings, salt: bytes) -> Plan:
    """Decide for every face of the file before its first frame is written."""
    known = people(analysis, rooms)
    donors: list[Ints | None] = []
    fixed = steering.identity(settings.identity)
    for number, (tracks, person) in enumerate(zip(known.tracks, known.persons, strict=True)):
        key = keyed(salt, analysis.digest, number)
        if rooms.drawing is None:
            donors.append(None)
        elif fixed:
            donors.append(np.array(fixed, np.int64))
        else:
            who = [(person, best_look(tracks))]
            donors.append(drawn(person, who, key, (settings.k, donors, analysis), rooms.drawing))
    return arranged(analysis, known, donors, rooms, settings)


def people(analysis: Analysis, rooms: Rooms) -> People:
    """Which tracks of the file are one person, and what is known of each person."""
    numbers = _persons(analysis.tracks, rooms.drawing)
    groups: list[list[Track]] = [[] for _ in range(max(numbers, default=-1) + 1)]
    for track, number in zip(analysis.tracks, numbers, strict=True):
        groups[number].append(track)
    return People(numbers, groups, [_person(group) for group in groups])


def arranged(
    analysis: Analysis,
    known: People,
    donors: list[Ints | None],
    rooms: Rooms,
    settings: Settings,
) -> Plan:
    """The plan in which each person wears the mix of `donors`, or a cover where that is None."""
    tracks = [_whole(track, analysis, settings.detect_every) for track in analysis.tracks]
    planned = [
        Planned(sightings, [rung(s, rooms.drawing) for s in sightings], number)
        for sightings, number in zip(tracks, known.numbers, strict=True)
    ]
    result = Plan(planned, known.persons, donors)
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
        box, landmarks, mesh, gaze = (
            getattr(a, name) * (1 - t) + getattr(b, name) * t
            for name in ("box", "landmarks", "mesh", "gaze")
        )
        score = min(a.mesh_score, b.mesh_score)
        result.append(Sighting(frame, box, landmarks, mesh, score, Seen.FILLED, gaze))
    return result


def _still(sighting: Sighting, frame: int) -> Sighting:
    return replace(sighting, frame=frame, seen=Seen.PREDICTED)


def rung(sighting: Sighting, drawing: Drawing | None) -> Rung:
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
            if alike.flat[place] < drawing.thresholds.same_person:
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
        _glasses(tracks),
        next((t.style for t in tracks if np.isfinite(t.style).all()), tracks[0].style),
    )


def _glasses(tracks: list[Track]) -> Floats:
    """The usual place of a person's glasses over the tracks that show some, empty without any."""
    mattes = [track.glasses for track in tracks if track.glasses.size]
    return np.mean(mattes, axis=0).astype(np.float32) if mattes else no_glasses()


def keyed(salt: bytes, digest: bytes, number: int) -> np.random.Generator:
    """The randomness of one person: a key from salt, content and number."""
    key = hmac.new(salt, digest + number.to_bytes(4, "big"), hashlib.sha256).digest()
    return np.random.default_rng(list(key))


def best_look(tracks: list[Track]) -> Sample | None:
    """The best look at a person on which a surrogate can be tried, None where there is none."""
    looks = [t.look for t in tracks if t.look and t.look.faces.mesh_scores[0] >= MESH_FOUND]
    return max(looks, key=lambda sample: sample.quality, default=None)


def drawn(
    person: Person,
    wearers: list[tuple[Person, Sample | None]],
    rng: np.random.Generator,
    job: tuple[int, list[Ints | None], Analysis],
    drawing: Drawing,
) -> Ints | None:
    """The donors for `person`, unlike each of the `wearers`; None if drawing failed.

    `job` is how many donors to mix, the mixes that others wear, and the analysis that counts
    faults.
    """
    k, taken, analysis = job
    others = [mix for mix in taken if mix is not None]

    def draw() -> Ints:
        return trial.least_alike(wearers, trial.draws(person, k, rng, drawing, others), drawing)

    return analysis.faults.guarded(draw, None)
