import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pipeline import cli, live
from pipeline.chain import Report
from pipeline.command_stream import Stop
from pipeline.errors import MediaError, RoomError, SettingsError
from pipeline.live import LiveSource, form_of, sending
from pipeline.settings import Settings
from pipeline.stream import Window, run
from tests.e2e.conftest import read_clip, write_clip
from tests.pipeline.test_stream import SIDE, covering, frames

__all__ = ["covering"]
QUICK = Settings(preset="ultrafast", crf=8)
PLACES = [[20 + 2 * n] for n in range(30)]


def going():
    return False


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A bright square that wanders, with a tone."""
    pictures = [frame.planes[0] for frame in frames(PLACES)]
    return write_clip(tmp_path_factory.mktemp("live") / "square.mkv", pictures)


@contextmanager
def opened(name, stopped=going, form=None):
    source = LiveSource(str(name), stopped, form)
    try:
        yield source
    finally:
        source.close()


def stream(name, target, rooms, stopped=going, lookahead=0.2, form=None):
    """Run a whole stream; returns its source."""
    with opened(name, stopped) as source:
        window = Window(rooms, QUICK, b"salt", lookahead, Report())
        with sending(source, str(target), QUICK, form) as writer:
            for _ in run(source, writer, window):
                pass
    return source


def shown(path):
    """Numbers of the frames of a file in which the square is in view."""
    pictures = read_clip(path).frames
    return [
        number
        for number, (picture, here) in enumerate(zip(pictures, PLACES, strict=False))
        if picture[34 : 26 + SIDE, here[0] + 4 : here[0] + SIDE - 4].mean() > 200
    ]


@pytest.mark.parametrize("ending", [".mkv", ".ts", ".mp4"])
def test_a_stream_keeps_every_frame_and_all_sound_in_time(tmp_path, clip, covering, ending):
    target = tmp_path / f"out{ending}"
    source = stream(clip, target, covering)
    before, after = read_clip(clip), read_clip(target)
    assert source.decoded == len(after.frames) == len(PLACES)
    assert shown(target) == []
    sound = zip(after.audio, before.audio, strict=True)
    assert all(new.endswith(old) for (_, new), (_, old) in sound)  # MPEG-TS adds headers
    late = after.moments[0] - before.moments[0]
    steps = zip(after.moments, before.moments, strict=True)
    assert all(abs(a - b - late) < Fraction(1, 500) for a, b in steps)
    assert os.listdir(tmp_path) == [target.name]


def test_a_stream_that_is_stopped_leaves_a_whole_file(tmp_path, clip, covering):
    calls = iter(range(1000))
    source = stream(clip, tmp_path / "out.mkv", covering, lambda: next(calls) > 40)
    after = read_clip(tmp_path / "out.mkv")
    assert 0 < len(after.frames) == source.decoded < len(PLACES)
    assert shown(tmp_path / "out.mkv") == []
    assert source.problem == ""
    assert os.listdir(tmp_path) == ["out.mkv"]


def test_a_stream_that_breaks_off_leaves_what_came_before_and_says_so(tmp_path, clip, covering):
    broken = tmp_path / "broken.mkv"
    data = clip.read_bytes()
    broken.write_bytes(data[: len(data) // 2])
    source = stream(broken, tmp_path / "out.mkv", covering)
    assert 0 < len(read_clip(tmp_path / "out.mkv").frames) == source.decoded < len(PLACES)
    assert shown(tmp_path / "out.mkv") == []


def test_what_cannot_be_decoded_is_left_out(tmp_path, clip, covering, caplog):
    data = bytearray(clip.read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(len(data) // 3, 2 * len(data) // 3, 40):
        data[place] ^= 255
    (tmp_path / "dirty.mkv").write_bytes(data)
    source = stream(tmp_path / "dirty.mkv", tmp_path / "out.mkv", covering)
    assert 0 < len(read_clip(tmp_path / "out.mkv").frames) == source.decoded <= len(PLACES)


def test_a_room_that_fails_leaves_no_file(tmp_path, clip, covering):
    class Broken:
        def detect(self, image):
            raise RuntimeError("no")

    with pytest.raises(RoomError, match="detector failed"):
        stream(clip, tmp_path / "out.mkv", replace(covering, detector=Broken()))
    assert os.listdir(tmp_path) == []


def test_a_stream_is_read_from_a_pipe_until_it_is_stopped(tmp_path, clip, covering, monkeypatch):
    """The pipe stays open: what came is written, nobody waits for more."""
    monkeypatch.setattr(live, "_POLL", 0.001)
    reading, writing = os.pipe()
    data = clip.read_bytes()
    assert os.write(writing, data[: min(len(data), 60_000)]) > 0
    calls = iter(range(10_000))
    with os.fdopen(reading, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        source = stream("-", tmp_path / "out.mkv", covering, lambda: next(calls) > 300)
    os.close(writing)
    assert 0 < len(read_clip(tmp_path / "out.mkv").frames) == source.decoded


@pytest.mark.parametrize(
    ("target", "form"),
    [
        ("a.mkv", "mkv"),
        ("a.TS", "mpegts"),
        ("-", "mkv"),
        ("rtmp://host/live", "flv"),
        ("rtsp://host/live", "rtsp"),
        ("udp://host:9000", "mpegts"),
    ],
)
def test_the_form_of_a_target_follows_from_its_name(target, form):
    assert form_of(target) == form


def test_a_target_of_unknown_form_says_why():
    with pytest.raises(SettingsError, match=r"out\.avi: a stream is written as .*--form"):
        form_of("out.avi")


def test_a_password_in_an_address_is_not_shown():
    assert live.shown("rtsp://ann:secret@host/one") == "rtsp://host/one"


@pytest.mark.parametrize("content", [None, b"", b"hello world"])
def test_what_is_no_stream_says_why(tmp_path, content):
    path = tmp_path / "in.mkv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=r"in\.mkv"):
        LiveSource(str(path), going)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["a.mkv", "b.mkv", "--lookahead", "11"], "--lookahead must lie in 0..10, got 11"),
        (["a.mkv", "b.mkv", "--lookahead", "nan"], "--lookahead must lie in 0..10, got nan"),
        (["a.mkv", "b.mkv", "--form", "avi"], "no form called 'avi'"),
        (["a.mkv", "-", "--form", "mp4"], "cannot be written to standard output"),
        (["a.mkv", "here.mkv"], "here.mkv is there already: add --overwrite"),
        (["a.mkv", "nowhere/b.mkv"], "nowhere is no folder"),
        (["a.mkv", "b.gif"], "a stream is written as"),
    ],
)
def test_a_bad_option_of_a_stream_says_why(
    tmp_path, monkeypatch, capsys, unchanged_process, arguments, why
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.mkv").touch()
    assert cli.main(["stream", *arguments]) == 1
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_ends_a_stream_and_the_second_breaks_it_off(
    unchanged_process, first, second
):
    """The handlers are called directly; real signals reach a process in test_stream_process."""
    stop = Stop()
    assert not stop()
    signal.getsignal(first)(first, None)
    assert stop()
    with pytest.raises(KeyboardInterrupt):
        signal.getsignal(second)(second, None)
