"""Whom of a clip the keep-list names: how alike is alike enough, and what revokes a decision.

Unknown means replaced, uncertain means replaced. The likeness that is asked for follows from how
often strangers reach it (the tail of their centred cosines, method in docs/keep-list.md) and from
how many comparisons a stranger has: one with each person for each of their looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from matcher.cosine import agreed, similarity
from pipeline.contract import Floats, Ints, Mask
from pipeline.errors import SettingsError

STRANGERS: Final = 1e-4  # of them the whole keep-list may keep at most
LOOKS: Final = 3  # of a face at its best, which are compared as one
NOBODY: Final = -1
_SURELY_OTHER: Final = 0.2  # below the likeness asked for: no look at a kept person falls so low
_ONLY: Final = 0.5  # no two pictures of one person were less alike: docs/k-same.md
_MOST: Final = 0.99
_TAIL: Final = 0.01


@dataclass(frozen=True, slots=True)
class Tail:
    """The centred cosine that one pair of strangers in 10,000 reaches, and how much more one in
    100,000: from there on the tail is taken for exponential, which real ones stay below.
    """

    at: float
    decade: float

    def threshold(self, rate: float) -> float:
        """What a share `rate` of strangers' comparisons reaches."""
        return self.at + self.decade * float(np.log10(1e-4 / rate))


@dataclass(frozen=True, slots=True)
class Limits:
    """Centred cosines: from `keep` on somebody is kept, down to `hold` they stay so, and a single
    look below `other` shows somebody else.
    """

    keep: float
    hold: float
    other: float


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """g looks at one face, and the stretches of its track between doubtful moments.

    A doubtful moment is one after which it might be another face: it overlaps another one, is not
    found for a while, or the shot changes.
    """

    frames: Ints  # (g,) in their order
    quality: Floats  # (g,)
    features: Floats  # (g, d) length 1
    stretches: Ints  # (s, 2) first and last frame, in their order


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Which frames of a track show a face as it is, and whose."""

    person: int  # row of the keep-list, or NOBODY
    kept: Ints  # (r, 2) first and last frames
    score: float  # the best likeness to anybody of the list; NaN where nobody can tell
    near: bool = False  # just above or just below what is asked for

    def shows(self, frame: int) -> bool:
        """Whether the face stays as it is in a frame."""
        return bool(((self.kept[:, 0] <= frame) & (frame <= self.kept[:, 1])).any())


def limits(tail: Tail, persons: int, given: float | None = None) -> Limits:
    """For a keep-list of `persons`; `given` overrides what would be asked for.

    A decision that stands is given up at ten times the rate at which it is made.
    """
    if given is not None and not 0 < given < 1:
        raise SettingsError(f"--keep-threshold must lie between 0 and 1, got {given}")
    keep = tail.threshold(STRANGERS / (max(persons, 1) * LOOKS)) if given is None else given
    keep = min(keep, _MOST)
    return Limits(keep, keep - tail.decade, keep - _SURELY_OTHER)


def measured(strangers: Floats) -> Tail:
    """The tail of strangers' centred cosines (n,), some ten thousands of them.

    The mean excess over the highest 1 % is the scale of an exponential tail (Pickands 1975: the
    generalised Pareto distribution with shape 0, heavier than the fitted ones, which are bounded).
    """
    start = float(np.quantile(strangers, 1 - _TAIL))
    scale = float((strangers[strangers > start] - start).mean())
    return Tail(start + scale * float(np.log(_TAIL / 1e-4)), scale * float(np.log(10)))


def nothing_kept() -> Decision:
    """What is decided where anything is in doubt."""
    return Decision(NOBODY, np.zeros((0, 2), np.int64), float("nan"))


def kept(looks: Looks, people: Floats, mean: Floats, asked: Limits) -> Decision:
    """Which frames of a track show a person of the list (p, d), by the looks at the face.

    Some stretch must be like enough to that person; those next to it stay kept while they are
    nearly so, and the doubtful moments between two that are. `mean` (d,) centres.
    """
    scores = _scores(looks, people, mean)
    if not len(people) or not np.isfinite(scores).any():
        return nothing_kept()
    stretch, person = np.unravel_index(int(np.nanargmax(scores)), scores.shape)
    best = float(scores[stretch, person])
    near = abs(best - asked.keep) < asked.keep - asked.hold
    if best < asked.keep:
        return Decision(NOBODY, np.zeros((0, 2), np.int64), best, near)
    holding = _holding(scores[:, person], int(stretch), asked.hold)
    alike = similarity(looks.features, people[person][None], mean)[:, 0]
    good = np.asarray(alike >= asked.other, np.bool_)
    spans = _without(_joined(looks.stretches, holding), looks, good)
    return Decision(int(person), spans, best, near)


def unlike(looks: Looks, people: Floats, mean: Floats) -> Decision:
    """The inverse: which frames surely show nobody of the list (p, d)."""
    alike = np.nan_to_num(similarity(looks.features, people, mean), nan=1.0)
    sure = np.asarray((alike < _ONLY).all(axis=1), np.bool_)
    inside = [_inside(looks.frames, stretch) for stretch in looks.stretches]
    holding = np.array([bool(rows.any() and sure[rows].all()) for rows in inside], np.bool_)
    best = float(alike.max()) if alike.size else float("nan")
    spans = _joined(looks.stretches, holding)
    return Decision(NOBODY, spans, best, near=abs(best - _ONLY) < 0.05)


def rivals(decisions: Sequence[Decision], together: Sequence[set[int]], margin: float) -> list[int]:
    """Of tracks taken for one person at one time, all but one that is clearly most like them: rows
    of `decisions`. `together` tells for each row those that are seen in one frame with it.
    """
    losing = set()
    for row, own in enumerate(decisions):
        rows = [decisions[other] for other in together[row]]
        others = [d for d in rows if d.person == own.person != NOBODY and _at_once(own, d)]
        if any(own.score < other.score + margin for other in others):
            losing.add(row)
    return sorted(losing)


def _at_once(a: Decision, b: Decision) -> bool:
    first = np.maximum(a.kept[:, None, 0], b.kept[None, :, 0])
    last = np.minimum(a.kept[:, None, 1], b.kept[None, :, 1])
    return bool((first <= last).any())


def _scores(looks: Looks, people: Floats, mean: Floats) -> Floats:
    """(s, p) how like each person the face is in each stretch, NaN where nobody can tell."""
    result = np.full((len(looks.stretches), len(people)), np.nan, np.float32)
    for row, stretch in enumerate(looks.stretches):
        rows = np.flatnonzero(_inside(looks.frames, stretch))
        best = rows[np.argsort(-looks.quality[rows], kind="stable")[:LOOKS]]
        if len(best):
            face = agreed(looks.features[best], mean)
            result[row] = similarity(face[None], people, mean)[0]
    return result


def _holding(scores: Floats, start: int, hold: float) -> Mask:
    """(s,) the stretches around `start` that are still like the person, (s,) `scores`.

    One of which nobody can tell is not kept itself, one that is unlike ends the decision.
    """
    result = np.zeros(len(scores), np.bool_)
    for order in (range(start, len(scores)), range(start, -1, -1)):
        for row in order:
            if scores[row] < hold:
                break
            result[row] = np.isfinite(scores[row])
    return result


def _joined(stretches: Ints, holding: Mask) -> Ints:
    """(r, 2) the stretches that hold, and what lies between two neighbours that do."""
    spans: list[list[int]] = []
    last = -2
    for row in np.flatnonzero(holding).tolist():
        first, end = stretches[row].tolist()
        if row == last + 1:
            spans[-1][1] = end
        else:
            spans.append([first, end])
        last = row
    return np.array(spans, np.int64).reshape(-1, 2)


def _without(spans: Ints, looks: Looks, good: Mask) -> Ints:
    """The spans without what lies around looks at somebody else: up to the next good look."""
    result = []
    for first, last in spans.tolist():
        start: int | None = first
        before = first - 1  # the last frame that is sure
        for frame, fine in zip(looks.frames.tolist(), good.tolist(), strict=True):
            if not first <= frame <= last:
                continue
            if fine:
                start, before = frame if start is None else start, frame
            elif start is not None:
                result.append([start, before])
                start = None
        if start is not None:
            result.append([start, last])
    kept = [span for span in result if span[0] <= span[1]]
    return np.array(kept, np.int64).reshape(-1, 2)


def _inside(frames: Ints, stretch: Ints) -> Mask:
    return np.asarray((frames >= stretch[0]) & (frames <= stretch[1]), np.bool_)
