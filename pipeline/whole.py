"""Whether a video file is whole, by what its container declares about its own length.

Demuxers read a file that was cut off to its last byte and then report a normal end; a
shorter output would look like a finished one.
"""

import os
import struct
from pathlib import Path
from typing import IO

from pipeline.errors import MediaError

_EBML_SEGMENT = b"\x18\x53\x80\x67"


def check_whole(path: Path, container: str) -> None:
    """Raise MediaError if the file is shorter than it says; `container` is FFmpeg's name."""
    size = os.path.getsize(path)
    with path.open("rb") as file:
        declared = _declared(file, size, set(container.split(",")))
    if declared > size:
        raise MediaError(
            f"{path}: truncated, {declared - size} bytes are missing at its end; "
            "copy the file again or repair it"
        )


def _declared(file: IO[bytes], size: int, names: set[str]) -> int:
    if names & {"mov", "mp4"}:
        return _end_of_boxes(file, size)
    if names & {"matroska", "webm"}:
        return _end_of_segment(file)
    if names & {"avi"}:
        return _end_of_riff(file)
    if names & {"mpegts"}:
        return _end_of_packets(file, size)
    return 0


def _end_of_boxes(file: IO[bytes], size: int) -> int:
    """The end of the last top-level box of an MP4 or MOV file."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16)
        length, kind = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:])[0]
        if length < 8 or not kind.isascii() or not kind.decode().isprintable():
            break  # 0 means "to the end of the file"; anything else is no box
        at += length
    return at


def _end_of_segment(file: IO[bytes]) -> int:
    """The end of the first Segment of a Matroska file, 0 where it is not declared."""
    file.read(4)
    head = _ebml_size(file)
    if head is None:
        return 0
    file.seek(head, os.SEEK_CUR)
    if file.read(4) != _EBML_SEGMENT:
        return 0
    length = _ebml_size(file)
    return 0 if length is None else file.tell() + length


def _ebml_size(file: IO[bytes]) -> int | None:
    """A variable-length integer of EBML (RFC 8794, 4); None where it means "unknown"."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = (first[0] ^ (1 << (7 - more))) << (8 * more) | int.from_bytes(file.read(more))
    return None if value == (1 << (7 * (more + 1))) - 1 else value


def _end_of_riff(file: IO[bytes]) -> int:
    """The end of the first RIFF chunk of an AVI file; 0 where a recorder left it open."""
    kind, length = struct.unpack("<4sI", file.read(8).ljust(8, b"\0"))
    return 8 + length if kind == b"RIFF" and length != 0xFFFFFFFF else 0


def _end_of_packets(file: IO[bytes], size: int) -> int:
    """The end of the last packet (188 bytes, or 192 with a time code) of a transport stream."""
    start = file.read(400)
    for step, sync in ((188, 0), (192, 4)):
        if start[sync : sync + 1] == start[sync + step : sync + step + 1] == b"G":
            return -(-size // step) * step
    return 0
