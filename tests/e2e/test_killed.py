"""Runs that are stopped from outside: killed, interrupted, out of disk or memory, robbed of models.

Whatever lies under a final name afterwards is whole and shows no face; what is left under another
name shows none either, and the next run clears it away.
"""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline import cli, registry, weights
from pipeline.database import HOME
from pipeline.settings import Settings
from tests.e2e.conftest import read_clip, write_clip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX's")

ROOT = Path(__file__).resolve().parents[2]
UNTOUCHED = 0.75
FRAMES = 8
KILLS = 20
MOST_RUNS = 80
QUICK = ["-q", "--preset=ultrafast", "--crf=8"]
PRELOADED = ["pytest", "pipeline.cli", "pipeline.display", "pipeline.job", "pipeline.rooms"]


@pytest.fixture(scope="module")
def pictures(moving):
    return [cv2.resize(picture, (240, 180)) for picture in moving[: 2 * FRAMES : 2]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, pictures):
    """Two short clips; what is left of a Matroska file can be read."""
    folder = tmp_path_factory.mktemp("killed") / "in"
    folder.mkdir()
    write_clip(folder / "a.mkv", pictures)
    write_clip(folder / "b.mp4", pictures[::-1], sound=False)
    return folder


@pytest.fixture(scope="module")
def shown(judge, pictures):
    """Which frames of a list show the face of the input's first ones at its place."""
    boxes = [judge.faces(picture).boxes[0] for picture in pictures]

    def check(frames, backwards=False):
        step = -1 if backwards else 1
        trio = zip(pictures[::step], frames, boxes[::step], strict=False)
        return [n for n, (a, b, box) in enumerate(trio) if judge.remains(a, b, box) >= UNTOUCHED]

    return check


def readable(path):
    """Every frame that a player could show of a file, whole or not."""
    frames = []
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                frames.append(frame.to_ndarray(format="rgb24"))
    except (av.FFmpegError, IndexError):
        pass
    return frames


def check_outputs(out, shown):
    """Nothing half-written under a final name, and no face under any; returns the final names."""
    names = []
    for path in sorted(out.iterdir()) if out.is_dir() else []:
        if path.name.endswith(".part"):
            assert shown(readable(path), backwards=".b-" in path.name) == [], path.name
        else:
            names.append(path.name)
            frames = read_clip(path).frames
            assert len(frames) == FRAMES, path.name
            assert shown(frames, backwards=path.name.startswith("b")) == [], path.name
    return names


def begun(arguments):
    """The command in a process of its own, which has its modules loaded already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=cli.main, args=(arguments,))
    process.start()
    return process


@pytest.mark.parametrize(("mode", "kills"), [("mosaic", KILLS - 2), ("surrogate", 2)])
def test_a_kill_at_any_moment_leaves_no_face_and_no_half_file(
    tmp_path, inputs, shown, mode, kills, monkeypatch
):
    """In turn at any moment of the run and of its writing, over outputs that exist or not."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    out = tmp_path / "out"
    command = ["run", str(inputs), "--out", str(out), "--overwrite", f"--mode={mode}", *QUICK]
    begun(command).join()  # the first waits until the modules are loaded
    start = time.monotonic()
    begun(command).join()
    span = time.monotonic() - start
    assert check_outputs(out, shown) == ["a-deid.mkv", "b-deid.mp4"]
    rng, killed, torn = np.random.default_rng(kills), 0, 0
    for number in range(MOST_RUNS):
        if number % 2:
            shutil.rmtree(out, ignore_errors=True)
        left = set(out.glob(".*.part"))
        process = begun(command)
        if killed % 2:
            writing(process, out, left)
            process.join(rng.random() * span / 25)
        else:
            process.join((killed + rng.random()) / kills * span)
        if process.exitcode is None:
            process.kill()
            process.join()
        killed += process.exitcode == -signal.SIGKILL
        span *= 1.0 if process.exitcode == -signal.SIGKILL else 0.8
        check_outputs(out, shown)
        torn += bool(set(out.glob(".*.part")) - left)
        if killed == kills:
            break
    assert killed == kills
    assert torn
    begun(command).join()
    assert check_outputs(out, shown) == ["a-deid.mkv", "b-deid.mp4"]
    assert len(list(out.iterdir())) == 2, "what killed runs left behind is still there"


def writing(process, out, left):
    """Wait until the process has begun another output than those that are `left`, or ended."""
    while process.exitcode is None and not set(out.glob(".*.part")) - left:
        process.join(0.005)


def ran(*arguments, limits=(), **options):
    """The command as a user starts it, under limits of the system's (resource, bytes); one that
    takes longer than `timeout` is killed.
    """
    import resource

    def limit():
        for kind, most in limits:
            resource.setrlimit(kind, (most, most))

    command = [sys.executable, "-m", "pipeline.cli", "run", *map(str, arguments), *QUICK]
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            preexec_fn=limit,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -signal.SIGKILL, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_interrupted_says_so_and_leaves_nothing_behind(tmp_path, moving, number):
    out = tmp_path / "out"
    clip = write_clip(tmp_path / "long.mp4", moving)
    command = [sys.executable, "-m", "pipeline.cli", "run", str(clip), "--out", str(out)]
    slow = ["--mode=solid", "--detect-size=160", "--preset=placebo"]
    run = subprocess.Popen([*command, *slow], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not (out.is_dir() and any(out.iterdir())):
        assert run.poll() is None, "it ended before it could be stopped"
        time.sleep(0.01)
    run.send_signal(number)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == cli.INTERRUPTED
    assert "interrupted" in said
    assert "Traceback" not in said
    assert list(out.iterdir()) == []


def test_a_file_that_may_not_grow_is_one_line_and_leaves_nothing(tmp_path, inputs):
    """As on a disk with a quota: the system refuses what lies beyond the first bytes."""
    import resource

    out = tmp_path / "out"
    done = ran(
        inputs / "a.mkv", "--out", out, "--mode=mosaic", limits=[(resource.RLIMIT_FSIZE, 8_000)]
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "a-deid.mkv: cannot be written: File too large" in done.stderr
    assert list(out.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_that_runs_out_leaves_no_face_and_no_half_file(tmp_path, inputs, shown):
    """At the start or on the way; a library may die of it or wait for ever (OpenVINO does where it
    gets no thread), and then there is no output.
    """
    import resource

    script = "from pipeline import cli; cli.main(__import__('sys').argv[1:]);"
    script += "print(open('/proc/self/status').read())"
    told = subprocess.run(
        [sys.executable, "-c", script, "run", str(inputs), "--out", str(tmp_path / "free"), *QUICK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    need = next(int(line.split()[1]) for line in told.splitlines() if "VmPeak" in line)
    codes = []
    for share in (0.6, 0.9):
        out = tmp_path / str(share)
        limit = resource.RLIMIT_AS, int(1024 * share * need)
        done = ran(inputs, "--out", out, limits=[limit], timeout=120)
        whole = check_outputs(out, shown) == ["a-deid.mkv", "b-deid.mp4"]
        assert (done.returncode == 0) == whole, share
        codes.append(done.returncode)
    assert codes[0] != 0


@pytest.fixture
def home(tmp_path):
    """A copy of the DB in use, which may be spoilt."""
    name = (HOME / "generators" / "current").read_text().strip()
    copy = tmp_path / "DB"
    shutil.copytree(HOME / "generators" / name, copy / "generators" / name)
    (copy / "generators" / "current").write_text(name)
    return copy


def spoilt(path, how):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if how == "truncated" else content[::-1])


@pytest.mark.parametrize("how", ["truncated", "swapped"])
@pytest.mark.parametrize("name", ["network.bin", "network.xml", "donors.npz"])
def test_a_spoilt_generator_is_refused_before_anything_is_written(
    tmp_path, inputs, home, capsys, unchanged_process, name, how
):
    spoilt(next((home / "generators").glob(f"*/{name}")), how)
    out = tmp_path / "out"
    code = cli.main(["run", str(inputs), "--out", str(out), "--db", str(home), *QUICK])
    said = capsys.readouterr().err.splitlines()
    assert code == 1
    assert len(said) == 1
    assert f"{name} was altered (its sha256 does not fit)" in said[0]
    assert not out.exists()


@pytest.mark.parametrize("name", [*registry.files(Settings()), "face_landmark", "iris_landmark"])
def test_a_spoilt_model_is_refused_before_anything_is_written(
    tmp_path, inputs, capsys, monkeypatch, unchanged_process, name
):
    """Models lie in packages: a copy of the manifest is made to expect another file."""
    rows = weights.manifest()
    table = [
        f"[{key}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in vars_of(row).items())
        for key, row in rows.items()
    ]
    text = "\n".join(table).replace(rows[name].sha256, "0" * 64)
    copy = tmp_path / "DB"
    copy.mkdir()
    for folder in ("detector", "occlusion"):
        (copy / folder).symlink_to(weights.DB / folder)
    (copy / "weights.toml").write_text(text)
    monkeypatch.setattr(weights, "DB", copy)
    out = tmp_path / "out"
    code = cli.main(["run", str(inputs), "--out", str(out), *QUICK])
    said = capsys.readouterr().err.splitlines()
    assert code == 1
    assert len(said) == 1
    assert f"{Path(rows[name].file).name} is altered: its sha256" in said[0]
    assert not out.exists()


def vars_of(row):
    return {key: getattr(row, key) for key in row.__slots__}


def test_models_that_are_spoilt_while_a_run_lasts_show_no_face(tmp_path, inputs, shown, home):
    """Between the two passes of the first file, in a process of its own: a library may crash."""
    script = "\n".join(
        [
            "import sys",
            "from pathlib import Path",
            "from pipeline import chain, cli",
            "from tests.e2e.test_killed import spoilt",
            "kept = chain.plan",
            "def plan(*arguments, **options):",
            "    for name in ('network.bin', 'network.xml', 'donors.npz'):",
            "        how = 'swapped' if name == 'network.xml' else 'truncated'",
            f"        spoilt(next(Path({str(home)!r}).glob('generators/*/' + name)), how)",
            "    chain.plan = kept",
            "    return kept(*arguments, **options)",
            "chain.plan = plan",
            "sys.exit(cli.main(sys.argv[1:]))",
        ]
    )
    out = tmp_path / "out"
    command = ["run", str(inputs), "--out", str(out), "--db", str(home), *QUICK]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=ROOT, env=environment, check=False
    )
    names = check_outputs(out, shown)
    assert (done.returncode == 0) == (names == ["a-deid.mkv", "b-deid.mp4"])
