"""Surrogates are tried on before they are worn: one that still resembles the person is dropped."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline import planes
from pipeline.contract import Frame, Ints, Person
from pipeline.rooms import Drawing
from pipeline.tracks import Sample

TRIES: Final = 4
UNLIKE: Final = 0.1
_REDRAWS: Final = 20


def least_alike(
    person: Person, look: Sample | None, draws: Iterable[Ints], drawing: Drawing
) -> Ints:
    """(k,) the first of the donors drawn whose surrogate is a stranger to the person's features.

    Where none of `draws` (at least one) is, the least alike of them; where the person's features
    or a good look at the face are not known, the first.
    """
    best: tuple[float, Ints] | None = None
    for donors in draws:
        if look is None or not np.isfinite(person.features).all():
            return donors
        alike = resemblance(person, look, donors, drawing)
        if best is None or alike < best[0]:
            best = (alike, donors)
        if alike < UNLIKE:
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
    patch = drawing.replacer.replace(look.crop, mesh, surrogate)
    worn = planes.paste(Frame((look.crop,), "rgb24"), [patch]).planes[0]
    features = drawing.extractor.extract(worn, look.faces)
    return float(similarity(features, person.features[None], drawing.mean)[0, 0])
