"""Finds the face of one frame again in a near frame: by its mesh, else by what it looks like."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

import cv2
import numpy as np

from detector.facemesh import FaceMesh
from detector.iris import Iris
from pipeline import planes
from pipeline.contract import Faces, Floats, Frame, Image
from pipeline.geometry import bounds, overlap, pixels, scaled
from pipeline.tracks import MESH_FOUND, MESHED, Seen, Sighting, unknown_gaze

_REGION: Final = 2.2
_SIZE_JUMP: Final = 1.5
_SIDE: Final = 24
_SURELY: Final = 0.9
_AGREES: Final = 0.45
_FIELD: Final = 2.0
_FIELD_OF_SMALL: Final = 4.0
_ALIKE: Final = 0.7
_SHOWN: Final = 0.5
_PLAIN: Final = 6.0
_FAR: Final = 0.8  # of likeness, for a field's width
_CONTRAST: Final = 0.4
_COARSE: Final = 4
BACK_FRAMES: Final = 25
_BACK_BYTES: Final = 650_000_000

T = TypeVar("T")


def reach(frame: Frame) -> int:
    """How many frames like this one are kept, to follow back who is found late."""
    size = sum(plane.nbytes for plane in frame.planes)
    return int(np.clip(_BACK_BYTES // max(size, 1), 1, BACK_FRAMES))


class Guard(Protocol):
    """Gives what `work` gives, or `otherwise` where a room fails on one face."""

    def __call__(self, work: Callable[[], T], otherwise: T) -> T: ...


class Follower:
    """Fits meshes to faces, with lids and gaze, and follows them from frame to frame."""

    def __init__(self, mesh: FaceMesh, guard: Guard, eyes: Iris | None = None) -> None:
        self._mesh = mesh
        self._guard = guard
        self._eyes = eyes

    def sighting(
        self, frame: Frame, faces: Faces, row: int, before: Sighting | None = None
    ) -> Sighting:
        """Row `row` with its mesh, fitted in the frame's own resolution.

        Where the mesh of the frame `before` leads to one that surely lies on the face, that is it.
        """
        one = faces[[row]]
        at = pixels(scaled(one.boxes[0], _REGION), frame.size)
        if at[2] <= at[0] or at[3] <= at[1]:
            return Sighting.detected(frame.index, one, 0)
        region = planes.region(frame, at)
        local = one.moved(1.0, (-at[0], -at[1]))

        known = local.boxes, local.landmarks, local.scores

        def fit() -> Faces:
            if before is not None and _leads_on(before, frame):
                shift = np.array([at[0], at[1], 0], np.float32)
                mesh, score = self._mesh.follow(region, before.mesh - shift)
                lies = float(overlap(bounds(mesh)[None], local.boxes)[0, 0])
                if score >= _SURELY and lies >= _AGREES:
                    return Faces.of(*known, mesh[None], [score])
            fitted = self._mesh.fit(region, local)
            return Faces.of(*known, fitted.mesh, fitted.mesh_scores)

        fitted = self._guard(fit, local).moved(1.0, (at[0], at[1]))
        return self._looking(Sighting.detected(frame.index, fitted, 0), region, at)

    def followed(self, near: Sighting, frame: Frame) -> Sighting | None:
        """The face of a near frame found again by its mesh, None where it is not there."""
        if near.mesh_score < MESH_FOUND or not np.isfinite(near.mesh).all():
            return None
        at = pixels(scaled(bounds(near.mesh), _REGION), frame.size)
        if at[2] <= at[0] or at[3] <= at[1]:
            return None
        region, shift = planes.region(frame, at), np.array([at[0], at[1], 0], np.float32)
        start = Faces.of([near.box], mesh=near.mesh[None] - shift)

        def follow() -> Faces:
            mesh, score = self._mesh.follow(region, start.mesh[0])
            return Faces.of([near.box], mesh=mesh[None] + shift, mesh_scores=[score])

        moved = self._guard(follow, start)
        result = Sighting.followed(frame.index, moved.mesh[0], float(moved.mesh_scores[0]))
        if result.mesh_score < MESH_FOUND or not _near(near, result):
            return None
        return self._looking(result, region, at)

    def _looking(
        self, sighting: Sighting, region: Image, at: tuple[int, int, int, int]
    ) -> Sighting:
        """The sighting with lids and gaze read in `region`, which lies `at` in the frame."""
        eyes, mesh = self._eyes, sighting.mesh
        if eyes is None or sighting.mesh_score < MESH_FOUND or not np.isfinite(mesh).all():
            return sighting
        shift = np.array([at[0], at[1], 0], np.float32)

        def look() -> tuple[Floats, Floats]:
            local, gaze = eyes.look(region, mesh - shift)
            if local.shape != mesh.shape or gaze.shape != (2,) or not np.isfinite(local).all():
                raise ValueError("the eyes' mesh or gaze has no such shape or is no number")
            return local + shift, gaze

        moved, gaze = self._guard(look, (mesh, unknown_gaze()))
        return replace(sighting, mesh=moved, gaze=gaze)


def _leads_on(before: Sighting, frame: Frame) -> bool:
    fits = before.mesh_score >= _SURELY and bool(np.isfinite(before.mesh).all())
    return fits and before.frame == frame.index - 1 and before.seen <= Seen.FOLLOWED


def _near(a: Sighting, b: Sighting) -> bool:
    """Neither the size nor the place jumps between two frames in a row."""
    wide = np.array([np.ptp(s.mesh[:, :2], axis=0).max() for s in (a, b)])
    step = np.linalg.norm((a.mesh - b.mesh)[:, :2].mean(axis=0))
    return bool(wide.max() < _SIZE_JUMP * wide.min() and step < 0.6 * wide.min())


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a box of a frame shows, coarsely: enough to find it again nearby, heads turned too."""

    gray: Image  # (24, 24)

    @classmethod
    def at(cls, frame: Frame, box: Floats) -> "Look | None":
        """None where the box shows nothing that could be found again."""
        gray = _square(frame, box, 1.0)
        return cls(gray) if gray is not None and float(gray.std()) >= _PLAIN else None

    def found(self, frame: Frame, box: Floats) -> Floats | None:
        """Where around `box` (4,) the same is seen again, None where nothing is alike."""
        small = float((box[2:] - box[:2]).max()) < MESHED
        grow = _FIELD_OF_SMALL if small else _FIELD
        field = _square(frame, box, grow)
        if field is None:
            return None
        alike = cv2.matchTemplate(field, self.gray, cv2.TM_CCOEFF_NORMED)
        alike = np.where(np.isfinite(alike), alike, -1.0)
        middle = (np.array(alike.shape[::-1]) - 1) / 2
        across, down = np.meshgrid(
            *(np.arange(n) - m for n, m in zip(alike.shape[::-1], middle, strict=True))
        )
        near = alike - _FAR * np.hypot(across, down) / (grow * _SIDE)
        y, x = np.unravel_index(int(near.argmax()), alike.shape)
        contrast = float(field[y : y + _SIDE, x : x + _SIDE].std())
        if near[y, x] < _ALIKE or contrast < _CONTRAST * float(self.gray.std()):
            return None
        side = float((box[2:] - box[:2]).max())
        step = (np.array([x, y]) - middle) * (side / _SIDE)
        return (box + np.tile(step, 2)).astype(np.float32)


def _square(frame: Frame, box: Floats, grow: float) -> Image | None:
    """The square around a box in gray, grown, 24 px to the box; borders are drawn out.

    None where little of the box lies in the frame: what is drawn out is alike everywhere.
    """
    shown = np.clip(box, 0, np.tile(frame.size, 2))
    if (shown[2:] - shown[:2]).prod() < _SHOWN * (box[2:] - box[:2]).prod():
        return None
    side = max(float((box[2:] - box[:2]).max()), 1.0)
    centre = (box[:2] + box[2:]) / 2
    half = side * grow / 2
    x1, y1, x2, y2 = pixels(np.concatenate([centre - half, centre + half]), frame.size)
    region = planes.region(frame, (x1, y1, x2, y2))
    shrink = min(1.0, _COARSE * _SIDE / side)
    size = max(1, round((x2 - x1) * shrink)), max(1, round((y2 - y1) * shrink))
    small = cv2.cvtColor(region, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    cell = max(1, round(side * shrink / _SIDE))
    small = cv2.blur(small, (cell, cell)) if cell > 1 else small
    scale = np.array([size[0] / (x2 - x1), size[1] / (y2 - y1)]) * (side / _SIDE)
    corner = (centre - half - (x1, y1)) * (_SIDE / side)
    out = round(_SIDE * grow)
    back = np.array([[scale[0], 0, corner[0] * scale[0]], [0, scale[1], corner[1] * scale[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(small, back, (out, out), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, np.uint8)
