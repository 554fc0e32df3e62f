"""Surrogates are tried on before they are worn: one that still resembles the person is dropped."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline import planes
from pipeline.analysis import Faults
from pipeline.contract import Frame, Ints, Person
from pipeline.rooms import Drawing
from pipeline.tracks import Sample
from pipeline.wearing import wear

TRIES: Final = 4
_REDRAWS: Final = 20


def least_alike(
    wearers: list[tuple[Person, Sample | None]], draws: Iterable[Ints], drawing: Drawing
) -> Ints:
    """(k,) the first of the donors drawn whose surrogate is a stranger to all who will wear it.

    Where none of `draws` (at least one) is, the least alike of them; where nobody's features and
    a good look at the face are known, the first.
    """
    known = [(p, look) for p, look in wearers if look and np.isfinite(p.features).all()]
    best: tuple[float, Ints] | None = None
    for donors in draws:
        if not known:
            return donors
        alike = max(resemblance(person, look, donors, drawing) for person, look in known)
        if best is None or alike < best[0]:
            best = (alike, donors)
        if alike < drawing.thresholds.unlike:
            break
    assert best is not None
    return best[1]


def draws(
    person: Person, k: int, rng: np.random.Generator, drawing: Drawing, taken: list[Ints]
) -> Iterator[Ints]:
    """TRIES draws of k donors, none of them a mix already `taken` while others can be had."""
    for _ in range(TRIES):
        donors = drawing.matcher.match(person, k, rng).identities[0]
        for _ in range(_REDRAWS):
            if not any(set(donors.tolist()) == set(other.tolist()) for other in taken):
                break
            donors = drawing.matcher.match(person, k, rng).identities[0]
        yield donors


def resemblance(person: Person, look: Sample, donors: Ints, drawing: Drawing) -> float:
    """Centred cosine of the person with the look at them that wears the donors' surrogate."""
    mesh = look.faces.mesh[0]
    surrogate = drawing.generator.generate(donors, person, mesh)
    _, patch = wear(look.crop, mesh, (person, surrogate), drawing, Faults())
    worn = planes.paste(Frame((look.crop,), "rgb24"), [patch]).planes[0]
    features = drawing.extractor.extract(worn, look.faces)
    return float(similarity(features, person.features[None], drawing.mean)[0, 0])
