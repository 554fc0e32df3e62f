import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import atomic
from pipeline.atomic import is_temporary, replacing, sweep
from pipeline.errors import MediaError
from pipeline.media import find, open_source
from pipeline.settings import Settings

SETTINGS = Settings()


def photo(path, size=(20, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write(source, target, frames):
    with source.writer(target, SETTINGS) as writer:
        for frame in frames:
            writer.write(frame)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_find_in_nothing_finds_nothing():
    assert find([]) == ([], [])


def test_find_walks_folders_in_order_and_skips_hidden_and_temporary_files(tmp_path):
    for name in ("b/z.PNG", "b/a.jpg", "a.mp4", ".hidden.png", ".git/x.png", "notes.txt", "c.gif"):
        photo(tmp_path / name).touch() if name.endswith("png") else None
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".a.mp4.facesurrogate-1-0123abcd.part").touch()
    found, problems = find([tmp_path])
    assert [str(relative) for _, relative in found] == ["a.mp4", "c.gif", "b/a.jpg", "b/z.PNG"]
    assert not problems


def test_named_files_are_always_taken_once_and_missing_ones_are_told(tmp_path):
    odd = tmp_path / ".odd.bin"
    odd.touch()
    found, problems = find([tmp_path / "none.png", odd, odd, tmp_path])
    assert found == [(odd, Path(".odd.bin"))]
    assert problems == [f"{tmp_path / 'none.png'}: no such file or folder"]


def test_unreadable_folder_does_not_lose_the_others(tmp_path, monkeypatch):
    photo(tmp_path / "good" / "a.png")
    photo(tmp_path / "bad" / "b.png")
    scan = os.scandir

    def guarded(path):
        if str(path).endswith("bad"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found, problems = find([tmp_path])
    assert [str(relative) for _, relative in found] == ["good/a.png"]
    assert problems == [f"{tmp_path / 'bad'}: Permission denied"]


@pytest.mark.parametrize("name", ["a.png", "a.mp4", "a.gif", "a"])
@pytest.mark.parametrize("content", [b"", b"some text\n", b"GI", b"\0" * 64])
def test_what_is_no_media_is_one_line_that_names_it(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        list(open_source(path, SETTINGS).frames())
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_folders_and_missing_files_are_refused(tmp_path):
    with pytest.raises(MediaError, match="is a folder"):
        open_source(tmp_path, SETTINGS)
    with pytest.raises(MediaError, match="cannot be read: No such file"):
        open_source(tmp_path / "none.png", SETTINGS)


def test_content_decides_what_a_file_is(tmp_path):
    photo(tmp_path / "a.png").rename(tmp_path / "a.mp4")
    source = open_source(tmp_path / "a.mp4", SETTINGS)
    assert (source.kind, source.suffix, source.count) == ("image", ".png", 1)


def test_output_appears_whole_with_the_usual_rights(tmp_path):
    target = tmp_path / "b.txt"
    target.write_text("old")
    old = os.umask(0o022)
    try:
        with replacing(target) as temporary:
            assert is_temporary(temporary)
            assert temporary.parent == tmp_path
            assert temporary.stat().st_mode & 0o777 == 0o600
            temporary.write_text("new")
            assert target.read_text() == "old"
    finally:
        os.umask(old)
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == ["b.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit, MediaError])
def test_any_exception_leaves_nothing_behind(tmp_path, error):
    photo(tmp_path / "a.png")
    source = open_source(tmp_path / "a.png", SETTINGS)
    (frame,) = source.frames()

    def broken():
        yield frame
        raise error

    with pytest.raises(error):
        write(source, tmp_path / "b.png", broken())
    assert names(tmp_path) == ["a.png"]


def test_folder_that_cannot_be_written_to_is_one_line(tmp_path):
    with pytest.raises(MediaError, match="cannot be written: No such file"):
        with replacing(tmp_path / "none" / "b.png"):
            pass


def test_very_long_names_fit(tmp_path):
    target = tmp_path / ("ü" * 120 + ".png")
    with replacing(target) as temporary:
        temporary.write_text("x")
    assert target.exists()


@pytest.mark.parametrize("suffix", [".png", ".gif", ".mp4"])
def test_full_disk_is_one_line_and_leaves_nothing(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".mp4":
        from tests.pipeline.test_video import make

        make(path, size=(320, 240))
    else:
        photo(path, (300, 200))
    source = open_source(path, SETTINGS)
    frames = list(source.frames())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(MediaError, match="cannot be written") as caught:
            write(source, tmp_path / f"b{suffix}", frames)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == [path.name]


def test_no_space_left_names_the_way_out(tmp_path):
    with pytest.raises(MediaError, match=r"the disk is full; .*--out"):
        with atomic.telling(tmp_path / "b.mp4"):
            raise OSError(28, "No space left on device")


def test_sweep_removes_what_a_killed_run_left_and_spares_the_living(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from pipeline.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as t: print(t, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "b.png")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        stray = Path(other.stdout.readline().strip())
        with replacing(tmp_path / "c.png") as mine:
            assert sweep(tmp_path) == []
            assert mine.exists()
            assert stray.exists()
            other.send_signal(signal.SIGKILL)
            other.wait()
            assert sweep(tmp_path) == [stray]
            assert mine.exists()
    assert names(tmp_path) == ["c.png"]


def test_sweep_touches_nothing_else(tmp_path):
    for name in ("a.part", ".b.part", ".x.facesurrogate-1.part", "a.png"):
        (tmp_path / name).touch()
    assert sweep(tmp_path) == []
    assert len(names(tmp_path)) == 4
