"""Looks for faces in a frame: in a small picture of it, and in a large photo piece by piece too."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from pipeline import planes
from pipeline.contract import Detector, Faces, Frame, Image, Mask
from pipeline.errors import DeidError, RoomError
from pipeline.settings import Settings

_LARGE: Final = 1.6
_STEP: Final = 0.7
_EDGE: Final = 2.0
_DOUBLED: Final = 0.5


def faces(
    detector: Detector, frame: Frame, picture: Image, settings: Settings, thorough: bool
) -> Faces:
    """Every face of a frame, frame pixels; `picture` is the frame shrunk to `detect_size`.

    `thorough` looks at the pieces of a large photo as well, without shrinking them: a face of a
    panorama can be too small in the picture. Raises RoomError where the detector fails: a frame
    in which nobody looked for faces must not be shown.
    """
    found = _detected(detector, picture, frame).moved(frame.size[0] / picture.shape[1])
    if thorough and max(frame.size) > _LARGE * settings.detect_size:
        for box in _pieces(frame.size, settings.detect_size):
            piece = _detected(detector, planes.region(frame, box), frame)
            shifted = piece.moved(1.0, (box[0], box[1]))
            found = _joined(found, shifted[_whole(shifted, box, frame.size)])
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(axis=1)
    return found[sides >= settings.min_face]


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


def _pieces(size: tuple[int, int], side: int) -> Iterator[tuple[int, int, int, int]]:
    """Squares of `side` px that cover a picture of `size` and overlap by a third."""
    for y in _starts(size[1], side):
        for x in _starts(size[0], side):
            yield x, y, min(x + side, size[0]), min(y + side, size[1])


def _starts(length: int, side: int) -> list[int]:
    count = max(1, int(np.ceil((length - side) / (_STEP * side))) + 1)
    return [round(i * max(length - side, 0) / max(count - 1, 1)) for i in range(count)]


def _whole(found: Faces, box: tuple[int, int, int, int], size: tuple[int, int]) -> Mask:
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
