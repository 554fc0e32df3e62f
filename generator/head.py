"""One size of a drawn face: its calm texture, the inside of its mouth, its eyes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino

from generator.canonical import Canonical
from generator.complexion import Complexion
from generator.expression import eye_code
from generator.eyes import Drawn, Eyes
from generator.pores import pores
from generator.regions import mouth_opacity
from pipeline.contract import Floats, Image, Mask
from pipeline.networks import Network

Draw = Callable[[Floats], Floats]  # (b, m) donor mixes → (b, s, s, 3) textures in 0..255

_CLOSED: Final = 0.012
_OPEN: Final = 0.04
# How light it is behind lips that begin to open, how light behind open ones, and from when on.
_SHADED: Final = (0.55, 0.85, 0.09)
GAIN: Final = (0.7, 1.4)
_RING: Final = (0.02, 0.6)  # of the mouth's opacity: where lips surround it


def mouth_share(opening: Any) -> Any:
    """How much of the inside of a mouth is seen, 0..1, by the first of its codes."""
    return np.clip((opening - _CLOSED) / (_OPEN - _CLOSED), 0, 1)


def mouth_light(opening: Any) -> Any:
    """How bright the inside of a mouth is, in shares of its lips', by the first of its codes."""
    low, high, lit = _SHADED
    return np.interp(opening, [0, lit], [low, high])


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A calm face in one size, and what of it is read off more than once."""

    texture: Floats  # (s, s, 3) in 0..255
    drawn: Image  # (s, s, 3) the same
    eyes: list[Drawn]  # as they are
    lips: float  # how bright they are around the mouth
    cast: Floats  # (3,) tint of its skin


class Head:
    """One size of texture, and the masks that belong to it."""

    def __init__(self, draw: Draw, donors: int, canonical: Canonical) -> None:
        self.draw = draw
        if isinstance(draw, _Drawing):
            self.side = draw.side
        else:
            self.side = draw(np.full((1, donors), 1 / donors, np.float32)).shape[1]
        inner = mouth_opacity(canonical.layout, self.side)
        rows, columns = (np.flatnonzero(inner.any(axis=axis)) for axis in (1, 0))
        self.mouth = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self._inner = np.repeat(inner[self.mouth][..., None], 3, axis=2)
        self._ring = np.nonzero(around(inner[self.mouth]))
        self.complexion = Complexion(canonical.layout, self.side)
        self._pores = pores(self.side)
        self._eyes = Eyes(canonical.layout, self.side, eye_code(canonical.shape))

    def face(self, texture: Floats) -> Face:
        """What is kept of a calm face (s, s, 3) in 0..255."""
        lips = float(texture[self.mouth][self._ring].mean())
        cast = self.complexion.cast(texture)
        eyes = self._eyes.drawn(texture)
        texture = self._eyes.paired(texture, eyes) + self._pores
        return Face(texture, _rounded(texture), eyes, lips, cast)

    def laid_in(self, face: Face, inside: Floats, opening: float) -> Floats:
        """(h, w, 3) the mouth's part of the face, with `inside` (h, w, 3) where it is open: of the
        face's tint, as bright as the lips where both are seen, in their shadow where little is.
        What is darker than lips lies deep and gets less light still; teeth stay bright.
        """
        gain = np.clip(face.lips / max(float(inside[self._ring].mean()), 1.0), *GAIN)
        gain *= mouth_light(opening)
        lips = face.texture[self.mouth]
        share = self._inner * np.float32(mouth_share(opening))
        seen = inside * (face.cast * np.float32(gain))
        seen *= np.minimum(seen.mean(axis=2, keepdims=True) / max(face.lips, 1.0), 1)
        result: Floats = lips + (seen - lips) * share
        return result

    def shown(self, face: Face, mouth: Floats | None, gaze: Floats, openings: Floats) -> Image:
        """(s, s, 3) the face with its mouth, `gaze` and lids, see Eyes."""
        result = face.drawn.copy()
        if mouth is not None:
            result[self.mouth] = _rounded(mouth)
        texture = self._eyes.looking(face.texture, gaze, openings, face.eyes)
        for place in self._eyes.places:
            result[place] = _rounded(texture[place])
        return result


def around(opacity: Floats) -> Mask:
    """(h, w) the lips around a mouth of an opacity (h, w); all that is seen of it in few pixels."""
    low, high = (share * opacity.max() for share in _RING)
    ring: Mask = (opacity > low) & (opacity < high)
    return ring if ring.any() else opacity > 0


def _rounded(texture: Floats) -> Image:
    """Colours 0..255 as whole numbers."""
    return np.rint(np.clip(texture, 0, 255)).astype(np.uint8)


def heads(network: Path) -> list[Draw]:
    """The network's sizes, largest first; a smaller one leaves out what only larger ones need."""
    sides = [o.partial_shape[1].get_length() for o in openvino.Core().read_model(network).outputs]
    return [
        _Drawing(Network(network, _only(number), f"head {number}"), side)
        for number, side in enumerate(sides)
    ]


def _only(number: int) -> Callable[[openvino.Core, Path], openvino.Model]:
    """Reads the network without what is needed for other outputs only."""

    def read(core: openvino.Core, network: Path) -> openvino.Model:
        model = core.read_model(network)
        return openvino.Model([model.outputs[number]], model.get_parameters(), "head")

    return read


@dataclass(frozen=True, slots=True, eq=False)
class _Drawing:
    network: Network
    side: int  # of its textures, known before the network is ready

    def __call__(self, mixes: Floats) -> Floats:
        drawn: Floats = self.network(mixes)[0]
        return (drawn + 1) * np.float32(127.5)
