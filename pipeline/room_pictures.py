"""What the rooms draw: found faces, who is like whom, and generated faces on a plain ground."""

import io
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import PIL.Image

from generator.canonical import Canonical
from pipeline.atomic import replacing, telling
from pipeline.contract import Faces, Floats, Image, Ints, Surrogate
from pipeline.errors import MediaError
from pipeline.geometry import pixels, scaled, warp

FORMATS: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
GROUND: Final = 208
_BOX: Final = (255, 210, 0)
_MESH: Final = (90, 220, 255)
_POINT: Final = (255, 60, 60)
_CELL: Final = 56
EDGE: Final = 0.02
_MARGIN: Final = 0.03
_CROP: Final = 1.5


def write(target: Path, picture: Image) -> None:
    """A PNG, JPEG or WebP by the ending of its name."""
    form = form_of(target)
    content = io.BytesIO()
    PIL.Image.fromarray(picture).save(content, format=form)
    with replacing(target) as temporary, telling(target):
        temporary.write_bytes(content.getvalue())


def form_of(target: Path) -> str:
    """Pillow's name of the format; MediaError where the ending names none of FORMATS."""
    form = FORMATS.get(target.suffix.lower())
    if form is None:
        known = ", ".join(FORMATS)
        raise MediaError(f"{target}: a picture's name must end in one of {known}")
    return form


def marked(picture: Image, faces: Faces, triangles: Ints) -> Image:
    """The picture with boxes, numbers, scores, landmarks and meshes drawn over it."""
    result = np.ascontiguousarray(picture).copy()
    thick = max(1, round(max(picture.shape[:2]) / 640))
    for row in range(len(faces)):
        mesh = faces.mesh[row]
        if np.isfinite(mesh).all():
            corners = np.rint(mesh[:, :2][triangles] * 8).astype(np.int32)
            cv2.polylines(result, list(corners), True, _MESH, 1, cv2.LINE_AA, 3)
        x1, y1, x2, y2 = np.rint(faces.boxes[row]).astype(int).tolist()
        cv2.rectangle(result, (x1, y1), (x2, y2), _BOX, thick)
        for x, y in faces.landmarks[row][np.isfinite(faces.landmarks[row]).all(axis=1)]:
            cv2.circle(result, (round(float(x)), round(float(y))), 2 * thick, _POINT, -1)
        told = f"{row}: {faces.scores[row]:.2f}"
        place = x1, max(y1 - 4 * thick, 12)
        cv2.putText(result, told, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * thick, _BOX, thick)
    return result


def heat_map(similarity: Floats) -> Image:
    """(n, n) similarities in [-1, 1] as coloured cells with their numbers, face 0 at the top."""
    shares = np.clip((np.nan_to_num(similarity, nan=-1.0) + 1) / 2 * 255, 0, 255)
    small = cv2.applyColorMap(shares.astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
    large = np.ascontiguousarray(np.kron(small, np.ones((_CELL, _CELL, 1), np.uint8)))
    for (row, column), value in np.ndenumerate(similarity):
        ink = (0, 0, 0) if value > 0.2 else (255, 255, 255)
        told = f"{value:.2f}" if np.isfinite(value) else "?"
        place = column * _CELL + 8, row * _CELL + _CELL // 2 + 5
        cv2.putText(large, told, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
    return large


def crop(picture: Image, box: Floats, side: int) -> Image:
    """The square around a box, `side` px; what hangs over the border is plain."""
    centre, half = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) / 2
    square = scaled(np.array([*(centre - half), *(centre + half)], np.float32), _CROP)
    x1, y1, x2, y2 = pixels(square, picture.shape[1::-1])
    matrix = np.array([[1, 0, -square[0]], [0, 1, -square[1]]], np.float32)
    matrix *= side / float(square[2] - square[0])
    if x1 >= x2 or y1 >= y2:
        return np.full((side, side, 3), GROUND, np.uint8)
    ground = (GROUND, GROUND, GROUND)
    shrunk = cv2.warpAffine(
        picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=ground
    )
    return np.asarray(shrunk, np.uint8)


def framed(shape: Floats) -> Floats:
    """(468, 3) in sides of a picture: a frontal shape, made smaller where a jaw would leave it."""
    middle = np.array([0.5, 0.5, 0], np.float32)
    reach = float(np.abs(shape[:, :2] - middle[:2]).max())
    result: Floats = (shape - middle) * np.float32(min((0.5 - _MARGIN) / reach, 1)) + middle
    return result


def portrait(surrogate: Surrogate, canonical: Canonical, size: int) -> Image:
    """(size, size, 3) the surrogate from the front, on a plain ground."""
    texture = surrogate.texture
    layout = canonical.layout * len(texture) - 0.5
    target = framed(surrogate.shape) * size - np.array([0.5, 0.5, 0], np.float32)
    drawn, inside = warp(texture, layout, target, canonical.triangles, (size, size))
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    alpha = np.clip(depth / max(EDGE * size, 1.0), 0, 1)[..., None]
    mixed = alpha * drawn + (1 - alpha) * GROUND
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
