"""A real training run, only small: pictures of invented people in, a generator that draws out."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import PIL.Image
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
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def offline():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    from pipeline import offline

    return offline


SPEAKING = ("neutral", "open-mouth", "surprise", "smile")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, render, donors):
    """A folder for each of some people, rendered onto plain backgrounds; one has a video too."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(1)
    for number in range(COUNT):
        colour = rng.integers(90, 200, 3)
        plain = np.broadcast_to(colour, (320, 320, 3)).astype(np.uint8)
        mixed = 2 if number else 1  # a donor of its own passes as a face in any frame of a video
        rows = [int(row) for row in rng.choice(donors.rows.rows, mixed, replace=False)]
        if not number:
            speaking = [render(rows, picture=plain, expression=name) for name in SPEAKING]
        picture = render(rows, picture=plain)
        (folder / f"p{number:02}").mkdir()
        cv2.imwrite(str(folder / f"p{number:02}" / "a.png"), picture[..., ::-1])
    with av.open(str(folder / "p00" / "b.mp4"), "w") as out:
        stream = out.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 320, 320, "yuv420p"
        for number in range(8):
            moved = np.roll(speaking[number % len(speaking)], number * 4, axis=1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(moved), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    (folder / "p01" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0torn")
    cv2.imwrite(str(folder / "p02" / "wall.png"), np.full((90, 90, 3), 128, np.uint8))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, offline, pictures):
    """The DB folder of one epoch, and the options that made it."""
    home = tmp_path_factory.mktemp("db")
    options = [str(pictures), "--out", str(home), "--name", "tiny", "--epochs", "1"]
    options += ["--note", "people whom the project drew.", "--licence", "Apache-2.0"]
    options += ["--limit", str(COUNT + 3), "--measure", "0"]
    assert offline.main(options) == 0
    return home, options


def rows(path):
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_a_training_run_gives_a_whole_db(trained):
    home, _ = trained
    folder = home / "generators" / "tiny"
    names = {path.name for path in folder.iterdir() if not path.name.startswith("features-")}
    assert names == {
        "network.xml", "network.bin", "donors.npz", "reference.npz", "card.md", "seal.json",
        "unusable.csv",
    }  # fmt: skip
    assert (home / "generators" / "current").read_text().strip() == "tiny"
    assert {path.name for path in folder.parent.iterdir()} == {"tiny", "current"}


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
    assert 16 <= count <= COUNT + 8
    assert len(donors.faces.shapes) == len(donors.faces.skin) == len(donors.faces.mouth) == count
    assert np.isfinite(donors.faces.shapes).all()
    assert np.isfinite(donors.rows.features).all()
    assert donors.canonical.triangles.max() == 467


def test_a_person_with_a_video_lends_one_whole_face(trained):
    folder = trained[0] / "generators" / "tiny"
    with np.load(folder / "donors.npz") as donors:
        persons = donors["person"][donors["identity"]]
        others = (donors["person"] == 0) & ~donors["identity"]
        assert others.sum() > 2
        assert donors["mouth"][others].all()
    assert 0 in persons
    assert len(np.unique(persons)) == len(persons)
    spare = [row["file"] for row in rows(folder / "unusable.csv") if "same person" in row["reason"]]
    assert all(name.startswith(("p00/b.mp4, frame ", "p00/a.png")) for name in spare)


def test_every_picture_that_was_left_out_is_listed_with_the_reason(trained):
    home, _ = trained
    listed = rows(home / "generators" / "tiny" / "unusable.csv")
    reasons = {row["file"]: row["reason"] for row in listed}
    assert reasons["p01/torn.jpg"].startswith("cannot be read: ")
    assert reasons["p02/wall.png"] == "no face found"
    assert all(reasons.values())
    (work,) = (home / "local" / "training").glob("tiny-*")
    assert rows(work / "unusable.csv") == listed


def test_the_canonical_face_is_level_symmetric_and_in_its_square(trained):
    face = database.load("", trained[0]).canonical
    assert face.shape[33, 1] == pytest.approx(face.shape[263, 1], abs=2e-3)
    assert face.shape[33, 0] + face.shape[263, 0] == pytest.approx(1, abs=4e-3)
    assert face.layout.min() > 0
    assert face.layout.max() < 1
    assert np.ptp(face.shape[:, :2], axis=0).max() == pytest.approx(0.86, abs=1e-3)


def test_the_card_tells_what_it_is_made_of_and_names_no_place(trained, pictures):
    text = (trained[0] / "generators" / "tiny" / "card.md").read_text()
    for words in (
        "people whom the project drew",
        "1 epochs",
        "29 pictures and videos of 26 people, laid out as one folder per person",
        "Licence of the data: Apache-2.0",
        "no face found 1",
        "## Measures",
        "tensorflow 2.",
    ):
        assert words in text
    assert str(pictures) not in text
    for name in ("network.xml", "network.bin", "donors.npz"):
        content = (trained[0] / "generators" / "tiny" / name).read_bytes()
        assert str(trained[0]).encode() not in content
        assert str(Path.home()).encode() not in content or Path.home() == Path("/")


def test_sheet_curves_and_logs_lie_in_the_work_folder(trained):
    (work,) = (trained[0] / "local" / "training").glob("tiny-*")
    assert PIL.Image.open(work / "sheets" / "epoch-0001.png").width > 1000
    assert PIL.Image.open(work / "loss.png").size == (900, 480)
    assert list((work / "tensorboard").rglob("events.out.*"))


def test_a_second_call_uses_what_the_first_one_measured(trained, offline, monkeypatch):
    """Killed and called again, it neither measures nor trains anew."""
    home, options = trained

    def again(*_):
        raise AssertionError("measured anew")

    monkeypatch.setattr(offline.registry, "detector", again)
    (losses,) = (home / "local" / "training").glob("tiny-*/loss.csv")
    before = losses.read_text()
    assert offline.main([*options, "--resume"]) == 0
    assert losses.read_text() == before
    assert database.load("tiny", home).name == "tiny"


def test_a_run_that_is_killed_goes_on_to_the_same_end(trained, offline, pictures, monkeypatch):
    """SIGKILL in the midst of training: the generator in use stays, --resume makes the new one."""
    home, _ = trained
    told = [str(pictures), "--out", str(home), "--name", "killed", "--epochs", "4"]
    told += ["--size", "128", "--sheet-every", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.offline", *told], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    training = home / "local" / "training"
    while process.poll() is None and not list(training.glob("killed-*/checkpoint*")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (home / "generators" / "killed").exists()
    assert (home / "generators" / "current").read_text().strip() == "tiny"
    (losses,) = training.glob("killed-*/loss.csv")
    first = rows(losses)[0]

    from generator.holding import Holding

    losses_of = Holding.losses  # of so few people mixes may well be told apart without any loss
    monkeypatch.setattr(Holding, "losses", lambda *told: [1 + loss for loss in losses_of(*told)])
    assert offline.main([*told, "--resume"]) == 0
    assert rows(losses)[0] == first
    assert [int(row["epoch"]) for row in rows(losses)] == [1, 2, 3, 4]
    assert [float(row["held"]) > 0 for row in rows(losses)] == [False, False, False, True]
    donors = database.load("", home)
    assert donors.name == "killed"
    drawn = furnish(Settings(), home).drawing.generator.generate(
        donors.rows.rows[:4], unknown_person(), donors.canonical.shape * 200
    )
    assert drawn.texture.shape == (128, 128, 3)


def test_a_folder_with_too_few_faces_is_told_in_one_line(tmp_path, offline, caplog):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((90, 90, 3), 128, np.uint8))
    assert offline.main([str(tmp_path), "--out", str(tmp_path / "db")]) == 1
    assert "only 0 usable faces" in caplog.text
    assert "no face found 3" in caplog.text
    assert not (tmp_path / "db" / "generators").exists()
