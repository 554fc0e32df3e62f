"""The arrays of the donor DB: what is known of each donor, for one extractor or for several."""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from generator.canonical import Canonical, codes, skin_tone
from generator.dataset import Material, Roles
from generator.statistics import logistic
from matcher.attributes import AGE_OFFSET, Attributes, fit_ancestry, fit_log_age
from pipeline import labels, persons
from pipeline.contract import Floats, Ints

OF_EXTRACTOR: Final = (
    "features", "mean", "sex_weights", "age_weights", "dark_weights", "ancestry_weights",
    "likeness", "ancestry", "extractor",
)  # fmt: skip
_LOGIT_UNIT: Final = 10.0
_BEARDED: Final = 3.0  # scores of those of whom a label tells
_SHAVED: Final = 2.0

Arrays = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What one extractor says of m pictures."""

    extractor: str
    features: Floats  # (m, d) length 1


def attributes(features: Floats, words: list[str], own: Ints) -> Attributes:
    """Sex, age, dark skin and ancestry as linear models of (m, d) features.

    They are fitted on labelled pictures. Features are centred by the mean of the rows `own`.
    """
    mean = features[own].mean(axis=0)
    centred = features - mean
    ages = np.array([labels.age(text) for text in words])
    dated = np.isfinite(ages)
    flat = np.zeros(centred.shape[1] + 1, np.float32)
    sexes, darks = (np.array([tell(text) for text in words]) for tell in (labels.sex, labels.dark))
    # Where all who are said to be dark are of one sex, skin would be taken for sex.
    sex = _told(centred, np.where(darks == 1, np.nan, sexes))
    dark = _told(centred, darks)
    age = fit_log_age(centred[dated], ages[dated]) if dated.sum() > 1 else flat
    return Attributes(mean, sex, age, dark, _ancestry(centred, words))


def _ancestry(centred: Floats, words: list[str]) -> Floats:
    """(d + 1, c) weights, c = 0 where fewer than two ancestries are named."""
    named = np.stack([labels.ancestry(text) for text in words])
    told = np.isfinite(named).all(axis=1)
    if (named[told].sum(axis=0) > 0).sum() < 2:
        return np.zeros((centred.shape[1] + 1, 0), np.float32)
    return fit_ancestry(centred[told], named[told])


def _told(centred: Floats, wanted: Floats) -> Floats:
    """(d + 1,) weights that tell 1 from 0 in `wanted` (m,), where both are known; else 0."""
    told = np.isfinite(wanted)
    if len(np.unique(wanted[told])) < 2:
        return np.zeros(centred.shape[1] + 1, np.float32)
    weights = logistic(centred[told] * _LOGIT_UNIT, wanted[told] > 0.5)
    return np.append(weights[:-1] * _LOGIT_UNIT, weights[-1]).astype(np.float32)


def likeness(features: Floats, words: list[str], read: Attributes) -> Floats:
    """(m, 2) sex and log age: as labelled, or as read off the features where no label tells."""
    told = np.array([[labels.sex(text), labels.age(text)] for text in words], np.float32)
    told[:, 1] = np.log(told[:, 1] + AGE_OFFSET)
    seen = np.stack([read.sex(features), read.log_age(features)], axis=1)
    return np.where(np.isfinite(told), told, seen).astype(np.float32)


def of_extractor(
    described: Described, material: Material, roles: Roles, people: Ints, usable: Ints
) -> Arrays:
    """The arrays OF_EXTRACTOR, with a row for each of the usable pictures."""
    own = np.flatnonzero(roles.identity)
    fitted = attributes(described.features, material.labels, own)
    features = persons.averaged(described.features, people, roles)
    of_person = persons.words(material.labels, people)
    return {
        "features": features[usable],
        "mean": fitted.mean,
        "sex_weights": fitted.sex_weights,
        "age_weights": fitted.age_weights,
        "dark_weights": fitted.dark_weights,
        "ancestry_weights": fitted.ancestry_weights,
        "likeness": likeness(features, of_person, fitted)[usable],
        "ancestry": fitted.ancestry(features)[usable],
        "extractor": np.array(described.extractor),
    }


def styles(material: Material, roles: Roles) -> Floats:
    """(m, 3) see looks.py; what somebody who looked says of a beard counts more than its score."""
    result = roles.beard.style(material.looks)
    told = np.array([labels.beard(text) for text in material.labels])
    score = result[:, 0]
    score[told == 1] = _BEARDED
    score[told == labels.STUBBLE] = 0
    score[told == 0] = np.minimum(score[told == 0], -_SHAVED)
    return result


def of_pictures(
    material: Material, roles: Roles, people: Ints, usable: Ints, canonical: Canonical
) -> Arrays:
    """What does not depend on an extractor: rows of the usable pictures, and the canonical face.

    `person` numbers whom each row shows. Shapes and skin are those of the picture drawn.
    """
    shapes = material.shapes[usable]
    return {
        "person": np.unique(people[usable], return_inverse=True)[1].astype(np.int64),
        "shapes": shapes.astype(np.float16),
        "codes": codes(shapes),
        "skin": np.stack([skin_tone(material.textures[row]) for row in usable]),
        "style": styles(material, roles)[usable],
        **{f"beard_{f.name}": getattr(roles.beard, f.name) for f in fields(roles.beard)},
        "identity": roles.identity[usable],
        "mouth": roles.mouth[usable],
        "shape": canonical.shape,
        "layout": canonical.layout,
        "triangles": canonical.triangles,
        "bend": canonical.bend,
        "rest": canonical.rest,
    }
