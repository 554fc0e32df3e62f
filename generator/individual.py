"""What makes a mix a person of its own: it leaves the span of its donors.

A mean of k faces resembles each of them, and two means of faces of one kind resemble each other.
So each donor brings a step along besides its looks: fixed differences between others of its own
kind, which change who it is, but neither sex nor age nor skin, ancestry or beard. The steps of a
mix's donors add up as their looks do. They hang on nothing but the donors' numbers, so whoever
knows the donors can draw the same face again.
"""

from typing import Final

import numpy as np

from pipeline.contract import Floats, Ints, Mask

_SEED: Final = 3
_KIN: Final = 1 / 7  # of all donors
_FEWEST: Final = 4
_TWINS: Final = 6
_ENOUGH: Final = 50  # donors to take anything back by
_PAIRS: Final = 4
_LENGTH: Final = 2.6  # of a step, where a donor has 1
_MIXED: Final = 0.75  # how mixed four equal parts are
_SKIN_UNIT: Final = np.array([9.0, 5.0, 6.0], np.float32)
_LIKENESS_UNIT: Final = np.array([0.1, 0.25], np.float32)
_STYLE_UNIT: Final = np.array([1.0, 14.0, 14.0], np.float32)


def kind(skin: Floats, likeness: Floats, style: Floats) -> Floats:
    """(m, 8) what donors of a kind have in common, in units that look equal; see DonorFaces.

    Beards and make-up that nobody knows of count nothing.
    """
    worn = np.nan_to_num(style / _STYLE_UNIT)
    return np.column_stack([skin / _SKIN_UNIT, likeness / _LIKENESS_UNIT, worn])


def steps(kinds: Floats, ancestry: Floats, faces: Mask) -> Floats:
    """(m, m) a step for each donor of a whole face, `faces` (m,), as weights that sum to 0.

    `kinds` is (m, d), see `kind`, `ancestry` (m, c) as apparent. Of the nearest kin some are added,
    and as many taken away who are almost of their kind; what that would change of kind and
    ancestry is taken back by a little of everybody, where donors are many.
    """
    result = np.zeros((len(kinds), len(kinds)), np.float32)
    donors, rng = np.flatnonzero(faces), np.random.default_rng(_SEED)
    count = max(round(_KIN * len(donors)), _FEWEST)
    for row in donors.tolist():
        kin = _nearest(kinds, donors, row, count)
        pairs = min(_PAIRS, len(kin) // 2)
        for _ in range(pairs):
            one = int(rng.choice(kin))
            other = int(rng.choice(_nearest(kinds, kin, one, _TWINS)))
            result[row, one] = _LENGTH / np.sqrt(2 * pairs)
            result[row, other] = -result[row, one]
            kin = kin[(kin != one) & (kin != other)]
    if len(donors) < _ENOUGH:
        return result
    kept = np.column_stack([kinds, ancestry, np.ones(len(kinds))]) * faces[:, None]
    return (result - result @ kept @ np.linalg.pinv(kept)).astype(np.float32)


def _nearest(kinds: Floats, donors: Ints, row: int, count: int) -> Ints:
    """(count or fewer,) of the `donors` the nearest of the kind of `row`, without itself."""
    far = ((kinds[donors] - kinds[row]) ** 2).sum(axis=1)
    near = donors[np.argsort(far, kind="stable")]
    return near[near != row][:count]


def individual(weights: Floats, own: Floats) -> Floats:
    """Mixes (..., m) with the steps `own` (m, m) of their donors: none for a single donor, full
    ones for four equal parts.
    """
    mixed = 1 - (weights**2).sum(axis=-1, keepdims=True)
    result: Floats = weights + mixed / _MIXED * (weights @ own)
    return result.astype(np.float32)
