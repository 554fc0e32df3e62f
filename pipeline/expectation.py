"""Whom a surrogate will resemble, told from its donors' features before it is drawn."""

from typing import Any

import numpy as np

from matcher.donors import DonorRows
from pipeline.contract import Floats, Ints


class Expectation:
    """`generator` tells in `shares` what of each donor it mixes; of one that does not nothing is
    expected.

    Measured on 14 people with 32 surrogates each: what is expected correlates by 0.7 with how alike
    surrogate and person are, and the best of 32 was among the 12 expected to be least alike. What
    is chosen from 128 is less alike than from 32 to another recogniser as well: by 0.016 over 44
    people (standard error 0.008).
    """

    def __init__(self, generator: Any, donors: DonorRows) -> None:
        self._shares = getattr(generator, "shares", None)
        self._donors = donors

    def __call__(self, mixes: list[Ints]) -> Floats | None:
        """(n, d) features of the surrogates of n mixes of donors (k,) each, None if unknown."""
        if self._shares is None:
            return None
        donors, mean = self._donors, self._donors.attributes.mean
        shares = np.stack([self._shares(mix) for mix in mixes])[:, donors.rows]
        result: Floats = mean + shares @ (donors.features - mean)
        return result
