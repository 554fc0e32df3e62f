"""What comes out does not depend on how many threads worked on it, nor how far ahead they were."""

import numpy as np
import pytest

from pipeline import crew, networks
from tests.e2e.conftest import read_clip, write_clip

COUNT = 12
ROUNDING = 1.0  # grey level, mean of a frame


@pytest.fixture(scope="module")
def clip(tmp_path_factory, moving, render):
    """The moving portrait beside a drawn head that stands still, so that faces are two."""
    beside = render([5, 9, 40, 77], moving[0].shape[0])[:, : moving[0].shape[1] // 2]
    pictures = [np.hstack([picture, beside]) for picture in moving[:COUNT]]
    pictures = [p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2] for p in pictures]
    return write_clip(tmp_path_factory.mktemp("same") / "clip.mp4", pictures)


@pytest.fixture(scope="module")
def alone(clip, tmp_path_factory, deidentify):
    """The output of one thread."""
    networks.limit(1)
    try:
        target = tmp_path_factory.mktemp("alone") / "out.mp4"
        report = deidentify(clip, target)
    finally:
        networks.limit(0)
    assert report.surrogates > COUNT
    return read_clip(target).frames, report


@pytest.fixture(autouse=True)
def unlimited():
    yield
    networks.limit(0)


@pytest.mark.parametrize(("threads", "beforehand"), [(2, 0), (2, 2), (3, 9), (8, 1)])
def test_threads_and_queues_change_nothing(
    clip, alone, tmp_path, deidentify, monkeypatch, threads, beforehand
):
    networks.limit(threads)
    monkeypatch.setattr(crew, "_BEFOREHAND", beforehand)
    report = deidentify(clip, tmp_path / "out.mp4")
    frames, before = alone
    told = ("frames", "tracks", "persons", "surrogates", "fallbacks")
    assert [getattr(report, name) for name in told] == [getattr(before, name) for name in told]
    assert report.faults.count == before.faults.count == 0
    for one, other in zip(read_clip(tmp_path / "out.mp4").frames, frames, strict=True):
        assert np.abs(one.astype(float) - other).mean() < ROUNDING


def test_networks_of_other_threads_give_the_same_within_rounding(clip, alone, tmp_path, deidentify):
    """A new set of rooms, compiled for other numbers of streams."""
    from pipeline.rooms import furnish
    from pipeline.settings import Settings

    networks.limit(4)
    deidentify(clip, tmp_path / "out.mp4", rooms=furnish(Settings()))
    for one, other in zip(read_clip(tmp_path / "out.mp4").frames, alone[0], strict=True):
        assert np.abs(one.astype(float) - other).mean() < ROUNDING
