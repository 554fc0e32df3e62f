"""How a person wears a surrogate: behind their own glasses, where they have some."""

import numpy as np

from pipeline.analysis import Faults
from pipeline.contract import Floats, Image, Patch, Person, Surrogate
from pipeline.rooms import Drawing
from replacer.glasses import Glasses, bared


def wear(
    picture: Image,
    mesh: Floats,
    who: tuple[Person, Surrogate],
    drawing: Drawing,
    faults: Faults,
) -> tuple[Patch, Patch]:
    """The surrogate over the face at `mesh` (468, 3) px, and what of it no glasses hide.

    Where glasses cannot be told both are the same, and where that is a fault it is counted.
    """
    person, surrogate = who
    over: Floats | None = None
    if person.glasses.size and drawing.glasses is not None:
        glasses = drawing.glasses
        over = faults.guarded(lambda: _worn(glasses, picture, mesh, person), None)
    if over is None:
        patch = drawing.replacer.replace(picture, mesh, surrogate)
        return patch, patch
    patch = drawing.replacer.replace(bared(picture, over), mesh, surrogate)
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    alpha = patch.alpha * (1 - over[y : y + height, x : x + width])
    return patch, Patch(patch.rgb, alpha, patch.corner)


def _worn(glasses: Glasses, picture: Image, mesh: Floats, person: Person) -> Floats:
    """(h, w) how much of each pixel of the picture is glasses."""
    over = glasses.over(picture, mesh, person.glasses)
    if over.shape != picture.shape[:2] or not (over.min() >= 0 and over.max() <= 1):
        raise ValueError("no matte of glasses")
    return np.asarray(over, np.float32)
