import logging
import os
from fractions import Fraction

import av
import numpy as np
import pytest

from pipeline.contract import Patch
from pipeline.errors import MediaError
from pipeline.planes import paste, picture
from pipeline.settings import Settings
from pipeline.video import VideoSource

TURN = {
    (0, False): (1, 0, 0, 1),
    (1, False): (0, 1, -1, 0),
    (2, False): (-1, 0, 0, -1),
    (3, False): (0, -1, 1, 0),
    (0, True): (-1, 0, 0, 1),
    (1, True): (0, 1, 1, 0),
}
QUICK = Settings(preset="ultrafast", crf=10)


def matrix(a, b, c, d):
    return [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]


def scene(number, size, layout):
    """A moving gradient, so that every frame differs and compresses."""
    width, height = size
    raw = av.VideoFrame(width, height, layout)
    for plane in raw.planes:
        across = np.arange(plane.line_size)[None]
        rows = (across + 3 * np.arange(plane.height)[:, None] + 7 * number) % 200 + 20
        plane.update(rows.astype(np.uint8).tobytes())
    return raw


def tone(number):
    wave = np.sin((np.arange(1024) + 1024 * number) / 20).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 44100, 1024 * number, Fraction(1, 44100)
    return frame


def subtitles(container, form):
    text = container.add_mux_stream("mov_text" if form in {"mp4", "mov"} else "subrip")
    text.time_base = Fraction(1, 1000)
    text.metadata["language"] = "deu"
    for start in (100, 500):
        line = f"Satz {start}".encode()
        data = len(line).to_bytes(2) + line if form in {"mp4", "mov"} else line
        packet = av.Packet(data)
        packet.stream, packet.time_base = text, Fraction(1, 1000)
        packet.pts = packet.dts = start
        packet.duration = 300
        yield packet


def make(
    path,
    form="mp4",
    codec="libx264",
    layout="yuv420p",
    size=(64, 48),
    pts=range(0, 20 * 512, 512),
    time_base=Fraction(1, 15360),
    sound=False,
    text=False,
    display=None,
    before=lambda container, video: None,
    options=None,
    muxing=None,
):
    with av.open(str(path), "w", format=form, container_options=muxing or {}) as out:
        video = out.add_stream(codec, 30, options or {})
        video.width, video.height, video.pix_fmt = *size, layout
        video.codec_context.time_base = video.time_base = time_base
        audio = out.add_stream("aac", 44100, layout="mono") if sound else None
        if display:
            video.set_display_matrix(display)
        before(out, video)
        lines = list(subtitles(out, form)) if text else []
        packets = []
        for number, moment in enumerate(pts):
            raw = scene(number, size, layout)
            raw.pts, raw.time_base = moment, time_base
            packets += video.encode(raw)
        packets += video.encode(None)
        if audio:
            for number in range(30):
                packets += audio.encode(tone(number))
            packets += audio.encode(None)
        for packet in [*packets, *lines]:
            out.mux(packet)
    return path


def copied(source, target, settings=QUICK, change=lambda frame: frame):
    """Both passes as the chain makes them; returns how many frames there were."""
    total = sum(1 for _ in source.frames())
    write(source, target, map(change, source.frames()), settings)
    return total


def write(source, target, frames, settings=QUICK):
    with source.writer(target, settings) as writer:
        for frame in frames:
            writer.write(frame)


def moments(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.pts * stream.time_base for frame in container.decode(stream)]


def packets(path, kind):
    with av.open(str(path)) as container:
        streams = [s for s in container.streams if s.type == kind]
        found = [p for p in container.demux(streams) if p.size] if streams else []
        return [(p.stream.language, p.pts * p.time_base, bytes(p)) for p in found]


def test_every_frame_is_read_once_in_order(tmp_path):
    source = VideoSource(make(tmp_path / "a.mp4"))
    frames = list(source.frames())
    assert [f.index for f in frames] == list(range(20))
    assert [f.pts for f in frames] == list(range(0, 20 * 512, 512))
    assert source.count == 20
    assert {f.layout for f in frames} == {"yuv420p"}
    assert [p.shape for p in frames[0].planes] == [(48, 64), (24, 32), (24, 32)]


PTS = {
    "29.97": (Fraction(1, 30000), range(0, 20 * 1001, 1001)),
    "variable": (Fraction(1, 90000), [0, 180, 3003, 3193, 9000, 90000, 90500]),
    "late start": (Fraction(1, 15360), range(7777, 7777 + 20 * 512, 512)),
    "coarse": (Fraction(1, 25), range(20)),
    "one frame": (Fraction(1, 1000), [0]),
    "slow": (Fraction(1, 1000), [0, 30_000, 95_000]),
}


@pytest.mark.parametrize("name", PTS)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_pts_sound_and_text_survive_exactly(tmp_path, name, suffix):
    base, pts = PTS[name]
    form = {".mkv": "matroska"}.get(suffix, suffix[1:])
    muxing = {"video_track_timescale": "90000"} if suffix != ".mkv" else None
    path = make(
        tmp_path / f"a{suffix}", form, pts=pts, time_base=base, sound=True, text=True, muxing=muxing
    )
    target = tmp_path / f"b{suffix}"
    assert copied(VideoSource(path), target) == len(pts)
    assert moments(target) == moments(path)
    assert len(packets(path, "audio")) >= 30
    assert len(packets(path, "subtitle")) >= 2
    for kind in ("audio", "subtitle"):
        assert packets(target, kind) == packets(path, kind)


def test_last_frame_keeps_its_duration(tmp_path):
    path = make(tmp_path / "a.mp4")
    copied(VideoSource(path), tmp_path / "b.mp4", Settings(preset="medium"))
    lengths = []
    for name in ("a.mp4", "b.mp4"):
        with av.open(str(tmp_path / name)) as container:
            stream = container.streams.video[0]
            lengths.append((stream.duration * stream.time_base, stream.average_rate))
    assert lengths[0] == lengths[1]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("way", TURN)
def test_display_matrix_is_read_and_kept(tmp_path, suffix, way):
    form = {".mkv": "matroska"}.get(suffix, suffix[1:])
    path = make(tmp_path / f"a{suffix}", form, display=matrix(*TURN[way]), pts=[0, 512])
    source = VideoSource(path)
    copied(source, tmp_path / f"b{suffix}")
    kept = VideoSource(tmp_path / f"b{suffix}")
    for frame in (source.first, kept.first):
        assert (frame.quarter_turns, frame.mirrored) == way
        assert frame.planes[0].shape == (48, 64)
    assert kept.display_matrix == source.display_matrix


def test_colour_tags_and_pixel_aspect_are_kept_or_stay_unknown(tmp_path):
    def tag(container, video):
        context = video.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, 14, 9
        context.color_range, context.sample_aspect_ratio = 2, Fraction(4, 3)

    tagged = make(tmp_path / "a.mp4", before=tag)
    plain = make(tmp_path / "c.mp4")
    for path, expected in ((tagged, (9, 14, 9, 2, Fraction(4, 3))), (plain, (2, 2, 2, 0, None))):
        source = VideoSource(path)
        assert (source.first.matrix, source.first.full_range) == (
            ("bt2020", True) if path == tagged else ("bt601", False)
        )
        copied(source, tmp_path / "b.mp4")
        with av.open(str(tmp_path / "b.mp4")) as container:
            c = next(container.decode(video=0))
            aspect = container.streams.video[0].sample_aspect_ratio
        got = (c.color_primaries, c.color_trc, c.colorspace, c.color_range, aspect or None)
        assert got == expected or got == (*expected[:4], Fraction(1))


@pytest.mark.parametrize(
    ("codec", "layout", "size", "read", "written"),
    [
        ("libx264", "yuv420p", (64, 48), "yuv420p", "yuv420p"),
        ("libx264", "yuv422p", (64, 47), "yuv422p", "yuv422p"),
        ("libx264", "yuv444p", (63, 47), "yuv444p", "yuv444p"),
        # The H.264 decoder gives grey as neutral 4:2:0.
        ("libx264", "gray", (63, 47), "yuv420p", "yuv444p"),
        ("libx264", "nv12", (64, 48), "yuv420p", "yuv420p"),
        ("ffv1", "yuv420p", (63, 47), "yuv420p", "yuv444p"),
        ("ffv1", "yuv422p", (63, 47), "yuv422p", "yuv444p"),
        ("ffv1", "yuv440p", (64, 48), "yuv440p", "yuv444p"),
        ("ffv1", "yuv411p", (64, 47), "yuv411p", "yuv422p"),
        ("ffv1", "yuv411p", (61, 47), "yuv411p", "yuv444p"),
        ("ffv1", "yuv410p", (64, 48), "yuv410p", "yuv420p"),
        ("ffv1", "yuv410p", (61, 45), "yuv410p", "yuv444p"),
        ("ffv1", "yuva420p", (64, 48), "yuv420p", "yuv420p"),
        ("ffv1", "gray", (1, 1), "gray", "yuvj420p"),
        ("ffv1", "yuv420p", (1, 1), "yuv420p", "yuv444p"),
        ("rawvideo", "yuyv422", (64, 48), "yuv422p", "yuv422p"),
        ("ffv1", "bgr0", (63, 48), "rgb24", "yuv444p"),
        ("png", "rgb24", (64, 48), "rgb24", "yuvj444p"),  # its decoder tags it as full range
        ("mjpeg", "yuvj420p", (64, 48), "yuv420p", "yuvj420p"),
    ],
)
def test_layouts_are_read_as_they_are_and_written_with_all_their_samples(
    tmp_path, codec, layout, size, read, written
):
    form, base, pts = "matroska", Fraction(1, 1000), [0, 33, 67]
    if codec == "png":
        form, base, pts = "avi", Fraction(1, 30), [0, 1, 2]
    path = make(tmp_path / "a.mkv", form, codec, layout, size, pts, base)
    source = VideoSource(path)
    assert source.first.layout == read
    assert source.first.size == size
    assert copied(source, tmp_path / "b.mkv", Settings(crf=1, preset="ultrafast")) == 3
    with av.open(str(tmp_path / "b.mkv")) as container:
        frames = list(container.decode(video=0))
    assert [f.format.name for f in frames] == [written] * 3
    assert {(f.width, f.height) for f in frames} == {size}
    again = VideoSource(tmp_path / "b.mkv").first
    there, back = picture(source.first).astype(int), picture(again).astype(int)
    assert np.abs(there - back).mean() < 8
    spread = [np.subtract(*np.percentile(shown, (98, 2))) for shown in (there, back)]
    assert spread[1] == pytest.approx(spread[0], abs=8)  # neither stretched nor faded


@pytest.mark.parametrize("form", ["avi", "mpegts", "webm", "flv"])
def test_other_containers_become_mkv_with_the_same_sound(tmp_path, form):
    codec, sound = {"webm": ("libvpx", False), "avi": ("mpeg4", False)}.get(form, ("libx264", True))
    base = Fraction(1, 30) if form == "avi" else Fraction(1, 15360)
    pts = range(20) if form == "avi" else range(0, 20 * 512, 512)
    path = make(tmp_path / f"a.{form}", form, codec, sound=sound, pts=pts, time_base=base)
    source = VideoSource(path)
    assert source.suffix == ".mkv"
    assert copied(source, tmp_path / "b.mkv") == 20
    there, back = moments(path), moments(tmp_path / "b.mkv")
    assert max(abs(a - b) for a, b in zip(there, back, strict=True)) <= Fraction(1, 1000)
    sounds = [packets(p, "audio") for p in (path, tmp_path / "b.mkv")]
    assert len(sounds[0]) == len(sounds[1])
    for (_, a, _), (_, b, _) in zip(*sounds, strict=True):
        assert abs(a - b) <= Fraction(1, 1000)


def test_content_decides_the_container_not_the_name(tmp_path):
    path = make(tmp_path / "a.mp4", "avi", "mpeg4", pts=range(5), time_base=Fraction(1, 30))
    assert VideoSource(path).suffix == ".mkv"


def test_chapters_are_kept(tmp_path):
    half = {"id": 1, "start": 0, "end": 300, "time_base": Fraction(1, 1000)}
    chapters = [
        {**half, "metadata": {"title": "eins"}},
        {**half, "id": 2, "start": 300, "end": 600, "metadata": {"title": "zwei"}},
    ]
    for suffix, form in ((".mp4", "mp4"), (".mkv", "matroska")):
        path = make(tmp_path / f"a{suffix}", form, before=lambda c, v: c.set_chapters(chapters))
        copied(VideoSource(path), tmp_path / f"b{suffix}")
        with av.open(str(tmp_path / f"b{suffix}")) as container:
            kept = container.chapters()
        spans = [(c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in kept]
        assert spans == [(0, Fraction(3, 10)), (Fraction(3, 10), Fraction(6, 10))]
        assert [c["metadata"]["title"] for c in kept] == ["eins", "zwei"]


@pytest.mark.parametrize("keep", [False, True])
def test_metadata_is_dropped_and_named(tmp_path, caplog, keep):
    def tag(container, video):
        container.metadata.update(
            {"title": "geheim", "location": "+48.1+011.5/", "creation_time": "2024-07-19T09:46:44Z"}
        )
        video.metadata["handler_name"] = "Camera 12345"

    path = make(tmp_path / "a.mp4", before=tag)
    target = tmp_path / "b.mp4"
    with caplog.at_level(logging.INFO):
        copied(VideoSource(path), target, Settings(preset="ultrafast", keep_date=keep))
    for word in ("title", "location"):
        assert word in caplog.text
    data = target.read_bytes()
    for secret in (b"geheim", b"+48.1", b"12345", b"Lavf"):
        assert secret not in data
    with av.open(str(target)) as container:
        assert ("creation_time" in container.metadata) == keep


@pytest.mark.parametrize("form", ["mp4", "matroska"])
def test_cover_art_attachments_and_second_videos_are_dropped_and_named(tmp_path, caplog, form):
    path, target = tmp_path / f"a.{form}", tmp_path / ("b.mp4" if form == "mp4" else "b.mkv")
    with av.open(str(path), "w", format=form) as out:
        streams = [out.add_stream(codec, 30) for codec in ("libx264", "mjpeg", "mjpeg")]
        for stream, width in zip(streams, (64, 32, 640), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 48, "yuvj420p"
        if form == "mp4":
            streams[2].disposition = av.stream.Disposition.attached_pic
        else:
            streams[2].width = 32
            out.add_attachment("font.ttf", "font/ttf", b"secret font")
        for stream in streams:
            raw = scene(0, (stream.width, 48), "yuvj420p")
            raw.pts, raw.time_base = 0, Fraction(1, 30)
            out.mux(stream.encode(raw) + stream.encode(None))
    with caplog.at_level(logging.INFO):
        source = VideoSource(path)
        assert source.first.size == (64, 48)
        assert copied(source, target) == 1
    assert "video stream 1 is dropped" in caplog.text
    assert ("cover art" if form == "mp4" else "attachment stream") in caplog.text
    with av.open(str(target)) as container:
        assert len(container.streams) == 1
    assert b"secret font" not in target.read_bytes()


def test_pasted_faces_arrive_in_the_output(tmp_path):
    path = make(tmp_path / "a.mp4")
    patch = Patch(
        np.full((20, 20, 3), (250, 10, 10), np.uint8), np.ones((20, 20), np.float32), (9, 9)
    )
    copied(VideoSource(path), tmp_path / "b.mp4", change=lambda frame: paste(frame, [patch]))
    for frame in VideoSource(tmp_path / "b.mp4").frames():
        assert np.abs(picture(frame)[12:26, 12:26].astype(int) - (250, 10, 10)).max() < 30


@pytest.mark.parametrize(
    ("codec", "layout"), [("ffv1", "yuv420p10le"), ("ffv1", "gray16le"), ("libx264", "yuv444p10le")]
)
def test_more_than_8_bits_are_refused_with_the_way_out(tmp_path, codec, layout):
    path = make(tmp_path / "a.mkv", "matroska", codec, layout, pts=[0])
    with pytest.raises(MediaError, match=rf"{layout} has 1. bits.*ffmpeg"):
        VideoSource(path)


@pytest.mark.parametrize("content", [b"", b"hello\n" * 50, b"\0" * 5000, b"\xff" * 3000])
def test_what_is_no_video_is_one_line(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.mp4") as caught:
        VideoSource(path)
    assert "\n" not in str(caught.value)


def test_playlist_is_not_followed(tmp_path):
    make(tmp_path / "real.ts", "mpegts")
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nreal.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError):
        VideoSource(path)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        audio = out.add_stream("aac", 44100, layout="mono")
        for number in range(5):
            out.mux(audio.encode(tone(number)))
        out.mux(audio.encode(None))
    with pytest.raises(MediaError, match="no video stream"):
        VideoSource(path)


CUTS = {
    "mp4": ("mp4", {}),
    "faststart": ("mp4", {"movflags": "faststart"}),
    "fragments": ("mp4", {"movflags": "frag_keyframe+empty_moov"}),
    "mkv": ("matroska", {}),
    "ts": ("mpegts", {}),
    "avi": ("avi", {}),
}


@pytest.mark.parametrize("kind", CUTS)
@pytest.mark.parametrize("share", [0.03, 0.3, 0.6, 0.9, 0.999])
def test_truncated_video_is_never_shorter_in_silence(tmp_path, kind, share):
    form, muxing = CUTS[kind]
    codec = "mpeg4" if kind == "avi" else "libx264"
    base, step = (Fraction(1, 30), 1) if kind == "avi" else (Fraction(1, 15360), 512)
    path = make(
        tmp_path / f"a.{form}", form, codec, size=(320, 240), pts=range(0, 60 * step, step),
        time_base=base, muxing=muxing, sound=kind != "avi",
    )  # fmt: skip
    assert sum(1 for _ in VideoSource(path).frames()) == 60
    # Cut between two packets, a transport stream is a shorter but whole one.
    size = path.stat().st_size
    os.truncate(path, min(int(size * share) // 188 * 188 + 90, size - 30))
    with pytest.raises(MediaError, match=r"a\.") as caught:
        list(VideoSource(path).frames())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts"])
def test_noise_in_the_middle_of_a_video_is_an_error(tmp_path, form):
    path = make(tmp_path / f"a.{form}", form, size=(320, 240), pts=range(0, 60 * 512, 512))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 900] = np.random.default_rng(0).bytes(900)
    path.write_bytes(data)
    with pytest.raises(MediaError):
        list(VideoSource(path).frames())


def test_missing_last_packets_are_noticed(tmp_path):
    path = make(tmp_path / "a.mp4", size=(320, 240), muxing={"movflags": "faststart"})
    data = path.read_bytes()
    at = data.index(b"mdat")
    path.write_bytes(data[: at + 300] + bytes(len(data) - at - 300))
    with pytest.raises(MediaError):
        list(VideoSource(path).frames())


def test_stream_that_begins_between_key_frames_is_read_from_its_first_picture(tmp_path):
    options = {"g": "10", "bf": "2", "x264-params": "open-gop=1:scenecut=0"}
    path = make(tmp_path / "a.ts", "mpegts", pts=range(0, 40 * 512, 512), options=options)
    with av.open(str(path)) as container:
        second = [p.pos for p in container.demux(video=0) if p.size][4]
    data = path.read_bytes()
    path.write_bytes(data[: 3 * 188] + data[second:])
    frames = list(VideoSource(path).frames())
    assert 28 <= len(frames) <= 36


def test_edit_list_that_skips_frames_is_honoured(tmp_path):
    path = make(tmp_path / "a.mp4", pts=range(-5 * 512, 15 * 512, 512), options={"bf": "0"})
    expected = moments(path)
    source = VideoSource(path)
    assert copied(source, tmp_path / "b.mp4") == len(expected)
    assert moments(tmp_path / "b.mp4") == expected


def test_equal_and_missing_pts_lose_no_frame(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w", format="matroska") as out:
        video = out.add_stream("mjpeg", 30)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        for number, pts in enumerate([0, 33, 33, 33, 100]):
            raw = scene(number, (64, 48), "yuvj420p")
            raw.pts, raw.time_base = number, Fraction(1, 30)
            for packet in video.encode(raw):
                packet.time_base, packet.pts, packet.dts = Fraction(1, 1000), pts, pts
                out.mux(packet)
    source = VideoSource(path)
    assert copied(source, tmp_path / "b.mkv") == 5
    assert len(moments(tmp_path / "b.mkv")) == 5


def test_too_few_frames_leave_no_file(tmp_path):
    source = VideoSource(make(tmp_path / "a.mp4"))
    frames = list(source.frames())
    with pytest.raises(MediaError, match="19 frames were written of 20"):
        write(source, tmp_path / "b.mp4", frames[:-1])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]


def test_size_that_changes_on_the_way_is_refused(tmp_path):
    parts = [make(tmp_path / f"{w}.h264", "h264", size=(w, 48)).read_bytes() for w in (64, 80)]
    path = tmp_path / "a.h264"
    path.write_bytes(b"".join(parts))
    with pytest.raises(MediaError, match="changes from 64x48"):
        list(VideoSource(path).frames())


def test_stream_without_any_pts_gets_a_steady_clock(tmp_path):
    path = make(tmp_path / "a.h264", "h264", options={"bf": "0"})
    source = VideoSource(path)
    assert copied(source, tmp_path / "b.mkv") == 20
    steps = np.diff([float(moment) for moment in moments(tmp_path / "b.mkv")])
    assert 0.02 < steps.min() <= steps.max() < 0.05
