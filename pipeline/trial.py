"""Surrogates are tried on before they are worn: one that still resembles the person, or that looks
of another sex, age or ancestry, is dropped.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline import planes
from pipeline.analysis import Faults
from pipeline.contract import Floats, Frame, Image, Ints, Person
from pipeline.crew import Crew
from pipeline.rooms import Drawing
from pipeline.tracks import Sample
from pipeline.wearing import wear

TRIES: Final = 192
_TRIED: Final = 20  # of those, where their faces are expected
_UNEXPECTED: Final = 32  # of those, where they are not
_REDRAWS: Final = 20
_DOUBLE: Final = 0.45  # of two surrogates, above what a person and theirs may be alike
_WEIGHED: Final = 0.1  # of likeness: as bad as to be once farther from the person's kind
_ALIKE: Final = 0.1  # of likeness: more counts before everything else
_ALMOST: Final = 0.05  # of that likeness: as good as equal
_OTHER_SEX: Final = 0.15  # of likeness: how much it counts to look of the other sex
_FOREIGN: Final = 0.1  # of likeness: how much an ancestry counts that is wholly another
_UNSURE: Final = 0.4  # of likeness: how much an expected sex counts that is wholly the other
_DRAWN: Final = 75.0  # px: larger faces are tried on with the texture of one that large

Tried = tuple[Ints, Floats | None]  # (k,) donors, and features (d,) of who wears them


def least_alike(
    wearers: list[tuple[Person, Sample | None]],
    draws: Iterable[Ints],
    drawing: Drawing,
    taken: Sequence[Floats] = (),
) -> Tried:
    """The first of the donors drawn whose surrogate is a stranger to all who will wear it, no
    double of those that others wear, whose features (d,) are `taken`, and of the wearers' kind.

    Where none of `draws` (at least one) is all of that, the one that lacks least of it; where
    nobody's features and a good look at the face are known, the first. Where faces are
    expected only the most promising are tried on.
    """
    known = [(p, look) for p, look in wearers if look and np.isfinite(p.features).all()]
    if not known:
        return next(iter(draws)), None
    people = np.stack([person.features for person, _ in known])
    others = np.stack(taken) if len(taken) else np.zeros((0, len(drawing.mean)), np.float32)
    best: tuple[tuple[float, float], Tried] | None = None
    for donors, faces in _tried_on(_promising(draws, people, others, drawing), known, drawing):
        alike = _alike(faces, people, others, drawing)
        alike = alike - drawing.thresholds.unlike if np.isfinite(alike) else np.inf
        lacks = max(alike, 0) / _WEIGHED + max(of_other_kind(faces, people, drawing) - 1, 0)
        other = 0.0 if drawing.kind is None else drawing.kind.of_other_sex(faces, people)
        strange = max(alike - _ALIKE, 0) + _OTHER_SEX * other
        found = float(np.ceil(strange / _ALMOST)), lacks
        if best is None or found < best[0]:
            best = found, (donors, faces[0])
        if found == (0, 0):
            break
    assert best is not None
    return best[1]


def _tried_on(
    mixes: Iterable[Ints], known: list[tuple[Person, Sample]], drawing: Drawing
) -> Iterator[tuple[Ints, Floats]]:
    """Each mix of donors and the features (n, d) of those who wear it; several are tried on at
    once, as far ahead as there are cores.
    """

    def drawn(mix: Ints) -> list[Image]:
        return [worn(person, look, mix, drawing) for person, look in known]

    def features(pictures: list[Image]) -> Floats:
        looks = zip(pictures, known, strict=True)
        faces = [drawing.extractor.extract(picture, look.faces) for picture, (_, look) in looks]
        return np.concatenate(faces)

    with Crew() as crew:
        some, waiting = crew.threads if drawing.concurrent else 1, iter(mixes)
        while several := list(islice(waiting, some)):
            if getattr(drawing.extractor, "concurrent", False):
                found: Iterable[Floats] = crew.all(lambda mix: features(drawn(mix)), several)
            else:
                found = map(features, crew.all(drawn, several))
            yield from zip(several, found, strict=True)


def _alike(faces: Floats, people: Floats, others: Floats, drawing: Drawing) -> float:
    """How alike faces (n, d) are to the people (n, d) who wear them, or as doubles to others."""
    own = float(np.diag(similarity(faces, people, drawing.mean)).max())
    double = float(similarity(faces, others, drawing.mean).max(initial=-1.0))
    return max(own, double - _DOUBLE)


def _promising(
    draws: Iterable[Ints], people: Floats, others: Floats, drawing: Drawing
) -> Iterable[Ints]:
    """Of the donors drawn those _TRIED, in their order, that are expected to be least alike, and
    neither just since they are of another ancestry, nor at the cost of looking of another sex.

    Among one person's surrogates how far from their sex they look correlates by 0.36 with what was
    expected, over 136 people; how old they look does by 0.07 and is not foretold.
    """
    mixes = list(draws) if drawing.expected else []
    expected = drawing.expected(mixes) if drawing.expected and mixes else None
    if expected is None:
        return islice(mixes or draws, _UNEXPECTED)
    own = similarity(expected, people, drawing.mean).max(axis=1)
    if drawing.kind is not None:
        own = own + _FOREIGN * drawing.kind.foreign(expected, people).mean(axis=1)
        own = own + _UNSURE * drawing.kind.unsure_of_sex(expected, people).mean(axis=1)
    double = similarity(expected, others, drawing.mean).max(axis=1, initial=-1.0)
    alike = np.maximum(own, double - _DOUBLE)
    return [mixes[row] for row in sorted(np.argsort(alike, kind="stable")[:_TRIED])]


def of_other_kind(faces: Floats, people: Floats, drawing: Drawing) -> float:
    """How far faces (n, d) are from the people (n, d), or from what was asked for, in apparent sex,
    age and ancestry: up to 1 they are of that kind.
    """
    kind = drawing.kind
    return 0.0 if kind is None else kind.apart(faces, people)


def draws(
    person: Person, k: int, rng: np.random.Generator, drawing: Drawing, taken: list[Ints]
) -> Iterator[Ints]:
    """TRIES draws of k donors, with at most k - 2 in any mix already `taken` if such can be had.

    Otherwise the draw that has the fewest in common with any of them.
    """
    others = [frozenset(mix.tolist()) for mix in taken]
    for _ in range(TRIES):
        fewest: tuple[int, Ints] | None = None
        for _ in range(_REDRAWS):
            donors = drawing.matcher.match(person, k, rng).identities[0]
            common = max((len(mix.intersection(donors.tolist())) for mix in others), default=0)
            if fewest is None or common < fewest[0]:
                fewest = common, donors
            if common <= max(k - 2, 0):
                break
        assert fewest is not None
        yield fewest[1]


def worn(person: Person, look: Sample, donors: Ints, drawing: Drawing) -> Image:
    """The look at a person that wears the donors' surrogate.

    A texture for a small face is drawn in half of the time. Of 1,056 surrogates of 44 people, in
    small and in full textures, how alike they are to the person correlates by 0.99.
    """
    mesh = look.faces.mesh[0]
    small = mesh * min(_DRAWN / max(float(np.ptp(mesh[:, :2], axis=0).max()), 1.0), 1.0)
    surrogate = drawing.generator.generate(donors, person, small.astype(np.float32))
    _, patch = wear(look.crop, mesh, (donors, person, surrogate), (drawing, Faults(), True))
    return planes.paste(Frame((look.crop,), "rgb24"), [patch]).planes[0]
