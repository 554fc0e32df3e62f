"""Videos out: frames encoded anew, sound, subtitles and chapters copied packet for packet."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.atomic import check_count, replacing, telling
from pipeline.contract import Frame, Image
from pipeline.encoders import ENCODERS
from pipeline.errors import MediaError
from pipeline.planes import CHROMA_STEPS, as_yuv444
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.video import VideoSource

log = logging.getLogger(__name__)

X264 = ENCODERS["x264"]
_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# The nearest layout x264 takes that holds every chroma sample.
_ENCODED = {"yuv440p": "yuv444p", "yuv411p": "yuv422p", "yuv410p": "yuv420p", "rgb24": "yuv444p"}
_UNTAGGED, _LIMITED, _FULL = 0, 1, 2
_UNSPECIFIED = 2
_SPACES = {"bt601": 6, "bt709": 1, "bt2020": 9}
_TIMED_TEXT = "mov_text"
_LARGEST_TIMESCALE = 2**31 - 1
_HARMLESS = {"language", "major_brand", "minor_version", "compatible_brands", "DURATION"}


@contextmanager
def writing(source: VideoSource, target: Path, settings: Settings) -> Iterator[VideoWriter]:
    """A writer whose file takes the name `target` when the block ends well.

    Raises MediaError where a frame cannot be encoded or written, or where the number of
    frames differs from what the source gave.
    """
    with replacing(target) as temporary, ExitStack() as stack:
        writer = VideoWriter(source, (temporary, target), settings, stack)
        yield writer
        writer.finish()


class VideoWriter:
    """One output file; `write` takes the frames in their order."""

    def __init__(
        self,
        source: VideoSource,
        paths: tuple[Path, Path],
        settings: Settings,
        stack: ExitStack,
    ) -> None:
        self._source, self._settings = source, settings
        temporary, self._target = paths
        self._written = 0
        self._input = stack.enter_context(source.opened())
        with telling(self._target):
            self._out = self._open(temporary)
        stack.callback(self._abandon)
        self._video = self._input.streams[source.index]
        self._encoder_kind = ENCODERS[settings.encoder]
        self._layout = _encoded_layout(source.first)
        self._given = self._taken(self._layout)
        self._copies: dict[int, Stream] = {}
        with telling(self._target):
            self._encoder = self._add_streams()
        self._waiting = self._packets()
        self._next = next(self._waiting, None)
        self._name_what_is_dropped()

    def write(self, frame: Frame) -> None:
        """Encode one frame, and copy the sound and subtitles that belong before it."""
        with telling(self._target):
            raw = _raw(frame, self._layout)
            if self._given != self._layout:
                raw = _reordered(raw, self._given)
            self._mux_video(self._encoder.encode(raw))
            self._copy_until(frame.pts * frame.time_base)
        self._written += 1

    def finish(self) -> None:
        """Write what the encoder still holds and close the file."""
        check_count(self._target, self._written, self._source.decoded)
        with telling(self._target):
            self._mux_video(self._encoder.encode(None))
            self._copy_until(None)
            self._out.close()

    def _abandon(self) -> None:
        # After an error the trailer fails again; the file is about to be removed anyway.
        with suppress(OSError, av.FFmpegError):
            self._out.close()

    def _open(self, temporary: Path) -> OutputContainer:
        options = {"fflags": "+bitexact"}  # no program names, no random ids
        form = _FORMATS.get(self._target.suffix.lower(), "matroska")
        if form != "matroska":
            options |= self._timescales()
        return av.open(f"file:{temporary}", "w", format=form, container_options=options)

    def _timescales(self) -> dict[str, str]:
        """MP4's clocks: the video's own, and for offsets one that fits every stream exactly."""
        streams = [s for s in self._input.streams if s.time_base is not None]
        video = (self._input.streams[self._source.index].time_base or Fraction(1)).denominator
        movie = lcm(*(s.time_base.denominator for s in streams if s.time_base))
        movie = movie if movie <= _LARGEST_TIMESCALE else video
        return {"video_track_timescale": str(video), "movie_timescale": str(movie)}

    def _add_streams(self) -> VideoStream:
        encoder = None
        for stream in self._input.streams:
            if stream.index == self._source.index:
                encoder = self._add_encoder()
                _keep_tags(stream, encoder)
            elif stream.type in {"audio", "subtitle"}:
                self._add_copy(stream)
        assert encoder is not None
        self._out.set_chapters(self._input.chapters())
        if self._settings.keep_date and "creation_time" in self._input.metadata:
            self._out.metadata["creation_time"] = self._input.metadata["creation_time"]
        return encoder

    def _add_encoder(self) -> VideoStream:
        video, first = self._video, self._source.first
        assert isinstance(video, VideoStream)
        rate = video.average_rate or video.guessed_rate or Fraction(25)
        options, order = self._encoding(), video.codec_context.field_order
        if self._encoder_kind is X264 and order in {2, 3, 4, 5}:
            options["x264-params"] = "tff=1" if order in {2, 4} else "bff=1"
        elif order in {2, 3, 4, 5}:
            name = self._source.path.name
            log.warning("%s: is no longer marked as interlaced, which only x264 can do", name)
        encoder = self._out.add_stream(self._encoder_kind.codec, rate, options)
        assert isinstance(encoder, VideoStream)
        context = encoder.codec_context
        context.height, context.width = first.planes[0].shape[:2]
        context.pix_fmt = self._given
        context.time_base = encoder.time_base = first.time_base
        if video.sample_aspect_ratio:
            context.sample_aspect_ratio = video.sample_aspect_ratio
        self._keep_colour(encoder, video)
        if self._source.display_matrix:
            encoder.set_display_matrix(self._source.display_matrix)
        return encoder

    def _encoding(self) -> dict[str, str]:
        return self._encoder_kind.told(self._settings.crf, self._settings.preset)

    def _taken(self, layout: str) -> str:
        """The layout in which the encoder takes the samples of another. Raises MediaError."""
        known = self._encoder_kind.layouts
        if not known or layout in known:
            return layout
        if layout == "yuv420p" and "nv12" in known:
            return "nv12"
        raise MediaError(
            f"{self._source.path}: --encoder {self._settings.encoder} takes no {layout} (an odd "
            "size or finer colours need it): use x264"
        )

    def _keep_colour(self, encoder: VideoStream, video: VideoStream) -> None:
        context, given, first = encoder.codec_context, video.codec_context, self._source.first
        context.color_primaries, context.color_trc = given.color_primaries, given.color_trc
        context.color_range, context.colorspace = given.color_range, given.colorspace
        if first.layout == "rgb24":
            context.color_range = _FULL if first.full_range else _LIMITED
            context.colorspace = _SPACES[first.matrix]
        elif first.full_range:
            context.color_range = _FULL

    def _add_copy(self, stream: Stream) -> None:
        if not _holds(self._out.format.name, stream):
            name = stream.codec_context.name if stream.codec_context else "unknown"
            log.warning(
                "%s: %s stream %d (%s) is dropped, %s cannot hold it",
                *(self._source.path.name, stream.type, stream.index, name),
                self._target.suffix,
            )
            return
        copy = self._out.add_stream_from_template(stream, opaque=True)
        _keep_tags(stream, copy)
        self._copies[stream.index] = copy

    def _packets(self) -> Iterator[Packet[Stream] | None]:
        streams = [self._input.streams[index] for index in self._copies]
        gaps = {s.index for s in streams if s.codec_context.name == _TIMED_TEXT}
        for packet in self._input.demux(*streams) if streams else ():
            # MP4 fills the pauses between subtitles with empty ones; the muxer makes its own.
            if packet.size and not (packet.stream_index in gaps and bytes(packet) == b"\0\0"):
                yield packet

    def _copy_until(self, seconds: Fraction | None) -> None:
        if self._next is None:  # of a stream more may have come
            self._next = next(self._waiting, None)
        while self._next is not None:
            packet = self._next
            time = packet.dts if packet.dts is not None else packet.pts
            if seconds is not None and time is not None and time * packet.time_base > seconds:
                return
            packet.stream = self._copies[packet.stream_index]
            self._out.mux_one(packet)
            self._next = next(self._waiting, None)

    def _mux_video(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            # Without it the last frame would be shown for no time at all.
            if packet.pts is not None and not packet.duration:
                packet.duration = self._source.durations.get(packet.pts, 0)
            self._out.mux_one(packet)

    def _name_what_is_dropped(self) -> None:
        kept = {self._source.index, *self._copies}
        for stream in self._input.streams:
            if stream.index in kept or stream.type in {"audio", "subtitle"}:
                continue
            if stream.type == "video" and not stream.disposition & stream.disposition.attached_pic:
                log.warning("%s: video stream %d is dropped", self._source.path.name, stream.index)
            else:
                name = "cover art" if stream.type == "video" else f"{stream.type} stream"
                log.info("%s: %s %d is dropped", self._source.path.name, name, stream.index)
        tags = set(self._input.metadata).union(*(s.metadata for s in self._input.streams))
        if self._settings.keep_date:
            tags.discard("creation_time")
        if tags - _HARMLESS:
            dropped = ", ".join(sorted(tags - _HARMLESS))
            log.info("%s: metadata dropped: %s", self._source.path.name, dropped)


def _holds(form: str, stream: Stream) -> bool:
    """Whether a container takes this stream: its header is written to memory to find out."""
    if stream.codec_context is None:
        return False
    try:
        with av.open(io.BytesIO(), "w", format=form) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, OSError, av.FFmpegError):
        return False
    return True


def _keep_tags(given: Stream, kept: Stream) -> None:
    kept.disposition = given.disposition
    if given.language:
        kept.metadata["language"] = given.language


def _encoded_layout(frame: Frame) -> str:
    layout = _ENCODED.get(frame.layout, frame.layout)
    height, width = frame.planes[0].shape[:2]
    across, down = CHROMA_STEPS.get(layout, (1, 1))
    # H.264 cannot crop to half a chroma sample: only 4:4:4 keeps an odd size.
    return "yuv444p" if width % across or height % down else layout


def _raw(frame: Frame, layout: str) -> VideoFrame:
    """An encoder's frame; chroma is repeated where its layout is finer, so no sample changes."""
    if frame.layout == "rgb24":
        frame = as_yuv444(frame)
    height, width = frame.planes[0].shape[:2]
    raw = av.VideoFrame(width, height, layout)
    for data, plane in zip(raw.planes, frame.planes, strict=True):
        rows = np.frombuffer(cast(Any, data), np.uint8).reshape(data.height, data.line_size)
        rows[:, : data.width] = _spread(plane, (data.width, data.height), frame.layout, layout)
    raw.pts, raw.time_base = frame.pts, frame.time_base
    return raw


def _reordered(raw: VideoFrame, layout: str) -> VideoFrame:
    """The same samples in another order."""
    given = raw.reformat(format=layout)
    given.pts, given.time_base = raw.pts, raw.time_base
    return given


def _spread(plane: Image, size: tuple[int, int], given: str, wanted: str) -> Image:
    if given == wanted or (plane.shape[1], plane.shape[0]) == size:
        return plane
    (a, b), (c, d) = CHROMA_STEPS[given], CHROMA_STEPS[wanted]
    return plane.repeat(b // d, 0).repeat(a // c, 1)[: size[1], : size[0]]
