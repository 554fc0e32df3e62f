"""Boxes as COCO has them: images, annotations and categories in one JSON document.

Lin et al., "Microsoft COCO: common objects in context", ECCV 2014 (arXiv:1405.0312). For videos
there are COCO-VID (mmtracking) and TAO (Dave et al., ECCV 2020, arXiv:2005.10356), whose images
name their video and the number of their frame, which counts from 0.
"""

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.boxes import wrong
from pipeline.coco_document import ANNOTATION, Document, Image
from pipeline.contract import Floats, Ints
from pipeline.errors import BoxesError

FACE: Final = "face"
_FRAME: Final = ("frame_id", "frame_index")
_HIGHEST: Final = 10**15


def read(path: Path, least: float | None = None, category: str = "") -> Document:
    """The images and boxes in a file; of several categories those called `category`, or faces.

    Left out are boxes with a score below `least`. Raises BoxesError.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BoxesError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BoxesError(f"{path}: is no JSON: {error}") from None
    try:
        return _document(path, plain, least, category)
    except BoxesError as error:
        raise BoxesError(f"{path}: {error}") from None


def _document(path: Path, plain: Any, least: float | None, category: str) -> Document:
    if isinstance(plain, list):
        raise BoxesError(
            "is a list of results, which names no pictures: put it under 'annotations', beside the "
            "'images' and 'categories' that it is about"
        )
    if not isinstance(plain, dict) or "images" not in plain or "annotations" not in plain:
        raise BoxesError("has no 'images' and 'annotations' as COCO has them; of a record "
            "`facesurrogate boxes` makes them")  # fmt: skip
    videos = {_number(v, "id"): str(v.get("name", "")) for v in _objects(plain, "videos")}
    images, rows = [], {}
    for number, image in enumerate(_objects(plain, "images")):
        try:
            images.append(_image(image, videos))
            rows[_number(image, "id")] = number
        except BoxesError as error:
            raise BoxesError(f"images[{number}]: {error}") from None
    if len(rows) < len(images):
        raise BoxesError("two images have one id")
    return Document(path, images, _boxes(plain, rows, least, _wanted(plain, category)))


def _objects(plain: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = plain.get(name, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise BoxesError(f"{name!r} must be a list of objects")
    return found


def _number(entry: dict[str, Any], name: str) -> int:
    value = entry.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _HIGHEST:
        raise BoxesError(f"{name!r} must be a whole number, got {value!r}")
    return value


def _image(image: dict[str, Any], videos: dict[int, str]) -> Image:
    name, video = image.get("file_name"), None
    if not isinstance(name, str) or not name:
        raise BoxesError(f"'file_name' must be a name, got {name!r}")
    if image.get("video_id") is not None:
        number = _number(image, "video_id")
        if number not in videos:
            raise BoxesError(f"no video has the id {number}")
        video = videos[number]
    frame = next((_number(image, key) for key in _FRAME if image.get(key) is not None), None)
    sized = image.get("width") is not None and image.get("height") is not None
    size = (_number(image, "width"), _number(image, "height")) if sized else None
    return Image(name.replace("\\", "/"), video, frame, size)


def _wanted(plain: dict[str, Any], category: str) -> dict[int, bool]:
    """Whether a category counts, by its id; empty where there are none, and all boxes do."""
    known = {_number(c, "id"): str(c.get("name", "")) for c in _objects(plain, "categories")}
    name = (category or FACE).casefold()
    wanted = {number: own.casefold() == name for number, own in known.items()}
    if any(wanted.values()):
        return wanted
    if len(known) < 2 and not category:
        return dict.fromkeys(known, True)
    raise BoxesError(
        f"no category is called {category or FACE!r}; --boxes-category takes one of "
        f"{', '.join(sorted(known.values())) or 'none'}"
    )


def _boxes(
    plain: dict[str, Any], rows: dict[int, int], least: float | None, wanted: dict[int, bool]
) -> tuple[Ints, Ints, Floats]:
    """Places in `annotations`, rows of images and boxes x1 y1 x2 y2."""
    annotations = _objects(plain, "annotations")
    places, images, boxes = [], [], []
    for place, one in enumerate(annotations):
        try:
            score = _checked(one, rows, wanted)
        except BoxesError as error:
            raise BoxesError(f"{ANNOTATION.format(place)}: {error}") from None
        counts = not wanted or wanted[one["category_id"]]
        if counts and (least is None or score is None or score >= least):
            places.append(place)
            images.append(rows[one["image_id"]])
            boxes.append(one["bbox"])
    table = np.array(boxes, np.float64).reshape(-1, 4)
    problem = wrong(table)
    if problem is not None:
        raise BoxesError(f"{ANNOTATION.format(places[problem[0]])}: {problem[1]}")
    table[:, 2:] += table[:, :2]
    return np.array(places, np.int64), np.array(images, np.int64), table.astype(np.float32)


def _checked(one: dict[str, Any], rows: dict[int, int], wanted: dict[int, bool]) -> float | None:
    """The score of an annotation, if it has one. Raises BoxesError for what it must not say."""
    box, score = one.get("bbox"), one.get("score")
    if _number(one, "image_id") not in rows:
        raise BoxesError(f"no image has the id {one['image_id']}")
    if wanted and _number(one, "category_id") not in wanted:
        raise BoxesError(f"no category has the id {one['category_id']}")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        raise BoxesError(f"'bbox' must be left, top, width, height, got {box!r}")
    if score is not None and not (_is_number(score) and math.isfinite(score)):
        raise BoxesError(f"'score' must be a number, got {score!r}")
    return None if score is None else float(score)


def _is_number(value: Any) -> bool:
    """Whether JSON gave a number that floats can hold."""
    return type(value) is float or (type(value) is int and abs(value) <= _HIGHEST)
