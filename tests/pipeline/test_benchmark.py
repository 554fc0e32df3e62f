"""The benchmark: its clips, its clocks, its contestants. No time is asserted."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline import (
    benchmark,
    benchmark_clips,
    benchmark_contestant,
    benchmark_deface,
    benchmark_process,
    benchmark_stages,
    benchmark_table,
    chain,
    cli,
    media,
    networks,
    planes,
    search,
)
from pipeline.benchmark import DEFACE, Contest
from pipeline.benchmark_clips import Clip
from pipeline.benchmark_contestant import LIMIT, OURS, STAGES
from pipeline.benchmark_stages import Stopwatch, TimedSource, clocks
from pipeline.drawn_people import Troupe
from pipeline.errors import MediaError, SettingsError
from pipeline.geometry import overlap
from pipeline.settings import Settings
from pipeline.weights import DB
from tests.conftest import drawn_background

QUICK = Settings(mode="mosaic", preset="ultrafast", detect_size=640)

SMALL = Settings(preset="ultrafast", detect_size=640)


@pytest.fixture(scope="module")
def troupe(drawing, donors):
    return Troupe(drawing, donors.rows.rows[::60].tolist())


@pytest.fixture(scope="module")
def people(troupe, tmp_path_factory):
    """Four frames of two people."""
    clip = Clip(2, "720p", 0.16)
    target = tmp_path_factory.mktemp("drawn") / "people.mp4"
    benchmark_clips.write(target, clip, benchmark_clips.pictures(clip, troupe))
    return target


@pytest.fixture(scope="module")
def nobody(tmp_path_factory):
    """Four frames of a wall."""
    clip = Clip(0, "720p", 0.16)
    target = tmp_path_factory.mktemp("drawn") / "nobody.mp4"
    benchmark_clips.write(target, clip, benchmark_clips.pictures(clip, None))
    return target


@pytest.fixture
def contest(tmp_path):
    return Contest(QUICK, 1, tmp_path, DB)


# --- clips


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("8x1080p", ["8x1080p"]),
        ("0x4K, 30x720p,0x4k", ["0x4k", "30x720p"]),
        ("goals", ["8x1080p", "2x1080p", "2x720p", "3x4k"]),
    ],
)
def test_clips_are_chosen_by_faces_and_size(text, names):
    chosen = benchmark_clips.chosen(text, 2.0)
    assert list(dict.fromkeys(clip.name for clip in chosen)) == names
    assert {clip.frames for clip in chosen} == {50}


def test_all_clips_are_every_crowd_in_every_size():
    chosen = benchmark_clips.chosen("all", 1.0)
    assert {(clip.faces, clip.size) for clip in chosen} == {
        (n, size) for n in (0, 1, 8, 30) for size in ((1280, 720), (1920, 1080), (3840, 2160))
    }


@pytest.mark.parametrize("text", ["", "8", "31x720p", "x720p", "8x480p", "8x1080p,", "-1x720p"])
def test_a_clip_that_cannot_be_drawn_is_told_with_those_that_can(text):
    with pytest.raises(SettingsError, match=r"goals, all, or faces \(0..30\) and size as 8x1080p"):
        benchmark_clips.chosen(text, 1.0)


def test_eight_faces_are_75_px_wide_at_1080p():
    assert Clip(8, "1080p", 1.0).width == 75


@pytest.mark.parametrize("faces", [1, 3, 8, 30])
def test_everybody_stays_in_the_picture_and_is_met_by_few(faces):
    clip = Clip(faces, "720p", 1.0)
    for seconds in np.arange(0, 8, 0.5):
        boxes = []
        for stand in benchmark_clips.stands(clip, float(seconds)):
            half = stand.width / 2
            boxes.append([stand.x - half, stand.y - half, stand.x + half, stand.y + half])
        around = np.array(boxes, np.float32)
        assert around[:, :2].min() > 0
        assert (around[:, 2:].max(axis=0) < clip.size).all()
        assert (overlap(around, around) > 0.1).sum() <= faces * 1.4


def test_drawn_people_are_found_where_they_stand(people, judge):
    frames = list(media.open_source(people, QUICK).frames())
    assert len(frames) == 4
    assert frames[0].size == (1280, 720)
    clip = Clip(2, "720p", 0.16)
    for number in (0, 3):
        stands = list(benchmark_clips.stands(clip, number / benchmark_clips.RATE))
        faces = judge.faces(planes.picture(frames[number]))
        assert len(faces) == 2
        for stand in stands:
            inside = [x1 < stand.x < x2 and y1 < stand.y < y2 for x1, y1, x2, y2 in faces.boxes]
            assert sum(inside) == 1


def test_nobody_is_found_in_the_background(nobody, judge):
    frame = next(iter(media.open_source(nobody, QUICK).frames()))
    assert len(judge.faces(planes.picture(frame))) == 0


def test_a_clip_is_drawn_once_and_the_same_again(tmp_path, monkeypatch):
    clip, told = Clip(0, "720p", 0.08), []
    first = benchmark_clips.made(clip, tmp_path, DB, told.append)
    content = first.read_bytes()
    assert told == [1, 2]
    first.unlink()
    assert benchmark_clips.made(clip, tmp_path, DB, told.append).read_bytes() == content
    monkeypatch.setattr(benchmark_clips, "write", None)
    assert benchmark_clips.made(clip, tmp_path, DB, told.append) == first


def test_a_clip_whose_drawing_breaks_off_leaves_no_file(tmp_path):
    def stop(frame):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        benchmark_clips.made(Clip(0, "720p", 0.08), tmp_path, DB, stop)
    assert list(tmp_path.iterdir()) == []


# --- clocks


@pytest.fixture
def clock(monkeypatch):
    """Time passes only when it is told to: clock(seconds)."""
    now = [0.0]
    monkeypatch.setattr(benchmark_stages, "_now", lambda: (now[0], 2 * now[0]))

    def wait(seconds):
        now[0] += seconds

    return wait


def test_a_stage_inside_another_stops_its_clock(clock):
    watch = Stopwatch()
    inner = watch.timed("inner", lambda: clock(3))

    def work():
        clock(1)
        inner()
        inner()
        clock(2)

    watch.timed("outer", work)()
    spent = watch.spent
    outer, inside = spent["analyse", "outer"], spent["analyse", "inner"]
    assert (outer.seconds, outer.cpu, outer.calls) == (3, 6, 1)
    assert (inside.seconds, inside.calls, inside.first) == (6, 2, 3)


def test_a_whole_stage_counts_what_it_calls(clock):
    watch = Stopwatch()
    inner = watch.timed("inner", lambda: clock(3))
    watch.timed("outer", lambda: inner(), whole=True)()
    assert list(watch.spent) == [("analyse", "outer")]
    assert watch.spent["analyse", "outer"].seconds == 3


def test_a_verb_that_calls_another_of_its_room_is_one_call(clock):
    watch = Stopwatch()
    inner = watch.timed("mesh", lambda: clock(3))
    watch.timed("mesh", lambda: inner())()
    assert (watch.spent["analyse", "mesh"].calls, watch.spent["analyse", "mesh"].seconds) == (1, 3)


def test_a_stage_that_fails_is_left(clock):
    watch = Stopwatch()

    def fail():
        clock(1)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        watch.timed("bad", fail)()
    watch.timed("good", lambda: clock(1))()
    assert [spent.seconds for spent in watch.spent.values()] == [1, 1]


def test_threads_have_clocks_of_their_own(clock):
    watch = Stopwatch()
    thread = threading.Thread(target=watch.timed("beside", lambda: clock(2)))

    def work():
        thread.start()
        thread.join()

    watch.timed("main", work)()
    spent = watch.spent
    assert spent["analyse", "beside"].seconds == spent["analyse", "main"].seconds == 2


def test_the_stages_of_a_run_on_one_core_are_about_the_whole(people, tmp_path, rooms, one_core):
    watch, report = Stopwatch(), chain.Report()
    assert search.quick(rooms.detector)  # made when first asked for
    before = vars(rooms.detector).copy(), chain.plan, planes.region
    with clocks(watch, rooms):
        source = TimedSource(media.open_source(people, QUICK), watch)
        start = benchmark_stages._now()
        steps = list(chain.run(source, tmp_path / "o.mp4", rooms, SMALL, b"x", report))
        whole = benchmark_stages._now()[0] - start[0]
    assert (vars(rooms.detector), chain.plan, planes.region) == before
    assert len(steps) == 2 * 4 + 1
    spent = watch.spent
    known = sum(each.seconds for each in spent.values())
    assert 0.8 * whole < known <= whole
    assert {phase for phase, _ in spent} == set(benchmark_stages.PHASES)
    assert {stage for phase, stage in spent if phase == "analyse"} >= {
        "decode", "picture", "shots", "detect", "look closer", "region", "mesh", "track", "extract",
    }  # fmt: skip
    assert {stage for phase, stage in spent if phase == "render"} >= {
        "decode", "region", "generate", "replace", "occlusion", "compose", "paste", "encode",
    }  # fmt: skip
    assert ("plan", "trial") in spent
    assert spent["analyse", "decode"].calls == spent["render", "decode"].calls == 4 + 1
    assert report.surrogates + report.fallbacks == 8


def test_a_room_of_any_make_can_be_timed_and_is_left_as_it_was(rooms):
    watch = Stopwatch()
    with clocks(watch, rooms):
        rooms.mesh.follow(np.zeros((64, 64, 3), np.uint8), np.zeros((468, 3), np.float32))
    assert watch.spent["analyse", "mesh"].calls == 1
    assert "follow" not in vars(rooms.mesh)


@pytest.fixture
def one_core():
    """Nothing goes on beside anything else."""
    networks.limit(1)
    yield
    networks.limit(0)


# --- contestants


def test_contestants_run_in_turn_and_ratios_are_taken_within_a_round(monkeypatch, contest):
    seconds = {OURS: [4.0, 10.0, 2.0], LIMIT: [1.0, 5.0, 0.5], DEFACE: [8.0, 30.0, 8.0]}
    seconds[STAGES] = [4.0]
    order = []

    def run(name, path, contest, progress):
        round_ = sum(other == name for other in order)
        order.append(name)
        stage = {"phase": "analyse", "stage": "decode", "cpu": 1.0, "calls": 10, "first": 0.5}
        return {
            "frames": 10, "seconds": seconds[name][round_], "first_frame": 1.0, "face_frames": 20,
            "cpu_seconds": 1.0, "busy_seconds": 1.5, "memory_mb": 100.0 + round_, "joules": None,
            "stages": [stage | {"seconds": 1.0}],
        }  # fmt: skip

    monkeypatch.setattr(benchmark, "_run", run)
    three = Contest(QUICK, 3, contest.work, DB, Path("python"))
    result = benchmark.compare(Path("clip.mp4"), three, lambda frames: None)
    assert order == [*3 * [OURS, LIMIT, DEFACE], STAGES]
    assert result["ratios"] == {LIMIT: 0.25, DEFACE: 3.0}
    assert result[OURS]["frames_per_second"] == 2.5
    assert result[OURS]["memory_mb"] == 102
    decode, rest = result[OURS]["stages"]
    assert (decode["ms_per_frame"], decode["ms_per_face"], decode["share"]) == (100, 50, 0.25)
    assert (rest["stage"], rest["ms_per_frame"], rest["cpu_ms_per_frame"]) == ("rest", 300, 50)


def test_a_deface_that_fails_is_left_out(monkeypatch, contest, nobody, tmp_path, caplog):
    program = tmp_path / "deface.py"
    program.write_text("raise ModuleNotFoundError('no onnx')", encoding="utf-8")
    monkeypatch.setattr(benchmark_deface, "program", lambda: program)
    run, seen = benchmark._run, []

    def quick(name, *order):
        seen.append(name)
        return run(name if name == DEFACE else LIMIT, *order) | {"stages": [], "busy_seconds": 0}

    monkeypatch.setattr(benchmark, "_run", lambda *order: {"face_frames": 0} | quick(*order))
    wrong = Contest(QUICK, 2, contest.work, DB, Path(sys.executable))
    result = benchmark.compare(nobody, wrong, lambda frames: None)
    assert seen == [OURS, LIMIT, DEFACE, OURS, LIMIT, STAGES]
    assert set(result["ratios"]) == {LIMIT}
    told = [r.message for r in caplog.records if r.message.startswith("deface is left out")]
    assert told == ["deface is left out: it failed (ModuleNotFoundError: no onnx)"]


def test_ours_and_the_limit_run_in_processes_of_their_own(people, contest):
    done = []
    result = benchmark.compare(people, contest, done.append)
    assert sum(done) == 5 * 4
    assert result[OURS]["frames"] == result[LIMIT]["frames"] == 4
    assert result[OURS]["face_frames"] == 8
    assert result[OURS]["memory_mb"] > result[LIMIT]["memory_mb"] > 20
    assert 0 < result["ratios"][LIMIT] < 1
    stages = {stage["stage"]: stage for stage in result[OURS]["stages"]}
    assert {"decode", "detect", "mesh", "cover", "paste", "encode", "rest"} < set(stages)
    assert "generate" not in stages
    assert sum(stage["share"] for stage in result[OURS]["stages"]) == pytest.approx(1, abs=0.05)
    assert list(contest.work.iterdir()) == []
    json.dumps(result)
    from rich.console import Console

    console = Console(width=120, record=True, quiet=True)
    console.print(benchmark_table.tables({"clip": "people", "size": (1280, 720)} | result))


def test_an_interrupt_ends_the_contestant(tmp_path):
    """Its number is what it says first."""
    seen = []

    def stop(number):
        seen.append(number)
        raise KeyboardInterrupt

    program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        benchmark._called(OURS, [sys.executable, "-c", program], tmp_path / "errors", stop)
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)


@pytest.mark.parametrize(("name", "frames"), [("drawn", 4), ("photo", 0)])
def test_a_contestant_tells_what_it_took_or_why_not(nobody, tmp_path, name, frames):
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), drawn_background(40, 30))
    order = {
        "contestant": LIMIT, "clip": str(nobody if frames else photo), "begun": 0.0,
        "target": str(tmp_path / "o.mp4"), "settings": QUICK.record(), "db": str(DB),
    }  # fmt: skip
    if frames:
        assert benchmark_contestant.main(order)["frames"] == frames
    else:
        with pytest.raises(MediaError, match="is a picture, and the benchmark takes videos"):
            benchmark_contestant.main(order)


FAKE = """
class CenterFace:
    backend = "opencv"
    def __call__(self, frame, threshold):
        return [[0, 0, 9, 9, 1.0]], None
"""
PROGRAM = """
import sys
from deface.centerface import CenterFace
def video_detect(ipath, opath):
    centerface = CenterFace()
    for _ in range(5):
        centerface(None, threshold=0.2)
    open(opath, "w").close()
def main():
    print(sys.argv)
    video_detect(ipath=sys.argv[1], opath=sys.argv[3])
"""


def test_deface_is_timed_from_outside(tmp_path):
    package = tmp_path / "deface"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "centerface.py").write_text(FAKE, encoding="utf-8")
    (package / "deface.py").write_text(PROGRAM, encoding="utf-8")
    for name, number in (("deface", "1.2.3"), ("opencv-python", "9.8")):
        told = tmp_path / f"{name.replace('-', '_')}-{number}.dist-info" / "METADATA"
        told.parent.mkdir()
        told.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n", "utf-8")
    target = tmp_path / "o.mp4"
    done = subprocess.run(
        [sys.executable, "-P", benchmark_deface.program(), "clip.mp4", target, "0"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0] == str(["deface", "clip.mp4", "--output", str(target)])
    told = json.loads(lines[-1])
    assert (told["frames"], told["face_frames"]) == (5, 5)
    assert (told["version"], told["backend"]) == ("1.2.3", "OpenCV 9.8")
    assert min(told["seconds"], told["first_frame"], told["cpu_seconds"]) > 0
    assert target.is_file()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("ERROR: no such thing\\nmore", "ERROR: no such thing"),
        ("first\\nlast", "last"),
        ("", "exit code 1"),
    ],
)
def test_an_environment_that_cannot_be_made_leaves_nothing(tmp_path, monkeypatch, said, why):
    words = f"import sys; print('{said}', file=sys.stderr); sys.exit(1)"
    call = benchmark_deface._call
    monkeypatch.setattr(benchmark_deface, "_call", lambda *_: call(sys.executable, "-c", words))
    with pytest.raises(MediaError, match=f"cannot be installed: {why}$"):
        benchmark_deface.python(tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- what a process uses


def zone(folder, number, name, energy):
    place = folder / f"intel-rapl:{number}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "name").write_text(f"{name}\n")
    (place / "energy_uj").write_text(f"{energy}\n")
    (place / "max_energy_range_uj").write_text("10000000\n")


def test_energy_is_that_of_all_packages_also_when_a_counter_begins_anew(tmp_path):
    zone(tmp_path, "0", "package-0", 1_000_000)
    zone(tmp_path, "1", "package-1", 9_000_000)
    zone(tmp_path, "0:0", "core", 500_000)
    zone(tmp_path, "2", "psys", 500_000)
    energy = benchmark_process.Energy(tmp_path)
    for number, (name, now) in enumerate((("package-0", 3_000_000), ("package-1", 1_000_000))):
        zone(tmp_path, str(number), name, now)
    assert energy.joules() == pytest.approx(2 + 2)


def test_energy_that_cannot_be_read_is_unknown(tmp_path):
    assert benchmark_process.Energy(tmp_path / "none").joules() is None
    zone(tmp_path, "0", "package-0", 1)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert benchmark_process.Energy(tmp_path).joules() is None


def test_a_process_knows_its_peak_of_memory():
    program = """
from pipeline.benchmark_process import used
before = used()["memory_mb"]
filled = b"1" * 100_000_000
del filled
print(used()["memory_mb"] - before)
"""
    grown = subprocess.run(
        [sys.executable, "-c", program], cwd=DB.parent, capture_output=True, text=True, check=True
    )
    assert 90 < float(grown.stdout) < 110


def test_what_a_killed_run_left_is_removed_and_what_others_do_is_not(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".facesurrogate-{gone.pid}-abc.part"
    (left / "deep").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    with benchmark_process.scratch(tmp_path) as own:
        benchmark_process.sweep(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"mine", own.name}
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_machine_is_named():
    told = benchmark_process.machine()
    assert told["processor"]
    assert told["cores"] >= 1


# --- the command


@pytest.mark.usefixtures("unchanged_process")
def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    work, record = tmp_path / "work", tmp_path / "numbers.json"
    code = cli.main([
        "benchmark", "--clips", "0x720p", "--seconds", "0.12", "--repeat", "1",
        "--without-deface", "--mode", "mosaic", "--preset", "ultrafast", "--detect-size", "320",
        "--work", str(work), "--json", str(record),
    ])  # fmt: skip
    assert code == 0
    told = json.loads(record.read_text("utf-8"))
    assert told["settings"]["mode"] == "mosaic"
    (clip,) = told["clips"]
    assert (clip["clip"], clip["size"], clip[OURS]["frames"]) == ("0x720p", [1280, 720], 3)
    assert DEFACE not in clip
    out = capsys.readouterr().out
    assert "0x720p: 1280×720, 3 frames, 0.0 faces a frame" in out
    assert all(word in out for word in ("ours", "limit", "detect", "encode", "rest"))
    assert [path.name for path in work.iterdir()] == ["0x720p-0.12s-1.mp4"]
    assert str(tmp_path) not in record.read_text("utf-8")


@pytest.mark.usefixtures("unchanged_process")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--repeat", "0"], "--repeat must lie in 1..99, got 0"),
        (["--seconds", "0"], "--seconds must lie in 0..600, got 0"),
        (["--clips", "9x9"], "no clip called '9x9'"),
        (["--mode", "none"], "no mode called 'none'"),
        (["no-such.mp4"], "no-such.mp4: cannot be read"),
    ],
)
def test_what_cannot_be_measured_is_one_line(tmp_path, capsys, options, words):
    assert cli.main(["benchmark", "--work", str(tmp_path), "--without-deface", *options]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert list(tmp_path.iterdir()) == []
