"""The command of a stream in a process of its own: pipes on both sides, interrupts."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import cv2
import pytest

from tests.e2e.conftest import read_clip, write_clip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")

ROOT = Path(__file__).resolve().parents[2]
UNTOUCHED = 0.75
OPTIONS = ["-q", "--mode=solid", "--detect-size=320", "--preset=ultrafast"]


@pytest.fixture(scope="module")
def pictures(moving):
    return [cv2.resize(picture, (240, 180)) for picture in moving[:16]]


@pytest.fixture(scope="module")
def data(tmp_path_factory, pictures):
    """A clip as cameras send it: MPEG-TS, whose sound tells about itself in each packet."""
    return write_clip(tmp_path_factory.mktemp("process") / "in.ts", pictures).read_bytes()


@pytest.fixture(scope="module")
def shown(judge, pictures):
    """The numbers of the frames that show the face of the input."""
    boxes = [judge.faces(picture).boxes[0] for picture in pictures]

    def check(frames):
        trio = zip(pictures, frames, boxes, strict=False)
        return [n for n, (a, b, box) in enumerate(trio) if judge.remains(a, b, box) >= UNTOUCHED]

    return check


@contextmanager
def begun(*arguments):
    """The command, with standard input and output left open."""
    command = [sys.executable, "-m", "pipeline.cli", "stream", *arguments, *OPTIONS]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def fed(process, data):
    """Send the clip again and again, as a camera that never ends."""

    def send():
        with suppress(OSError):
            while process.poll() is None:
                process.stdin.write(data)

    threading.Thread(target=send, daemon=True).start()


def waited_for(process, folder):
    """Until the first frame has been read and the output was begun."""
    while process.poll() is None and not any(folder.iterdir()):
        time.sleep(0.01)


def test_a_stream_goes_from_one_pipe_into_another_with_its_sound(tmp_path, data, pictures, shown):
    with begun("-", "-") as process:
        out, problems = process.communicate(data)
    assert (process.returncode, problems) == (0, b"")
    (tmp_path / "out.mkv").write_bytes(out)
    (tmp_path / "in.ts").write_bytes(data)
    after = read_clip(tmp_path / "out.mkv")
    assert len(after.frames) == len(pictures)
    assert shown(after.frames) == []
    sound = zip(read_clip(tmp_path / "in.ts").audio, after.audio, strict=True)
    assert all(old.endswith(new) for (_, old), (_, new) in sound)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_stream_ends_its_file_properly(tmp_path, data, shown, number):
    """Standard input stays open all the time."""
    with begun("-", str(tmp_path / "out.mkv")) as process:
        fed(process, data)
        waited_for(process, tmp_path)
        process.send_signal(number)
        assert process.wait() == 0, process.stderr.read().decode()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    frames = read_clip(tmp_path / "out.mkv").frames
    assert frames
    assert shown(frames) == []


def test_a_second_interrupt_leaves_nothing(tmp_path, data):
    with begun("-", str(tmp_path / "out.mkv"), "--lookahead=10") as process:
        fed(process, data)
        waited_for(process, tmp_path)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 130
    assert list(tmp_path.iterdir()) == []
