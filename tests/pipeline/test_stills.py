import av
import numpy as np
import PIL.Image
import pytest

from pipeline import stills
from pipeline.errors import MediaError
from pipeline.layouts import Picture


def picture(path, moment=-1):
    return Picture(path, path.name, "somebody", moment=moment)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "tiff", "gif", "pgm", "ppm"])
def test_every_format_gives_rgb(tmp_path, ending):
    mode = "L" if ending in {"pgm", "gif"} else "RGB"
    path = tmp_path / f"a.{ending}"
    PIL.Image.new(mode, (30, 20), 120 if mode == "L" else (120, 120, 120)).save(path)
    image = stills.read(path)
    assert (image.shape, image.dtype) == ((20, 30, 3), np.uint8)
    assert abs(int(image.mean()) - 120) <= 1


def test_the_content_decides_the_format(tmp_path):
    path = tmp_path / "subject01.glasses"
    PIL.Image.new("L", (8, 8), 200).save(path, format="GIF")
    assert stills.read(path).shape == (8, 8, 3)


def test_sixteen_bits_become_eight(tmp_path):
    path = tmp_path / "a.png"
    PIL.Image.fromarray(np.full((4, 4), 0x8080, np.uint16)).save(path)
    assert np.unique(stills.read(path)).tolist() == [128]


def test_a_turned_photograph_is_set_upright(tmp_path):
    path = tmp_path / "a.jpg"
    exif = PIL.Image.Exif()
    exif[274] = 6
    PIL.Image.new("RGB", (30, 20)).save(path, exif=exif)
    assert stills.read(path).shape == (30, 20, 3)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_broken_file_says_why(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"\w"):
        stills.read(path)


def test_a_cut_picture_is_no_picture(tmp_path):
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    PIL.Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(MediaError, match="truncated"):
        stills.read(path)


@pytest.fixture
def video(tmp_path):
    """Thirty frames, each brighter than the one before."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", 25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(30):
            frame = np.full((48, 64, 3), 8 * number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        out.mux(stream.encode())
    return path


def test_frames_are_spread_over_the_video(video):
    found = list(stills.spread(video, 6))
    assert [number for number, _ in found] == [0, 5, 10, 15, 20, 25]
    assert [round(float(image.mean()) / 8) for _, image in found] == [0, 5, 10, 15, 20, 25]


def test_stills_and_frames_come_in_order(tmp_path, video):
    still = tmp_path / "b.png"
    PIL.Image.new("RGB", (9, 7), (77, 77, 77)).save(still)
    wanted = [picture(still), picture(video, 3), picture(video, 12), picture(still)]
    images = list(stills.each(wanted))
    assert [round(float(image.mean())) for image in images] == pytest.approx(
        [77, 24, 96, 77], abs=2
    )


def test_a_frame_that_is_gone_is_named(video):
    with pytest.raises(MediaError, match=r"a\.mp4: has no frame 99"):
        list(stills.each([picture(video, 99)]))


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.png: No such file"):
        list(stills.each([picture(tmp_path / "gone.png")]))
