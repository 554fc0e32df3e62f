"""The books of a decoder: which frames a video must give, and whether it gave them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline.errors import MediaError

# Codecs that show exactly one frame for each packet.
_ONE_TO_ONE = {"h264", "hevc", "mjpeg", "ffv1", "prores", "huffyuv", "ffvhuff", "rawvideo"}
# Broadcast streams may be joined anywhere; what precedes their first frame was never whole.
_JOINED = {"mpegts", "mpeg", "h264", "hevc", "mpegvideo"}


class Losses:
    """Decodes a stream's packets and raises MediaError where a frame is damaged or missing.

    What comes before the first key frame, and what is shown before it, cannot be decoded by
    anyone (open GOP): that alone may be missing.
    """

    def __init__(self, path: Path, container: str, stream: VideoStream) -> None:
        self._path = path
        self._container = set(container.split(","))
        self._stream = stream
        self._demuxed = 0
        self._forgiven = 0
        self._key: int | None = None
        self._started = False
        self._due: list[int | None] = []
        self._first: int | None = None
        self._shown = 0
        self._interlaced = False

    def decoded(self, packet: Packet[VideoStream] | None) -> Iterator[VideoFrame]:
        """The frames that a packet completes; None asks for the last ones."""
        if packet is not None:
            self._enter(packet)
        try:
            frames = self._stream.decode(packet)
        except av.EOFError:
            return
        except av.FFmpegError as error:
            if not self._forgiven:
                raise self._damaged(error.strerror) from error
            self._forgiven -= 1
            return
        for frame in frames:
            self._note(frame)
            yield frame

    def check(self) -> None:
        """Raise MediaError unless every frame that was due has been shown."""
        if "mov" in self._container and self._demuxed < len(self._stream.index_entries):
            raise self._damaged("its index names more frames than it holds")
        if self._stream.codec.name not in _ONE_TO_ONE:
            return
        # Interlaced H.264 may hand over the two fields of a frame one by one.
        if self._interlaced and self._stream.codec.name == "h264":
            return
        start = self._first if self._container & _JOINED else self._key
        due = sum(pts is None or start is None or pts >= start for pts in self._due)
        if self._shown < due:
            raise self._damaged(f"{due - self._shown} of {due} frames cannot be decoded")

    def _enter(self, packet: Packet[VideoStream]) -> None:
        self._demuxed += 1
        if not self._started and packet.is_keyframe:
            self._started, self._key = True, packet.pts
        if not self._started:
            self._forgiven += 1
        elif packet.is_corrupt:
            raise self._damaged("a packet is incomplete")
        elif not packet.is_discard:
            self._due.append(packet.pts)

    def _note(self, frame: VideoFrame) -> None:
        leading = self._key is not None and frame.pts is not None and frame.pts < self._key
        joined = not self._shown and self._container & _JOINED
        if frame.is_corrupt and not leading and not joined:
            raise self._damaged(f"frame {self._shown} is damaged")
        if self._first is None:
            self._first = frame.pts
        self._interlaced |= frame.interlaced_frame
        self._shown += not leading

    def _damaged(self, why: str | None) -> MediaError:
        return MediaError(f"{self._path}: damaged or truncated video: {why}; repair it first")
