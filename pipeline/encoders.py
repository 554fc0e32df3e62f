"""Who encodes videos as H.264: x264 on the processor, or a chip that FFmpeg reaches as it is.

Only x264 was tried by us. Of the others PyAV's FFmpeg tells which options there are; each is tried
on a small picture before a run begins. VAAPI is none of them: it takes frames from the memory of
the graphics card, to which PyAV cannot bring them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, cast

import av
from av.video.codeccontext import VideoCodecContext

from pipeline.errors import SettingsError

_SIDE: Final = 256  # px; chips refuse smaller pictures
_LAMBDA: Final = 118  # FFmpeg's FF_QP2LAMBDA
_SPEEDS: Final = {
    "ultrafast": 1, "superfast": 1, "veryfast": 2, "faster": 3, "fast": 3, "medium": 4, "slow": 5,
    "slower": 6, "veryslow": 7, "placebo": 7,
}  # fmt: skip

Options = dict[str, str]


@dataclass(frozen=True, slots=True)
class Encoder:
    """FFmpeg's name of an encoder, how it is told quality and speed, and what it takes."""

    codec: str
    told: Callable[[int, str], Options]  # from --crf and --preset
    layouts: tuple[str, ...] = ()  # the only ones it takes; none: all of ours
    live: Options = field(default_factory=dict)  # so that no frame waits


def _x264(crf: int, preset: str) -> Options:
    return {"crf": str(crf), "preset": preset}


def _nvenc(crf: int, preset: str) -> Options:
    return {"rc": "vbr", "cq": str(max(crf, 1)), "b": "0", "preset": f"p{_SPEEDS[preset]}"}


def _qsv(crf: int, preset: str) -> Options:
    known = {"ultrafast": "veryfast", "superfast": "veryfast", "placebo": "veryslow"}
    return {"global_quality": str(max(crf, 1)), "preset": known.get(preset, preset)}


def _amf(crf: int, preset: str) -> Options:
    speed = {1: "speed", 2: "speed", 3: "balanced", 4: "balanced"}
    quality = {"rc": "cqp"} | {f"qp_{kind}": str(crf) for kind in "ipb"}
    return quality | {"quality": speed.get(_SPEEDS[preset], "quality")}


def _videotoolbox(crf: int, preset: str) -> Options:
    """Its quality runs from 1 to 100, best last."""
    quality = round(100 - 99 * crf / 51)
    return {"flags": "+qscale", "global_quality": str(quality * _LAMBDA)}


ENCODERS: Final = {
    "x264": Encoder("libx264", _x264, (), {"tune": "zerolatency"}),
    "nvenc": Encoder("h264_nvenc", _nvenc, ("yuv420p", "yuv444p"), {"tune": "ull", "delay": "0"}),
    "qsv": Encoder("h264_qsv", _qsv, ("nv12",), {"async_depth": "1"}),
    "amf": Encoder("h264_amf", _amf, ("nv12", "yuv420p"), {"usage": "ultralowlatency"}),
    "videotoolbox": Encoder(
        "h264_videotoolbox", _videotoolbox, ("yuv420p", "nv12"), {"realtime": "1"}
    ),
}


def check(name: str) -> None:
    """Raise SettingsError where the encoder called `name` does not work on this machine."""
    if name == "x264":
        return
    why = problem(ENCODERS[name])
    if why:
        here = [other for other, one in ENCODERS.items() if other != name and not problem(one)]
        raise SettingsError(f"--encoder {name} does not work here ({why}); here: {', '.join(here)}")


def problem(encoder: Encoder) -> str:
    """Why an encoder cannot encode a small picture here; empty where it can."""
    if encoder.codec not in av.codecs_available:
        return f"this FFmpeg has no {encoder.codec}"
    try:
        context = cast(VideoCodecContext, av.CodecContext.create(encoder.codec, "w"))
        context.width = context.height = _SIDE
        context.pix_fmt = encoder.layouts[0] if encoder.layouts else "yuv420p"
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        context.options = encoder.told(18, "veryfast")
        picture = av.VideoFrame(_SIDE, _SIDE, context.pix_fmt)
        picture.pts, picture.time_base = 0, context.time_base
        packets = [*context.encode(picture), *context.encode(None)]
    except (av.FFmpegError, OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return "" if packets else "it gives nothing"
