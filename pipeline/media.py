"""The door to photos and videos: what a file is, its frames, and where its output goes."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from pipeline.atomic import is_temporary
from pipeline.contract import Frame
from pipeline.errors import MediaError
from pipeline.gif import GifSource
from pipeline.images import ENDINGS, ImageSource
from pipeline.settings import Settings
from pipeline.video import VideoSource

_VIDEO_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg"),
    *(".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".ogg", ".vob", ".mxf", ".dv"),
)
# HEIC and AVIF are listed so that a folder's files are refused by name, not passed over.
MEDIA_ENDINGS = frozenset(
    (*_VIDEO_ENDINGS, *(e for ends in ENDINGS.values() for e in ends), ".gif", ".heic", ".heif")
) | {".avif"}

IMAGE_ENDINGS = {".gif", *(ending for endings in ENDINGS.values() for ending in endings)}
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_OTHER_IMAGES = {b"8BPS": "Photoshop", b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL"} | {
    b"\0\0\0\x0cjP  ": "JPEG 2000"
}


class Writer(Protocol):
    """An output file that is being written."""

    def write(self, frame: Frame) -> None:
        """Take the next frame, in the order in which the source gave them."""


class Source(Protocol):
    """A photo or video that was opened; `kind` is "image" or "clip"."""

    path: Path
    kind: str
    suffix: str  # the ending of its output's name, ".mkv" for an .avi

    @property
    def count(self) -> int | None:
        """How many frames to expect, for progress; None if unknown."""

    def frames(self) -> Iterator[Frame]:
        """Every frame once, in the order of showing; may be called again for a second pass."""

    def writer(self, target: Path, settings: Settings) -> AbstractContextManager[Writer]:
        """Where to write as many frames as `frames` gave; `target` appears when all is well.

        On any exception nothing is left behind. Raises MediaError where the output cannot
        be written or a frame is missing.
        """


def open_source(path: Path, settings: Settings) -> Source:
    """The photo or video in a file, whatever its name ends in.

    Raises MediaError if there is none, it is damaged, or of a kind that is not supported.
    """
    head = _head(path)
    if head.startswith(b"GIF8"):
        return GifSource(path, settings)
    if head.startswith(_IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return ImageSource(path, settings)
    if name := _unsupported(head):
        raise MediaError(f"{path}: {name} is not supported yet; convert it to JPEG or PNG first")
    if path.suffix.lower() in IMAGE_ENDINGS:
        raise MediaError(f"{path}: is no picture, or a damaged one; copy it again or leave it out")
    return VideoSource(path)


def find(paths: Iterable[Path]) -> tuple[list[tuple[Path, Path]], list[str]]:
    """The media files under files and folders, and one line for each that cannot be read.

    Each file comes with the relative path of its output: below the folder it was found in,
    or its name alone. Files named explicitly are always taken; in folders (searched
    recursively, in sorted order) only those with a known ending, and no hidden ones.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    problems: list[str] = []
    for path in paths:
        if path.is_dir():
            for file in _below(path, problems):
                found.setdefault(file.resolve(), (file, file.relative_to(path)))
        elif os.path.lexists(path):
            found.setdefault(path.resolve(), (path, Path(path.name)))
        else:
            problems.append(f"{path}: no such file or folder")
    return list(found.values()), problems


def _below(folder: Path, problems: list[str]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        problems.append(f"{error.filename}: {error.strerror}")

    for root, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(root, name) for name in sorted(names)):
            hidden = path.name.startswith(".") or is_temporary(path)
            if path.suffix.lower() in MEDIA_ENDINGS and not hidden:
                yield path


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise MediaError(f"{path}: is a folder, not a file")
        with path.open("rb") as file:
            head = file.read(64)
    except MediaError:
        raise
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error
    if not head:
        raise MediaError(f"{path}: the file is empty")
    return head


def _unsupported(head: bytes) -> str | None:
    """The name of an image format that we know but do not read."""
    if head[4:8] == b"ftyp":
        if head[8:12] in _AVIF_BRANDS:
            return "AVIF"
        brands = {head[at : at + 4] for at in range(16, min(head[3], len(head)), 4)}
        if head[8:12] in _HEIF_BRANDS:
            return "AVIF" if brands & _AVIF_BRANDS else "HEIC"
    return next((name for start, name in _OTHER_IMAGES.items() if head.startswith(start)), None)
