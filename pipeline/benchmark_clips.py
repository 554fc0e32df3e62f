"""Clips for the benchmark, the same on every machine: invented people who walk about, turn and
speak, before a textured background over which a camera pans.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import cv2
import numpy as np

from pipeline.atomic import replacing
from pipeline.contract import Floats, Image
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.drawn_people import Stand, Troupe

RATE: Final = 25
MOST_FACES: Final = 30
MADE: Final = 1  # counts the ways in which clips were drawn: those of an older way are made anew
GOALS: Final = ("8x1080p", "2x1080p", "2x720p", "3x4k")
ALL: Final = tuple(f"{n}x{form}" for form in ("720p", "1080p", "4k") for n in (0, 1, 8, 30))
_HEIGHTS: Final = {"720p": 720, "1080p": 1080, "4k": 2160}
_WIDTHS: Final = {1: 0.2, 3: 0.125, 8: 75 / 1080, MOST_FACES: 0.05}  # of a face, by their number
_CELLS: Final = 1.8  # how much wider than high a place among many is
_SPEAKING: Final = (0.0, 0.02, 0.045, 0.07)
_NOISES: Final = 8
_GRAIN: Final = 2.0  # grey levels, as of a sensor
_CAMERA: Final = {"crf": "18", "preset": "veryfast"}


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to be drawn: how many people, and the frame's height in px."""

    faces: int
    form: str
    seconds: float

    @property
    def name(self) -> str:
        """As it is asked for on the command line."""
        return f"{self.faces}x{self.form}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, 16:9."""
        height = _HEIGHTS[self.form]
        return height * 16 // 9, height

    @property
    def frames(self) -> int:
        """How many it has."""
        return max(1, round(self.seconds * RATE))

    @property
    def width(self) -> float:
        """Of each face, px: 75 at 1080p where there are eight."""
        share = next(width for most, width in _WIDTHS.items() if self.faces <= most)
        return share * self.size[1]


def chosen(text: str, seconds: float) -> list[Clip]:
    """The clips of "8x1080p,2x720p", of "goals" or of "all"."""
    names = {"goals": GOALS, "all": ALL}.get(text, tuple(text.split(",")))
    return [_clip(name.strip().lower(), seconds) for name in dict.fromkeys(names)]


def _clip(name: str, seconds: float) -> Clip:
    known = re.fullmatch(rf"(\d+)x({'|'.join(_HEIGHTS)})", name)
    if known is None or int(known[1]) > MOST_FACES:
        raise SettingsError(
            f"no clip called {name!r}: goals, all, or faces (0..{MOST_FACES}) and size as 8x1080p; "
            f"sizes: {', '.join(_HEIGHTS)}"
        )
    return Clip(int(known[1]), known[2], seconds)


def made(clip: Clip, folder: Path, db: Path, advance: Callable[[int], None]) -> Path:
    """The clip's file in `folder`, which is drawn where it is not there yet, of people in `db`;
    `advance` is told how many frames are.
    """
    target = folder / f"{clip.name}-{clip.seconds:g}s-{MADE}.mp4"
    if not target.is_file():
        write(target, clip, _counted(pictures(clip, _troupe(db) if clip.faces else None), advance))
    return target


def _troupe(db: Path) -> "Troupe":
    from pipeline import database, rooms
    from pipeline.drawn_people import Troupe
    from pipeline.settings import Settings

    drawing = rooms.furnish(Settings(), db).drawing
    assert drawing is not None
    rows = database.load("", db).rows.rows
    return Troupe(drawing, rows[:: max(1, len(rows) // MOST_FACES)][:MOST_FACES].tolist())


def _counted(pictures: Iterator[Image], advance: Callable[[int], None]) -> Iterator[Image]:
    for number, picture in enumerate(pictures, 1):
        yield picture
        advance(number)


def write(target: Path, clip: Clip, frames: Iterator[Image]) -> None:
    """Encode RGB pictures as a camera would, without sound."""
    options = {"fflags": "+bitexact"}
    with (
        replacing(target) as temporary,
        av.open(str(temporary), "w", format="mp4", container_options=options) as container,
    ):
        video = container.add_stream("libx264", rate=RATE, options=_CAMERA)
        video.width, video.height = clip.size
        video.pix_fmt = "yuv420p"
        for picture in frames:
            raw = av.VideoFrame.from_ndarray(picture, format="rgb24")
            coded = raw.reformat(format="yuv420p", dst_colorspace="ITU709")
            container.mux(video.encode(coded))
        container.mux(video.encode(None))


def pictures(clip: Clip, troupe: "Troupe | None") -> Iterator[Image]:
    """The clip's frames, RGB (height, width, 3)."""
    from pipeline.drawn_people import lay, placed

    rng = np.random.default_rng([clip.faces, clip.size[1]])
    width, height = clip.size
    step = max(1, height // 720)
    wall = _wall(rng, (width + step * clip.frames, height))
    noises = [_grain(rng, clip.size) for _ in range(_NOISES)]
    for number in range(clip.frames):
        picture = wall[:, step * number : step * number + width].copy()
        for stand in stands(clip, number / RATE):
            assert troupe is not None
            card = troupe.card(stand.person, stand.yaw, stand.mouth)
            lay(picture, card, placed(stand, card))
        cv2.add(picture, noises[number % _NOISES], dst=picture, dtype=cv2.CV_8U)
        yield picture


def stands(clip: Clip, seconds: float) -> "Iterator[Stand]":
    """Where everybody is at a moment, the farthest first: each walks to and fro in a place of
    their own, turns, nods, and speaks for half of the time.
    """
    from pipeline.drawn_people import Stand

    width, height = clip.size
    columns = max(1, round(np.sqrt(clip.faces * _CELLS)))
    rows = -(-clip.faces // columns)
    for person in range(clip.faces):
        row, column = divmod(person, columns)
        here = min(columns, clip.faces - row * columns)
        phase = 2.4 * person  # the golden angle: no two move alike
        turn = 2 * np.pi * seconds / (3.0 + 0.2 * (person % 5)) + phase
        across, down = width / here, 0.8 * height / rows
        mouth = np.sin(2 * np.pi * 2.5 * seconds + phase) if np.sin(0.7 * turn) > 0 else 0.0
        yield Stand(
            person,
            across * (column + 0.5 + 0.2 * float(np.sin(turn))),
            0.12 * height + down * (row + 0.35) + 0.1 * clip.width * float(np.sin(3 * turn)),
            clip.width,
            4 * float(np.sin(1.3 * turn)),
            14 * float(np.cos(turn)),
            _SPEAKING[round(max(float(mouth), 0.0) * (len(_SPEAKING) - 1))],
        )


def _wall(rng: np.random.Generator, size: tuple[int, int]) -> Image:
    """(height, width, 3) a wall with patches of plain colour, and texture of every fineness."""
    width, height = size
    texture = np.zeros((height, width), np.float32)
    for cells in (4, 12, 40, 120, 360):
        coarse = rng.normal(0, 1, (cells, cells * width // height)).astype(np.float32)
        texture += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) * (24 / cells**0.4)
    wall = np.empty((height, width, 3), np.float32)
    wall[:] = (118, 122, 112)
    for _ in range(width // (height // 8)):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        across, down = (int(n) for n in rng.integers(height // 12, height // 3, 2))
        colour = tuple(float(c) for c in rng.integers(50, 190, 3))
        cv2.rectangle(wall, (x, y), (x + across, y + down), colour, -1)
    wall += texture[..., None]
    return np.clip(wall, 0, 255).astype(np.uint8)


def _grain(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """(height, width, 3) the same grey noise in every colour."""
    noise = rng.normal(0, _GRAIN, size[::-1])
    return np.repeat(np.rint(noise).astype(np.int16)[..., None], 3, axis=2)
