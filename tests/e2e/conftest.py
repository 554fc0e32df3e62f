"""Clips that are made on the spot, and a run of the chain over them."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline import chain, media
from pipeline.chain import Report
from pipeline.contract import Image
from pipeline.rooms import Rooms
from pipeline.settings import Settings

RATE = 25
QUICK = {"preset": "ultrafast", "crf": 8}
SALT = b"correct horse battery staple"


def write_clip(path: Path, pictures: list[Image], sound: bool = True) -> Path:
    """A clip of RGB pictures at 25 frames/s, with a tone of its length."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        video = container.add_stream(
            "libx264", rate=RATE, options={"crf": "6", "preset": "ultrafast"}
        )
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("aac", rate=44_100, layout="mono") if sound else None
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None:
            total = 44_100 * len(pictures) // RATE
            for start in range(0, total, 1024):
                wave = 0.2 * np.sin(np.arange(start, min(start + 1024, total)) / 16)
                frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", "mono")
                frame.sample_rate, frame.pts = 44_100, start
                frame.time_base = Fraction(1, 44_100)
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


@dataclass(frozen=True)
class Clip:
    """What a clip holds, read without our own code."""

    frames: list[Image]
    moments: list[Fraction]
    time_base: Fraction
    audio: list[tuple[int | None, bytes]]


def read_clip(path: Path) -> Clip:
    """All frames as RGB, when each is shown, and the audio packets as they lie in the file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base
        assert base is not None
        decoded = list(container.decode(stream))
        frames = [frame.to_ndarray(format="rgb24") for frame in decoded]
        moments = [frame.pts * base for frame in decoded]
    with av.open(str(path)) as container:
        packets = list(container.demux(audio=0)) if container.streams.audio else []
        audio = [(p.pts, bytes(p)) for p in packets if p.size]
    return Clip(frames, moments, base, audio)


@pytest.fixture(scope="session")
def deidentify(rooms: Rooms) -> Callable[..., Report]:
    """Run the chain over one file: (source, target, rooms=..., salt=..., **settings) → Report."""

    def run(
        source: Path, target: Path, rooms: Rooms = rooms, salt: bytes = SALT, **options: object
    ) -> Report:
        settings = Settings(**{**QUICK, **options})  # type: ignore[arg-type]
        report = Report()
        for _ in chain.run(
            media.open_source(source, settings), target, rooms, settings, salt, report
        ):
            pass
        return report

    return run


@pytest.fixture(scope="session")
def demo_clip(tmp_path_factory: pytest.TempPathFactory, moving: list[Image]) -> Path:
    """1.5 seconds of the moving portrait with sound."""
    return write_clip(tmp_path_factory.mktemp("demo") / "demo.mp4", moving)
