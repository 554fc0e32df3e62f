"""Streams in and out: a file, a pipe, a device or an address, read once, as it comes."""

from __future__ import annotations

import logging
import os
import re
import select
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Final, cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.atomic import replacing
from pipeline.contract import Frame
from pipeline.errors import MediaError, SettingsError
from pipeline.mux import VideoWriter
from pipeline.settings import Settings
from pipeline.video import VideoSource, check_video

FORMS: Final = {"mkv": "matroska", "mpegts": "mpegts", "mp4": "mp4", "flv": "flv", "rtsp": "rtsp"}
STANDARD: Final = "-"
_ADTS: Final = 0xFFF
_SILENT: Final = 10.0  # s without data after which an address is given up
_POLL: Final = 0.2
_FILE: Final = "file:"
_DURATIONS: Final = 1000
_LATE_START: Final = 1.0
_ENDINGS: Final = {".mkv": "mkv", ".ts": "mpegts", ".mp4": "mp4", ".m4v": "mp4"}
_SCHEMES: Final = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "udp": "mpegts", "srt": "mpegts"}
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+]+):(//)?", re.IGNORECASE)
_SECRET: Final = re.compile(r"//[^/@]*@")

log = logging.getLogger(__name__)


def is_address(name: str) -> bool:
    """Whether a source or target is an address such as rtsp://camera, no file."""
    return bool(_SCHEME.match(name)) and not Path(name).exists()


def shown(name: str) -> str:
    """The name of a source or target as it may be logged: without user and password."""
    return _SECRET.sub("//", name)


class LiveSource(VideoSource):
    """A stream with at least one frame; what cannot be decoded is left out.

    `stopped` is asked before each packet. Why the stream ended early, if it did, is told by
    `problem` afterwards.
    """

    def __init__(self, name: str, stopped: Callable[[], bool], form: str | None = None) -> None:
        self.problem = ""
        self.lost = 0
        self.others: deque[Packet[Stream]] = deque()
        self._stopped = stopped
        self._raws: Iterator[VideoFrame] | None = None
        self._container = _opened(name, stopped, form)
        try:
            super().__init__(Path(STANDARD if name == STANDARD else shown(name)))
        except BaseException:
            self._container.close()
            raise

    def close(self) -> None:
        """Let go of the stream."""
        self._container.close()

    def frames(self) -> Iterator[Frame]:
        """Every frame once, until the stream ends, fails or is stopped."""
        stream = self._container.streams[self.index]
        assert isinstance(stream, VideoStream)
        self.decoded = 0
        try:
            for frame in self._stamped(self._decode(self._container, stream), stream):
                self.decoded = frame.index + 1
                if len(self.durations) > _DURATIONS:
                    del self.durations[next(iter(self.durations))]
                yield frame
        except MediaError as error:
            self.problem = str(error)
        if self.lost:
            log.warning("%s: %d pieces could not be decoded and are left out", self.path, self.lost)

    @contextmanager
    def opened(self) -> Iterator[InputContainer]:
        """The one demuxer, which stays open."""
        yield self._container

    def _check_whole(self, container: InputContainer) -> None:
        """Nobody knows where a stream ends."""

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """All frames; at first only one, to learn its layout, which is shown later."""
        if self._raws is not None:
            return self._raws
        raws = self._read(container, stream)
        first = list(islice(raws, 1))
        self._raws = chain(first, raws)
        return iter(first)

    def _read(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        stream.thread_type = "AUTO"
        copied = [s for s in container.streams if s.type in {"audio", "subtitle"}]
        packets = container.demux(stream, *copied)
        while not self._stopped():
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                self.problem = f"{self.path}: ended early: {error.strerror or error}"
                break
            if packet is None:
                break
            if packet.stream_index != stream.index:
                self.others.extend([packet] if packet.size else [])
            elif packet.size:
                yield from self._decoded(stream, cast("Packet[VideoStream]", packet))
        yield from self._decoded(stream, None)

    def _decoded(
        self, stream: VideoStream, packet: Packet[VideoStream] | None
    ) -> Iterator[VideoFrame]:
        try:
            for raw in stream.decode(packet):
                if raw.is_corrupt:
                    self.lost += 1
                else:
                    yield raw
        except av.EOFError:
            return
        except av.FFmpegError:
            self.lost += 1


class LiveWriter(VideoWriter):
    """Encodes for a file, standard output or an address; sound is copied as it comes."""

    def __init__(
        self,
        source: LiveSource,
        place: tuple[str, str],
        target: Path,
        settings: Settings,
        stack: ExitStack,
    ) -> None:
        self._address, self._form = place
        self._others = source.others
        super().__init__(source, (target, target), settings, stack)

    def _open(self, temporary: Path) -> OutputContainer:
        options = {"fflags": "+bitexact"}
        start = self._input.start_time or 0
        if start > _LATE_START * av.time_base:
            options["output_ts_offset"] = str(-start / av.time_base)
        if not self._address.startswith(_FILE):
            options["flush_packets"] = "1"
        return av.open(self._address, "w", format=FORMS[self._form], container_options=options)

    def _add_copy(self, stream: Stream) -> None:
        """In a pipe the header cannot be completed later by what AAC packets tell of themselves."""
        told = None if self._address.startswith(_FILE) else _told_by_packets(stream, self._others)
        if told == b"" and self._form == "mkv":
            log.warning(
                "%s: audio stream %d is dropped: nothing of it came yet; --form mpegts keeps it",
                *(shown(str(self._source.path)), stream.index),
            )
            return
        super()._add_copy(stream)
        if told and stream.index in self._copies:
            self._copies[stream.index].codec_context.extradata = told

    def _encoding(self) -> dict[str, str]:
        now = {} if self._address.startswith(_FILE) else self._encoder_kind.live
        return super()._encoding() | now

    def _packets(self) -> Iterator[Packet[Stream] | None]:
        """Those that came with the frames so far, then None until there are more."""
        last: dict[int, int] = {}
        while True:
            packet = self._others.popleft() if self._others else None
            if packet is None:
                yield None
            elif packet.stream_index in self._copies and _in_order(packet, last):
                yield packet


@contextmanager
def sending(
    source: LiveSource, target: str, settings: Settings, form: str | None
) -> Iterator[LiveWriter]:
    """A writer for a stream. A file takes its name when the block ends well.

    Raises SettingsError for a target of unknown form, MediaError where it cannot be written to.
    """
    form = form or form_of(target)
    with ExitStack() as stack:
        if target == STANDARD or is_address(target):
            address, name = ("pipe:1" if target == STANDARD else target), Path(shown(target))
        else:
            name = Path(target)
            address = _FILE + str(stack.enter_context(replacing(name)))
        with ExitStack() as opened:
            writer = LiveWriter(source, (address, form), name, settings, opened)
            yield writer
            writer.finish()


def form_of(target: str) -> str:
    """The form that a target's name tells, a key of FORMS; SettingsError where it tells none."""
    if target == STANDARD:
        return "mkv"
    scheme = _SCHEME.match(target)
    if scheme and is_address(target):
        return _SCHEMES.get(scheme[1].lower(), "mpegts")
    ending = Path(target).suffix.lower()
    if ending not in _ENDINGS:
        raise SettingsError(
            f"{target}: a stream is written as {', '.join(_ENDINGS)}: name it so or add --form"
        )
    return _ENDINGS[ending]


def _told_by_packets(stream: Stream, packets: Iterable[Packet[Stream]]) -> bytes | None:
    """AudioSpecificConfig (ISO 14496-3, 1.6.2.1) of AAC whose packets carry ADTS headers (1.A.2.2).

    Empty while no packet has come; None for other streams, whose headers are known.
    """
    context = stream.codec_context
    if context is None or context.name != "aac" or context.extradata:
        return None
    whole = (p for p in packets if p.stream_index == stream.index and not p.is_corrupt)
    first = next((bytes(packet)[:4] for packet in whole), b"")
    if not first:
        return b""
    bits = int.from_bytes(first, "big")
    if len(first) < 4 or bits >> 20 != _ADTS:
        return None
    profile, rate, channels = bits >> 14 & 3, bits >> 10 & 15, bits >> 6 & 7
    return ((profile + 1) << 11 | rate << 7 | channels << 3).to_bytes(2, "big")


def _in_order(packet: Packet[Stream], last: dict[int, int]) -> bool:
    """Whether a packet comes after the one before it, as muxers demand; damaged ones may not."""
    time, index = packet.dts, packet.stream_index
    if time is None or time <= last.get(index, time - 1) or (packet.pts or time) < time:
        return False
    last[index] = time
    return True


class _Pipe:
    """Standard input for FFmpeg; it ends when the stream is stopped, even if nothing comes."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped

    def read(self, size: int) -> bytes:
        while not self._stopped():
            if select.select([sys.stdin.fileno()], [], [], _POLL)[0]:
                return os.read(sys.stdin.fileno(), size)
        return b""


def _opened(name: str, stopped: Callable[[], bool], form: str | None) -> InputContainer:
    path = Path(name)
    try:
        if name == STANDARD:
            return av.open(_Pipe(stopped), "r", format=form, metadata_errors="replace")
        if path.is_char_device():
            return av.open(name, "r", format=form or "v4l2")
        if is_address(name):
            return av.open(name, "r", format=form, timeout=_SILENT, metadata_errors="replace")
        only = {"protocol_whitelist": "file"}
        file = av.open(_FILE + name, "r", format=form, options=only, metadata_errors="replace")
        check_video(path, file.format.name)
        return file
    except (av.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise MediaError(f"{shown(name)}: cannot be opened as a stream: {why}") from error
