"""Looks for faces in a frame: in a small picture of it, and more thoroughly now and then.

A thorough search also looks at the picture on its sides and upside down, since detectors know
upright faces, and at a large frame piece by piece, since its small faces vanish when it is shrunk.
A close look enlarges the pieces: of faces 12 px wide that finds all, where their own size shows
the detector half of them, and those too weakly to believe in. Of a huge frame only some pieces are
enlarged in each look, see tiles.py.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import cv2
import numpy as np

from pipeline import planes
from pipeline.contract import Detector, Faces, Floats, Frame, Image, Mask
from pipeline.errors import DeidError, RoomError
from pipeline.settings import Settings

_LARGE: Final = 1.2
_STEP: Final = 0.7
_EDGE: Final = 2.0
_DOUBLED: Final = 0.5
_TURNED_SIDE: Final = 640
_SURE: Final = 1.4
_ENLARGED: Final = 1.5
_MOST_PIECES: Final = 2.0
_TILE: Final = 0.8  # of the side that the detector sees

Box = tuple[int, int, int, int]


def faces(
    detector: Detector,
    frame: Frame,
    picture: Image,
    settings: Settings,
    thorough: bool,
    close: bool | None = None,
    due: list[Box] | None = None,
) -> Faces:
    """Every face of a frame, frame pixels; `picture` is the frame shrunk to `detect_size`.

    A `thorough` look is a `close` one too unless that is told. Where `due` lists tiles, these are
    looked at closely and no other pieces.

    Raises RoomError where the detector fails: a frame in which nobody looked for faces must not
    be shown.
    """
    found = _detected(detector, picture, frame).moved(frame.size[0] / picture.shape[1])
    if thorough:
        turned = _turned(detector, frame, picture)
        found = _joined(found, turned[turned.scores >= _SURE * settings.detect_threshold])
    if due is not None:
        found = _joined(found, _in_pieces(detector, frame, due, (1 / _TILE, 0.0)))
    elif thorough:
        near = _near(detector, frame, settings, thorough if close is None else close)
        found = _joined(found, near)
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    return found[sides >= settings.min_face]


def tiles(size: tuple[int, int], settings: Settings) -> list[Box]:
    """The pieces of a frame of `size` that is too large to be looked at closely at once; else none.

    They overlap by a third.
    """
    side = settings.detect_size
    return list(_pieces(size, round(_TILE * side))) if max(size) > _MOST_PIECES * side else []


def _near(detector: Detector, frame: Frame, settings: Settings, close: bool) -> Faces:
    """The faces of a large frame, and of any that is looked at closely, seen piece by piece."""
    longest, side = max(frame.size), settings.detect_size
    close = close and longest <= _MOST_PIECES * side
    if not close and longest <= _LARGE * side:
        return Faces.of([])
    scale, least = (_ENLARGED, _SURE * settings.detect_threshold) if close else (1.0, 0.0)
    boxes = _pieces(frame.size, round(side / scale))
    return _in_pieces(detector, frame, boxes, (scale, least))


def _in_pieces(
    detector: Detector, frame: Frame, boxes: Iterable[Box], look: tuple[float, float]
) -> Faces:
    """The faces in some pieces; `look` is by how much to enlarge these and the least score."""
    found, (scale, least) = Faces.of([]), look
    for box in boxes:
        piece = planes.region(frame, box)
        if scale > 1:
            piece = np.asarray(cv2.resize(piece, None, fx=scale, fy=scale), np.uint8)
        seen = _detected(detector, piece, frame).moved(1 / scale, (box[0], box[1]))
        found = _joined(found, seen[_whole(seen, box, frame.size) & (seen.scores >= least)])
    return found


def _turned(detector: Detector, frame: Frame, picture: Image) -> Faces:
    """The faces that are seen in the picture on its sides and upside down, frame pixels."""
    shrunk = min(1.0, _TURNED_SIDE / max(picture.shape[:2]))
    size = [max(1, round(n * shrunk)) for n in picture.shape[1::-1]]
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    result = Faces.of([])
    for turns in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(small, turns))
        found = _detected(detector, turned, frame)
        back = Faces.of(
            _corners(_back(found.boxes.reshape(-1, 2, 2), turns, size)),
            _back(found.landmarks, turns, size),
            found.scores,
        )
        result = _joined(result, back)
    return result.moved(frame.size[0] / size[0])


def _back(points: Floats, turns: int, size: list[int]) -> Floats:
    """Points (..., 2) of a picture of `size` that np.rot90 turned, where they lay before."""
    x, y = points[..., 0], points[..., 1]
    width, height = size[0] - 1, size[1] - 1
    places = [(x, y), (width - y, x), (width - x, height - y), (y, height - x)]
    return np.stack(places[turns], axis=-1).astype(np.float32)


def _corners(points: Floats) -> Floats:
    """The boxes (n, 4) around (n, 2, 2) opposite corners."""
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def _detected(detector: Detector, image: Image, frame: Frame) -> Faces:
    try:
        found = detector.detect(image)
        if not np.isfinite(found.boxes).all() or not np.isfinite(found.scores).all():
            raise ValueError("it gave boxes or scores that are no numbers")
        return found
    except DeidError:
        raise
    except Exception as error:
        raise RoomError(
            f"the detector failed on frame {frame.index} ({type(error).__name__}: {error}); "
            "try another --detector or --detect-size"
        ) from error


def _pieces(size: tuple[int, int], side: int) -> Iterator[Box]:
    """Squares of `side` px that cover a picture of `size` and overlap by a third."""
    for y in _starts(size[1], side):
        for x in _starts(size[0], side):
            yield x, y, min(x + side, size[0]), min(y + side, size[1])


def _starts(length: int, side: int) -> list[int]:
    count = max(1, int(np.ceil((length - side) / (_STEP * side))) + 1)
    return [round(i * max(length - side, 0) / max(count - 1, 1)) for i in range(count)]


def _whole(found: Faces, box: Box, size: tuple[int, int]) -> Mask:
    """(n,) true for faces that the piece's own border does not cut."""
    x1, y1, x2, y2 = found.boxes.T
    left, top = (x1 > box[0] + _EDGE) | (box[0] == 0), (y1 > box[1] + _EDGE) | (box[1] == 0)
    right = (x2 < box[2] - _EDGE) | (box[2] == size[0])
    bottom = (y2 < box[3] - _EDGE) | (box[3] == size[1])
    return left & top & right & bottom


def _joined(faces: Faces, more: Faces) -> Faces:
    """`faces` and those of `more` that do not lie over one of them."""
    if not len(faces) or not len(more):
        return more if len(more) else faces
    low = np.maximum(faces.boxes[:, None, :2], more.boxes[None, :, :2])
    high = np.minimum(faces.boxes[:, None, 2:], more.boxes[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    area = [
        np.clip(f.boxes[:, 2:] - f.boxes[:, :2], 1e-6, None).prod(axis=1) for f in (faces, more)
    ]
    doubled = (common / np.minimum(area[0][:, None], area[1][None]) > _DOUBLED).any(axis=0)
    new = more[~doubled]
    return Faces(
        *(
            np.concatenate([getattr(faces, name), getattr(new, name)])
            for name in ("boxes", "landmarks", "scores", "mesh", "mesh_scores")
        )
    )
