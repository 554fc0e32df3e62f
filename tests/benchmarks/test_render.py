"""What it takes to render again where a tenth of the frames changed, beside a full run; run with
-m benchmark. No time is asserted.
"""

import time

import cv2
import pytest

from pipeline import chain, demo, media, record, rerender
from pipeline.chain import Report
from pipeline.record import IGNORE, KEEP, REPLACE, Added
from pipeline.recording import Job, Recorder
from pipeline.settings import Settings
from tests.e2e.conftest import write_clip

pytestmark = pytest.mark.benchmark
SECONDS, GUEST = 8.0, range(90, 110)
CORNER, SIDE = (20, 20), 200


@pytest.fixture(scope="module")
def clip(tmp_path_factory, render):
    """The demo's portrait, beside whom somebody is seen in a tenth of the frames."""
    guest = render([60, 61, 62, 63], SIDE)
    pictures = [cv2.resize(picture, (1280, 960)) for picture in demo.pictures(SECONDS)]
    for frame in GUEST:
        x, y = CORNER[0] + frame - GUEST[0], CORNER[1]
        pictures[frame][y : y + SIDE, x : x + SIDE] = guest
    return write_clip(tmp_path_factory.mktemp("again") / "clip.mp4", pictures)


def test_rendering_a_tenth_again(clip, rooms, capsys):
    settings, folder = Settings(), clip.parent
    path, out = folder / "clip.faces.json", folder / "out.mp4"
    source = media.open_source(clip, settings)
    report = Report(recorder=Recorder(path, Job(settings, {})))
    start = time.perf_counter()
    assert list(chain.run(source, out, rooms, settings, b"speed", report))
    full = time.perf_counter() - start

    def again(change):
        told = record.read(path)
        change(told)
        before = rerender.usable(told, out)
        assert before is not None
        order = rerender.Order(told, path, out, before, rooms, settings, {}, b"speed")
        start = time.perf_counter()
        for _ in rerender.run(media.open_source(clip, settings), order, Report()):
            pass
        return time.perf_counter() - start

    def decide(decision):
        return lambda told: setattr(guest(told), "decision", decision)

    def merge(told):
        guest(told).person = next(t.person for t in told.tracks if t is not guest(told))

    def forget(told):
        told.tracks.remove(guest(told))
        x, y = CORNER
        box = [x + SIDE // 4, y + SIDE // 6, x + 3 * SIDE // 4, y + 5 * SIDE // 6]
        told.added.append(Added(box, GUEST[0], GUEST[-1]))

    def guest(told):
        return next(t for t in told.tracks if t.first > GUEST[0] - 30 and len(t.boxes) < 60)

    spent = {
        "merged": again(merge),
        "kept": again(decide(KEEP)),
        "replaced": again(decide(REPLACE)),
        "ignored": again(decide(IGNORE)),
        "added": again(forget),
    }
    with capsys.disabled():
        print(f"\n1280x960, {int(25 * SECONDS)} frames: {full:.1f} s")  # noqa: T201
        for name, seconds in spent.items():
            print(f"{name:>10} {seconds:6.1f} s {seconds / full:6.1%}")  # noqa: T201
