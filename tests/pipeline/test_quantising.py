"""What the offline command makes of a network is the same network, only with short numbers."""

import hashlib
import shutil
import tomllib

import cv2
import numpy as np
import pytest

from pipeline import quantising, registry, weights
from pipeline.settings import Settings

ROWS = ("centerface_int8", "centerface_int8_weights")
SCORES = np.array([0.25, 0.3, 0.4, 0.5], np.float32)


@pytest.fixture
def folder(tmp_path):
    """A DB with the manifest only."""
    shutil.copy(weights.DB / "weights.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--pictures", "7"], "--pictures must be 8 or more, got 7"),
        (["--pictures", "many"], "invalid int value"),
    ],
)
def test_a_number_that_cannot_be_is_told(folder, options, reason, caplog, capsys):
    try:
        code = quantising.main([str(folder), "--out", str(folder), *options])
    except SystemExit as stopped:
        code = stopped.code
    assert code
    assert reason in caplog.text + capsys.readouterr().err


def test_a_folder_that_is_no_db_is_told(tmp_path, caplog):
    assert quantising.main([str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "no weights.toml in it; name the folder DB" in caplog.text


def test_too_few_pictures_are_told_and_nothing_is_made(folder, caplog):
    data = folder / "faces"
    data.mkdir()
    cv2.imwrite(str(data / "a.png"), np.zeros((64, 64, 3), np.uint8))
    assert quantising.main([str(data), "--out", str(folder)]) == 1
    assert "need 8" in caplog.text
    assert not (folder / "detector").exists()


@pytest.mark.parametrize("shift", [0.0, 0.2, -0.2])
def test_lower_scores_are_lifted_and_higher_ones_stay(shift):
    after = 1 / (1 + np.exp(shift - np.log(SCORES / (1 - SCORES))))
    assert quantising.lift(SCORES, after) == pytest.approx(max(shift, 0.0), abs=1e-5)


@pytest.mark.parametrize("after", [SCORES * 0, SCORES])
def test_what_is_not_seen_at_all_lifts_nothing(after):
    assert quantising.lift(SCORES, after) == 0.0


def test_scores_outside_of_doubt_do_not_count():
    sure = np.array([0.05, 0.9, 0.3], np.float32)
    assert quantising.lift(sure, np.array([0.01, 0.1, 0.3], np.float32)) == 0.0


def test_the_manifest_tells_new_sums_and_keeps_the_rest(folder, tmp_path):
    files = {row: tmp_path / row for row in ROWS}
    for row, path in files.items():
        path.write_bytes(row.encode())
    text = (folder / "weights.toml").read_text(encoding="utf-8")
    before, after = tomllib.loads(text), tomllib.loads(weights.renewed(text, files))
    assert list(before) == list(after)
    for name, row in after.items():
        if name in ROWS:
            assert row["sha256"] == hashlib.sha256(name.encode()).hexdigest()
            assert row["bytes"] == len(name)
        else:
            assert row == before[name]


@pytest.fixture
def crowd(astronaut):
    """The astronaut's face in six sizes, 14 to 110 px, on gray."""
    picture = np.full((384, 640, 3), 110, np.uint8)
    face, left = astronaut[40:240, 130:310], 8
    for width in (24, 32, 48, 70, 110, 190):
        small = cv2.resize(face, (width, width * 200 // 180), interpolation=cv2.INTER_AREA)
        picture[40 : 40 + len(small), left : left + width] = small
        left += width + 20
    return picture


def test_short_numbers_find_what_long_ones_find_in_the_same_places(crowd):
    short, long = (
        registry.detector(Settings(detector=name)).detect(crowd)
        for name in ("centerface_int8", "centerface")
    )
    sure = long[long.scores > 0.35]
    assert len(sure) >= 5
    for box in sure.boxes:
        gap = np.abs(short.boxes - box).max(axis=1) / (box[2] - box[0])
        assert gap.min() < 0.15


def test_a_mosaic_is_filled_and_each_seed_gives_one():
    photos = np.full((3, 480, 480, 3), 200, np.uint8)
    first, again = (quantising._mosaic(np.random.default_rng(4), photos) for _ in range(2))
    assert first.shape == (768, 768, 3)
    assert (first > 20).all()
    assert (first == again).all()
