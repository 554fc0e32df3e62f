"""Whether a place shows nothing in the colours of a face that was seen in another frame.

Blur, a turn of the head or a hand leave some of them: what is told here is only that none is left.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np

from pipeline import planes
from pipeline.contract import Floats, Frame, Image
from pipeline.geometry import pixels, scaled

_MIDDLE: Final = 0.7  # of a face's box
_PALE: Final = 4.0  # levels of chroma: paler skin is not told from what is grey
_REDDEST: Final = 20.0  # levels: what is of a stronger colour is skin that is lit in colour
_PART: Final = 0.35  # of a skin's colour, as where it is blurred
_RED: Final = 0.45  # of its red, which a blue ground does not take away
_LEAST: Final = 0.3  # of a face that is of the skin's colour: hair and beards are not
LITTLE: Final = 0.3
_AROUND: Final = 1.3
_FINE: Final = 8  # of a place's side: smaller spots are noise
_CELLS: Final = 3, 4  # along a face and along a place
_LUMA: Final = 0.5  # light changes more than colour does
_UNLIKE: Final = 8.0  # levels
_SAMPLES: Final = 64  # along a picture's side
_STEP: Final = np.array([8.0, 3.0, 3.0], np.float32)  # luma and chroma, between two frames


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """What a face looks like from far away."""

    skin: Floats  # (2,) Cr and Cb of its middle, less 128
    share: float  # of its box that is of such a colour
    cells: Floats  # (n, 3) luma, weighed, and chroma of its parts

    @classmethod
    def of(cls, frame: Frame, face: Floats) -> "Colours | None":
        """None where too little of the box (4,) lies in the frame."""
        middle, whole = (_coded(frame, scaled(face, by)) for by in (_MIDDLE, 1.0))
        if middle is None or whole is None:
            return None
        skin = np.median(middle[..., 1:].reshape(-1, 2), axis=0)
        return cls(skin, _share(whole, skin), _cells(middle, _CELLS[0]))

    def left(self, place: Floats, around: Floats) -> float:
        """How much of the skin's colour a place and what is next to it (h, w, 3) show, in parts of
        what the face shows. Of pale skin and grey pictures: 1 where any part of the place is like
        any part of the face, else LITTLE.
        """
        if float(np.hypot(*self.skin)) < _PALE or 2 * self.skin[0] < _PALE:
            apart = self.cells - _cells(place, _CELLS[1])[:, None]
            return LITTLE if np.linalg.norm(apart, axis=2).min() > _UNLIKE else 1.0
        return _share(around, self.skin) / self.share if self.share > _LEAST else 1.0


def left(frame: Frame, place: Floats, faces: Sequence[Colours]) -> float:
    """How much of the colours of any of the `faces` a box (4,) shows, see `Colours.left`; 1 where
    nothing can be told.
    """
    inside, around = _coded(frame, place), _coded(frame, scaled(place, _AROUND))
    if inside is None or around is None:
        return 1.0
    return max((face.left(inside, around) for face in faces), default=1.0)


def is_steady(frames: Collection[Frame], first: int, last: int) -> bool:
    """Whether light and colours of the whole picture never jump from frame `first` to `last`, all
    of which are at hand.
    """
    start, end = sorted((first, last))
    between = sorted((f for f in frames if start <= f.index <= end), key=lambda f: f.index)
    if len(between) != end - start + 1:
        return False
    steps = (np.abs(b - a) for a, b in pairwise(map(_tone, between)))
    return all((step <= _STEP).all() for step in steps)


def _coded(frame: Frame, box: Floats) -> Floats | None:
    """(h, w, 3) luma and chroma, the latter less 128, of what lies in the frame of a box (4,)."""
    at = pixels(box, frame.size)
    if min(at[2] - at[0], at[3] - at[1]) < 2:
        return None
    coded = cv2.cvtColor(planes.region(frame, at), cv2.COLOR_RGB2YCrCb)
    return coded.astype(np.float32) - np.array([0, 128, 128], np.float32)


def _share(picture: Floats, skin: Floats) -> float:
    """Of a picture (h, w, 3), how much has at least a part of the colour of `skin` (2,)."""
    cell = max(1, round(min(picture.shape[:2]) / _FINE))
    chroma = cv2.blur(picture[..., 1:], (cell, cell))
    strength = max(float(np.hypot(*skin)), 1.0)
    along = chroma @ (skin / strength) > _PART * min(strength, _REDDEST)
    red = chroma[..., 0] > _RED * float(np.clip(skin[0], _PALE / 2, _REDDEST))
    return float((along | red).mean())


def _cells(picture: Floats, along: int) -> Floats:
    """(along², 3) the means of its parts."""
    small = cv2.resize(picture, (along, along), interpolation=cv2.INTER_AREA)
    weighed: Floats = small.reshape(-1, 3) * np.array([_LUMA, 1, 1], np.float32)
    return weighed


def _tone(frame: Frame) -> Floats:
    """(3,) mean luma and chroma."""
    every = max(1, max(frame.size) // _SAMPLES)
    samples: Sequence[Image] = [plane[::every, ::every] for plane in frame.planes]
    if samples[0].ndim == 3:
        samples = [np.asarray(cv2.cvtColor(samples[0], cv2.COLOR_RGB2YCrCb), np.uint8)]
    means = [np.atleast_1d(sample.mean(axis=(0, 1))) for sample in samples]
    return np.pad(np.concatenate(means), (0, 2))[:3].astype(np.float32)
