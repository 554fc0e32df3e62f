"""A real training run, only small: pictures of invented people in, a generator that draws out."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline import database
from pipeline.rooms import furnish
from pipeline.settings import Settings
from tests.conftest import unknown_person

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
COUNT = 26


@pytest.fixture(scope="module")
def offline():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    from pipeline import offline

    return offline


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, render, donors):
    """A folder of people who were rendered onto plain backgrounds."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        colour = rng.integers(90, 200, 3)
        plain = np.broadcast_to(colour, (320, 320, 3)).astype(np.uint8)
        rows = [int(row) for row in rng.choice(donors.rows.rows, 2, replace=False)]
        picture = render(rows, picture=plain)
        cv2.imwrite(str(folder / f"{number:02}.png"), picture[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, offline, pictures):
    """The DB folder of one epoch, and the options that made it."""
    home = tmp_path_factory.mktemp("db")
    options = [str(pictures), "--out", str(home), "--name", "tiny", "--epochs", "1"]
    options += ["--note", "They show people whom the project drew."]
    options += ["--limit", str(COUNT)]
    assert offline.main(options) == 0
    return home, options


def test_a_training_run_gives_a_whole_db(trained):
    home, _ = trained
    folder = home / "generators" / "tiny"
    names = {path.name for path in folder.iterdir()}
    assert names == {"network.xml", "network.bin", "donors.npz", "card.md", "seal.json"}
    assert (home / "generators" / "current").read_text().strip() == "tiny"
    assert not (home / "generators" / ".tiny.old").exists()


def test_the_trained_generator_draws_in_the_chains_rooms(trained, astronaut, face):
    home, _ = trained
    rooms = furnish(Settings(), home)
    donors = database.load("tiny", home)
    assert len(donors.rows.rows) >= 4
    matched = rooms.drawing.matcher.match(unknown_person(), 4, np.random.default_rng(0))
    drawn = rooms.drawing.generator.generate(matched.identities[0], unknown_person(), face.mesh[0])
    assert drawn.texture.shape == (192, 192, 3)
    patch = rooms.drawing.replacer.replace(astronaut, face.mesh[0], drawn)
    assert patch.alpha.max() > 0.9


def test_the_db_holds_a_row_of_everything_for_each_donor(trained):
    donors = database.load("", trained[0])
    count = len(donors.faces.codes)
    assert 16 <= count <= COUNT
    assert len(donors.faces.shapes) == len(donors.faces.skin) == len(donors.faces.mouth) == count
    assert np.isfinite(donors.faces.shapes).all()
    assert np.isfinite(donors.rows.features).all()
    assert donors.canonical.triangles.max() == 467


def test_the_canonical_face_is_level_symmetric_and_in_its_square(trained):
    face = database.load("", trained[0]).canonical
    assert face.shape[33, 1] == pytest.approx(face.shape[263, 1], abs=2e-3)
    assert face.shape[33, 0] + face.shape[263, 0] == pytest.approx(1, abs=4e-3)
    assert face.layout.min() > 0
    assert face.layout.max() < 1
    assert np.ptp(face.shape[:, :2], axis=0).max() == pytest.approx(0.86, abs=1e-3)


def test_the_card_tells_what_it_is_made_of_and_names_no_place(trained, pictures):
    text = (trained[0] / "generators" / "tiny" / "card.md").read_text()
    assert "people whom the project drew" in text
    assert "1 epochs" in text
    assert str(pictures) not in text
    for name in ("network.xml", "network.bin", "donors.npz"):
        content = (trained[0] / "generators" / "tiny" / name).read_bytes()
        assert str(trained[0]).encode() not in content
        assert str(Path.home()).encode() not in content or Path.home() == Path("/")


def test_a_second_call_uses_what_the_first_one_measured(trained, offline, monkeypatch):
    """Killed and called again, it neither measures nor trains anew."""
    home, options = trained

    def again(*_):
        raise AssertionError("measured anew")

    monkeypatch.setattr(offline.registry, "detector", again)
    (losses,) = (home / "local" / "training").glob("tiny-*/loss.csv")
    before = losses.read_text()
    assert offline.main(options) == 0
    assert losses.read_text() == before
    assert database.load("tiny", home).name == "tiny"


def test_a_folder_with_too_few_faces_is_told_in_one_line(tmp_path, offline, caplog):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((90, 90, 3), 128, np.uint8))
    assert offline.main([str(tmp_path), "--out", str(tmp_path / "db")]) == 1
    assert "only 0 usable faces" in caplog.text


def test_an_empty_folder_is_told_in_one_line(tmp_path, offline, caplog):
    assert offline.main([str(tmp_path), "--out", str(tmp_path / "db")]) == 1
    assert "no pictures to train on" in caplog.text
