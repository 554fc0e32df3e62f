"""Videos in: every frame of a file once, as coded, with its own moment.

A video that cannot be decoded to its end is refused: a silently shorter output would be
worse than none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.contract import Frame, Image
from pipeline.errors import MediaError
from pipeline.losses import Losses
from pipeline.planes import CHROMA_STEPS
from pipeline.settings import Settings
from pipeline.whole import check_whole

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pipeline.mux import VideoWriter

log = logging.getLogger(__name__)

# Demuxers that read no video of their own: pictures, text, and lists of other files.
_NO_VIDEO = {"tty", "concat", "hls", "applehttp", "dash", "sdp", "image2", "lavfi", "bin"}
_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails
# Layouts that hold the same samples as a planar one, in another order or with alpha.
_SAME_SAMPLES = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "nv42": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "uyyvyy411": "yuv411p",
    "ya8": "gray",
    "monow": "gray",
    "monob": "gray",
}
# FFmpeg's AVColorSpace; 2 says "unspecified". 240M is nearest to BT.709.
_MATRICES = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020", 10: "bt2020"}
_YCGCO = 8
_FULL_RANGE = 2
# What a display matrix does to the x and y axis: quarter turns clockwise, then mirrored.
_TURNS = {
    (1, 0, 0, 1): (0, False),
    (0, 1, -1, 0): (1, False),
    (-1, 0, 0, -1): (2, False),
    (0, -1, 1, 0): (3, False),
    (-1, 0, 0, 1): (0, True),
    (0, 1, 1, 0): (1, True),
    (1, 0, 0, -1): (2, True),
    (0, -1, -1, 0): (3, True),
}
_CONTAINERS = {".mp4": ".mp4", ".m4v": ".m4v", ".mov": ".mov", ".mkv": ".mkv"}


@dataclass(slots=True)
class _Clock:
    """Moments in ticks that only ever grow, so that no frame is lost on the way out."""

    step: int
    last: int | None = None

    def stamp(self, raw: VideoFrame) -> int:
        pts = raw.pts if raw.pts is not None else raw.dts
        if pts is None:
            pts = 0 if self.last is None else self.last + self.step
        if self.last is not None and pts <= self.last:
            pts = self.last + 1
        self.last = pts
        return pts


@dataclass(slots=True, eq=False)
class VideoSource:
    """A video file with at least one frame; raises MediaError where it is none."""

    path: Path
    kind: str = field(default="clip", init=False)
    suffix: str = field(init=False)
    index: int = field(init=False)
    display_matrix: tuple[int, ...] | None = field(default=None, init=False)
    first: Frame = field(init=False)
    decoded: int | None = field(default=None, init=False)
    durations: dict[int, int] = field(default_factory=dict, init=False)
    _expected: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.suffix = _CONTAINERS.get(self.path.suffix.lower(), ".mkv")
        with self.opened() as container:
            self._check_whole(container)
            # A file's content decides: an .avi renamed to .mp4 is written as .mkv.
            names = container.format.name.split(",")
            if not {"mov", "matroska"} & set(names) or ("mov" in names) != (self.suffix != ".mkv"):
                self.suffix = ".mkv"
            stream = self._best(container)
            self.index = stream.index
            self._expected = stream.frames or _estimate(container, stream)
            raw = next(self._decode(container, stream), None)
            if raw is None:
                raise MediaError(f"{self.path}: no frame can be decoded; is the file damaged?")
            self._read_orientation(raw)
            self.first = self._frame(raw, 0, raw.pts or 0, stream)
            if _has_alpha(raw):
                log.warning("%s: its transparency is dropped", self.path.name)

    @property
    def count(self) -> int | None:
        """How many frames `frames` will give, or a guess before it has run; None if unknown."""
        return self.decoded or self._expected

    def frames(self) -> Iterator[Frame]:
        """Every frame in the order of showing.

        Raises MediaError where the video cannot be decoded or changes its size on the way.
        """
        number = 0
        with self.opened() as container:
            stream = container.streams[self.index]
            assert isinstance(stream, VideoStream)
            stream.thread_type = "AUTO"
            for frame in self._stamped(self._decode(container, stream), stream):
                number = frame.index + 1
                yield frame
        self.decoded = number

    def writer(self, target: Path, settings: Settings) -> AbstractContextManager[VideoWriter]:
        """Where to write the frames of this video; see `mux.writing`."""
        from pipeline.mux import writing

        return writing(self, target, settings)

    @contextmanager
    def opened(self) -> Iterator[InputContainer]:
        """The demuxer; FFmpeg's errors become MediaError."""
        try:
            # Only this file: a playlist must not make us read others, or the network.
            options = {"protocol_whitelist": "file"}
            with av.open(f"file:{self.path}", "r", options=options, metadata_errors="replace") as c:
                check_video(self.path, c.format.name)
                yield c
        except av.FFmpegError as error:
            why = "is not a media file or is damaged" if error.errno is None else None
            if isinstance(error, av.InvalidDataError):
                why = "is no video, or a damaged or truncated one; copy it again or leave it out"
            raise MediaError(f"{self.path}: {why or error.strerror}") from error

    def _check_whole(self, container: InputContainer) -> None:
        check_whole(self.path, container.format.name)

    def _stamped(self, decoded: Iterator[VideoFrame], stream: VideoStream) -> Iterator[Frame]:
        clock = _Clock(_ticks_per_frame(stream))
        for number, raw in enumerate(decoded):
            frame = self._frame(raw, number, clock.stamp(raw), stream)
            self._check_shape(frame)
            self.durations[frame.pts] = raw.duration
            yield frame

    def _best(self, container: InputContainer) -> VideoStream:
        streams = [s for s in container.streams.video if not s.disposition & _PICTURES]
        if not streams:
            raise MediaError(f"{self.path}: holds no video stream")
        known = [s for s in streams if s.codec_context is not None]
        if not known:
            raise MediaError(f"{self.path}: no decoder for its video; convert it to H.264 first")
        return max(known, key=lambda s: (s.width * s.height, -s.index))

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        losses = Losses(self.path, container.format.name, stream)
        for packet in container.demux(stream):
            # An empty packet would tell the decoder that the stream ends here.
            if packet.size:
                yield from losses.decoded(packet)
        yield from losses.decoded(None)
        losses.check()

    def _frame(self, raw: VideoFrame, number: int, pts: int, stream: VideoStream) -> Frame:
        layout, planes = self._planes(raw)
        matrix, full = self._colour(raw, layout, stream)
        turns, mirrored = self._turns()
        time_base = stream.time_base or Fraction(1, 1000)
        return Frame(planes, layout, number, pts, time_base, matrix, full, turns, mirrored)

    def _planes(self, raw: VideoFrame) -> tuple[str, tuple[Image, ...]]:
        name = raw.format.name
        bits = max(component.bits for component in raw.format.components)
        if bits > 8:
            raise MediaError(
                f"{self.path}: pixel format {name} has {bits} bits a sample, 8 are supported; "
                "convert it first, e.g. ffmpeg -i IN -pix_fmt yuv420p OUT"
            )
        layout = name.replace("yuvj", "yuv").replace("yuva", "yuv").replace("gray8", "gray")
        if layout not in CHROMA_STEPS and layout != "gray":
            layout = _SAME_SAMPLES.get(name, "rgb24")
            raw = raw.reformat(format=layout)
        if any(plane.line_size < 0 for plane in raw.planes):
            layout, raw = "rgb24", raw.reformat(format="rgb24")
        return layout, tuple(_samples(raw, i) for i in range(3 if layout in CHROMA_STEPS else 1))

    def _colour(self, raw: VideoFrame, layout: str, stream: VideoStream) -> tuple[str, bool]:
        space = int(raw.colorspace)
        if space == _YCGCO and layout in CHROMA_STEPS:
            raise MediaError(f"{self.path}: colour matrix YCgCo is not supported; convert it first")
        matrix = _MATRICES.get(space, "bt709" if raw.height >= 720 else "bt601")
        full = raw.color_range == _FULL_RANGE or "yuvj" in raw.format.name
        # Untagged grey is full range everywhere but in H.264 and its successor.
        if layout == "gray" and not raw.color_range and stream.codec.name not in {"h264", "hevc"}:
            full = True
        return matrix, full

    def _read_orientation(self, raw: VideoFrame) -> None:
        data: Any
        for data in raw.side_data:
            if data.type == SideDataType.DISPLAYMATRIX:
                self.display_matrix = tuple(np.frombuffer(data, np.int32).tolist())
        if self.display_matrix and self._axes() not in _TURNS:
            log.warning("%s: shown at an odd angle; faces are sought as coded", self.path.name)

    def _axes(self) -> tuple[int, int, int, int]:
        a, b, _, c, d, *_ = self.display_matrix or (1, 0, 0, 0, 1)
        longest = max(abs(a), abs(b), abs(c), abs(d), 1)
        return round(a / longest), round(b / longest), round(c / longest), round(d / longest)

    def _turns(self) -> tuple[int, bool]:
        return _TURNS.get(self._axes(), (0, False))

    def _check_shape(self, frame: Frame) -> None:
        was, now = self.first.planes[0].shape, frame.planes[0].shape
        if was != now or frame.layout != self.first.layout:
            raise MediaError(
                f"{self.path}: changes from {was[1]}x{was[0]} {self.first.layout} to "
                f"{now[1]}x{now[0]} {frame.layout} at frame {frame.index}; "
                "encode it at one size first"
            )


def check_video(path: Path, form: str) -> None:
    """Raise MediaError where FFmpeg took a file for pictures, text or a list of other files."""
    if form in _NO_VIDEO or form.endswith("_pipe"):
        raise MediaError(f"{path}: is no video that can be read ({form})")


def _samples(raw: VideoFrame, plane: int) -> Image:
    """A plane of a decoded frame without its padding; a view that keeps the frame alive."""
    data: Any = raw.planes[plane]
    rows: Image = np.frombuffer(data, np.uint8).reshape(data.height, data.line_size)
    if raw.format.name == "rgb24":
        return rows[:, : 3 * data.width].reshape(data.height, data.width, 3)
    return rows[:, : data.width]


def _has_alpha(raw: VideoFrame) -> bool:
    return raw.format.name.startswith("yuva") or len(raw.format.components) in {2, 4}


def _ticks_per_frame(stream: VideoStream) -> int:
    rate, base = stream.average_rate or stream.guessed_rate, stream.time_base
    return max(1, round(1 / (rate * base))) if rate and base else 1


def _estimate(container: InputContainer, stream: VideoStream) -> int | None:
    if not container.duration or not stream.average_rate:
        return None
    return max(1, round(container.duration / av.time_base * stream.average_rate))
