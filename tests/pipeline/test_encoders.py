"""Encoders in hardware: told what they understand, refused in one line where they are not."""

import av
import pytest

from pipeline import encoders, media
from pipeline.encoders import ENCODERS, Encoder
from pipeline.errors import MediaError, SettingsError
from pipeline.settings import ENCODERS as NAMES
from pipeline.settings import PRESETS, Settings
from tests.e2e.conftest import write_clip

HARDWARE = [name for name in ENCODERS if name != "x264"]


def test_every_encoder_that_can_be_named_is_known():
    assert tuple(ENCODERS) == NAMES


@pytest.mark.parametrize("name", ENCODERS)
def test_every_quality_and_speed_can_be_told(name):
    told = [ENCODERS[name].told(crf, preset) for crf in (0, 18, 51) for preset in PRESETS]
    assert all(isinstance(value, str) for each in told for value in each.values())
    assert len({tuple(each) for each in told}) == 1


def test_x264_works_everywhere():
    assert encoders.problem(ENCODERS["x264"]) == ""
    encoders.check("x264")


@pytest.mark.parametrize("name", HARDWARE)
def test_what_is_not_here_is_refused_with_what_is(name):
    if not encoders.problem(ENCODERS[name]):
        pytest.skip(f"{name} works here")
    with pytest.raises(SettingsError, match=f"--encoder {name} does not work here .*here: x264"):
        encoders.check(name)


def test_an_encoder_that_ffmpeg_does_not_have_is_told():
    told = encoders.problem(Encoder("h264_dream", lambda crf, preset: {}))
    assert told == "this FFmpeg has no h264_dream"


def write(source, target, settings):
    with source.writer(target, settings) as writer:
        for frame in source.frames():
            writer.write(frame)


@pytest.mark.parametrize("layouts", [("nv12",), ("yuv420p", "nv12")])
def test_a_layout_of_the_same_samples_is_made(tmp_path, moving, monkeypatch, layouts):
    """x264 takes the place of a chip that takes only some layouts."""
    chip = Encoder("libx264", ENCODERS["x264"].told, layouts)
    monkeypatch.setitem(ENCODERS, "qsv", chip)
    settings = Settings(encoder="qsv", crf=0, preset="ultrafast")
    source = media.open_source(write_clip(tmp_path / "a.mp4", moving[:4]), settings)
    write(source, tmp_path / "b.mp4", settings)
    for before, after in zip(planes(tmp_path / "a.mp4"), planes(tmp_path / "b.mp4"), strict=True):
        assert before == after


def planes(path):
    with av.open(str(path)) as container:
        return [
            f.reformat(format="yuv420p").to_ndarray().tobytes() for f in container.decode(video=0)
        ]


def test_colours_too_fine_for_a_chip_are_refused_and_nothing_is_written(
    tmp_path, moving, monkeypatch
):
    monkeypatch.setitem(ENCODERS, "amf", Encoder("libx264", ENCODERS["x264"].told, ("yuv420p",)))
    settings = Settings(encoder="amf", preset="ultrafast")
    fine = tmp_path / "fine.mp4"
    with av.open(str(fine), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for picture in moving[:3]:
            frame = av.VideoFrame.from_ndarray(picture[:48, :64].copy(), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv444p")))
        container.mux(stream.encode(None))
    source = media.open_source(fine, settings)
    with pytest.raises(MediaError, match=r"--encoder amf takes no yuv444p .* use x264"):
        write(source, tmp_path / "out.mp4", settings)
    assert [path.name for path in tmp_path.iterdir()] == ["fine.mp4"]
