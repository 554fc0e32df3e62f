"""Small outputs with records that were made by hand: what review pages are made of in tests."""

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from pipeline import record as records
from pipeline.contract import Image as Pixels
from pipeline.record import Input, Output, PersonEntry, Record, Rendered, Suspect, TrackEntry

WIDTH, HEIGHT, FRAMES = 160, 120, 75
BITS = 8
TICK = Fraction(1, 1000)
# Seconds of each frame: 25 a second, then a pause and 10 a second.
TIMES = [n / 25 for n in range(50)] + [3.0 + n / 10 for n in range(FRAMES - 50)]
KNOTS = [[0, 0.0], [49, 1.96], [50, 3.0], [FRAMES - 1, TIMES[-1]]]


def picture(number: int, seed: int = 60) -> Pixels:
    """A frame that tells its number in black and white squares along its top."""
    result = np.full((HEIGHT, WIDTH, 3), (seed, 90, 120), np.uint8)
    for bit in range(BITS):
        value = 235 if number >> bit & 1 else 16
        result[:20, 20 * bit : 20 * (bit + 1)] = value
    x = 40 + number // 2
    cv2.ellipse(result, (x, 70), (16, 22), 0, 0, 360, (205, 160, 140), -1)
    return result


def write_video(path: Path, seed: int = 60, delay: float = 0.0, tone: float | None = None) -> Path:
    """FRAMES pictures, each at its own moment, `delay` seconds later, and a tone from `tone` on."""
    options = {"crf": "12", "preset": "ultrafast", "g": "20"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = TICK
        packets = [] if tone is None else sound(container, tone)
        for number, seconds in enumerate(TIMES):
            frame = av.VideoFrame.from_ndarray(picture(number, seed), format="rgb24")
            frame.pts, frame.time_base = round((seconds + delay) / TICK), TICK
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def sound(container: av.container.OutputContainer, start: float) -> list[av.Packet]:
    """Five seconds of a tone."""
    rate = 44_100
    stream = container.add_stream("aac", rate=rate, layout="mono")
    packets = []
    for at in range(0, 5 * rate, 1024):
        wave = 0.1 * np.sin(np.arange(at, at + 1024) / 16)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", "mono")
        frame.sample_rate, frame.pts = rate, at + round(start * rate)
        frame.time_base = Fraction(1, rate)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def write_photo(path: Path) -> Path:
    """One picture in the format of its name."""
    Image.fromarray(picture(5)).save(path)
    return path


def write_gif(path: Path, frames: int = 12) -> Path:
    """Pictures of 100 ms."""
    first, *rest = [Image.fromarray(picture(number)) for number in range(frames)]
    first.save(path, save_all=True, append_images=rest, duration=100, loop=0)
    return path


def sha256(path: Path) -> str:
    """Of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def track(number: int, person: int, span: tuple[int, int], **said: object) -> TrackEntry:
    """A face that moves to the right, covered by surrogates."""
    first, last = span
    boxes = [[24 + frame // 2, 48, 56 + frame // 2, 92] for frame in range(first, last + 1)]
    decision = str(said.get("decision", "replace"))
    coverage = said.get("coverage", [["surrogate", first, last]])
    altered: list[records.Box | None] = [list(box) for box in boxes]
    return TrackEntry(number, person, decision, "nobody is to be kept", first, boxes, altered,
        coverage, Rendered(decision, person))  # type: ignore[arg-type] # fmt: skip


def suspect(first: int, last: int, why: str, number: int | None = None) -> Suspect:
    """A moment with the times of `write_video`."""
    return Suspect(first, last, TIMES[first], records.timecode(TIMES[first]), why, number)


def record_of(output: Path, source: Path | None = None, frames: int = FRAMES) -> Record:
    """What a run would say of `output`: three tracks of two persons, four suspect moments."""
    knots = KNOTS if frames == FRAMES else [[0, 0.0], [frames - 1, (frames - 1) / 10]]
    last = frames - 1
    middle = last // 2
    covered = [["surrogate", 0, middle], ["fallback", middle + 1, last]]
    tracks = [
        track(1, 1, (0, last), coverage=covered if last else [["surrogate", 0, 0]]),
        track(2, 2, (middle // 2, middle)),
        track(3, 2, (middle, last), decision="keep", coverage=[["original", middle, last]]),
    ]
    suspects = [
        suspect(last // 5 * 4, last, "low score", 3),
        suspect(middle, last, "fallback", 1),
        suspect(middle, middle, "cut with faces"),
        suspect(middle // 2, middle, "near the threshold", 2),
    ]
    name, digest = ("clip.mp4", "1" * 64) if source is None else (source.name, sha256(source))
    return Record(
        "1.2.3",
        {"mode": "surrogate", "k": 4},
        {"centerface.onnx": "2" * 64},
        {"scheme": "default", "claims": None},
        Input(name, digest, frames, WIDTH, HEIGHT, knots[:frames]),
        Output(output.name, sha256(output)),
        [PersonEntry(1, [12, 40, 77, 301]), PersonEntry(2, None, 1)],
        tracks,
        [],
        suspects if frames > 1 else [],
    )


def write_record(record: Record, folder: Path, name: str = "clip.faces.json") -> Path:
    """A record as a run writes it."""
    records.write(record, folder / name)
    return folder / name
