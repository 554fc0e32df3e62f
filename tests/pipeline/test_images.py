import io
import logging

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from PIL.ExifTags import IFD
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pipeline.contract import Patch
from pipeline.errors import MediaError
from pipeline.media import open_source
from pipeline.planes import paste, picture
from pipeline.settings import Settings

SETTINGS = Settings()
LOSSLESS = {".png": {}, ".bmp": {}, ".tif": {}, ".webp": {"lossless": True, "exact": True}}


def noise(mode, size=(13, 9)):
    bands = len(Image.new(mode, (1, 1)).getbands())
    rng = np.random.default_rng(len(mode))
    pixels = rng.integers(0, 256, (size[1], size[0], bands), np.uint8)
    return Image.fromarray(pixels.squeeze(2) if bands == 1 else pixels, mode)


def copied(path, target, settings=SETTINGS, change=lambda frame: frame):
    source = open_source(path, settings)
    (frame,) = source.frames()
    with source.writer(target, settings) as writer:
        writer.write(change(frame))
    return frame


def write(source, target, frames):
    with source.writer(target, SETTINGS) as writer:
        for frame in frames:
            writer.write(frame)


def exif():
    tags = Image.Exif()
    tags[0x0112], tags[0x0110], tags[0x0132] = 6, "Camera 12345", "2024:07:19 09:46:44"
    tags.get_ifd(IFD.Exif).update({0xA431: "SERIAL99", 0x9003: "2024:07:19 09:46:44"})
    tags.get_ifd(IFD.GPSInfo).update({1: "N", 2: (48.0, 8.0, 0.0)})
    return tags


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (13, 9), (20_000, 3)])
@pytest.mark.parametrize("suffix", [*LOSSLESS, ".jpg"])
def test_every_size_passes(tmp_path, suffix, size):
    if suffix == ".webp" and max(size) > 16383:
        size = (16383, 3)
    noise("RGB", size).save(tmp_path / f"a{suffix}")
    frame = copied(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")
    assert frame.size == size
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.size == size


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_keep_every_sample(tmp_path, suffix, mode):
    if mode in {"LA", "RGBA"} and suffix == ".bmp":
        mode = "RGB"
    if mode in {"L", "LA"} and suffix == ".webp":
        mode = "RGBA"
    image = noise(mode)
    image.save(tmp_path / f"a{suffix}", **LOSSLESS[suffix])
    frame = copied(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")
    assert frame.layout == ("gray" if mode in {"L", "LA"} else "rgb24")
    with Image.open(tmp_path / f"b{suffix}") as back:
        assert back.mode == mode
        np.testing.assert_array_equal(np.asarray(back), np.asarray(image))


def test_palettes_become_rgb_and_keep_their_holes(tmp_path):
    image = noise("P")
    image.putpalette(bytes(range(256)) * 3)
    image.save(tmp_path / "a.png", transparency=7)
    image.info["transparency"] = 7
    copied(tmp_path / "a.png", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as back:
        np.testing.assert_array_equal(np.asarray(back), np.asarray(image.convert("RGBA")))


@pytest.mark.parametrize("mode", ["1", "L", "CMYK"])
def test_other_modes_are_converted(tmp_path, mode):
    image = noise("L", (40, 30)).convert(mode)
    image.save(tmp_path / "a.tif")
    frame = copied(tmp_path / "a.tif", tmp_path / "b.tif")
    shown = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(picture(frame), shown)


def test_pixels_outside_a_patch_are_exact(tmp_path):
    image = noise("RGBA", (40, 30))
    image.save(tmp_path / "a.png")
    patch = Patch(np.zeros((5, 5, 3), np.uint8), np.ones((5, 5), np.float32), (10, 10))
    copied(tmp_path / "a.png", tmp_path / "b.png", change=lambda frame: paste(frame, [patch]))
    expected = np.asarray(image).copy()
    expected[10:15, 10:15, :3] = 0
    with Image.open(tmp_path / "b.png") as back:
        np.testing.assert_array_equal(np.asarray(back), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_exif_orientation_is_applied_once(tmp_path, suffix, orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    noise("RGB", (16, 8)).resize((160, 80)).save(tmp_path / f"a{suffix}", exif=tags)
    copied(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.size == ((80, 160) if orientation > 4 else (160, 80))
        assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_only_harmless_metadata_passes_and_the_log_names_the_rest(tmp_path, caplog, suffix, keep):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    how = {"exif": exif(), "icc_profile": profile, "xmp": b"<x>XMPSECRET</x>"}
    if suffix == ".png":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", "SECRETNOTE")
        how["pnginfo"] = notes
    if suffix == ".jpg":
        how["comment"] = "SECRETNOTE"
    if suffix == ".tif":
        details = ImageFileDirectory_v2()
        details[0x0132], details[0x0110] = "2024:07:19 09:46:44", "Camera 12345"
        details[IFD.Exif] = dict(exif().get_ifd(IFD.Exif))
        details[IFD.GPSInfo] = dict(exif().get_ifd(IFD.GPSInfo))
        how = {"tiffinfo": details, "icc_profile": profile}
    noise("RGB", (40, 30)).save(tmp_path / f"a{suffix}", **how)
    settings = Settings(keep_date=keep)
    with caplog.at_level(logging.INFO):
        copied(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", settings)
    assert "GPS position" in caplog.text
    assert "serial number" in caplog.text
    data = (tmp_path / f"b{suffix}").read_bytes()
    for secret in (b"12345", b"SERIAL99", b"XMPSECRET", b"SECRETNOTE"):
        assert secret not in data
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.info["icc_profile"] == profile
        tags = image.getexif()
        assert not tags.get_ifd(IFD.GPSInfo)
        taken = tags.get(0x0132) if suffix == ".tif" else tags.get_ifd(IFD.Exif).get(0x9003)
        assert taken == ("2024:07:19 09:46:44" if keep else None)
        assert 0x0110 not in tags


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_keeps_its_subsampling_and_looks_the_same(tmp_path, subsampling):
    image = noise("RGB", (8, 8)).resize((160, 80))
    image.save(tmp_path / "a.jpg", quality=95, subsampling=subsampling)
    copied(tmp_path / "a.jpg", tmp_path / "b.jpg")
    with Image.open(tmp_path / "a.jpg") as one, Image.open(tmp_path / "b.jpg") as two:
        assert one.layer == two.layer or one.layer[0][1:3] == two.layer[0][1:3]
        assert np.abs(np.asarray(one).astype(int) - np.asarray(two)).mean() < 2


@pytest.mark.parametrize("lossless", [False, True])
def test_webp_stays_lossless_or_lossy(tmp_path, lossless):
    noise("RGB", (40, 30)).save(tmp_path / "a.webp", lossless=lossless)
    copied(tmp_path / "a.webp", tmp_path / "b.webp")
    assert (b"VP8L" in (tmp_path / "b.webp").read_bytes()) == lossless


def animated(form, **how):
    file = io.BytesIO()
    frames = [noise("RGB", (9, 9)), noise("RGB", (9, 9)).rotate(90)]
    frames[0].save(file, form, save_all=True, append_images=frames[1:], **how)
    return file.getvalue()


def deep(form):
    file = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 900).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.tif", animated("TIFF"), "several pages"),
        ("a.webp", animated("WEBP"), "animated WEBP"),
        ("a.png", animated("PNG"), "animated PNG"),
        ("a.png", deep("PNG"), "16 bits"),
        ("a.tif", deep("TIFF"), "16 bits"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIC"),
        ("a.avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(99), "AVIF"),
        ("a.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif" + bytes(99), "AVIF"),
        ("a.png", b"", "empty"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(50), "image|decoded"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "image|decoded"),
        ("a.bmp", b"BMnothing here", "image|decoded"),
        ("a.webp", b"RIFF\x30\0\0\0WEBPVP8 " + bytes(40), "image|decoded"),
    ],
)
def test_what_is_not_supported_is_one_line_with_the_way_out(tmp_path, name, content, why):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=why) as caught:
        list(open_source(path, SETTINGS).frames())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [*LOSSLESS, ".jpg"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_image_is_refused(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    noise("RGB", (100, 80)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(MediaError) as caught:
        list(open_source(path, SETTINGS).frames())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_only_above_max_pixels_is_a_picture_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.new("L", (1500, 1000)).save(path)
    with pytest.raises(MediaError, match="1500x1000 is above 1 megapixels; raise --max-pixels"):
        open_source(path, Settings(max_pixels=1))
    assert len(list(open_source(path, Settings(max_pixels=2)).frames())) == 1


def test_a_200_megapixel_header_raises_no_warning(tmp_path):
    path = tmp_path / "a.png"
    Image.new("1", (20_000, 10_000)).save(path)
    assert open_source(path, SETTINGS).suffix == ".png"


def test_wrong_ending_is_put_right(tmp_path):
    noise("RGB").save(tmp_path / "a.bin", "PNG")
    assert open_source(tmp_path / "a.bin", SETTINGS).suffix == ".png"


def test_second_frame_of_an_image_leaves_no_file(tmp_path):
    noise("RGB").save(tmp_path / "a.png")
    source = open_source(tmp_path / "a.png", SETTINGS)
    (frame,) = source.frames()
    for times in (0, 2):
        with pytest.raises(MediaError, match=f"{times} frames were written of 1"):
            write(source, tmp_path / "b.png", [frame] * times)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
