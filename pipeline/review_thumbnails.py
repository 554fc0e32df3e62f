"""Small pictures of each track for the review page, taken while a file is decoded once."""

import base64
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2

from pipeline import media, planes, progress
from pipeline.contract import Frame
from pipeline.record import FALLBACK, Box, Record, TrackEntry
from pipeline.settings import Settings

LARGEST: Final = 4000  # megapixels: the output was read once before
MOST: Final = 400
PER_TRACK: Final = 3
_APART: Final = 5  # frames; nearer ones look the same
_SIDE: Final = 160
_ROOM: Final = 1.8  # side of the picture in sides of the face
_QUALITY: Final = 82


@dataclass(frozen=True, slots=True)
class Shot:
    """One face in one frame, as JPEG in base64; `original` with --with-originals only."""

    frame: int
    picture: str
    original: str | None


def taken(
    record: Record, output: Path, original: Path | None, quiet: bool
) -> dict[int, list[Shot]]:
    """Pictures of each track by its number, in the order of time. Raises MediaError."""
    wanted = frames(record)
    pictures = _read(output, wanted, quiet, "reading the output")
    originals = {} if original is None else _read(original, wanted, quiet, "reading the original")
    result: dict[int, list[Shot]] = defaultdict(list)
    for place in sorted(pictures):
        number, frame = place
        result[number].append(Shot(frame, pictures[place], originals.get(place)))
    return dict(result)


def frames(record: Record, most: int = MOST) -> dict[int, dict[int, Box]]:
    """Which faces to show: frame -> number of the track -> its box there.

    The middle of each track first, then where it is doubtful, until there are `most` pictures.
    """
    suspects = defaultdict(list)
    for suspect in record.suspects:
        if suspect.track is not None:
            suspects[suspect.track].append((suspect.first, suspect.last))
    tracks = sorted(record.tracks, key=lambda t: (t.number not in suspects, -len(t.boxes)))
    choices = {track.number: _choice(track, suspects[track.number]) for track in tracks}
    result: dict[int, dict[int, Box]] = defaultdict(dict)
    for rank in range(PER_TRACK):
        for track in tracks:
            if rank < len(choices[track.number]) and most > 0:
                most -= 1
                frame = choices[track.number][rank]
                result[frame][track.number] = track.boxes[frame - track.first]
    return dict(result)


def _choice(track: TrackEntry, suspects: list[tuple[int, int]]) -> list[int]:
    """Frames of a track, the most telling first."""
    covered = [(first, last) for how, first, last in track.coverage if how == FALLBACK]
    covered.sort(key=lambda span: span[0] - span[1])
    spans = [(track.first, track.last), *suspects, *covered]
    middles = [
        (max(first, track.first) + min(last, track.last)) // 2
        for first, last in spans
        if first <= track.last and last >= track.first
    ]
    result: list[int] = []
    for frame in middles:
        if all(abs(frame - other) >= _APART for other in result):
            result.append(frame)
    return result[:PER_TRACK]


def _read(
    path: Path, wanted: dict[int, dict[int, Box]], quiet: bool, label: str
) -> dict[tuple[int, int], str]:
    """JPEGs by track and frame, of one pass that ends with the last frame that is wanted."""
    result: dict[tuple[int, int], str] = {}
    if not wanted:
        return result
    last = max(wanted)
    source = media.open_source(path, Settings(max_pixels=LARGEST))
    with _steps(label, last + 1, quiet) as advance:
        for frame in source.frames():
            for number, box in wanted.get(frame.index, {}).items():
                if (cut := _cut(frame, box)) is not None:
                    result[number, frame.index] = _jpeg(frame, cut)
            advance(frame.index + 1)
            if frame.index >= last:
                break
    return result


@contextmanager
def _steps(label: str, total: int, quiet: bool) -> Iterator[progress.Advance]:
    if quiet:
        yield lambda now: None
        return
    with progress.steps(label, total) as advance:
        yield advance


def _cut(frame: Frame, box: Box) -> planes.Box | None:
    """A square around a face, cut off at the border; None where the face is outside."""
    x1, y1, x2, y2 = box
    half = round(_ROOM * max(x2 - x1, y2 - y1, 8) / 2)
    x, y = (x1 + x2) // 2, (y1 + y2) // 2
    width, height = frame.size
    cut = max(x - half, 0), max(y - half, 0), min(x + half, width), min(y + half, height)
    return cut if cut[0] < cut[2] and cut[1] < cut[3] else None


def _jpeg(frame: Frame, cut: planes.Box) -> str:
    picture = planes.region(frame, cut)
    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    flags = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), flags)
    return base64.b64encode(encoded.tobytes()).decode("ascii")
