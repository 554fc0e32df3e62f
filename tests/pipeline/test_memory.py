from dataclasses import replace

import numpy as np
import pytest

from pipeline import chain, memory
from pipeline.analysis import Analysis
from pipeline.planning import Plan
from pipeline.search import quick


@pytest.fixture
def fresh():
    """Whoever was asked for memory before is forgotten, before and after."""
    memory._trim.cache_clear()
    yield
    memory._trim.cache_clear()


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_memory_is_handed_back_where_somebody_can_be_asked(monkeypatch, fresh, system):
    monkeypatch.setattr(memory.sys, "platform", system)
    memory.hand_back()


def test_another_c_library_is_no_fault(monkeypatch, fresh):
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.hand_back()


@pytest.mark.parametrize("as_asked", [lambda detector: detector, quick])
def test_a_detector_that_rested_finds_the_same_faces(rooms, astronaut, as_asked):
    detector = as_asked(rooms.detector)
    before = detector.detect(astronaut)
    rooms.rest()
    after = detector.detect(astronaut)
    assert len(before.boxes) == 1
    np.testing.assert_array_equal(before.boxes, after.boxes)


class Resting:
    """A detector that tells how often it was sent to rest."""

    times = 0

    def rest(self):
        self.times += 1


class Plain:
    """A detector of another maker, which knows no rest."""


@pytest.mark.parametrize(("frames", "times"), [(100, 0), (400, 1)])
def test_the_detector_rests_after_a_long_search_only(rooms, monkeypatch, frames, times):
    """Getting ready anew takes longer than it is worth after a short one."""
    resting = Resting()
    found = Analysis(b"", frames, (1920, 1080))
    monkeypatch.setattr(chain, "analyse", lambda *told: iter([found]))
    monkeypatch.setattr(chain, "plan", lambda *told: Plan([], [], []))
    monkeypatch.setattr(chain, "render", lambda *told: iter([]))
    run = chain.run(None, None, replace(rooms, detector=resting), None, b"", chain.Report())
    assert len(list(run)) == 1
    assert resting.times == times


def test_detectors_of_other_makers_need_know_no_rest(rooms):
    replace(rooms, detector=Plain()).rest()
