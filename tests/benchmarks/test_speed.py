"""Milliseconds per stage and per frame; run with -m benchmark. No time is asserted."""

import time

import numpy as np
import pytest
from rich.console import Console

from pipeline import benchmark, benchmark_table, demo, planes
from pipeline.benchmark import Contest
from pipeline.benchmark_contestant import LIMIT
from pipeline.media import open_source
from pipeline.settings import Settings
from pipeline.weights import DB
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


def test_the_whole_chain(clip, tmp_path, capsys):
    """One round of what `facesurrogate benchmark` does, without deface."""
    result = benchmark.compare(clip, Contest(Settings(), 1, tmp_path, DB), lambda frames: None)
    with capsys.disabled():
        named = {"clip": clip.name, "size": (640, 480)} | result
        Console(highlight=False, width=120).print("\n", benchmark_table.tables(named))
    assert 0 < result["ratios"][LIMIT] < 1
