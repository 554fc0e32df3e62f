"""A short clip for a first run: the portrait that comes with scikit-image, moving, with a tone.

The portrait is Eileen Collins, photographed by NASA; it is in the public domain.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from pipeline.atomic import replacing
from pipeline.contract import Image
from pipeline.weights import locate

NAME: Final = "demo.mp4"
_SIZE: Final = (640, 480)
_RATE: Final = 25
_SECONDS: Final = 4
_AUDIO_RATE: Final = 44_100
_HERTZ: Final = 440
_FACE: Final = (225.0, 120.0)


def write(folder: Path) -> Path:
    """`folder`/demo.mp4: four seconds of a face that moves, zooms and turns in the plane."""
    target = folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=_RATE, options={"crf": "18"})
        video.width, video.height = _SIZE
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=_AUDIO_RATE, layout="mono")
        for picture in pictures():
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for sound in _tone():
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    return target


def pictures(seconds: float = _SECONDS) -> Iterator[Image]:
    """The clip's frames, RGB (480, 640, 3)."""
    portrait = np.asarray(cv2.imread(str(locate("astronaut"))), np.uint8)[..., ::-1].copy()
    count = round(seconds * _RATE)
    for number in range(count):
        phase = 2 * np.pi * number / (_RATE * _SECONDS)
        zoom = 1.7 + 0.5 * np.sin(phase)
        turn = 12 * np.sin(2 * phase)
        matrix = cv2.getRotationMatrix2D(_FACE, turn, zoom)
        matrix[:, 2] += (320 + 110 * np.sin(phase) - _FACE[0], 215 + 30 * np.cos(phase) - _FACE[1])
        moved = cv2.warpAffine(portrait, matrix, _SIZE, borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(moved, np.uint8)


def _tone() -> Iterator[av.AudioFrame]:
    """A quiet sine for the length of the clip, in frames of 1,024 samples."""
    total = _AUDIO_RATE * _SECONDS
    for start in range(0, total, 1024):
        time = np.arange(start, min(start + 1024, total)) / _AUDIO_RATE
        wave = 0.2 * np.sin(2 * np.pi * _HERTZ * time, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", "mono")
        frame.sample_rate = _AUDIO_RATE
        frame.pts, frame.time_base = start, Fraction(1, _AUDIO_RATE)
        yield frame
