"""--jobs: several files at once come out as one after the other."""

import os
import signal
from pathlib import Path

import cv2
import pytest

from pipeline import cli, workers
from pipeline.errors import SettingsError
from tests.conftest import drawn_background
from tests.e2e.conftest import write_clip

pytestmark = pytest.mark.usefixtures("unchanged_process")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, moving):
    """Two clips, two photos, and a file that is no picture."""
    place = tmp_path_factory.mktemp("in")
    for name, start in (("a", 0), ("b", 6)):
        some = [cv2.resize(picture, (320, 240)) for picture in moving[start : start + 4]]
        write_clip(place / f"{name}.mp4", some, sound=False)
    cv2.imwrite(str(place / "c.png"), cv2.cvtColor(moving[9], cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(place / "d.png"), drawn_background(60, 40))
    (place / "e.mp4").write_bytes((place / "a.mp4").read_bytes()[:700])
    return place


@pytest.fixture
def run(folder, tmp_path, capsys):
    def call(jobs, *options):
        out = tmp_path / f"out{jobs}"
        code = cli.main(["run", str(folder), "--out", str(out), "--salt=s", f"--jobs={jobs}",
                         "--preset=ultrafast", *options])  # fmt: skip
        made = {p.name: p.read_bytes() for p in sorted(out.iterdir())} if out.is_dir() else {}
        return code, made, capsys.readouterr().err

    return call


def test_several_files_at_once_come_out_as_one_by_one(run, tmp_path):
    code, alone, said = run(1, "--record", str(tmp_path / "r1"))
    assert code == 1
    assert said.count("e.mp4") >= 1
    again, together, told = run(2, "--record", str(tmp_path / "r2"))
    assert (again, together) == (code, alone)
    assert set(alone) == {"a-deid.mp4", "b-deid.mp4", "c-deid.png", "d-deid.png"}
    assert "c.png -> " in told
    records = [sorted(p.name for p in (tmp_path / n).iterdir()) for n in ("r1", "r2")]
    assert records[0] == records[1] != []


def test_files_that_belong_together_come_one_by_one(run):
    _, alone, _ = run(1, "--person-scope=job")
    _, together, said = run(2, "--person-scope=job")
    assert together == alone
    assert "--jobs 2: these files belong together and come one by one" in said


def test_a_process_that_dies_costs_its_file_and_no_other(folder, tmp_path, monkeypatch, capsys):
    begin, killed = workers._Worker.begin, []

    def dying(self, task):
        begin(self, task)
        if task.path.name == "b.mp4":
            killed.append(self._process.pid)
            os.kill(self._process.pid, signal.SIGKILL)

    monkeypatch.setattr(workers._Worker, "begin", dying)
    code = cli.main(["run", *(str(folder / n) for n in ("a.mp4", "b.mp4", "c.png")),
                     "--out", str(tmp_path), "--jobs=2", "--mode=solid"])  # fmt: skip
    assert (code, len(killed)) == (1, 1)
    assert "b.mp4: its process ended early (SIGKILL, perhaps for want of memory" in (
        capsys.readouterr().err
    )
    made = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert made == {"a-deid.mp4", "c-deid.png"}


def test_an_interrupt_ends_all_and_leaves_nothing_half_written(folder, tmp_path, monkeypatch):
    told = workers._Worker.told

    def interrupted(self):
        yield from told(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(workers._Worker, "told", interrupted)
    code = cli.main(["run", str(folder / "a.mp4"), str(folder / "b.mp4"), "--out", str(tmp_path),
                     "--jobs=2", "--mode=solid"])  # fmt: skip
    assert code == cli.INTERRUPTED
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".part")] == []


@pytest.mark.parametrize("text", ["0", "-1", "many", "65", "1.5", ""])
def test_an_odd_number_of_jobs_is_refused(text):
    with pytest.raises(SettingsError, match=f"--jobs must be auto or lie in 1..64, got {text!r}"):
        workers.number(text, 9)


def test_auto_takes_a_file_for_each_core_as_far_as_there_is_memory(monkeypatch):
    monkeypatch.setattr(workers.networks, "usable_cores", lambda: 8)
    monkeypatch.setattr(workers, "_memory", lambda: 5_000_000_000)
    assert [workers.number("auto", files) for files in (0, 1, 2, 9)] == [1, 1, 2, 3]
    monkeypatch.setattr(workers, "_memory", lambda: 0)
    assert workers.number("auto", 9) == 1
    assert workers.number("6", 4) == 4


def test_the_largest_files_come_first(folder):
    tasks = [workers.Task(path, Path("x")) for path in sorted(folder.iterdir())]
    sizes = [task.path.stat().st_size for task in workers.largest_first(tasks)]
    assert len(sizes) == 5
    assert sizes == sorted(sizes, reverse=True)
