"""The persons of a clip, a job or a stream in the order in which they come, and what each wears."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import numpy as np

from matcher.cosine import similarity
from pipeline import steering, trial
from pipeline.analysis import Faults
from pipeline.assigning import assigned
from pipeline.contract import Floats, Ints, Person
from pipeline.people import demanded
from pipeline.rooms import Drawing
from pipeline.settings import Settings
from pipeline.tracks import Sample

_REMEMBERED: Final = 20_000
_SAME_WEIGHT: Final = 5

# A person and the best look at them, on which a surrogate can be tried.
Wearer = tuple[Person, Sample | None]


@dataclass(slots=True, eq=False)
class _Member:
    features: Floats | None  # (d,) length 1; None where nobody could tell who it is
    small: bool = False  # nobody saw more of them than a few pixels
    times: int = 1
    donors: Ints | None = None  # (k,); None: cover by box
    worn: Floats | None = None  # (d,) features of the surrogate, where it was tried on


class Cast:
    """Who is known already keeps their surrogate; nobody else gets it, or one much like it.

    `digest` is what the persons' keys hang on besides the salt: the content of a file, nothing
    for a job. The longest unseen are forgotten once there are 20,000.
    """

    def __init__(self, digest: bytes = b"") -> None:
        self._digest = digest
        self._members: dict[int, _Member] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """How many persons have come."""
        return self._count

    def enter(
        self,
        persons: list[Person],
        drawing: Drawing | None,
        present: frozenset[int] = frozenset(),
        small: frozenset[int] = frozenset(),
    ) -> list[int]:
        """The number of each of some persons who are seen together, none of them in `present`.

        The rows in `small` are seen as a few pixels only: they must be much more alike.
        """
        numbers: list[int | None] = [None] * len(persons)
        if drawing is not None:
            for row, number in self._recognised(persons, drawing, present, small):
                numbers[row] = number
        return [
            self._new(person, row in small)
            if number is None
            else self.meet(number, person, row in small)
            for row, (number, person) in enumerate(zip(numbers, persons, strict=True))
        ]

    def meet(self, number: int, person: Person, small: bool = False) -> int:
        """What is known of a member grows by another look; returns the number.

        Who was in sight for so long that they were forgotten is learnt anew.
        """
        member = self._members.pop(number, None) or _Member(None, small)
        member.small &= small
        self._members[number] = member  # the last to be forgotten
        if np.isfinite(person.features).all():
            seen = person.features
            if member.features is not None:
                seen = member.features * member.times + person.features
                member.times = min(member.times + 1, _SAME_WEIGHT)
            member.features = (seen / max(float(np.linalg.norm(seen)), 1e-9)).astype(np.float32)
        return number

    def dress(
        self, number: int, wearer: Wearer, drawing: Drawing, told: tuple[Settings, bytes, Faults]
    ) -> Ints | None:
        """(k,) the donors of a member, drawn when first asked for; None if that failed.

        `told` are the settings, the salt, and where faults are counted.
        """
        member = self._members[number]
        settings, salt, faults = told
        fixed = steering.identity(settings.identity)
        if fixed:
            return np.array(fixed, np.int64)
        if member.donors is None:
            members = self._members.values()
            taken = [m.donors for m in members if m.donors is not None]
            worn = [m.worn for m in members if m.worn is not None]
            rng = keyed(salt, self._digest, number)
            job = settings.k, (taken, worn), faults
            member.donors, member.worn = drawn(wearer[0], [wearer], rng, job, drawing)
        return member.donors

    def _recognised(
        self,
        persons: list[Person],
        drawing: Drawing,
        present: frozenset[int],
        small: frozenset[int],
    ) -> list[tuple[int, int]]:
        """Pairs of a row of `persons` and the number of the member it is."""
        known = [
            number
            for number, member in self._members.items()
            if member.features is not None and number not in present
        ]
        rows = [row for row, person in enumerate(persons) if np.isfinite(person.features).all()]
        if not known or not rows:
            return []
        gallery = np.stack([self._members[number].features for number in known])  # type: ignore[misc]
        alike = similarity(np.stack([persons[row].features for row in rows]), gallery, drawing.mean)
        few = np.array([row in small for row in rows])[:, None]
        few = few | np.array([self._members[number].small for number in known])
        possible = alike >= demanded(drawing, few)
        pairs = assigned(np.where(possible, -alike, 0.0), possible)
        return [(rows[a], known[b]) for a, b in pairs]

    def _new(self, person: Person, small: bool) -> int:
        number, self._count = self._count, self._count + 1
        known = bool(np.isfinite(person.features).all())
        self._members[number] = _Member(person.features if known else None, small)
        if len(self._members) > _REMEMBERED:
            del self._members[next(iter(self._members))]
        return number


def keyed(salt: bytes, digest: bytes, number: int) -> np.random.Generator:
    """The randomness of one person: a key from salt, content and number."""
    key = hmac.new(salt, digest + number.to_bytes(4, "big"), hashlib.sha256).digest()
    return np.random.default_rng(list(key))


def drawn(
    person: Person,
    wearers: list[Wearer],
    rng: np.random.Generator,
    job: tuple[int, tuple[list[Ints], list[Floats]], Faults],
    drawing: Drawing,
) -> tuple[Ints | None, Floats | None]:
    """The donors for `person`, unlike each of the `wearers`, and features (d,) of the surrogate
    where it could be tried on; None if drawing failed.

    `job` is how many donors to mix, the mixes that others wear and these surrogates' features, and
    where faults are counted.
    """
    k, (taken, worn), faults = job

    def draw() -> tuple[Ints | None, Floats | None]:
        mixes = trial.draws(person, k, rng, drawing, taken)
        return trial.least_alike(wearers, mixes, drawing, worn)

    nothing: tuple[Ints | None, Floats | None] = None, None
    return faults.guarded(draw, nothing)
