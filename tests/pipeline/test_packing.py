"""Sightings in little memory: what comes back is what went in, but for a tremble of the mesh."""

import numpy as np
import pytest

from pipeline.geometry import bounds
from pipeline.packing import PIECE, Sightings, packed
from pipeline.tracks import Seen, Sighting


@pytest.fixture(scope="module")
def talking(donors):
    """A head that walks, grows, turns a little and opens its mouth, trembling: 1,200 frames."""
    rng = np.random.default_rng(0)
    shape, result = donors.canonical.shape, []
    for frame in range(1200):
        angle = 0.3 * np.sin(frame / 40)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
        mesh = (shape * (1, 1 + 0.1 * np.sin(frame / 5), 1)) @ np.vstack([turn, [0, 0, 1]]).T
        mesh = mesh * (150 + 50 * np.sin(frame / 100)) + (frame / 4, 80, 0)
        mesh = (mesh + rng.normal(0, 0.1, mesh.shape)).astype(np.float32)
        points = rng.uniform(0, 200, (5, 2)).astype(np.float32)
        gaze = rng.uniform(-1, 1, 2).astype(np.float32)
        how = Seen(int(rng.integers(3)))
        result.append(Sighting(frame, bounds(mesh), points, mesh, 0.9, how, gaze))
    for row in (0, 5, 700, 701, 1199):
        result[row] = Sighting.sought(row, result[row].box)
    return result


def test_everything_but_the_mesh_comes_back_exactly(talking):
    for before, after in zip(talking, packed(talking), strict=True):
        assert (before.frame, before.seen) == (after.frame, after.seen)
        assert after.mesh_score == pytest.approx(before.mesh_score)
        for name in ("box", "landmarks", "gaze"):
            assert np.array_equal(getattr(before, name), getattr(after, name), equal_nan=True)


def test_a_mesh_comes_back_closer_than_it_trembles(talking):
    for before, after in zip(talking[::7], packed(talking)[::7], strict=True):
        assert np.array_equal(np.isfinite(before.mesh), np.isfinite(after.mesh))
        width = np.ptp(before.mesh[:, 0])
        error = np.sqrt(np.nanmean((before.mesh - after.mesh) ** 2)) if width > 0 else 0.0
        assert not error > 0.002 * width


def test_lips_and_lids_that_move_for_a_few_frames_come_back_as_far(donors):
    """Their motion is small beside that of the head: it must not be lost among it."""
    rng, some = np.random.default_rng(1), []
    calm = donors.canonical.shape * 200
    for frame in range(400):
        mesh = calm * (1 + 0.1 * np.sin(frame / 30)) + rng.normal(0, 0.15, calm.shape) + frame / 9
        mesh[[14, 87, 317, 178, 402], 1] += 6 * max(1 - abs(frame % 40 - 20) / 3, 0)
        mesh[[159, 158, 160, 386, 385, 387], 1] += 4 * max(1 - abs(frame % 50 - 25) / 2, 0)
        box, points = bounds(mesh), np.zeros((5, 2), np.float32)
        mesh = mesh.astype(np.float32)
        some.append(Sighting(frame, box, points, mesh, 0.9, Seen.DETECTED, np.zeros(2, np.float32)))
    pairs = list(zip(some, packed(some), strict=True))
    for upper, lower, frames in ((13, 14, range(20, 400, 40)), (159, 145, range(25, 400, 50))):
        opened = [
            np.median([s.mesh[lower, 1] - s.mesh[upper, 1] for s in (p[side] for p in pairs)])
            for side in (0, 1)
        ]
        for frame in frames:
            before, after = (
                pairs[frame][side].mesh[lower, 1] - pairs[frame][side].mesh[upper, 1] - opened[side]
                for side in (0, 1)
            )
            assert after / before > 0.9


def test_two_hours_of_twenty_faces_fit_into_memory(talking):
    """180,000 frames at 25 a second."""
    some = packed(talking)
    assert some.nbytes / len(some) * 20 * 180_000 < 1.5e9


@pytest.mark.parametrize("length", [0, 1, 2, 40, PIECE, PIECE + 1, 1200])
def test_lists_of_every_length_keep_their_order(talking, length):
    some = packed(talking[:length])
    assert [s.frame for s in some] == list(range(length))
    assert len(some) == length
    if length:
        assert (some[-1].frame, some[0].frame) == (length - 1, 0)


def test_the_last_sightings_can_still_change_and_the_first_of_a_young_track(talking):
    young = Sightings(talking[5:9])
    young.insert(0, talking[4])
    assert young.pop().frame == 8
    assert [s.frame for s in young] == [4, 5, 6, 7]
    del young[:2]
    assert [s.frame for s in young] == [6, 7]


def test_what_is_packed_says_that_it_cannot_change(talking):
    old = Sightings(talking)
    with pytest.raises(IndexError, match="packed"):
        old.insert(0, talking[0])
    with pytest.raises(IndexError, match="packed"):
        del old[:3]
    assert old.pop().frame == 1199
    with pytest.raises(IndexError, match="1199"):
        old[1199]
