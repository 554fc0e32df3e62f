"""Who stays visible: the keep-list of a run, and its decision for every track.

A decision is made anew after every overlap with another face, gap or cut (matcher/keep.py); what
fails on the way counts as unknown, and unknown means replaced.
"""

import logging
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from matcher.keep import (
    Decision,
    Limits,
    Looks,
    Tail,
    kept,
    limits,
    measured,
    nothing_kept,
    rivals,
    unlike,
)
from pipeline.contract import Extractor, Floats, Ints
from pipeline.errors import ContractError
from pipeline.geometry import shared
from pipeline.tracks import Sample, Seen, Sighting, Track
from pipeline.witness import CROSSED

if TYPE_CHECKING:
    from pipeline.analysis import Analysis

_BEHIND: Final = 0.5  # share of the smaller box from which nobody knows whose face shows
_END: Final = 2**62
# dlib's: bounded from above by people who were drawn again (docs/keep-list.md). Any other
# extractor's follows from what it says of the donors.
_MEASURED: Final = {"dlib_resnet": Tail(at=0.756, decade=0.051)}

log = logging.getLogger(__name__)

# frame → row x1 y1 x2 y2 of each track seen in it, 20 bytes each: a long clip has millions.
Boxes = dict[int, "array[float]"]
Crossed = tuple[set[int], set[int]]  # frames in which another face lies over one, and may do so


@dataclass(frozen=True, slots=True, eq=False)
class Keeper:
    """p people of a keep-list; with `only` they alone are replaced."""

    extractor: Extractor
    mean: Floats  # (d,) the donors' mean features
    shape: Floats  # (468, 3) canonical, from which turned heads are told
    people: Floats  # (p, d) length 1
    limits: Limits
    only: bool = False
    names: tuple[str, ...] = ()  # (p,)

    def features(self, sample: Sample) -> Floats | None:
        """(d,) of the face in a sample, None where the extractor cannot tell."""
        rows = self.extractor.extract(sample.crop, sample.faces)
        if rows.shape != (1, len(self.mean)):
            raise ContractError(f"features must have shape {(1, len(self.mean))}, got {rows.shape}")
        return rows[0] if np.isfinite(rows).all() and rows.any() else None

    def decisions(self, analysis: "Analysis") -> list[Decision]:
        """What is decided for each track; nobody is kept where deciding fails."""
        tracks, faults = analysis.tracks, analysis.faults
        boxes = _boxes(tracks)
        made = [
            faults.guarded(lambda row=row: self._decided(tracks, row, boxes), nothing_kept())  # type: ignore[misc]
            for row in range(len(tracks))
        ]
        if not self.only:
            for row in rivals(made, _together(tracks, boxes), self.limits.keep - self.limits.hold):
                log.info("faces %s: two at once are taken for one person: replaced",
                         _span(tracks[row]))  # fmt: skip
                made[row] = nothing_kept()
        self._tell(tracks, made)
        return made

    def _decided(self, tracks: list[Track], row: int, boxes: Boxes) -> Decision:
        track = tracks[row]
        if not track.glances:
            return nothing_kept()
        glances = sorted(track.glances, key=lambda glance: glance.frame)
        looks = Looks(
            np.array([glance.frame for glance in glances], np.int64),
            np.array([glance.quality for glance in glances], np.float32),
            np.stack([glance.features for glance in glances]),
            stretches(track, _crossings(track, row, boxes, CROSSED)),
        )
        if self.only:
            return unlike(looks, self.people, self.mean)
        return kept(looks, self.people, self.mean, self.limits)

    def _tell(self, tracks: list[Track], made: list[Decision]) -> None:
        """Say which decisions were close: look-alikes and twins cannot be told apart."""
        for track, decision in zip(tracks, made, strict=True):
            if decision.near:
                log.warning("frames %s: a face is near the threshold of the keep-list (%s): look "
                            "whether that is right", _span(track),
                            "kept" if len(decision.kept) else "replaced")  # fmt: skip


def keeper(
    people: Floats, source: tuple[str, Extractor], donors: tuple[Floats, Floats, Floats],
    given: float | None, only: bool, names: tuple[str, ...] = (),
) -> Keeper:  # fmt: skip
    """For the people (p, d) of a keep-list, and their `names`.

    `source` is the extractor's name and the extractor, `donors` are its features of them (n, d),
    the mean of these (d,) and the canonical shape; `given` overrides the threshold.
    """
    (name, extractor), (features, mean, shape) = source, donors
    tail = _MEASURED.get(name) or measured(strangers(features, mean))
    return Keeper(extractor, mean, shape, people, limits(tail, len(people), given), only, names)


def strangers(features: Floats, mean: Floats) -> Floats:
    """(n (n - 1) / 2,) centred cosines of all pairs of n donors, who are all different people."""
    from matcher.cosine import similarity

    alike: Floats = similarity(features, features, mean)[np.triu_indices(len(features), 1)]
    return alike


def crossings(tracks: Sequence[Track], decisions: Sequence[Decision]) -> list[Crossed]:
    """For each track the frames in which another face lies over it, and those in which it may lie
    behind that; of tracks of which nothing is kept none.
    """
    boxes = _boxes(tracks)
    return [
        (_crossings(track, row, boxes, CROSSED), _crossings(track, row, boxes, _BEHIND))
        if len(decision.kept)
        else (set(), set())
        for row, (track, decision) in enumerate(zip(tracks, decisions, strict=True))
    ]


def shown(
    decisions: Sequence[Decision],
    crossed: Sequence[Crossed],
    sightings: Sequence[Sequence[Sighting]],
) -> list[list[bool]]:
    """For each track, whether each of its `sightings` shows the face as it is.

    Where another face lies over it, or it was not found then, nobody knows whose face shows.
    """
    result = []
    for decision, (over, behind), own in zip(decisions, crossed, sightings, strict=True):
        if not len(decision.kept):
            result.append([False] * len(own))
            continue
        result.append([
            decision.shows(s.frame)
            and s.frame not in behind
            and not (s.frame in over and s.seen > Seen.FOLLOWED)
            for s in own
        ])  # fmt: skip
    return result


def stretches(track: Track, crossed: set[int]) -> Ints:
    """(s, 2) first and last frames between the doubtful moments of a track.

    The first and the last one reach beyond the track's sightings, unless it begins or ends under
    another face: a head that turns away before it leaves is still theirs.
    """
    seen = [s.frame for s in track.sightings if s.seen <= Seen.FOLLOWED and s.frame not in crossed]
    if not seen:
        return np.zeros((0, 2), np.int64)
    breaks = np.flatnonzero(np.diff(seen) > 1)
    firsts = [seen[0], *(seen[row + 1] for row in breaks)]
    lasts = [*(seen[row] for row in breaks), seen[-1]]
    if not any(frame < seen[0] for frame in crossed):
        firsts[0] = 0
    if not any(frame > seen[-1] for frame in crossed):
        lasts[-1] = _END
    return np.array([firsts, lasts], np.int64).T


def _boxes(tracks: Sequence[Track]) -> Boxes:
    result: Boxes = defaultdict(lambda: array("f"))
    for row, track in enumerate(tracks):
        for sighting in track.sightings:
            result[sighting.frame].extend((row, *sighting.box.tolist()))
    return result


def _rows(here: "array[float]") -> Floats:
    """(n, 5) of what is in one frame."""
    return np.frombuffer(here, np.float32).reshape(-1, 5)


def _crossings(track: Track, row: int, boxes: Boxes, share: float) -> set[int]:
    """The frames in which more than a `share` of a face, or of the other, is common to both."""
    result = set()
    for sighting in track.sightings:
        here = _rows(boxes[sighting.frame])
        others = here[here[:, 0] != row, 1:]
        if len(others) and shared(sighting.box[None], others).max() > share:
            result.add(sighting.frame)
    return result


def _together(tracks: Sequence[Track], boxes: Boxes) -> list[set[int]]:
    """For each track those that are seen in one frame with it."""
    result: list[set[int]] = [set() for _ in tracks]
    for here in boxes.values():
        rows = set(_rows(here)[:, 0].astype(int).tolist())
        for row in rows:
            result[row] |= rows - {row}
    return result


def _span(track: Track) -> str:
    return f"{track.first.frame}..{track.last.frame}"
