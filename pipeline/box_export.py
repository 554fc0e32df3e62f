"""The boxes of records, as MOT or COCO have them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from pipeline.coco import FACE
from pipeline.record import IGNORE, REPLACE, Box, Record, TrackEntry

TRACK, PERSON = "track", "person"
BY: Final = (TRACK, PERSON)
_NUMBER: Final = "06d"


@dataclass(frozen=True, slots=True)
class Shown:
    """One box of one frame, from 0."""

    frame: int
    number: int  # of the track or the person
    box: Box
    decision: str


def shown(record: Record, by: str) -> list[Shown]:
    """The boxes of a record by frame and number, but for what is no face to be ignored.

    A person has one box a frame, around all that are theirs. Raises ValueError for another `by`
    than track or person.
    """
    if by not in BY:
        raise ValueError(f"by must be track or person, got {by!r}")
    found: dict[tuple[int, int], Shown] = {}
    size = record.input.width, record.input.height
    for track in record.tracks:
        if track.decision == IGNORE:
            continue
        for one in _of_track(track, track.number if by == TRACK else track.person):
            if _is_in(one.box, size):
                key = one.frame, one.number
                found[key] = _both(found[key], one) if key in found else one
    return [found[key] for key in sorted(found)]


def document(records: list[Record], by: str) -> dict[str, Any]:
    """The boxes of one or more records as one document of COCO, with videos as COCO-VID's.

    A file of one frame is a picture. Tracks of different files have different numbers.
    """
    plain: dict[str, Any] = {
        "info": {"description": "boxes of faces", "version": records[0].tool if records else ""},
        "licenses": [],
        "categories": [{"id": 1, "name": FACE}],
        **{name: [] for name in ("videos", "images", "tracks", "annotations")},
    }
    numbered = 0
    for record in records:
        boxes = shown(record, by)
        start = len(plain["images"]) + 1
        video = _add_images(plain, record)
        for number in sorted({one.number for one in boxes}):
            plain["tracks"].append({"id": numbered + number, "category_id": 1, **video})
        for one in boxes:
            plain["annotations"].append({
                "id": len(plain["annotations"]) + 1,
                "image_id": start + one.frame,
                **video,
                "category_id": 1,
                **_place(one.box),
                "iscrowd": 0,
                "track_id": numbered + one.number,
                "attributes": {"decision": one.decision},
            })  # fmt: skip
        numbered += max((one.number for one in boxes), default=0)
    return plain


def _add_images(plain: dict[str, Any], record: Record) -> dict[str, int]:
    """Every frame is an image; what tells of the video in each entry."""
    read = record.input
    size = {"width": read.width, "height": read.height}
    number = len(plain["images"]) + 1
    if read.frames == 1:
        plain["images"].append({"id": number, "file_name": read.name, **size})
        return {}
    video = {"video_id": len(plain["videos"]) + 1}
    plain["videos"].append(
        {"id": video["video_id"], "name": read.name, **size, "length": read.frames}
    )
    stem = PurePath(read.name).stem
    plain["images"].extend(
        {"id": number + frame, "file_name": f"{stem}/{frame:{_NUMBER}}.jpg", **size, **video,
         "frame_id": frame}
        for frame in range(read.frames)
    )  # fmt: skip
    return video


def _place(box: Box) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    return {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}


def _of_track(track: TrackEntry, number: int) -> Iterator[Shown]:
    for frame, box in enumerate(track.boxes, track.first):
        yield Shown(frame, number, box, track.decision)


def _is_in(box: Box, size: tuple[int, int]) -> bool:
    """Whether a part of a box lies in the picture."""
    x1, y1, x2, y2 = box
    return min(x2, size[0]) > max(x1, 0) and min(y2, size[1]) > max(y1, 0)


def _both(a: Shown, b: Shown) -> Shown:
    """The box around both; what is replaced in one of them is replaced."""
    low = [min(pair) for pair in zip(a.box[:2], b.box[:2], strict=True)]
    high = [max(pair) for pair in zip(a.box[2:], b.box[2:], strict=True)]
    decision = a.decision if a.decision == b.decision else REPLACE
    return Shown(a.frame, a.number, low + high, decision)
