"""Whose faces are mixed for a person: alike in skin, ancestry, sex and age, opposite in identity.

Newton, Sweeney, Malin: "Preserving privacy by de-identifying face images", TKDE 2005
(doi:10.1109/TKDE.2005.32) mix the k most alike faces. Measured against re-identification
that gives the source away, as does Meden et al. 2017 (nearest donors): blends of faces that
each resemble the source a little add up to the source. So the donors are drawn from those
least alike among the ones of the same attributes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from matcher.attributes import AGE_OFFSET, Attributes
from matcher.cosine import centred, nearest, similarity
from pipeline.contract import Floats, Ints, Mask, Matches, Person
from pipeline.errors import WeightsError

_POOL: Final = 80
_FEWEST: Final = 20
_ENOUGH: Final = 40
_NEAR: Final = 25.0  # of a kind so rare that few are nearer, fewer are drawn from
_SHARE: Final = 0.6  # of these, drawn by lot
_LEAST_ALIKE: Final = 2
_MOST: Final = 20
SKIN_UNIT: Final = np.array([9.0, 5.0, 6.0], np.float32)
_UNLIKE: Final = 1e3
_SURE_OF_SEX: Final = 0.05
_CHILD: Final = float(np.log(13 + AGE_OFFSET))
_SURELY_CHILD: Final = float(np.log(9 + AGE_OFFSET))
_STYLE_UNIT: Final = np.array([2.0, 14.0, 14.0], np.float32)
BEARDED: Final = 0.5
_SURELY_BEARDED: Final = 2.7
_SHAVED: Final = -2.0
_FEWEST_BEARDS: Final = 20
_CHOICE: Final = 10
_DRAWS: Final = 4
_DARK: Final = 0.5
LIKENESS_UNIT: Final = np.array([0.22, 0.25], np.float32)
ANCESTRY_UNIT: Final = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class DonorRows:
    """What the DB knows of the donors that may lend a whole face; n of m rows."""

    rows: Ints  # (n,) their rows in the generator's donor table
    features: Floats  # (n, d) length 1
    skin: Floats  # (n, 3) CIE Lab
    likeness: Floats  # (n, 2) apparent sex in [0, 1] and log age
    attributes: Attributes
    extractor: str
    style: Floats  # (n, 3) beard, make-up of lips and lids; NaN where the DB does not know
    brought: Floats | None = None  # (n, d) centred features of what each adds to a mix, if known
    ignored: frozenset[str] = frozenset()  # of "skin", "sex", "age": a person's own count nothing


class _Donors:
    def __init__(self, donors: DonorRows, extractor: str) -> None:
        if extractor != donors.extractor:
            raise WeightsError(
                f"the donor DB was made with the extractor {donors.extractor!r}, "
                f"not {extractor!r}: use --extractor {donors.extractor}"
            )
        self._donors = donors

    def _matches(self, person: Person, picked: Ints) -> Matches:
        donors = self._donors
        alike = np.full((1, len(picked)), np.nan, np.float32)
        if np.isfinite(person.features).all():
            mean = donors.attributes.mean
            alike = similarity(person.features[None], donors.features[picked], mean)
        return Matches(donors.rows[picked][None], alike.astype(np.float32))


class Opposite(_Donors):
    """The default: from the pool's half least like the person donors unlike each other.

    Near neighbours make a mix that resembles each of its donors; donors far from each other make
    somebody else. `generate` keeps that face from being everybody's average. Where it is known
    what donors add to a mix, several groups are drawn, and the one whose mix promises to be least
    like any of its donors is taken.
    """

    def __init__(self, donors: DonorRows, extractor: str) -> None:
        super().__init__(donors, extractor)
        # One person is often drawn for in a row, with one generator.
        self._last: tuple[Person, int, np.random.Generator, Ints] | None = None
        self._own = centred(donors.features, donors.attributes.mean)
        self._looks = _Looks(donors.features, donors.attributes)

    def match(self, person: Person, k: int, rng: np.random.Generator) -> Matches:
        """k donors whose mix is a person who is not this one, and none of them.

        Drawn for again with the same `rng`, a person's donors come from the same few.
        """
        last = self._last
        if last is None or last[0] is not person or last[1] != k or last[2] is not rng:
            last = self._last = person, k, rng, self._pool(person, k, rng)
        return self._matches(person, self._group(last[3], k, rng))

    def _pool(self, person: Person, k: int, rng: np.random.Generator) -> Ints:
        """(n,) of a share of the donors of the person's kind, drawn by lot, those who are least
        like them: else the same few would be the best of many draws, whatever the key.
        """
        distance = self._distance(person)
        near, fit = int((distance < _NEAR).sum()), int((distance < _UNLIKE).sum())
        size = min(max(near, min(fit, _ENOUGH), _FEWEST), _POOL)
        pool = np.argsort(distance, kind="stable")[:size]
        share = min(len(pool), max(round(_SHARE * len(pool)), _LEAST_ALIKE * k))
        pool = pool[np.sort(rng.choice(len(pool), share, replace=False))]
        if np.isfinite(person.features).all():
            alike = self._looks.own[pool] @ self._looks.of(person.features[None])[0]
            least = min(len(pool) // _LEAST_ALIKE, _MOST)
            pool = pool[np.argsort(alike)[: max(least, _LEAST_ALIKE * k)]]
        return pool

    def _group(self, pool: Ints, k: int, rng: np.random.Generator) -> Ints:
        """(k,) of the pool."""
        groups = self._apart(pool, k, rng, 1 if self._donors.brought is None else _DRAWS)
        return groups[0 if len(groups) == 1 else int(np.argmin(self._resembled(groups)))]

    def _resembled(self, groups: Ints) -> Floats:
        """(n,) how much the mixes of n groups (n, k) promise to be like the donor whom each is
        most like.
        """
        assert self._donors.brought is not None
        mixes = self._donors.brought[groups].mean(axis=1)
        alike = np.einsum("nkd,nd->nk", self._own[groups], mixes).max(axis=1)
        result: Floats = alike / np.maximum(np.linalg.norm(mixes, axis=1), 1e-9)
        return result

    def _apart(self, pool: Ints, k: int, rng: np.random.Generator, count: int) -> Ints:
        """(count, k) of the pool: each drawn from the few that are least like those before it."""
        own = self._looks.own[pool]
        each = own @ own.T
        picked = rng.integers(len(pool), size=(count, 1))
        while picked.shape[1] < min(k, len(pool)):
            alike = each[picked].max(axis=1)
            np.put_along_axis(alike, picked, np.inf, axis=1)
            free = min(_CHOICE, len(pool) - picked.shape[1])
            least = np.argsort(alike, axis=1, kind="stable")[:, :free]
            chosen = np.take_along_axis(least, rng.integers(free, size=(count, 1)), axis=1)
            picked = np.hstack([picked, chosen])
        result: Ints = pool[picked]
        return result

    def _distance(self, person: Person) -> Floats:
        """(n,) how unlike each donor is in what should be kept; unknown things count nothing."""
        donors, attributes = self._donors, self._donors.attributes
        total = np.zeros(len(donors.rows), np.float32)
        if np.isfinite(person.skin).all() and "skin" not in donors.ignored:
            total += (((donors.skin - person.skin) / SKIN_UNIT) ** 2).sum(axis=1)
        if np.isfinite(person.features).all():
            own = attributes.of_photograph(person.features[None])
            heeded = np.array(["sex" not in donors.ignored, "age" not in donors.ignored])
            total += (((donors.likeness - own) / LIKENESS_UNIT) ** 2)[:, heeded].sum(axis=1)
            total += _UNLIKE * _of_other_kind(donors.likeness, own[0])[:, heeded].any(axis=1)
            total += self._of_other_skin(person.features[None])
        return total + self._otherwise_worn(person)

    def _of_other_skin(self, features: Floats) -> Floats:
        """(n,) how unlike a face (1, d) donors are in ancestry, and whether they are dark where it
        is light: by skin alone a face in the shade would be taken for a dark one.
        """
        donors, attributes = self._donors, self._donors.attributes
        if "skin" in donors.ignored:
            return np.zeros(len(donors.rows), np.float32)
        far = (attributes.ancestry(donors.features) - attributes.ancestry(features)) / ANCESTRY_UNIT
        dark = attributes.dark(donors.features) > _DARK
        total: Floats = (far**2).sum(axis=1)
        return total + _UNLIKE * (dark & (attributes.dark(features)[0] < _DARK))

    def _otherwise_worn(self, person: Person) -> Floats:
        """(n,) how unlike the donors' beards and make-up are to the person's."""
        donors = self._donors
        if not np.isfinite(person.style).all() or "sex" in donors.ignored:
            return np.zeros(len(donors.rows), np.float32)
        own = person.style.copy()
        bearded = own[0] > _SURELY_BEARDED  # a smile looks like a thin one
        own[0] = max(own[0], 1.0) if bearded else min(own[0], _SHAVED)
        apart = np.nan_to_num((donors.style - own) / _STYLE_UNIT)
        result: Floats = (apart**2).sum(axis=1)
        hairy = donors.style[:, 0] > BEARDED
        if (hairy & (donors.likeness[:, 0] > 0.5)).sum() >= _FEWEST_BEARDS:
            result += _UNLIKE * (hairy != bearded)
        return result


class _Looks:
    """What features tell of who somebody is beside their apparent ancestry, with which most of all
    they vary: the least alike of all donors would be those of another one.
    """

    def __init__(self, features: Floats, attributes: Attributes) -> None:
        self._attributes = attributes
        told = attributes.ancestry(features)
        self._usual = told.mean(axis=0)
        self._goes_with = np.linalg.pinv(told - self._usual) @ (features - attributes.mean)
        self.own = self.of(features)  # (n, d)

    def of(self, features: Floats) -> Floats:
        """(n, d) of length 1."""
        told = self._attributes.ancestry(features) - self._usual
        return centred(features - told @ self._goes_with, self._attributes.mean)


class Nearest(_Donors):
    """The paper's way, for comparison only: it gives away whom a person resembles."""

    def match(self, person: Person, k: int, rng: np.random.Generator) -> Matches:
        """The k donors most like the person; a random k where nothing is known of them."""
        donors = self._donors
        if not np.isfinite(person.features).all():
            return self._matches(person, rng.choice(len(donors.rows), k, replace=False))
        picked = nearest(person.features, donors.features, donors.attributes.mean, k)
        return self._matches(person, picked)


def _of_other_kind(donors: Floats, own: Floats) -> Mask:
    """(n, 2) donors of the other sex, where a face's is plain, and children for adults or adults
    for children; likeness is (n, 2) and (2,).
    """
    sex = (abs(own[0] - 0.5) > _SURE_OF_SEX) & ((donors[:, 0] > 0.5) != (own[0] > 0.5))
    return np.stack([sex, (donors[:, 1] < _CHILD) != (own[1] < _SURELY_CHILD)], axis=1)
