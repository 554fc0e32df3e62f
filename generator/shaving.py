"""Takes the shadow of a moustache off surrogates of men who are shaved.

Donors who shave have a trace of stubble, some have more, and in mixes it adds up. The network is
asked for less of it in its own terms: more of shaved men, less of bearded ones of the same kind.
"""

from typing import Final

import numpy as np

from generator.looks import Beard, looks
from pipeline.contract import Floats, Mask

_SEX: Final = 3  # column of a kind, see generator.individual
_LOOKS: Final = slice(0, 5)  # skin, sex and age
_MALE: Final = 0.5 / 0.1
_SHAVED: Final = -1.0  # scores of beards
_BEARDED: Final = 0.5
_CLEAN: Final = -0.8  # drawn
_LESS: Final = 1.75  # of the drawn score where a whole step is taken
_FEWEST: Final = 4
_ALIKE: Final = 24


class Shaving:
    """Of mixes of m donors: `kinds` (m, c) see generator.individual, `faces` (m,) who lends a whole
    face, `scores` (m,) their beards, and `layout` (468, 2) where a texture shows what.
    """

    def __init__(
        self, kinds: Floats, scores: Floats, faces: Mask, beard: Beard, layout: Floats
    ) -> None:
        self._beard, self._layout = beard, layout
        self._men = kinds[:, _SEX] > _MALE
        self._scores, self._looks = np.nan_to_num(scores), kinds[:, _LOOKS]
        self._shaved = np.flatnonzero(faces & self._men & (self._scores < _SHAVED))
        self._bearded = np.flatnonzero(faces & self._men & (self._scores > _BEARDED))

    def concerns(self, donors: Floats) -> bool:
        """Whether parts (m,) of donors are those of men without a beard, and more than one."""
        enough = min(len(self._shaved), len(self._bearded)) >= _FEWEST
        shaved = donors @ self._scores < _BEARDED and donors @ self._men > 0.5
        return bool(enough and shaved and donors.max() < 1)

    def shaved(self, mix: Floats, texture: Floats) -> Floats:
        """(m,) the weights `mix` whose drawn face has no shadow where `texture` (s, s, 3), the face
        of `mix`, shows one.
        """
        drawn = np.clip(texture, 0, 255).astype(np.uint8)
        score = float(self._beard.score(looks(drawn, self._layout)[None])[0])
        step = np.clip((score - _CLEAN) / _LESS, 0, 1)
        if step == 0:
            return mix
        own = mix @ self._looks
        result = mix.copy()
        for others, sign in ((self._shaved, step), (self._bearded, -step)):
            far = ((self._looks[others] - own) ** 2).sum(axis=1)
            near = others[np.argsort(far, kind="stable")][:_ALIKE]
            result[near] += np.float32(sign / len(near))
        return result
