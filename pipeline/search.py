"""Looks for faces in a frame: in a small picture of it, and more closely now and then.

A closer look is at the picture on its sides and upside down, since detectors know upright faces,
and at pieces of the frame: its small faces vanish when it is shrunk, and those of 12 px must be
enlarged to be found (at their own size the detector sees half of them). tiles.py tells whose turn
it is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import cv2
import numpy as np

from pipeline import planes
from pipeline.atlas import Sheet, sheets
from pipeline.contract import Detector, Faces, Floats, Frame, Image, Mask
from pipeline.errors import DeidError, RoomError
from pipeline.settings import Settings

_LARGE: Final = 1.2
_OVERLAP: Final = 0.08  # of a piece's longest side: what is larger is found in the whole picture
_EDGE: Final = 2.0
_DOUBLED: Final = 0.5
_SAME: Final = 0.4
_TURNED_SIDE: Final = 640
_SURE: Final = 1.4
_ENLARGED: Final = 1.6
_ENLARGED_OF_LARGE: Final = 1.4

TURNS: Final = (1, 2, 3)  # quarters against the clock

Box = tuple[int, int, int, int]
_Item = TypeVar("_Item")


class Each(Protocol):
    """Gives what `work` finds in each of the items, in their order."""

    def __call__(
        self, work: Callable[[_Item], Faces], items: Iterable[_Item], /
    ) -> Iterable[Faces]: ...


@dataclass(frozen=True, slots=True)
class Closer:
    """What is looked at besides the picture as it is: the picture turned, pieces of the frame, and
    parts of other pieces.
    """

    turns: Sequence[int] = ()
    pieces: Sequence[Box] = ()
    parts: Sequence[Box] = ()


def faces(
    detector: Detector,
    frame: Frame,
    picture: Image,
    settings: Settings,
    closer: Closer | None = None,
    each: Each = map,
) -> Faces:
    """Every face of a frame, frame pixels; `picture` is the frame shrunk to `detect_size`, or
    to half of it for a glance.

    `each` is map, or what works on several pieces at once and gives the same.
    Raises RoomError where the detector fails: a frame in which nobody looked for faces must not
    be shown.
    """
    found = _detected(detector, picture, frame).moved(frame.size[0] / picture.shape[1])
    if closer is not None and closer.turns:
        turned = _turned(detector, frame, picture, closer.turns)
        found = joined(found, turned[turned.scores >= _SURE * settings.detect_threshold], False)
    if closer is not None and (closer.pieces or closer.parts):
        look = closeness(frame.size, settings)
        inside = _in_pieces(detector, frame, closer.pieces, look, each)
        inside = joined(inside, _in_parts(detector, frame, closer.parts, look, each))
        found = joined(found, inside, is_large(frame.size, settings))
    return _large_enough(found, settings)


def quick(detector: Detector) -> Detector:
    """What finds nearly the same in less time, for clips, where small faces have many chances."""
    other = getattr(detector, "quick", detector)
    result: Detector = other if callable(getattr(other, "detect", None)) else detector
    return result


def through(
    detector: Detector,
    frame: Frame,
    windows: Iterable[Box],
    settings: Settings,
    each: Each = map,
) -> Faces:
    """The faces in some windows of a frame, seen as in the picture of it."""
    scale = min(1.0, settings.detect_size / max(frame.size))
    found = _in_pieces(detector, frame, windows, (scale, 0.0), each)
    return _large_enough(found, settings)


def everything(size: tuple[int, int], settings: Settings) -> Closer:
    """All there is to look at in a frame of `size`."""
    return Closer(TURNS, pieces(size, settings))


def pieces(size: tuple[int, int], settings: Settings) -> list[Box]:
    """The pieces of a frame of `size`, as few and small as overlap a little and are looked at
    whole when they are enlarged.
    """
    side = settings.detect_size / closeness(size, settings)[0]
    return split((0, 0, *size), (side, side))


def split(box: Box, most: tuple[float, float]) -> list[Box]:
    """Boxes of `most` this width and height that overlap a little and are all of `box`."""
    x, y, right, bottom = box
    across, down = _stretches(right - x, most[0]), _stretches(bottom - y, most[1])
    return [(x + x1, y + y1, x + x2, y + y2) for y1, y2 in down for x1, x2 in across]


def _large_enough(found: Faces, settings: Settings) -> Faces:
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    return found[sides >= settings.min_face]


def is_large(size: tuple[int, int], settings: Settings) -> bool:
    """Whether small faces vanish in the picture of a frame of `size`."""
    return max(size) > _LARGE * settings.detect_size


def closeness(size: tuple[int, int], settings: Settings) -> tuple[float, float]:
    """By how much pieces are enlarged, and the least score that counts in them: what is seen only
    enlarged, although nothing was shrunk, is doubted.
    """
    if is_large(size, settings):
        return _ENLARGED_OF_LARGE, 0.0
    return _ENLARGED, _SURE * settings.detect_threshold


def _in_pieces(
    detector: Detector,
    frame: Frame,
    boxes: Iterable[Box],
    look: tuple[float, float],
    each: Each,
) -> Faces:
    """The faces in some pieces; `look` is by how much to enlarge these and the least score."""
    found, (scale, least) = Faces.of([]), look

    def seen(box: Box) -> Faces:
        picture = planes.resized(frame, box, scaled_size(box, scale))
        inside = _detected(detector, picture, frame).moved(1 / scale, (box[0], box[1]))
        return inside[_whole(inside, box, frame.size) & (inside.scores >= least)]

    for piece in each(seen, boxes):
        found = joined(found, piece)
    return found


def _in_parts(
    detector: Detector,
    frame: Frame,
    boxes: Sequence[Box],
    look: tuple[float, float],
    each: Each,
) -> Faces:
    """The same for boxes that fit on sheets, several of which are looked at in one."""
    found, (scale, least) = Faces.of([]), look
    sizes = [scaled_size(box, scale) for box in boxes]

    def seen(sheet: Sheet) -> Faces:
        rows = [row for row, _, _ in sheet.places]
        pictures = {row: planes.resized(frame, boxes[row], sizes[row]) for row in rows}
        there, result = _detected(detector, sheet.drawn(pictures), frame), Faces.of([])
        middle = (there.boxes[:, :2] + there.boxes[:, 2:]) / 2
        for row, *corner in sheet.places:
            size = np.add(corner, sizes[row])
            here = np.asarray(((middle >= corner) & (middle < size)).all(axis=1))
            box = boxes[row]
            inside = there[here].moved(1.0, (-corner[0], -corner[1]))
            inside = inside.moved(1 / scale, (box[0], box[1]))
            good = _whole(inside, box, frame.size) & (inside.scores >= least)
            result = joined(result, inside[good])
        return result

    for some in each(seen, sheets(sizes)):
        found = joined(found, some)
    return found


def scaled_size(box: Box, scale: float) -> tuple[int, int]:
    """(width, height) of a box scaled."""
    return max(1, round((box[2] - box[0]) * scale)), max(1, round((box[3] - box[1]) * scale))


def _turned(detector: Detector, frame: Frame, picture: Image, turns: Iterable[int]) -> Faces:
    """The faces that are seen in the picture turned by some quarters, frame pixels."""
    shrunk = min(1.0, _TURNED_SIDE / max(picture.shape[:2]))
    size = [max(1, round(n * shrunk)) for n in picture.shape[1::-1]]
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    result = Faces.of([])
    for quarters in turns:
        turned = np.ascontiguousarray(np.rot90(small, quarters))
        found = _detected(detector, turned, frame)
        back = Faces.of(
            _corners(_back(found.boxes.reshape(-1, 2, 2), quarters, size)),
            _back(found.landmarks, quarters, size),
            found.scores,
        )
        result = joined(result, back)
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


def _stretches(length: int, side: float) -> list[tuple[int, int]]:
    """Stretches of one length, at most `side`, that cover 0..length and overlap a little."""
    overlap = _OVERLAP * side
    count = max(1, int(np.ceil((length - overlap) / (side - overlap))))
    each = int(min(np.ceil((length + (count - 1) * overlap) / count), max(side, 1)))
    starts = [round(i * (length - each) / max(count - 1, 1)) for i in range(count)]
    return [(start, start + each) for start in starts]


def _whole(found: Faces, box: Box, size: tuple[int, int]) -> Mask:
    """(n,) true for faces that the piece's own border does not cut."""
    x1, y1, x2, y2 = found.boxes.T
    left, top = (x1 > box[0] + _EDGE) | (box[0] == 0), (y1 > box[1] + _EDGE) | (box[1] == 0)
    right = (x2 < box[2] - _EDGE) | (box[2] == size[0])
    bottom = (y2 < box[3] - _EDGE) | (box[3] == size[1])
    return left & top & right & bottom


def joined(faces: Faces, more: Faces, trusted: bool = True) -> Faces:
    """`faces` and those of `more` that do not lie over one of them; of one face seen in both the
    surer one if `more` can be trusted.
    """
    if not len(faces) or not len(more):
        return more if len(more) else faces
    low = np.maximum(faces.boxes[:, None, :2], more.boxes[None, :, :2])
    high = np.minimum(faces.boxes[:, None, 2:], more.boxes[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    area = [
        np.clip(f.boxes[:, 2:] - f.boxes[:, :2], 1e-6, None).prod(axis=1) for f in (faces, more)
    ]
    larger, smaller = (way(area[0][:, None], area[1]) for way in (np.maximum, np.minimum))
    surer = trusted & (common / larger > _SAME) & (more.scores > faces.scores[:, None])
    stays = ~surer.any(axis=1)
    doubled = (common / smaller > _DOUBLED)[stays].any(axis=0)
    faces, new = faces[stays], more[~doubled | surer.any(axis=0)]
    return Faces(
        *(
            np.concatenate([getattr(faces, name), getattr(new, name)])
            for name in ("boxes", "landmarks", "scores", "mesh", "mesh_scores")
        )
    )
