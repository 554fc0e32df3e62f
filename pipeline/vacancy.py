"""Where a face that was out of sight surely cannot be seen: there is nothing to cover.

Somebody walks behind a pillar, or a van passes before them. What the picture shows at their place
then, it shows as well, pixel for pixel, in a frame in which they are seen somewhere else: so it is
the pillar, or the van. A head that turns away, is blurred or half hidden looks like nothing else,
and where light or focus change nothing can be told: it stays covered. Beside that, they are not
where nothing is of their colours and the detector sees not even a hint of a face.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np

from pipeline import planes
from pipeline.colours import LITTLE, Colours, is_steady, left
from pipeline.contract import Floats, Frame, Image
from pipeline.geometry import pixels, scaled, shared
from pipeline.hints import Hints, is_unhinted
from pipeline.tracks import Seen, Sighting

LEAST: Final = 4  # frames: who is out of sight for fewer was merely not found
_AROUND: Final = 1.3
_HEAD: Final = 1.6
_APART: Final = 6  # frames
_LONGEST: Final = 25  # frames
_SMALLEST: Final = 2  # px
_CELLS: Final = 8  # of a face's side: what is finer is noise
_ALIKE: Final = 10.0  # grey levels
_OF_CONTRAST: Final = 0.2
_COARSE: Final = 32  # px
_FAR: Final = 6  # part of the picture's width in which the same is searched
_REACH: Final = 2.0  # of the place's side
_NO_HINT: Final = 0.06  # of a face, where a little of its colour is left
_FAINT_HINT: Final = 0.12  # where nothing is

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A frame in which it is known where the face is."""

    frame: Frame
    taken: Floats  # (n, 4) where faces are, first the one itself with its head
    limit: float  # grey levels that tell the face from what is behind it
    colours: Colours | None


def vacant(
    known: Sequence[Sighting],
    after: Sighting,
    frames: Collection[Frame],
    others: Mapping[int, Sequence[Floats]],
    hints: Hints | None = None,
) -> dict[int, Floats]:
    """The boxes (4,) in which nothing of a face is seen while it is out of sight, by frame.

    It was seen in the frames that are `known`, the last of which may be guesses, and is again
    `after`. What the `frames` show can be looked at; `others` are the boxes (4,) of other faces.
    """
    sure = [sighting for sighting in known if sighting.seen <= Seen.FOLLOWED]
    if not sure or after.frame - sure[-1].frame <= LEAST:
        return {}
    lost = [sure[-1], *(s for s in known if s.frame > sure[-1].frame), after]
    places, looks = list(_places(lost)), _looks([*sure, after], frames, others)
    empty = _empty(places, looks, frames, hints)
    shown = {frame.index: frame for frame in frames}
    for number, place in places:
        if number in shown and number not in empty:
            box = scaled(place, _AROUND)
            at = _seen(box, shown[number])
            if at is not None and _is_moved(shown[number], at, looks):
                empty[number] = box
    return empty


def bare(
    places: Iterable[Sighting],
    sure: Sequence[Sighting],
    frames: Collection[Frame],
    others: Mapping[int, Sequence[Floats]],
    hints: Hints | None = None,
) -> dict[int, Floats]:
    """The boxes (4,) around those of the `places` in which nothing is seen of a face that was
    surely seen in the frames of `sure`, by frame. What moved along with the camera is not searched.
    """
    looks = _looks(sure, frames, others)
    return _empty(((s.frame, s.box) for s in places), looks, frames, hints)


def is_vacant(sighting: Sighting, boxes: Mapping[int, Floats]) -> bool:
    """Whether a face that was not seen is only thought to be where nothing of one is seen."""
    box = boxes.get(sighting.frame)
    if box is None or sighting.seen <= Seen.FOLLOWED:
        return False
    return bool((sighting.box[:2] >= box[:2]).all() and (sighting.box[2:] <= box[2:]).all())


def _looks(
    sure: Sequence[Sighting], frames: Collection[Frame], others: Mapping[int, Sequence[Floats]]
) -> list[_Look]:
    """Some of the `frames` in which it is sure where the face is."""
    shown = {frame.index: frame for frame in frames}
    result = []
    for sighting in [*sure[-1:], *sure[-2:-_LONGEST:-_APART]]:
        if sighting.frame in shown:
            frame, head = shown[sighting.frame], scaled(sighting.box, _HEAD)
            taken = np.stack([head, *others.get(frame.index, ())])
            limit = _limit(frame, sighting.box)
            result.append(_Look(frame, taken, limit, Colours.of(frame, sighting.box)))
    return result


def _limit(frame: Frame, face: Floats) -> float:
    """How much a picture may differ, grey levels, from the same one: less than a face from what is
    behind it, which the contrast of the `face` (4,) tells.
    """
    x1, y1, x2, y2 = pixels(face, frame.size)
    if x1 >= x2 or y1 >= y2:
        return 0.0
    return min(_ALIKE, _OF_CONTRAST * float(planes.region(frame, (x1, y1, x2, y2)).std()))


def _places(lost: Sequence[Sighting]) -> Iterator[tuple[int, Floats]]:
    """The frames between the first and the last sighting, each with the box (4,) expected there."""
    for a, b in pairwise(lost):
        if a is not lost[0]:
            yield a.frame, a.box
        for frame in range(a.frame + 1, b.frame):
            share = np.float32((frame - a.frame) / (b.frame - a.frame))
            yield frame, a.box + share * (b.box - a.box)


def _empty(
    places: Iterable[tuple[int, Floats]],
    looks: Sequence[_Look],
    frames: Collection[Frame],
    hints: Hints | None,
) -> dict[int, Floats]:
    """The places, boxes (4,) by frame, a little grown, that show nothing of the face, or the same
    as another frame in which no face is there.
    """
    shown = {frame.index: frame for frame in frames}
    result = {}
    for number, place in places:
        frame, box = shown.get(number), scaled(place, _AROUND)
        at = None if frame is None else _seen(box, frame)
        if frame is None or at is None:
            continue
        if _is_bare(frame, place, looks, (frames, hints)) or _is_shown(frame, at, looks):
            result[number] = box
    return result


def _is_bare(
    frame: Frame,
    place: Floats,
    looks: Sequence[_Look],
    known: tuple[Collection[Frame], Hints | None],
) -> bool:
    """Whether a box shows nothing, or only little, in the face's colours, in the light of the
    nearest look, and nothing that hints at a face.
    """
    faces = [look.colours for look in looks if look.colours]
    if not faces or len(faces) < len(looks):
        return False
    some = left(frame, place, faces)
    nearest = min((look.frame.index for look in looks), key=lambda n: abs(n - frame.index))
    if some > LITTLE or not is_steady(known[0], nearest, frame.index):
        return False
    return is_unhinted(frame, place, known[1], _NO_HINT if some else _FAINT_HINT)


def _is_shown(frame: Frame, at: Box, looks: Sequence[_Look]) -> bool:
    """Whether what lies in a box is seen in the same place of another frame, where no face is."""
    free = [look for look in looks if _free(at, look.taken)]
    if not free:
        return False
    picture, limit = planes.region(frame, at), min(look.limit for look in looks)
    return any(_same(picture, planes.region(look.frame, at), limit) for look in free)


def _is_moved(frame: Frame, at: Box, looks: Sequence[_Look]) -> bool:
    """Whether what lies in a box is seen nearby in another frame, where no face is."""
    picture, limit = planes.region(frame, at), min((look.limit for look in looks), default=0.0)
    for look in looks:
        place = _alike(picture, at, look)
        if place is not None and _same(picture, planes.region(look.frame, place), limit):
            return True
    return False


def _seen(box: Floats, frame: Frame) -> Box | None:
    """The pixels of a box that lie in the frame, None where they are too few to tell anything."""
    at = pixels(box, frame.size)
    return None if at[2] - at[0] < _SMALLEST or at[3] - at[1] < _SMALLEST else at


def _free(place: Box, taken: Floats) -> bool:
    return not shared(np.array([place], np.float32), taken).any()


def _same(a: Image, b: Image, limit: float) -> bool:
    """Whether two pictures differ nowhere by more than a few grey levels."""
    if a.shape != b.shape:
        return False
    cell = max(1, round(max(a.shape[:2]) / _CELLS))
    off = cv2.blur(a.astype(np.float32) - b, (cell, cell))
    return bool(np.abs(off).max() <= limit)


def _alike(picture: Image, at: Box, look: _Look) -> Box | None:
    """Where near `at` the picture is found best in another frame, away from all faces; None where
    it does not fit in anywhere.
    """
    other, taken = look.frame, look.taken
    side = max(at[2] - at[0], at[3] - at[1])
    reach = max(_REACH * side, other.size[0] / _FAR)
    field = pixels(_grown(at, reach), other.size)
    scale = min(1.0, _COARSE / side)
    rough = _found(picture, field, other, (taken, scale))
    if rough is None or scale == 1:
        return rough
    step = 1 + 1 / scale
    near = pixels(_grown(rough, step), other.size)
    return _found(picture, near, other, (taken, 1.0))


def _grown(box: Box, by: float) -> Floats:
    return np.array([box[0] - by, box[1] - by, box[2] + by, box[3] + by], np.float32)


def _found(picture: Image, field: Box, other: Frame, how: tuple[Floats, float]) -> Box | None:
    """The place of the picture's size in a field where it is least unlike; both are looked at
    shrunk, and what touches the boxes that are taken is left out: `how` are these and the scale.
    """
    taken, scale = how
    height, width = picture.shape[:2]
    shrunk = [
        cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else p
        for p in (planes.region(other, field), picture)
    ]
    if (np.array(shrunk[0].shape[:2]) < shrunk[1].shape[:2]).any():
        return None
    unlike = cv2.matchTemplate(shrunk[0], shrunk[1], cv2.TM_SQDIFF)
    for x1, y1, x2, y2 in taken.tolist():
        left, top = (np.array([x1 - width - field[0], y1 - height - field[1]]) * scale) - 1
        right, bottom = (np.array([x2 - field[0], y2 - field[1]]) * scale) + 2
        unlike[_slice(top, bottom), _slice(left, right)] = np.inf
    row, column = np.unravel_index(int(unlike.argmin()), unlike.shape)
    if not np.isfinite(unlike[row, column]):
        return None
    x, y = field[0] + round(int(column) / scale), field[1] + round(int(row) / scale)
    place = (x, y, x + width, y + height)
    inside = x >= 0 and y >= 0 and place[2] <= other.size[0] and place[3] <= other.size[1]
    return place if inside and _free(place, taken) else None


def _slice(start: float, end: float) -> slice:
    return slice(max(0, round(start)), max(0, round(end)))
