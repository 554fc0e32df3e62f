"""Pixels of a `Frame`: the only place where YUV and RGB meet.

A player shows coded planes turned and mirrored; callers think in what is shown. Boxes and
patches are therefore in display pixels, and are carried to the coded planes here.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.contract import Floats, Frame, Image, Patch

Box = tuple[int, int, int, int]
Pixels = TypeVar("Pixels", Image, Floats)

# Luma pixels that one chroma sample covers: across, down.
CHROMA_STEPS = {
    "yuv420p": (2, 2),
    "yuv422p": (2, 1),
    "yuv440p": (1, 2),
    "yuv411p": (4, 1),
    "yuv410p": (4, 4),
    "yuv444p": (1, 1),
}
# Weights of red and blue in luma: ITU-R BT.601, BT.709, BT.2020.
_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


def picture(frame: Frame, longer_side: int | None = None) -> Image:
    """The whole frame as a player shows it: RGB (height, width, 3).

    It is shrunk until its longer side is at most `longer_side` px, and never enlarged.
    """
    height, width = frame.planes[0].shape[:2]
    scale = min(1.0, (longer_side or max(width, height)) / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Shrinking the planes before the conversion keeps 4K as cheap as the small picture.
    planes = [_resized(plane, size) for plane in frame.planes]
    return _upright(frame, _rgb(frame, planes))


def region(frame: Frame, box: Box) -> Image:
    """The RGB pixels x1 y1 x2 y2 (x2, y2 exclusive) as shown, clipped to the frame.

    Raises ValueError if no pixel of the box lies in the frame.
    """
    x1, y1, x2, y2 = _coded_box(frame, _held(frame, box))
    if len(frame.planes) < 3:
        return _upright(frame, _rgb(frame, [frame.planes[0][y1:y2, x1:x2]]))
    luma = frame.planes[0][y1:y2, x1:x2]
    chroma = [_chroma_at(frame, plane, (x1, y1, x2, y2)) for plane in frame.planes[1:]]
    return _upright(frame, _rgb(frame, [luma, *chroma]))


def resized(frame: Frame, box: Box, size: tuple[int, int]) -> Image:
    """The RGB pixels of a box in the frame, brought to a (width, height); colours, which are coded
    coarsely, may lie beside their places by half a sample. Raises ValueError as `region`.
    """
    if len(frame.planes) < 3:
        return _resized(region(frame, box), size)
    x1, y1, x2, y2 = _coded_box(frame, _held(frame, box))
    across, down = CHROMA_STEPS[frame.layout]
    at = np.s_[y1 // down : -(-y2 // down), x1 // across : -(-x2 // across)]
    parts = [frame.planes[0][y1:y2, x1:x2], *(plane[at] for plane in frame.planes[1:])]
    coded = size[::-1] if frame.quarter_turns % 2 else size
    return _upright(frame, _rgb(frame, [_resized(part, coded) for part in parts]))


def shrunk(frame: Frame, box: Box, side: int) -> Image | None:
    """The luma of a box as shown, clipped to the frame: (side, side), None where none is left."""
    x1, y1, x2, y2 = _clipped(frame, box)
    if x1 >= x2 or y1 >= y2:
        return None
    x1, y1, x2, y2 = _coded_box(frame, (x1, y1, x2, y2))
    luma = frame.planes[0][y1:y2, x1:x2]
    if luma.ndim == 3:
        luma = np.asarray(cv2.cvtColor(luma, cv2.COLOR_RGB2GRAY), np.uint8)
    small = cv2.resize(luma, (side, side), interpolation=cv2.INTER_AREA)
    return _upright(frame, np.asarray(small, np.uint8))


def paste(frame: Frame, patches: Sequence[Patch]) -> Frame:
    """A copy of the frame with every patch blended in where its alpha is above 0.

    No other sample changes; a chroma sample takes part with the mean alpha of the luma
    pixels it covers. Patches may hang over the border; later ones lie over earlier ones.
    """
    planes = tuple(plane.copy() for plane in frame.planes)
    copy = replace(frame, planes=planes)
    for patch in patches:
        x, y = patch.corner
        height, width = patch.alpha.shape
        x1, y1, x2, y2 = box = _clipped(frame, (x, y, x + width, y + height))
        if x1 >= x2 or y1 >= y2:
            continue
        cut = np.s_[y1 - y : y2 - y, x1 - x : x2 - x]
        rgb, alpha = _as_coded(frame, patch.rgb[cut]), _as_coded(frame, patch.alpha[cut])
        _blend(copy, rgb, alpha, _coded_box(frame, box))
    return copy


def copied(frame: Frame, other: Frame, boxes: Sequence[Box]) -> Frame:
    """A copy of the frame that shows in `boxes` what another frame of its size shows there.

    Exact where both are coded alike; a chroma sample comes along where a box holds a part of it.
    Raises ValueError if the frames differ in size.
    """
    if other.size != frame.size:
        raise ValueError(f"a frame of {other.size} cannot lend pixels to one of {frame.size}")
    inside = [_clipped(frame, box) for box in boxes]
    inside = [(x1, y1, x2, y2) for x1, y1, x2, y2 in inside if x1 < x2 and y1 < y2]
    if _coding(frame) != _coding(other):
        pieces = [(region(other, box), box[:2]) for box in inside]
        return paste(frame, [Patch(p, np.ones(p.shape[:2], np.float32), at) for p, at in pieces])
    planes = tuple(plane.copy() for plane in frame.planes)
    for box in inside:
        x1, y1, x2, y2 = _coded_box(frame, box)
        for number, (plane, given) in enumerate(zip(planes, other.planes, strict=True)):
            across, down = CHROMA_STEPS.get(frame.layout, (1, 1)) if number else (1, 1)
            at = np.s_[y1 // down : -(-y2 // down), x1 // across : -(-x2 // across)]
            plane[at] = given[at]
    return replace(frame, planes=planes)


def _coding(frame: Frame) -> tuple[object, ...]:
    """What two frames must have in common for their samples to mean the same."""
    orientation = frame.quarter_turns % 4, frame.mirrored
    return frame.layout, frame.matrix, frame.full_range, orientation


def as_yuv444(frame: Frame) -> Frame:
    """An RGB frame as "yuv444p" of the same matrix and range, for encoders that take no RGB."""
    yuv = cv2.transform(frame.planes[0], _to_yuv(frame.matrix, frame.full_range))
    planes = tuple(np.asarray(plane, np.uint8) for plane in cv2.split(yuv))
    return replace(frame, planes=planes, layout="yuv444p")


def _resized(plane: Image, size: tuple[int, int]) -> Image:
    if (plane.shape[1], plane.shape[0]) == size:
        return plane
    smaller = size[0] <= plane.shape[1] and size[1] <= plane.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, size, interpolation=way), np.uint8)


def _rgb(frame: Frame, planes: Sequence[Image]) -> Image:
    """RGB of luma and chroma planes that have one size."""
    if frame.layout == "rgb24":
        return planes[0]
    if frame.layout == "gray":
        luma = planes[0] if frame.full_range else cv2.LUT(planes[0], _limited_to_full())
        return np.asarray(cv2.merge([luma] * 3), np.uint8)
    yuv = cv2.merge(list(planes))
    return np.asarray(cv2.transform(yuv, _to_rgb(frame.matrix, frame.full_range)), np.uint8)


@lru_cache
def _to_yuv(matrix: str, full_range: bool) -> NDArray[np.float64]:
    """The (3, 4) affine map from RGB to Y Cb Cr, all 0..255."""
    kr, kb = _WEIGHTS[matrix]
    luma = np.array([kr, 1 - kr - kb, kb])
    blue, red = (np.array([0, 0, 1]) - luma) / (1 - kb), (np.array([1, 0, 0]) - luma) / (1 - kr)
    rows = np.array([luma, blue / 2, red / 2])
    if not full_range:
        rows *= np.array([[219], [224], [224]]) / 255
    return np.column_stack([rows, [0 if full_range else 16, 128, 128]])


@lru_cache
def _to_rgb(matrix: str, full_range: bool) -> NDArray[np.float64]:
    """The inverse of `_to_yuv`."""
    forth = _to_yuv(matrix, full_range)
    back = np.linalg.inv(forth[:, :3])
    return np.column_stack([back, -back @ forth[:, 3]])


@lru_cache
def _limited_to_full() -> Image:
    scaled = (np.arange(256) - 16) * (255 / 219)
    table: Image = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return table


def _clipped(frame: Frame, box: Box) -> Box:
    width, height = frame.size
    x1, y1, x2, y2 = box
    return max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)


def _held(frame: Frame, box: Box) -> Box:
    """The box clipped to the frame. Raises ValueError where nothing is left."""
    x1, y1, x2, y2 = _clipped(frame, box)
    if x1 >= x2 or y1 >= y2:
        raise ValueError(f"box {tuple(box)} holds no pixel of a frame of {frame.size}")
    return x1, y1, x2, y2


def _coded_box(frame: Frame, box: Box) -> Box:
    """Where a box of the shown picture lies in the coded one."""
    x1, y1, x2, y2 = box
    height, width = frame.planes[0].shape[:2]
    if frame.mirrored:
        x1, x2 = frame.size[0] - x2, frame.size[0] - x1
    match frame.quarter_turns % 4:
        case 1:
            return y1, height - x2, y2, height - x1
        case 2:
            return width - x2, height - y2, width - x1, height - y1
        case 3:
            return width - y2, x1, width - y1, x2
    return x1, y1, x2, y2


def _upright(frame: Frame, image: Image) -> Image:
    turned = np.rot90(image, -frame.quarter_turns)
    return np.ascontiguousarray(turned[:, ::-1] if frame.mirrored else turned)


def _as_coded(frame: Frame, shown: Pixels) -> Pixels:
    flat = shown[:, ::-1] if frame.mirrored else shown
    return np.ascontiguousarray(np.rot90(flat, frame.quarter_turns))


def _chroma_at(frame: Frame, plane: Image, box: Box) -> Image:
    """The chroma of the luma pixels in a coded box, interpolated as over the whole plane."""
    x1, y1, x2, y2 = box
    across, down = CHROMA_STEPS[frame.layout]
    if (across, down) == (1, 1):
        return plane[y1:y2, x1:x2]
    # One sample more on each side, so that a box shows what the whole picture shows there.
    left, top = max(x1 // across - 1, 0), max(y1 // down - 1, 0)
    right, bottom = -(-x2 // across) + 1, -(-y2 // down) + 1
    part = plane[top:bottom, left:right]
    size = part.shape[1] * across, part.shape[0] * down
    wide = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    x, y = x1 - left * across, y1 - top * down
    return wide[y : y + y2 - y1, x : x + x2 - x1]


def _blend(frame: Frame, rgb: Image, alpha: Floats, box: Box) -> None:
    """Blend into the frame's own planes; everything in coded orientation."""
    x1, y1, x2, y2 = box
    weight = alpha.astype(np.float32)
    if frame.layout == "rgb24":
        _mix(frame.planes[0][y1:y2, x1:x2], weight[..., None] * rgb, weight[..., None])
        return
    affine = _to_yuv(frame.matrix, frame.full_range)
    yuv = np.asarray(cv2.transform(rgb.astype(np.float32), affine), np.float32)
    _mix(frame.planes[0][y1:y2, x1:x2], weight * yuv[..., 0], weight)
    if len(frame.planes) == 3:
        _blend_chroma(frame, weight, (yuv[..., 1], yuv[..., 2]), box)


def _blend_chroma(frame: Frame, weight: Floats, new: tuple[Floats, Floats], box: Box) -> None:
    """Blend Cb and Cr of luma pixels, (h, w) each, into the chroma planes.

    The mean over a cell of weight * new + (1 - weight) * old is what a chroma sample must
    become; as `old` is one value in a cell, only the means of weight and weight * new count.
    """
    x1, y1, x2, y2 = box
    across, down = CHROMA_STEPS[frame.layout]
    left, top, right, bottom = x1 // across, y1 // down, -(-x2 // across), -(-y2 // down)
    rest = right * across - x2, bottom * down - y2
    padding = y1 - top * down, rest[1], x1 - left * across, rest[0]
    share = _share_in_picture(frame, (left, top, right, bottom))

    def mean(values: Floats) -> Floats:
        padded = cv2.copyMakeBorder(values, *padding, cv2.BORDER_CONSTANT, value=0)
        size = right - left, bottom - top
        cells = np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)
        return cells if share is None else cells * share

    covered = mean(weight)
    for plane, values in zip(frame.planes[1:], new, strict=True):
        _mix(plane[top:bottom, left:right], mean(weight * values), covered)


def _share_in_picture(frame: Frame, cells: Box) -> Floats | None:
    """Cell size over visible luma pixels, for chroma cells (h, w); None where it is 1 in all."""
    left, top, right, bottom = cells
    height, width = frame.planes[0].shape[:2]
    across, down = CHROMA_STEPS[frame.layout]
    if right * across <= width and bottom * down <= height:  # but at odd borders
        return None
    columns = np.minimum(across, width - np.arange(left, right) * across)
    rows = np.minimum(down, height - np.arange(top, bottom) * down)
    return np.outer(down / rows, across / columns).astype(np.float32)


def _mix(plane: Image, weighted: Floats, weight: Floats) -> None:
    """plane = weighted + (1 - weight) * plane, in place: no change where weight is 0."""
    mixed = weighted + (1 - weight) * plane
    # Rounds and saturates in one pass; full-range chroma can reach 255.5.
    plane[...] = cv2.convertScaleAbs(mixed).reshape(plane.shape)
