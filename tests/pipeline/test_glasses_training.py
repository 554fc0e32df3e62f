"""A real training run, only small: invented people in, a network that fits the room out."""

import errno
import hashlib
import os
import shutil
import tomllib

import cv2
import numpy as np
import pytest

from pipeline import glasses_training, weights
from pipeline.glasses_training import NETWORK, WEIGHTS
from replacer.glasses import Glasses

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
COUNT = 20


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, render, donors):
    folder = tmp_path_factory.mktemp("people")
    for number in range(COUNT):
        rows = [int(row) for row in donors.rows.rows[2 * number : 2 * number + 2]]
        cv2.imwrite(str(folder / f"{number:02}.png"), render(rows, 240)[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, pictures):
    """The folder that a run of two short epochs filled."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    home = tmp_path_factory.mktemp("db")
    shutil.copy(weights.DB / "weights.toml", home)
    options = [str(pictures), "--out", str(home), "--work", str(home / "work")]
    options += ["--epochs", "2", "--pictures", "32", "--note", "The project drew them."]
    assert glasses_training.main(options) == 0
    return home, options


def test_a_run_gives_a_network_that_the_room_can_use(trained, donors):
    face = donors.canonical
    glasses = Glasses(trained[0] / "occlusion" / NETWORK, face.layout, face.triangles)
    picture = np.full((200, 200, 3), 120, np.uint8)
    matte = glasses.matte(picture, face.shape * 150)
    assert matte.shape == (80, 192)
    assert np.isfinite(matte).all()


def test_the_manifest_tells_the_new_sums_and_nothing_else_changes(trained):
    home, _ = trained
    before = tomllib.loads((weights.DB / "weights.toml").read_text())
    after = tomllib.loads((home / "weights.toml").read_text())
    for name, file in (("glasses", NETWORK), ("glasses_weights", WEIGHTS)):
        content = (home / "occlusion" / file).read_bytes()
        assert after[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert after[name]["bytes"] == len(content)
        assert after.pop(name)["file"] == before.pop(name)["file"]
    assert after == before


def test_the_card_says_what_was_done(trained):
    card = (trained[0] / "occlusion" / "card.md").read_text()
    assert "2 epochs of 32 pictures" in card
    assert "The project drew them." in card


def test_a_second_run_finds_its_epochs_done(trained):
    home, options = trained
    before = (home / "occlusion" / WEIGHTS).read_bytes()
    log = (home / "work" / "loss.csv").read_text()
    assert glasses_training.main(options) == 0
    assert (home / "work" / "loss.csv").read_text() == log
    assert (home / "occlusion" / WEIGHTS).read_bytes() == before


@pytest.mark.parametrize(("fill", "says"), [(0, "to train on"), (3, "faces without glasses in")])
def test_too_little_data_says_why(tmp_path, pictures, caplog, fill, says):
    data, home = tmp_path / "data", tmp_path / "db"
    data.mkdir()
    home.mkdir()
    shutil.copy(weights.DB / "weights.toml", home)
    for path in sorted(pictures.iterdir())[:fill]:
        shutil.copy(path, data)
    options = [str(data), "--out", str(home), "--work", str(tmp_path / "work")]
    assert glasses_training.main(options) == 1
    assert says in caplog.text
    assert not (home / "occlusion").exists()


def test_a_folder_that_is_no_db_says_why(tmp_path, pictures, caplog):
    assert glasses_training.main([str(pictures), "--out", str(tmp_path)]) == 1
    assert "weights.toml" in caplog.text


@pytest.mark.parametrize("option", ["--epochs=0", "--pictures=31", "--seed=-1"])
def test_a_number_that_cannot_be_obeyed_says_why(tmp_path, caplog, option):
    assert glasses_training.main([str(tmp_path), option]) == 1
    assert f"{option.partition('=')[0]} must be" in caplog.text


@pytest.mark.parametrize(
    ("fault", "code", "why"),
    [
        (KeyboardInterrupt(), 130, "stopped; the same command goes on from here"),
        (OSError(errno.ENOSPC, "No space left on device", "DB/x"), 1, "DB/x: No space left"),
        (OSError(errno.EIO, "Input/output error"), 1, "Input/output error"),
    ],
)
def test_what_stops_it_is_told_in_one_line(monkeypatch, caplog, fault, code, why):
    def stopped(_):
        raise fault

    monkeypatch.setattr(glasses_training, "build", stopped)
    assert glasses_training.main(["somewhere"]) == code
    (record,) = caplog.records
    assert why in record.message
    assert "\n" not in record.message
