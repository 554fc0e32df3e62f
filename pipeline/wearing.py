"""How a person wears a surrogate: with drawn glasses, or behind their own, where they have some."""

import numpy as np

from pipeline.analysis import Faults
from pipeline.contract import Floats, Image, Ints, Patch, Person, Surrogate
from pipeline.rooms import Drawing
from replacer.glasses import Glasses, bared
from replacer.resting import Rest
from replacer.spectacles import Spectacles, laid, lit_through


def wear(
    picture: Image,
    mesh: Floats,
    who: tuple[Ints, Person, Surrogate],
    job: tuple[Drawing, Faults, bool],
    rest: Rest | None = None,
) -> tuple[Patch, Patch]:
    """The surrogate over the face at `mesh` (468, 3) px, and what of it no real glasses hide.

    `who` is the donors of whom the surrogate is mixed, the person, and the surrogate; `job` ends
    with whether the mesh was fitted to the face, without which real glasses cannot be told. Where
    none can be drawn or told the surrogate wears none, and where that is a fault it is counted.
    `rest` is what was read of the face in frames before.
    """
    (_, person, surrogate), (drawing, faults, fitted) = who, job
    glasses = drawing.glasses
    if person.glasses.size and isinstance(glasses, Spectacles):
        dressed = faults.guarded(
            lambda: _dressed(glasses, picture, mesh, who, (drawing, rest)), None
        )
        if dressed is not None:
            return dressed, dressed
    if person.glasses.size and isinstance(glasses, Glasses) and fitted:
        over = faults.guarded(lambda: _worn(glasses, picture, mesh, person), None)
        if over is not None:
            return _behind(picture, mesh, surrogate, over, (drawing, rest))
    patch = drawing.replacer.replace(picture, mesh, surrogate, rest)
    return patch, patch


def _dressed(
    glasses: Spectacles,
    picture: Image,
    mesh: Floats,
    who: tuple[Ints, Person, Surrogate],
    job: tuple[Drawing, Rest | None],
) -> Patch:
    """The surrogate with a drawn pair; it hides all that the surrogate alone would."""
    (donors, person, surrogate), (drawing, rest) = who, job
    worn = glasses.fitted(mesh, person.glasses, donors, surrogate.shape)
    patch = drawing.replacer.replace(lit_through(picture, worn), mesh, surrogate, rest)
    dressed = laid(patch, worn, picture.shape[1::-1])
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    left, top = x - dressed.corner[0], y - dressed.corner[1]
    shown = dressed.alpha[top : top + height, left : left + width]
    hides = shown.shape == patch.alpha.shape and bool((shown >= patch.alpha - 1e-3).all())
    if not hides or not dressed.alpha.max(initial=0) <= 1:
        raise ValueError("the glasses leave open what the surrogate hides")
    return dressed


def _behind(
    picture: Image,
    mesh: Floats,
    surrogate: Surrogate,
    over: Floats,
    job: tuple[Drawing, Rest | None],
) -> tuple[Patch, Patch]:
    drawing, rest = job
    bare = picture if rest is not None and rest.resting else bared(picture, over)
    patch = drawing.replacer.replace(bare, mesh, surrogate, rest)
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    alpha = patch.alpha * (1 - over[y : y + height, x : x + width])
    return patch, Patch(patch.rgb, alpha, patch.corner)


def _worn(glasses: Glasses, picture: Image, mesh: Floats, person: Person) -> Floats:
    """(h, w) how much of each pixel of the picture is glasses."""
    over = glasses.over(picture, mesh, person.glasses)
    if over.shape != picture.shape[:2] or not (over.min() >= 0 and over.max() <= 1):
        raise ValueError("no matte of glasses")
    return np.asarray(over, np.float32)
