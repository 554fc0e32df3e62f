"""Square crops of faces, as recognisers are shown them."""

import cv2
import numpy as np

from pipeline.contract import Faces, Floats, Image
from pipeline.geometry import pixels

MARGIN = 1.3  # of the box: Cao et al., "VGGFace2", FG 2018, extend it by a factor of 0.3
_OUTER_CORNERS = [33, 263]  # of the eyes in the face mesh


def crop(image: Image, box: Floats, side: int, eyes: Floats | None = None) -> Image | None:
    """The (side, side, 3) square around a face, MARGIN times its box; None where there is none.

    `box` is (4,) px of the RGB picture. Where `eyes` (2, 2), image-left first, are given and known,
    the square is turned so that they are level. Outside the picture its border is repeated.
    """
    width = float((box[2:] - box[:2]).max()) * MARGIN
    if not np.isfinite(box).all() or not (box[2:] > box[:2]).all():
        return None
    centre = (box[:2] + box[2:]) / 2
    reach = width * 2**-0.5  # half the diagonal: holds the square however it is turned
    x1, y1, x2, y2 = pixels(np.concatenate([centre - reach, centre + reach]), image.shape[1::-1])
    if x2 <= x1 or y2 <= y1:
        return None
    part, scale = image[y1:y2, x1:x2], side / width
    shrink = max(int(1 / scale), 1)  # by area first: what follows looks at four pixels only
    small = (max((x2 - x1) // shrink, 1), max((y2 - y1) // shrink, 1))
    if shrink > 1:
        part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), np.uint8)
    step = np.array([(x2 - x1) / part.shape[1], (y2 - y1) / part.shape[0]])
    place = (centre - (x1, y1) + 0.5) / step - 0.5
    across = _direction(eyes) * scale
    linear = np.array([[across[0], across[1]], [-across[1], across[0]]]) * step
    shift = (side - 1) / 2 - linear @ place
    return np.asarray(
        cv2.warpAffine(
            part,
            np.column_stack([linear, shift]),
            (side, side),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def eyes(faces: Faces, row: int) -> Floats:
    """(2, 2) where the eyes of a face are: its landmarks, else its mesh's; NaN where unknown."""
    known: Floats = faces.landmarks[row, :2]
    return known if np.isfinite(known).all() else faces.mesh[row, _OUTER_CORNERS, :2]


def _direction(eyes: Floats | None) -> Floats:
    """(2,) from one eye to the other at length 1; to the right where they are not known."""
    line = np.zeros(2, np.float32) if eyes is None else eyes[1] - eyes[0]
    length = float(np.hypot(*line))
    known = np.isfinite(length) and length > 0
    return (line / length if known else np.array([1, 0])).astype(np.float32)
