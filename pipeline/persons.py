"""Several pictures of one person: one of them becomes the person's donor row, others lend mouths.

The network has one row for each picture it learns, so that an open mouth does not blur the calm
face. But only one row of a person lends a whole face, and what is known of the person (features,
apparent sex and age) is taken from all of their pictures.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from generator.canonical import codes
from generator.dataset import MAX_LENT_YAW, Material, Roles
from pipeline import labels
from pipeline.contract import Floats, Ints
from pipeline.layouts import Picture
from pipeline.measuring import diverse

LENDERS: Final = 8
_OPENING_UNIT: Final = 0.1


def numbered(pictures: list[Picture]) -> Ints:
    """(m,) whom each picture shows, counted from 0 in the order of appearance."""
    order = {person: n for n, person in enumerate(dict.fromkeys(p.person for p in pictures))}
    return np.array([order[picture.person] for picture in pictures], np.int64)


def shared(roles: Roles, material: Material, persons: Ints) -> Roles:
    """`roles` with at most one whole face a person, and at most LENDERS mouths that differ.

    A person whose calmest picture is held back lends nothing, so that what is measured against
    the held back is measured against strangers.
    """
    identity, mouth, held_back = (a.copy() for a in (roles.identity, roles.mouth, roles.held_back))
    code = codes(material.shapes)
    unrest = _unrest(material, code)
    for rows in _several(persons):
        fit = rows[identity[rows] | held_back[rows]]
        if len(fit):
            best = fit[unrest[fit].argmin()]
            away = bool(held_back[best])
            identity[rows] = held_back[rows] = False
            identity[best], held_back[best] = not away, away
            if away:
                mouth[rows] = False
        lenders = rows[mouth[rows] & ~identity[rows]]
        if len(lenders) > LENDERS:
            mouth[lenders] = False
            mouth[lenders[diverse(code[lenders], LENDERS)]] = True
    return replace(roles, identity=identity, mouth=mouth, held_back=held_back)


def averaged(features: Floats, persons: Ints, roles: Roles) -> Floats:
    """(m, d) of length 1: each row the mean over its person's faultless pictures, if any."""
    faultless = np.array([not reason for reason in roles.reasons])
    result = features.copy()
    for rows in _several(persons):
        good = rows[faultless[rows]]
        if len(good):
            mean = features[good].mean(axis=0)
            result[rows] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return result


def words(texts: list[str], persons: Ints) -> list[str]:
    """For each picture what is written about any picture of its person."""
    said: dict[int, list[str]] = {}
    for person, text in zip(persons.tolist(), texts, strict=True):
        said.setdefault(person, []).append(text)
    return ["; ".join(dict.fromkeys(said[person])) for person in persons.tolist()]


def _several(persons: Ints) -> list[Ints]:
    """The rows of each person who has more than one."""
    order = np.argsort(persons, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(persons[order])) + 1)
    return [group for group in groups if len(group) > 1]


def _unrest(material: Material, code: Floats) -> Floats:
    """(m,) how far each picture is from a calm face that looks ahead."""
    lively = np.array([labels.lively(text) for text in material.labels], np.float32)
    result: Floats = 2 * lively + np.abs(material.yaws) / MAX_LENT_YAW + code[:, 0] / _OPENING_UNIT
    return result
