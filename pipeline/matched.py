"""Mixes as people will wear them: training learns such ones, and the report measures them."""

from dataclasses import replace
from typing import Final

import numpy as np

from matcher.donors import DonorRows, Opposite
from pipeline.contract import Ints, Person
from pipeline.portraits import nobody

K: Final = 4


def matched(donors: DonorRows, count: int, seed: int) -> Ints:
    """(count, K) rows, as the default matcher picks them for people like the donors; fewer than K
    of a DB with fewer donors.
    """
    rng, unknown = np.random.default_rng(seed), nobody().shape
    synthetic = replace(donors.attributes, synthetic=True)
    matcher = Opposite(replace(donors, attributes=synthetic), donors.extractor)
    result = []
    for row in rng.choice(len(donors.rows), count):
        who = Person(donors.features[row], donors.skin[row], unknown, style=donors.style[row])
        result.append(matcher.match(who, K, rng).identities[0])
    return np.stack(result)
