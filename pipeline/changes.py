"""What of a picture is not as it was: the camera may have moved between, a little and evenly.

The camera's motion is the shift that lays most of one picture onto the other: least squares over
the slopes (Lucas, Kanade, IJCAI 1981), in pictures of an eighth to half the size, and what does not
fit counts little, as who walks about. What zooms, turns or passes near has changed.
"""

from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Mask

_SETTLES: Final = (8, 5, 4)  # rounds in an eighth of the size, in a quarter and in half of it
_ODD: Final = 6.0  # grey levels: what differs by more counts little
_FLAT: Final = 1e-3  # of a picture without slopes nothing is told
_CHANGED: Final = 8.0  # grey levels
_EDGES: Final = 0.3  # of the difference between neighbours, where one was shifted
_SHIFTED: Final = 0.9  # as much is left of all differences if the camera has moved
_MOST: Final = 30.0  # grey levels that count there
_SEEN: Final = 0.3  # of a pixel at the border: if as much is new it was seen
_AROUND: Final = np.ones((3, 3), np.uint8)


def motion(before: Image, now: Image) -> Floats:
    """(2,) px by which the camera's picture went right and down, between two RGB pictures."""
    pairs = [tuple(_gray(picture) for picture in (before, now))]
    for _ in _SETTLES:
        pairs.append(tuple(_halved(gray) for gray in pairs[-1]))
    shift = np.zeros(2, np.float32)
    for (a, b), rounds in zip(pairs[:0:-1], _SETTLES, strict=True):
        shift = _settled(a, b, 2 * shift, rounds)
    return 2 * shift


def shifted(picture: Image, by: Floats) -> Image:
    """The picture as it is after that motion; its borders are drawn out."""
    if not by.any():
        return picture
    way = cv2.INTER_LINEAR
    height, width = picture.shape[:2]
    edge = cv2.BORDER_REPLICATE
    moved = cv2.warpAffine(picture, _matrix(by), (width, height), flags=way, borderMode=edge)
    return np.asarray(moved, np.uint8)


def changed(before: Image, now: Image, by: Floats) -> Mask:
    """(h, w) where `now` is not as `before`, which was shifted `by` so much to lie on it."""
    differs = cv2.absdiff(before, now).max(axis=2).astype(np.float32)
    if not by.any():
        return differs > _CHANGED
    gray = _gray(before)
    differs -= _EDGES * (cv2.dilate(gray, _AROUND) - cv2.erode(gray, _AROUND))
    result: Mask = differs > _CHANGED
    height, width = result.shape
    x, y = (int(np.ceil(abs(step) - _SEEN) * np.sign(step)) for step in by.tolist())
    new = np.ones_like(result)
    new[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = False
    return result | new


def moved(before: Image, now: Image) -> tuple[Image, Floats]:
    """`before` as it would be if only the camera had moved, and (2,) how far that went."""
    by = motion(before, now)
    there = shifted(before, by)
    if _gap(there, now) < _SHIFTED * _gap(before, now):
        return there, by
    return before, np.zeros(2, np.float32)


def _gap(a: Image, b: Image) -> float:
    return float(np.minimum(cv2.absdiff(a, b), _MOST).mean())


def _settled(before: Floats, now: Floats, shift: Floats, rounds: int) -> Floats:
    """The shift that lays `before` onto `now` better than the one that is given."""
    slopes = [cv2.Sobel(now, cv2.CV_32F, *way, ksize=3, scale=1 / 8) for way in ((1, 0), (0, 1))]
    least = _FLAT * now.size * np.eye(2)
    for _ in range(rounds):
        there = cv2.warpAffine(
            before, _matrix(shift), now.shape[::-1], borderMode=cv2.BORDER_REPLICATE
        )
        gap = there - now
        weight = 1 / (1 + (gap / np.float32(_ODD)) ** 2)
        weighted = [weight * slope for slope in slopes]
        known = np.array([[np.vdot(a, b) for b in slopes] for a in weighted]) + least
        step = np.linalg.solve(known, [np.vdot(a, gap) for a in weighted])
        shift = shift + step.astype(np.float32)
    return shift


def _matrix(shift: Floats) -> Floats:
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)


def _gray(picture: Image) -> Floats:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _halved(gray: Floats) -> Floats:
    size = max(gray.shape[1] // 2, 1), max(gray.shape[0] // 2, 1)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.float32)
