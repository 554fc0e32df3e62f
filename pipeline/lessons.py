"""What the network is asked to learn of each donor row, and with which others it is mixed."""

from typing import Any, Final

import numpy as np

from generator.canonical import Canonical
from generator.dataset import Material
from generator.expression import MOUTH
from generator.mixing import Lessons
from generator.regions import LIPS, region
from generator.views import Views
from matcher.donors import ANCESTRY_UNIT, BEARDED, LIKENESS_UNIT, SKIN_UNIT
from pipeline.contract import Floats, Ints, Mask
from pipeline.database import donor_rows, own_steps
from pipeline.matched import matched

PARTNERS: Final = 48
_MATCHED: Final = 3000
_SEED: Final = 77  # not the report's
_BEARD_UNIT: Final = 0.25
_GROW: Final = 0.05
_SOFT: Final = 0.001


def lessons(
    material: Material, usable: Ints, donors: dict[str, Any], canonical: Canonical, views: Views
) -> Lessons:
    """The usable rows' textures; `donors` are the arrays of donors.npz for the same rows."""
    faces = donors["identity"]
    mouth = region(canonical.layout, material.textures.shape[1], LIPS, _GROW, _SOFT) > 0.5
    code = donors["codes"][:, : len(MOUTH)]
    steps = own_steps(donors)
    return Lessons(
        textures=material.textures[usable],
        mask=material.mask,
        mouth=mouth.astype(np.float32),
        faces=faces,
        partners=partners(looks(donors), code / (code.std(axis=0) + 1e-6), faces, donors["mouth"]),
        matched=matched(donor_rows(donors, steps), _MATCHED, _SEED),
        views=views,
        steps=steps,
    )


def looks(donors: dict[str, Any]) -> Floats:
    """(m, 6 + c) skin tone, sex, age, beard and ancestry, in the matcher's units."""
    bearded = np.nan_to_num(donors["style"][:, :1]) > BEARDED
    parts = [donors["skin"] / SKIN_UNIT, donors["likeness"] / LIKENESS_UNIT, bearded / _BEARD_UNIT]
    return np.hstack([*parts, donors["ancestry"] / ANCESTRY_UNIT]).astype(np.float32)


def partners(looks: Floats, code: Floats, faces: Mask, mouths: Mask) -> Ints:
    """(m, n) rows that each row is mixed with, nearest first, n at most PARTNERS.

    Whole faces are mixed with faces of like looks (m, d), as the matcher mixes them; rows that
    lend a mouth only with others that lend one, of like codes (m, c), as the generator does. Where
    only one row lends a mouth, it is mixed with faces.
    """
    own, lenders = np.flatnonzero(faces), np.flatnonzero(mouths)
    if len(lenders) < 2:
        lenders = np.union1d(lenders, own)
    only_mouths = bool((~faces).any())
    count = min(PARTNERS, len(own) - 1, len(lenders) - 1 if only_mouths else PARTNERS)
    result = np.zeros((len(faces), count), np.int64)
    for row, whole in enumerate(faces):
        pool = own if whole else lenders
        told = looks if whole else code
        far = ((told[pool] - told[row]) ** 2).sum(axis=1)
        order = pool[np.argsort(far, kind="stable")]
        result[row] = order[order != row][:count]
    return result
