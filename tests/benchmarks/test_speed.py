"""Milliseconds per stage and per frame; run with -m benchmark. No time is asserted."""

import time
from pathlib import Path

import numpy as np
import pytest

from pipeline import chain, demo, planes
from pipeline.media import open_source
from pipeline.settings import Settings
from tests.conftest import unknown_person

pytestmark = pytest.mark.benchmark
REPEATS = 20


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return demo.write(tmp_path_factory.mktemp("speed"))


def milliseconds(work, repeats=REPEATS):
    """The median over some calls, after one to warm up."""
    work()
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        spent.append(1000 * (time.perf_counter() - start))
    return float(np.median(spent))


def test_each_stage(clip, rooms, drawing, donors, capsys):
    settings = Settings()
    frame = next(iter(open_source(clip, settings).frames()))
    picture = planes.picture(frame, settings.detect_size)
    faces = rooms.mesh.fit(picture, rooms.detector.detect(picture)[:1])
    mesh, rows = faces.mesh[0], donors.rows.rows[:4]
    surrogate = drawing.generator.generate(rows, unknown_person(), mesh)
    patch = drawing.replacer.replace(picture, mesh, surrogate)
    shakes = np.random.default_rng(0).normal(0, 0.3, (REPEATS + 1, 468, 3)).astype(np.float32)
    moving = iter(mesh + shakes)
    stages = {
        "picture": lambda: planes.picture(frame, settings.detect_size),
        "detect": lambda: rooms.detector.detect(picture),
        "mesh, fit": lambda: rooms.mesh.fit(picture, faces),
        "mesh, follow": lambda: rooms.mesh.follow(picture, mesh),
        "extract": lambda: drawing.extractor.extract(picture, faces),
        "generate": lambda: drawing.generator.generate(rows, unknown_person(), next(moving)),
        "replace": lambda: drawing.replacer.replace(picture, mesh, surrogate),
        "region": lambda: planes.region(frame, (100, 50, 500, 450)),
        "paste": lambda: planes.paste(frame, [patch]),
        "cover": lambda: rooms.fallback.cover(picture, faces.boxes[0]),
    }
    with capsys.disabled():
        print("\nms per call, 640x480, one face")  # noqa: T201
        for name, work in stages.items():
            print(f"{name:>14} {milliseconds(work):8.2f}")  # noqa: T201


def frames_per_second(clip: Path, target: Path, rooms) -> tuple[float, float]:
    """Of the whole chain, and of decoding and encoding alone."""
    settings = Settings()
    start = time.perf_counter()
    report = chain.Report()
    for _ in chain.run(open_source(clip, settings), target, rooms, settings, b"speed", report):
        pass
    whole = report.frames / (time.perf_counter() - start)
    source = open_source(clip, settings)
    start = time.perf_counter()
    with source.writer(target, settings) as writer:
        for frame in source.frames():
            writer.write(frame)
    return whole, report.frames / (time.perf_counter() - start)


def test_the_whole_chain(clip, tmp_path, rooms, capsys):
    whole, alone = frames_per_second(clip, tmp_path / "out.mp4", rooms)
    with capsys.disabled():
        print(  # noqa: T201
            f"\nchain {whole:.1f} frames/s, decode and encode alone {alone:.1f} frames/s, "
            f"ratio {alone / whole:.1f}"
        )
    assert (tmp_path / "out.mp4").is_file()
