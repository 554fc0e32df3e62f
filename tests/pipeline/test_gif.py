import logging

import numpy as np
import pytest
from PIL import Image
from PIL.GifImagePlugin import getdata

from pipeline.contract import Patch
from pipeline.errors import MediaError
from pipeline.gif import GifSource
from pipeline.media import open_source
from pipeline.planes import paste
from pipeline.settings import Settings

SETTINGS = Settings()


def still(number, size=(24, 18), colours=200):
    rng = np.random.default_rng(number)
    image = Image.fromarray(rng.integers(0, colours, (size[1], size[0]), np.uint8), "L").convert(
        "L"
    )
    image.putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
    return image


def make(path, frames, delays, loop=None, disposal=1, transparency=None, extra=b""):
    """A GIF block by block, so that equal frames and delays of 0 stay."""
    width, height = frames[0].size
    parts = [b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\x70\0\0"]
    if loop is not None:
        parts.append(b"!\xff\x0bNETSCAPE2.0\x03\x01" + loop.to_bytes(2, "little") + b"\0")
    parts.append(extra)
    for frame, delay in zip(frames, delays, strict=True):
        how = {} if transparency is None else {"transparency": transparency}
        parts += getdata(
            frame, (0, 0), duration=10 * delay, disposal=disposal, include_color_table=True, **how
        )
    path.write_bytes(b"".join(parts) + b";")
    return path


def composed(path):
    return [pixels for pixels, _ in open_source(path, SETTINGS).composed()]


def write(source, target, frames):
    with source.writer(target, SETTINGS) as writer:
        for frame in frames:
            writer.write(frame)


def copied(path, target, change=lambda frame: frame):
    source = open_source(path, SETTINGS)
    assert isinstance(source, GifSource)
    total = sum(1 for _ in source.frames())
    with source.writer(target, SETTINGS) as writer:
        for frame in source.frames():
            writer.write(change(frame))
    return total


CLIPS = {
    "one frame": ([0], [0], None),
    "equal frames": ([0, 0, 0, 1, 1], [5, 5, 5, 5, 5], 0),
    "all equal": ([3] * 4, [1, 2, 3, 4], 7),
    "delays of 0": ([0, 1, 2], [0, 0, 0], 0),
    "a very long delay": ([0, 1], [65535, 3], 65535),
}


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_frames_delays_and_loops_stay_the_same(tmp_path, name, disposal):
    seeds, delays, loop = CLIPS[name]
    path = make(tmp_path / "a.gif", [still(s) for s in seeds], delays, loop, disposal)
    assert copied(path, tmp_path / "b.gif") == len(seeds)
    one, two = (open_source(tmp_path / n, SETTINGS).blocks for n in ("a.gif", "b.gif"))
    assert one.delays == two.delays == tuple(delays)
    assert one.loop == two.loop == loop
    for a, b in zip(composed(path), composed(tmp_path / "b.gif"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_moments_follow_the_delays_and_never_repeat(tmp_path):
    path = make(tmp_path / "a.gif", [still(s) for s in range(4)], [7, 0, 3, 5])
    assert [f.pts for f in open_source(path, SETTINGS).frames()] == [0, 7, 8, 11]


@pytest.mark.parametrize("disposal", [1, 2])
def test_holes_stay_holes(tmp_path, disposal):
    path = make(
        tmp_path / "a.gif", [still(s, colours=6) for s in range(4)], [5] * 4, 0, disposal, 3
    )
    copied(path, tmp_path / "b.gif")
    for a, b in zip(composed(path), composed(tmp_path / "b.gif"), strict=True):
        np.testing.assert_array_equal(a[..., 3], b[..., 3])
        np.testing.assert_array_equal(a[a[..., 3] > 0], b[b[..., 3] > 0])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (300, 2)])
def test_every_size_passes(tmp_path, size):
    path = make(tmp_path / "a.gif", [still(s, size) for s in range(3)], [5] * 3)
    assert copied(path, tmp_path / "b.gif") == 3
    for a, b in zip(composed(path), composed(tmp_path / "b.gif"), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("transparency", [None, 3])
def test_pixels_outside_the_faces_are_exact_and_the_face_is_near(tmp_path, transparency):
    frames = [still(s, (60, 50)) for s in range(4)]
    path = make(tmp_path / "a.gif", frames, [5] * 4, 0, 2, transparency)
    colour = np.array([180, 90, 40], np.uint8)
    patch = Patch(np.tile(colour, (20, 20, 1)), np.ones((20, 20), np.float32), (10, 15))
    copied(path, tmp_path / "b.gif", lambda frame: paste(frame, [patch]))
    outside = np.ones((50, 60), bool)
    outside[15:35, 10:30] = False
    for a, b in zip(composed(path), composed(tmp_path / "b.gif"), strict=True):
        seen = outside & (a[..., 3] > 0)
        np.testing.assert_array_equal(a[seen], b[seen])
        face = b[15:35, 10:30]
        mean = face[face[..., 3] > 0][:, :3].mean(axis=0)
        assert np.abs(mean - colour).max() < 25
        assert (a[15:35, 10:30] == face).all(axis=2).mean() < 0.2


def test_more_than_256_colours_in_a_frame_still_give_every_frame(tmp_path):
    first, second = still(0, (40, 40)), still(1, (40, 40))
    half = second.crop((0, 0, 40, 20))
    path = make(tmp_path / "a.gif", [first, half, half], [5] * 3)
    source = open_source(path, SETTINGS)
    assert len(np.unique(composed(path)[1].reshape(-1, 4), axis=0)) > 256
    rng = np.random.default_rng(0)
    speckle = rng.integers(0, 256, (40, 40, 3), np.uint8)
    patch = Patch(speckle, np.ones((40, 40), np.float32), (0, 0))
    assert copied(path, tmp_path / "b.gif") == source.count
    np.testing.assert_array_equal(composed(path)[1], composed(tmp_path / "b.gif")[1])
    copied(path, tmp_path / "c.gif", lambda frame: paste(frame, [patch]))
    assert len(composed(tmp_path / "c.gif")) == 3


def test_comments_are_dropped_and_named(tmp_path, caplog):
    extra = b"!\xfe\x06SECRET\0" + b"!\xff\x0bXMP DataXMP\x03abc\0"
    path = make(tmp_path / "a.gif", [still(0)], [5], extra=extra)
    with caplog.at_level(logging.INFO):
        copied(path, tmp_path / "b.gif")
    assert "application data, comment" in caplog.text
    assert b"SECRET" not in (tmp_path / "b.gif").read_bytes()
    assert b"XMP" not in (tmp_path / "b.gif").read_bytes()


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.99])
def test_truncated_gif_is_refused(tmp_path, share):
    path = make(tmp_path / "a.gif", [still(s) for s in range(4)], [5] * 4)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(MediaError, match="truncated") as caught:
        list(open_source(path, SETTINGS).frames())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"GIF89a", b"GIF89a" + bytes(7) + b";", b"GIF87a" + b"\xff" * 40]
)
def test_what_is_no_gif_is_one_line(tmp_path, content):
    path = tmp_path / "a.gif"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.gif"):
        list(open_source(path, SETTINGS).frames())


@pytest.mark.parametrize("written", [0, 2, 4])
def test_wrong_number_of_frames_leaves_no_file(tmp_path, written):
    source = open_source(make(tmp_path / "a.gif", [still(s) for s in range(3)], [5] * 3), SETTINGS)
    frames = list(source.frames())
    with pytest.raises(MediaError, match="frames were written"):
        write(source, tmp_path / "b.gif", [*frames, *frames][:written])
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]


def shaded(path, steps):
    """A GIF of three frames whose grey levels rise from left to right, `steps` apart."""
    rows = np.tile(np.arange(24, dtype=np.uint8) * steps, (18, 1))
    grey = [Image.fromarray(rows, "L") for _ in range(3)]
    for image in grey:
        image.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    return make(path, grey, [5] * 3)


def between(frame):
    """A flat face, whose colour lies between those of the GIF, another in each frame."""
    rgb = np.full((8, 8, 3), 51 + 11 * frame.index, np.uint8)
    return paste(frame, [Patch(rgb, np.ones((8, 8), np.float32), (4, 4))])


def test_what_is_drawn_has_its_own_colours_where_the_palette_has_room(tmp_path):
    path = shaded(tmp_path / "a.gif", 10)
    copied(path, tmp_path / "b.gif", between)
    for number, frame in enumerate(composed(tmp_path / "b.gif")):
        assert (frame[4:12, 4:12, :3] == 51 + 11 * number).all()


def test_a_drawn_face_that_hardly_changes_does_not_flicker(tmp_path):
    path = make(tmp_path / "a.gif", [still(s) for s in range(6)], [5] * 6)

    def trembling(frame):
        rgb = np.full((8, 8, 3), 90, np.uint8) + np.uint8(frame.index % 3)
        return paste(frame, [Patch(rgb, np.ones((8, 8), np.float32), (4, 4))])

    copied(path, tmp_path / "b.gif", trembling)
    first, *others = composed(tmp_path / "b.gif")
    assert np.abs(first[4:12, 4:12, :3].astype(int) - 90).max() <= 1
    for frame, original in zip(others, composed(path)[1:], strict=True):
        np.testing.assert_array_equal(frame[4:12, 4:12], first[4:12, 4:12])
        np.testing.assert_array_equal(frame[12:], original[12:])
