"""Which tracks of a file are one person: by where and when they are seen, and by features.

What happens between two tracks is judged first: a track that goes on where another ended (somebody
walked behind a pillar) is the same person, whether or not anybody could be recognised. What was
joined so is then linked over the whole file by average linkage of features (Sokal, Michener, 1958).
Whoever is seen beside somebody is never linked to them.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline.analysis import Analysis
from pipeline.contract import Floats, Ints, Mask, Person, no_glasses
from pipeline.geometry import overlap
from pipeline.rooms import Drawing, Rooms
from pipeline.tracking import MESH_FOUND
from pipeline.tracks import Sample, Sighting, Track, surely

_SOON: Final = 50  # frames
_MOTION: Final = 8  # sightings that tell how a face moves
_ASIDE: Final = 0.6  # of a face's side
_WANDERED: Final = 0.02  # of a face's side, a frame
_GROWN: Final = 1.5
_OTHER_SKIN: Final = 18.0  # CIE Lab
_STRANGERS: Final = 0.4
_RIVAL: Final = 0.7
_ONE_FACE: Final = 0.45
_COMPARED: Final = 32  # frames
_CLEAR: Final = 40.0  # px
_SMALL_ALIKE: Final = 0.805  # of 40,000 pairs of strangers 18 to 25 px wide none is more alike
_NEVER: Final = 1e9
_AT_ONCE: Final = 2000  # tracks, whose distances fit into memory


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The persons of one file: the number of each track's person, and their tracks."""

    numbers: list[int]
    tracks: list[list[Track]]  # per person
    persons: list[Person]


def people(analysis: Analysis, rooms: Rooms) -> People:
    """Which tracks of the file are one person, and what is known of each person."""
    numbers = linked(analysis.tracks, rooms.drawing)
    groups: list[list[Track]] = [[] for _ in range(max(numbers, default=-1) + 1)]
    for track, number in zip(analysis.tracks, numbers, strict=True):
        groups[number].append(track)
    return People(numbers, groups, [described(group) for group in groups])


def linked(tracks: list[Track], drawing: Drawing | None) -> list[int]:
    """The person's number of each track, in the order of the tracks that came first."""
    company = beside(tracks)
    groups = _continued(tracks, company, drawing)
    if drawing is not None:
        waiting, groups = groups, []
        for start in range(0, len(waiting), _AT_ONCE):
            some = groups + waiting[start : start + _AT_ONCE]
            groups = _recognised(tracks, some, company, drawing)
    number = {row: i for i, group in enumerate(groups) for row in group}
    return [number[row] for row in range(len(tracks))]


def described(tracks: list[Track]) -> Person:
    """What is known of a person over all tracks, the longest first."""
    tracks = sorted(tracks, key=lambda track: -len(track.sightings))
    skin = [track.skin for track in tracks if np.isfinite(track.skin).all()]
    shape = [track.shape for track in tracks if np.isfinite(track.shape).all()]
    features = _pooled(tracks)
    return Person(
        np.full(1, np.nan, np.float32) if features is None else features,
        skin[0] if skin else tracks[0].skin,
        shape[0] if shape else tracks[0].shape,
        _glasses(tracks),
        next((t.style for t in tracks if np.isfinite(t.style).all()), tracks[0].style),
        next((t.eyes for t in tracks if np.isfinite(t.eyes)), tracks[0].eyes),
    )


def best_look(tracks: list[Track]) -> Sample | None:
    """The best look at a person on which a surrogate can be tried, None where there is none."""
    looks = [t.look for t in tracks if t.look and t.look.faces.mesh_scores[0] >= MESH_FOUND]
    return max(looks, key=lambda sample: sample.quality, default=None)


def is_small(tracks: list[Track]) -> bool:
    """Whether the best look at a person shows too few pixels to be sure of who it is."""
    looks = [track.look for track in tracks if track.look is not None]
    return bool(looks) and all(
        look.faces.boxes[0, 2] - look.faces.boxes[0, 0] < _CLEAR for look in looks
    )


def demanded(drawing: Drawing, small: Mask) -> Floats:
    """How alike two people must be to be one, where either may be `small`."""
    same = drawing.thresholds.same_person
    return np.where(small, max(same, _SMALL_ALIKE), same).astype(np.float32)


def _glasses(tracks: list[Track]) -> Floats:
    """The usual place of a person's glasses over the tracks that show some, empty without any."""
    mattes = [track.glasses for track in tracks if track.glasses.size]
    return np.mean(mattes, axis=0).astype(np.float32) if mattes else no_glasses()


def _pooled(tracks: list[Track]) -> Floats | None:
    """(d,) features of a person over tracks, of length 1; large faces count more."""
    known = [track for track in tracks if track.features is not None]
    if not known:
        return None
    weights = np.array([track.look.quality if track.look else 1.0 for track in known])
    mean = (weights[:, None] * np.stack([track.features for track in known])).sum(axis=0)  # type: ignore[misc]
    result: Floats = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return result


def beside(tracks: list[Track]) -> list[set[int]]:
    """For each track the rows of those seen with it in one frame: surely other people."""
    result: list[set[int]] = [set() for _ in tracks]
    spans = [surely(track) for track in tracks]
    active: list[int] = []
    for row in sorted(range(len(tracks)), key=lambda row: spans[row]):
        active = [other for other in active if spans[other][1] >= spans[row][0]]
        for other in active:
            if not _doubled(tracks[other], tracks[row]):
                result[row].add(other)
                result[other].add(row)
        active.append(row)
    return result


def _doubled(a: Track, b: Track) -> bool:
    """Wherever both are seen they lie over each other: one face that was followed twice.

    In a photo everybody has one sighting: there, faces that overlap are several people.
    """
    if len(a.sightings) + len(b.sightings) <= 2:
        return False
    count = bisect_right(b.sightings, a.last.frame, key=_frame)
    alike = []
    for row in range(0, count, max(1, count // _COMPARED)):
        box, place = (
            b.sightings[row].box,
            bisect_left(a.sightings, b.sightings[row].frame, key=_frame),
        )
        if place < len(a.sightings) and a.sightings[place].frame == b.sightings[row].frame:
            alike.append(float(overlap(a.sightings[place].box[None], box[None])[0, 0]))
            if not alike[-1]:
                return False
    return bool(alike) and bool(np.median(alike) > _ONE_FACE)


def _frame(sighting: Sighting) -> int:
    return sighting.frame


def _continued(
    tracks: list[Track], company: list[set[int]], drawing: Drawing | None
) -> list[list[int]]:
    """Groups of rows: tracks that go on where another ended, or lie over another."""
    cost = _detours(tracks, company)
    group = {row: [row] for row in range(len(tracks))}
    for (a, b), own in sorted(cost.items(), key=lambda pair: (pair[1], pair[0])):
        rivals = [cost.get((a, other), np.inf) for other in company[b]]
        rivals += [cost.get((other, b), np.inf) for other in company[a]]
        if group[a] is group[b] or own > _RIVAL * min(rivals, default=np.inf):
            continue
        both = group[a] + group[b]
        if not any(company[row].intersection(both) for row in both) and not _strangers(
            [tracks[row] for row in both], drawing
        ):
            group.update(dict.fromkeys(both, both))
    unique = {id(rows): sorted(rows) for rows in group.values()}
    return sorted(unique.values())


def _detours(tracks: list[Track], company: list[set[int]]) -> dict[tuple[int, int], float]:
    """How well the second of a pair of tracks goes on after the first: 0 best."""
    spans = [(track.first.frame, track.last.frame) for track in tracks]
    order = sorted(range(len(tracks)), key=lambda row: spans[row])
    begins = [spans[row][0] for row in order]
    result: dict[tuple[int, int], float] = {}
    for place, a in enumerate(order):
        for b in order[place + 1 : bisect_right(begins, spans[a][1] + _SOON)]:
            if b not in company[a]:
                off = _detour(tracks[a], tracks[b])
                if off is not None:
                    result[a, b] = off
    return result


def _detour(a: Track, b: Track) -> float | None:
    """How far from where it was expected `b` goes on, in faces; None where it is another face."""
    gap = b.first.frame - a.last.frame
    if gap <= 0:
        return 0.0 if _doubled(a, b) else None
    ends = np.stack([a.last.box, b.first.box])
    sides = (ends[:, 2:] - ends[:, :2]).max(axis=1)
    if a.shot != b.shot or sides.max() > _GROWN * sides.min():
        return None
    if np.linalg.norm(a.skin - b.skin) > _OTHER_SKIN:
        return None
    centres = (ends[:, :2] + ends[:, 2:]) / 2
    step = centres[1] - centres[0]
    ways = [step, step - gap * _motion(a, -1), step - gap * _motion(b, 0)]
    off = min(float(np.linalg.norm(way)) for way in ways) / float(sides.mean())
    return off if off < _ASIDE + _WANDERED * gap else None


def _motion(track: Track, end: int) -> Floats:
    """(2,) px a frame that the box moves at the track's beginning (0) or end (-1)."""
    some = track.sightings[-_MOTION:] if end else track.sightings[:_MOTION]
    if len(some) < 3:
        return np.zeros(2, np.float32)
    centres = np.stack([(s.box[:2] + s.box[2:]) / 2 for s in (some[0], some[-1])])
    result: Floats = (centres[1] - centres[0]) / (some[-1].frame - some[0].frame)
    return result


def _strangers(tracks: list[Track], drawing: Drawing | None) -> bool:
    """Whether features tell that they are not all one person."""
    rows = [track.features for track in tracks if track.features is not None]
    if drawing is None or len(rows) < 2:
        return False
    known = np.stack(rows)
    return bool(similarity(known, known, drawing.mean).min() < _STRANGERS)


def _recognised(
    tracks: list[Track], groups: list[list[int]], company: list[set[int]], drawing: Drawing
) -> list[list[int]]:
    """The groups, those united that features tell to be one person."""
    pooled = [_pooled([tracks[row] for row in group]) for group in groups]
    known = [i for i, features in enumerate(pooled) if features is not None]
    if len(known) < 2:
        return groups
    rows = np.stack([pooled[i] for i in known])  # type: ignore[misc]
    small = np.array([is_small([tracks[row] for row in groups[i]]) for i in known])
    needed = demanded(drawing, small[:, None] | small)
    apart = 1 - similarity(rows, rows, drawing.mean) + needed - drawing.thresholds.same_person
    node = {row: place for place, i in enumerate(known) for row in groups[i]}
    for row, place in node.items():
        others = [node[other] for other in company[row] if other in node]
        apart[place, others] = apart[others, place] = _NEVER
    labels = clustered(apart, 1 - drawing.thresholds.same_person)
    result = [group for i, group in enumerate(groups) if pooled[i] is None]
    for label in np.unique(labels):
        members = [groups[known[i]] for i in np.flatnonzero(labels == label)]
        result.append(sorted(row for member in members for row in member))
    return sorted(result)


def clustered(apart: Floats, farthest: float) -> Ints:
    """(m,) labels of clusters by average linkage, whose mean distances are at most `farthest`.

    `apart` is (m, m); a pair that must not be linked lies more than m² times farther apart.
    """
    pairs = np.triu_indices(len(apart), 1)
    if not (apart[pairs] <= farthest).any():
        return np.arange(1, len(apart) + 1)  # as mostly, and then without a library
    from scipy.cluster.hierarchy import fcluster, linkage  # heavy
    from scipy.spatial.distance import squareform

    distances = squareform(np.maximum(apart, 0).astype(np.float64), checks=False)
    tree = linkage(distances, "average")
    return np.asarray(fcluster(tree, farthest, "distance"), np.int64)
