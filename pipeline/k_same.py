"""k-Same over a closed set: the persons of one job share surrogates in groups of K or more.

Newton, Sweeney, Malin: "Preserving privacy by de-identifying face images", TKDE 2005
(doi:10.1109/TKDE.2005.32): take a person and the K - 1 nearest, let them share one face, go on
with the rest; those who remain join a group. Their set holds one picture a person. A job does
not, so a group counts only people who surely differ: see `grouped`. docs/k-same.md says what
is guaranteed and what is not.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline import planning
from pipeline.analysis import Analysis
from pipeline.cast import drawn, keyed
from pipeline.contract import MESH_POINTS, Floats, Ints, Mask, Person
from pipeline.errors import SettingsError
from pipeline.geometry import yaw
from pipeline.people import People, best_look, people
from pipeline.planning import Plan
from pipeline.rooms import Drawing, Rooms
from pipeline.settings import Settings
from pipeline.tracking import MESH_FOUND
from pipeline.tracks import Sample, Track

NO_CLAIM: Final[dict[str, object]] = {
    "scheme": "default",
    "guaranteed": "nothing formal: mixing k donors is no k-anonymity",
}
MEASURED: Final = "dlib_resnet"
LINKED: Final = 0.65
SURELY_DIFFERENT: Final = 0.5  # in 2,300 pairs of pictures none of one person was less alike
SMALLEST: Final = 40.0
_FRONTAL_DEGREES: Final = 45.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The groups of a job: how many in each surely differ (K or more), and how many there are."""

    k: int
    different: tuple[int, ...] = ()
    members: tuple[int, ...] = ()
    uncertain: int = 0  # persons of single files who are covered, because nobody knows who they are

    @property
    def line(self) -> str:
        """The groups in one line."""
        count = len(self.members)
        more = f"; {self.uncertain} covered, nobody knows who they are" if self.uncertain else ""
        return (
            f"k-same {self.k}: {sum(self.members)} persons in {count} group{'s' * (count != 1)}, "
            f"{min(self.different, default=0)} or more in each who surely differ{more}"
        )

    def record(self) -> dict[str, object]:
        """Plain data for a report: no features, no file names, nothing of the salt."""
        return {
            "scheme": "k-same",
            "k": self.k,
            "persons": sum(self.members),
            "groups": [
                {"members": m, "surely different": d}
                for m, d in zip(self.members, self.different, strict=True)
            ],
            "covered for want of certainty": self.uncertain,
            "guaranteed": "each surrogate that was drawn is shared by "
            f"{min(self.different, default=0)} or more people of this job, if the recogniser tells "
            "people apart as measured",
            "not guaranteed": "anything else that shows: hair, head outline, clothes, voice, "
            "surroundings, light and skin tone, pose, and with --expression keep the expression",
        }


@dataclass(slots=True, eq=False)
class _Member:
    """One person of the job: where they appear, and what is known of them."""

    places: list[tuple[int, int]]  # file, person in it
    features: Floats  # (d,) length 1
    look: Sample | None


def plans(
    analyses: list[Analysis], rooms: Rooms, settings: Settings, k: int, salt: bytes
) -> tuple[list[Plan], Outcome]:
    """A plan for each file of the closed set.

    Raises SettingsError where fewer than `k` persons can be told apart.
    """
    check(settings)
    drawing = rooms.drawing
    assert drawing is not None
    casts = [people(analysis, rooms) for analysis in analyses]
    members = _members(casts, drawing)
    groups, different = _grouped(members, drawing, k)
    donors: list[list[Ints | None]] = [[None] * len(cast.persons) for cast in casts]
    worn = [list(cast.persons) for cast in casts]
    mixes: list[Ints] = []
    seen: list[Floats] = []
    for number, group in enumerate(groups):
        shared = _shared(group, casts)
        rng = keyed(salt, _digest(analyses), number)
        wearers = [(replace(shared, features=m.features), m.look) for m in group]
        job = settings.k, (mixes, seen), analyses[0].faults
        mix, face = drawn(shared, wearers, rng, job, drawing)
        mixes.extend([mix] if mix is not None else [])
        seen.extend([face] if face is not None else [])
        for file, person in (place for member in group for place in member.places):
            donors[file][person] = mix
            worn[file][person] = replace(shared, shape=worn[file][person].shape)
    result = [
        planning.arranged(analysis, People(cast.numbers, cast.tracks, persons), given, rooms, True)
        for analysis, cast, persons, given in zip(analyses, casts, worn, donors, strict=True)
    ]
    known = sum(len(member.places) for member in members)
    sizes = tuple(len(group) for group in groups)
    uncertain = sum(len(cast.persons) for cast in casts) - known
    return result, Outcome(k, different, sizes, uncertain)


def check(settings: Settings) -> None:
    """Raise SettingsError for an extractor of which nobody knows who it surely tells apart."""
    if settings.extractor != MEASURED:
        raise SettingsError(
            f"--scheme k-same counts people by features of {MEASURED}, for which it was measured: "
            f"leave --extractor {settings.extractor} out"
        )


def grouped(alike: Floats, k: int) -> list[tuple[list[int], list[int]]]:
    """Groups of m persons, as pairs of lists: k or more who surely differ, and the rest.

    `alike` (m, m) are their similarities. Any two of a group's first list are less alike than
    SURELY_DIFFERENT, so they are two people; whoever might be one of them again joins without
    being counted. Empty if no k of them surely differ.
    """
    free = np.ones(len(alike), np.bool_)
    groups: list[tuple[list[int], list[int]]] = []
    for seed in range(len(alike)):
        core = _core(seed, alike, free, k) if free[seed] else []
        if len(core) == k:
            groups.append((core, []))
            free[core] = False
    if groups:
        for left in np.flatnonzero(free).tolist():
            _join(left, groups, alike)
    return groups


def _core(seed: int, alike: Floats, free: Mask, k: int) -> list[int]:
    """`seed` and the k - 1 nearest free persons of whom no two can be one; fewer if need be."""
    core = [seed]
    for other in np.argsort(-alike[seed], kind="stable").tolist():
        if len(core) < k and free[other] and (alike[other, core] < SURELY_DIFFERENT).all():
            core.append(other)
    return core


def _join(left: int, groups: list[tuple[list[int], list[int]]], alike: Floats) -> None:
    core, more = max(groups, key=lambda group: float(alike[left, group[0]].max()))
    surely = (alike[left, core + more] < SURELY_DIFFERENT).all()
    (core if surely else more).append(left)


def _members(casts: list[People], drawing: Drawing) -> list[_Member]:
    """The job's persons of whom it is sure who they are, linked over files."""
    certain = [
        _Member([(file, number)], cast.persons[number].features, best_look(tracks))
        for file, cast in enumerate(casts)
        for number, tracks in enumerate(cast.tracks)
        if any(_is_certain(track, drawing) for track in tracks)
    ]
    if not certain:
        return []
    rows = np.stack([member.features for member in certain])
    links = similarity(rows, rows, drawing.mean) > LINKED
    from scipy.sparse.csgraph import connected_components  # heavy

    _, labels = connected_components(links, directed=False)
    groups: dict[int, list[_Member]] = {}
    for label, member in zip(labels.tolist(), certain, strict=True):
        groups.setdefault(label, []).append(member)
    return [_one(group) for group in groups.values()]


def _one(parts: list[_Member]) -> _Member:
    mean = np.mean([part.features for part in parts], axis=0)
    looks = [part.look for part in parts if part.look is not None]
    best = max(looks, key=lambda sample: sample.quality, default=None)
    places = [place for part in parts for place in part.places]
    return _Member(places, (mean / np.linalg.norm(mean)).astype(np.float32), best)


def _is_certain(track: Track, drawing: Drawing) -> bool:
    """Whether the track has features of a face that was large, frontal and fitted by a mesh."""
    look = track.look
    if track.features is None or look is None or look.faces.mesh_scores[0] < MESH_FOUND:
        return False
    frontal = yaw(look.faces.mesh[0], drawing.canonical.shape) < _FRONTAL_DEGREES
    return bool(look.quality >= SMALLEST and frontal)


def _grouped(
    members: list[_Member], drawing: Drawing, k: int
) -> tuple[list[list[_Member]], tuple[int, ...]]:
    """The members of each group, and how many of them surely differ."""
    rows = np.zeros((0, len(drawing.mean)), np.float32)
    if members:
        rows = np.stack([member.features for member in members])
    alike = similarity(rows, rows, drawing.mean)
    pairs = grouped(alike, k)
    if not pairs:
        free = np.ones(len(rows), np.bool_)
        most = max((len(_core(i, alike, free, len(rows))) for i in range(len(rows))), default=0)
        raise SettingsError(
            f"--scheme k-same {k} needs {k} persons who can be told apart, this job has {most}: "
            "nothing was written; add files, lower K or leave --scheme out"
        )
    sizes = tuple(len(core) for core, _ in pairs)
    return [[members[i] for i in core + more] for core, more in pairs], sizes


def _shared(group: list[_Member], casts: list[People]) -> Person:
    """The mean person of a group, in whose looks the donors are chosen."""
    places = [place for member in group for place in member.places]
    skins = np.stack([casts[file].persons[number].skin for file, number in places])
    known = skins[np.isfinite(skins).all(axis=1)]
    skin = known.mean(axis=0) if len(known) else skins[0]
    mean = np.mean([member.features for member in group], axis=0)
    unknown = np.full((MESH_POINTS, 3), np.nan, np.float32)
    features = (mean / np.linalg.norm(mean)).astype(np.float32)
    return Person(features, skin.astype(np.float32), unknown)


def _digest(analyses: list[Analysis]) -> bytes:
    return hashlib.sha256(b"".join(sorted(a.digest for a in analyses))).digest()
