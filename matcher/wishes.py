"""Donors that fit what was asked for: apparent age, sex and skin, whatever the person's own."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from matcher.attributes import AGE_OFFSET, Attributes
from matcher.donors import DonorRows
from pipeline.contract import Floats, Mask
from pipeline.errors import SettingsError

_MIDDLE: Final = 50.0
_EITHER: Final = 0.5
_SEX: Final = 0.2  # apparent, in [0, 1]; farther away it is another one
_AGE: Final = 0.35  # of log years; the same
_ANCESTRY: Final = 0.9  # of the vector of c; the same

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Wish:
    """None asks for nothing. Ranges hold their ends."""

    age: Span | None = None  # years, as donors appear
    male: bool | None = None
    skin: Span | None = None  # degrees of ITA

    def __bool__(self) -> bool:
        return bool(self.overruled)

    @property
    def overruled(self) -> frozenset[str]:
        """What of a person's own looks counts no more: "age", "sex", "skin"."""
        asked = {"age": self.age, "sex": self.male, "skin": self.skin}
        return frozenset(name for name, value in asked.items() if value is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Of what sex, age and ancestry surrogates must look: as the person, or as was wished."""

    attributes: Attributes
    wish: Wish

    def apart(self, faces: Floats, people: Floats) -> float:
        """How far n faces (n, d) are from it on average, all in all; up to 1 they are of it."""
        read, wish = self.attributes, self.wish
        sex, seen = self._sex(people), read.log_age(faces)
        age = read.log_age(people)
        if wish.age is not None:
            age = np.clip(seen, *np.log(np.array(wish.age) + AGE_OFFSET))
        gaps = [
            np.abs(read.sex(faces) - sex).mean() / _SEX,
            np.abs(seen - age).mean() / _AGE,
            np.diag(self.foreign(faces, people)).mean() / _ANCESTRY,
        ]
        return float(np.linalg.norm(gaps))

    def of_other_sex(self, faces: Floats, people: Floats) -> float:
        """The share of n faces (n, d) that plainly look of another sex than n people, or than was
        wished.
        """
        sex, seen = self._sex(people), self.attributes.sex(faces)
        return float((((seen > _EITHER) != (sex > _EITHER)) & (np.abs(seen - sex) > _SEX)).mean())

    def unsure_of_sex(self, faces: Floats, people: Floats) -> Floats:
        """(n, m) how far n faces (n, d) lie from plainly looking of the sex of m people (m, d)."""
        wanted = (self._sex(people) > _EITHER).astype(np.float32)
        far: Floats = np.abs(self.attributes.sex(faces)[:, None] - wanted)
        return far

    def _sex(self, people: Floats) -> Floats:
        """(n,) what sex surrogates of n people (n, d) must look of, in [0, 1]."""
        if self.wish.male is None:
            return self.attributes.sex(people)
        return np.full(len(people), self.wish.male, np.float32)

    def foreign(self, faces: Floats, people: Floats) -> Floats:
        """(n, m) how far n faces (n, d) lie from m people (m, d) in apparent ancestry; 0 where skin
        was wished, since the two go together.
        """
        told, asked = self.attributes.ancestry(faces), self.attributes.ancestry(people)
        far: Floats = np.linalg.norm(told[:, None] - asked, axis=2)
        return np.zeros_like(far) if self.wish.skin is not None else far


def typology_angle(skin: Floats) -> Floats:
    """(n,) individual typology angle in degrees, 90 lightest, of CIE Lab (n, 3)."""
    angle = np.degrees(np.arctan2(skin[:, 0] - _MIDDLE, np.maximum(skin[:, 2], 1e-3)))
    return np.asarray(angle, np.float32)


def years(likeness: Floats) -> Floats:
    """(n,) apparent age of (n, 2) sex and log age."""
    return np.asarray(np.exp(likeness[:, 1]) - AGE_OFFSET, np.float32)


def allowed(rows: DonorRows, wish: Wish) -> Mask:
    """(n,) the donors that fit the wish."""
    fits = np.ones(len(rows.rows), np.bool_)
    if wish.age is not None:
        fits &= _within(years(rows.likeness), wish.age)
    if wish.male is not None:
        fits &= (rows.likeness[:, 0] > _EITHER) == wish.male
    if wish.skin is not None:
        fits &= _within(typology_angle(rows.skin), wish.skin)
    return fits


def narrowed(rows: DonorRows, wish: Wish, k: int) -> DonorRows:
    """The donors that fit the wish; SettingsError if there are fewer than `k`."""
    if not wish:
        return rows
    fits = allowed(rows, wish)
    if fits.sum() < k:
        raise SettingsError(
            f"{int(fits.sum())} of {len(fits)} donors fit --age, --sex and --skin, -k asks for "
            f"{k}: widen the ranges or lower -k"
        )
    arrays = {f.name: getattr(rows, f.name) for f in fields(rows)}
    picked: dict[str, Any] = {
        name: v[fits] for name, v in arrays.items() if isinstance(v, np.ndarray)
    }
    return replace(rows, ignored=wish.overruled, **picked)


def _within(values: Floats, span: Span) -> Mask:
    return np.asarray((values >= span[0]) & (values <= span[1]), np.bool_)
