import logging
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from pipeline import progress, watching
from pipeline.expressions import EXPRESSIONS, GAZES
from pipeline.watching import Watch

CSV = "epoch,loss,critic\n0,0.5,NA\n1,0.25,0.7\n"


@pytest.mark.parametrize(
    ("text", "done", "last"),
    [
        (None, 0, {}),
        ("", 0, {}),
        ("epoch,loss\n", 0, {}),
        (CSV, 2, {"loss": 0.25, "critic": 0.7}),
        (CSV + "2,0.1", 2, {"loss": 0.25, "critic": 0.7}),
        (CSV + "1,0.2,0.6\n", 2, {"loss": 0.2, "critic": 0.6}),
    ],
)
def test_losses_are_read_as_a_killed_run_leaves_them(tmp_path, text, done, last):
    if text is not None:
        (tmp_path / "loss.csv").write_text(text)
    assert watching.epochs_done(tmp_path) == done
    assert watching.last_losses(tmp_path) == last
    watching.plot_losses(tmp_path)
    assert (tmp_path / "loss.png").exists() == (done > 0)


@pytest.fixture
def watch(tmp_path, donors):
    """A watch over a run of five epochs on plain textures; the network is the one in use."""
    (tmp_path / "loss.csv").write_text(CSV)
    count = len(donors.faces.codes)
    textures = np.broadcast_to(np.uint8([200, 100, 50]), (count, 192, 192, 3))
    own = donors.rows.rows
    near = np.tile(own[:5], (count, 1))
    return Watch(tmp_path, 5, 2, textures, near, donors.canonical, donors.faces, own)


def draw(mixes):
    return np.broadcast_to(np.float32([20, 120, 220]), (len(mixes), 192, 192, 3))


def test_sheets_come_every_so_many_epochs_and_at_the_end(tmp_path, watch):
    for epoch in range(1, 6):
        watch(epoch, draw)
    found = sorted(path.name for path in (tmp_path / "sheets").iterdir())
    assert found == ["epoch-0002.png", "epoch-0004.png", "epoch-0005.png"]
    assert np.asarray(PIL.Image.open(tmp_path / "loss.png")).shape == (480, 900, 3)


def test_no_sheets_are_drawn_where_none_are_wanted(tmp_path, watch):
    said = []
    silent = replace(watch, every=0, advance=said.append)
    silent(5, draw)
    assert said == [5]
    assert not (tmp_path / "sheets").exists()


def test_a_sheet_shows_donors_drawings_mixes_and_a_face_that_moves(watch):
    sheet = watch.sheet(draw)
    donor = (np.abs(sheet.astype(int) - (200, 100, 50)).max(axis=2) < 3).sum()
    drawn = (np.abs(sheet.astype(int) - (20, 120, 220)).max(axis=2) < 3).sum()
    assert donor == 8 * 144 * 144
    assert drawn > 0.4 * (16 + len(EXPRESSIONS) + len(GAZES)) * 144 * 144
    assert (sheet[:, :150] == 0).all(axis=2).sum() > 0.2 * 2 * 144 * 144


@pytest.mark.parametrize(
    ("each", "left"), [(25.0, "25 s"), (80.0, "80 s"), (600.0, "10 min"), (7200.0, "2.0 h")]
)
def test_time_left_is_told_where_there_is_no_terminal(monkeypatch, caplog, each, left):
    clock = iter((0.0, each, each + 1))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO), progress.steps("training", 2) as advance:
        advance(1)
        advance(2)
    assert [record.message for record in caplog.records] == [f"training: 1 of 2, {left} left"]


def test_what_an_earlier_run_did_tells_nothing_of_the_speed(monkeypatch, caplog):
    clock = iter((0.0, 30.0, 60.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with caplog.at_level(logging.INFO), progress.steps("training", 10, done=4) as advance:
        advance(4)
        advance(5)
    assert [record.message for record in caplog.records] == ["training: 5 of 10, 5 min left"]
