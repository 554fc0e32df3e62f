import numpy as np
import pytest

from detector.iris import LEFT, RIGHT
from generator.canonical import with_lids
from generator.expression import eye_code
from generator.regions import INNER_LIPS, LIPS
from pipeline.smoothing import settled, steady
from pipeline.tracks import Seen, Sighting

SHAPE = np.random.default_rng(0).uniform(0, 100, (468, 3)).astype(np.float32)


NOWHERE = np.full(2, np.nan, np.float32)


def sighting(frame, mesh, score=0.99, gaze=NOWHERE):
    box, unknown = np.float32([0, 0, 100, 100]), np.full((5, 2), np.nan, np.float32)
    return Sighting(frame, box, unknown, mesh, score, Seen.DETECTED, np.float32(gaze))


def trembling(count, size, seed=0, skip=()):
    rng = np.random.default_rng(seed)
    meshes = SHAPE + rng.normal(0, size, (count, 468, 3)).astype(np.float32)
    return [sighting(n, mesh) for n, mesh in enumerate(meshes) if n not in skip]


def noise(sightings):
    return np.std([s.mesh for s in sightings], axis=0).mean()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_sightings_stay_as_they_are(count):
    given = trembling(count, 1.0)
    assert [s.mesh is t.mesh for s, t in zip(given, steady(given), strict=True)] == [True] * count


def test_trembling_becomes_less():
    given = trembling(30, 0.15)
    assert noise(steady(given)) < 0.7 * noise(given)


def test_fast_motion_is_hardly_touched():
    """By a fiftieth of a step, where it begins and ends."""
    given = [sighting(n, SHAPE + np.float32([12 * n, 0, 0])) for n in range(8)]
    for before, after in zip(given, steady(given), strict=True):
        assert after.mesh == pytest.approx(before.mesh, abs=0.24)


def test_steady_motion_gets_no_lag():
    given = [sighting(n, SHAPE + np.float32([0.5 * n, 0, 0])) for n in range(12)]
    for before, after in list(zip(given, steady(given), strict=True))[2:-2]:
        assert after.mesh == pytest.approx(before.mesh, abs=0.02)


def test_a_head_that_gathers_speed_gets_no_lag():
    """It falls by up to three pixels a frame."""
    given = [sighting(n, SHAPE + np.float32([0, 0.12 * n * n, 0])) for n in range(14)]
    for before, after in list(zip(given, steady(given), strict=True))[3:-3]:
        assert after.mesh == pytest.approx(before.mesh, abs=0.13)


def test_a_shaken_head_keeps_its_shaking():
    """To and fro by a tenth of its width; what is off by a hundredth may be trembling."""
    path = 10 * np.sin(np.arange(30) * 2.1)
    given = [sighting(n, SHAPE + np.float32([x, 0, 0])) for n, x in enumerate(path)]
    after = np.array([s.mesh[:, 0].mean() for s in steady(given)]) - SHAPE[:, 0].mean()
    assert after == pytest.approx(path, abs=1.5)


def test_landmarks_that_tremble_become_steadier():
    rng, place = np.random.default_rng(0), SHAPE[:5, :2]
    given = [sighting(n, SHAPE) for n in range(30)]
    for seen in given:
        seen.landmarks = (place + rng.normal(0, 0.3, (5, 2))).astype(np.float32)
    given[12].landmarks = np.full((5, 2), np.nan, np.float32)
    before, after = (np.stack([s.landmarks for s in some]) for some in (given, settled(given)))
    assert np.isnan(after[12]).all()
    known = np.arange(30) != 12
    assert after[known].std(axis=0).mean() < 0.6 * before[known].std(axis=0).mean()


def test_a_face_before_a_shaken_camera_trembles_less_all_the_same():
    """Its place jumps by a tenth of its width; how its points lie to each other does not."""
    given = trembling(30, 0.5)
    for number, seen in enumerate(given):
        seen.mesh += np.float32(10 * np.sin(2.1 * number))
    before, after = (np.stack([s.mesh for s in some]) for some in (given, steady(given)))
    own = [meshes - meshes.mean(axis=1, keepdims=True) for meshes in (before, after)]
    assert own[1].std(axis=0).mean() < 0.75 * own[0].std(axis=0).mean()
    assert after.mean(axis=1) == pytest.approx(before.mean(axis=1), abs=1.5)


@pytest.mark.parametrize("part", [LEFT, RIGHT, [*LIPS, *INNER_LIPS]])
def test_eyes_and_mouth_lie_as_still_as_the_head(part):
    """They are read apart from it, and tremble as a whole."""
    rng, given = np.random.default_rng(0), trembling(40, 0.0)
    for seen in given:
        seen.mesh[part] += rng.normal(0, 0.8, 3).astype(np.float32)
    before, after = (np.stack([s.mesh[part] for s in some]) for some in (given, steady(given)))
    assert after.std(axis=0).mean() < 0.65 * before.std(axis=0).mean()


def test_gaps_are_not_averaged_over():
    given = trembling(5, 0.1) + [sighting(n, SHAPE + 3) for n in (20, 21, 22, 23)]
    assert steady(given)[4].mesh == pytest.approx(SHAPE, abs=0.6)
    assert steady(given)[5].mesh == pytest.approx(SHAPE + 3, abs=1e-3)


@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_frame_without_a_mesh_does_not_stop_the_others_from_being_steadied(place):
    given = trembling(10, 0.15)
    given[place] = sighting(place, np.full((468, 3), np.nan, np.float32), 0.0)
    result = steady(given)
    assert np.isnan(result[place].mesh).all()
    rest = [n for n in range(10) if n != place]
    assert noise([result[n] for n in rest]) < 0.85 * noise([given[n] for n in rest])


def test_a_mesh_that_is_not_believed_does_not_pull_at_its_neighbours():
    given = trembling(9, 0.0)
    given[4] = sighting(4, SHAPE + 500, 0.1)
    result = steady(given)
    for n in (0, 1, 2, 3, 5, 6, 7, 8):
        assert result[n].mesh == pytest.approx(SHAPE, abs=1e-3)


def test_the_sightings_given_are_not_changed():
    given = trembling(9, 0.2)
    before = [s.mesh.copy() for s in given]
    steady(given)
    assert all(np.array_equal(s.mesh, mesh) for s, mesh in zip(given, before, strict=True))


def gazes(sightings):
    return np.stack([s.gaze for s in sightings])


def looking(path):
    return [sighting(n, SHAPE, gaze=gaze) for n, gaze in enumerate(path)]


def test_a_trembling_gaze_becomes_steadier():
    path = np.random.default_rng(0).normal((0.2, -0.1), 0.02, (40, 2))
    given = looking(path)
    after = gazes(steady(given))
    assert after.std(axis=0).mean() < 0.7 * path.std(axis=0).mean()
    assert after.mean(axis=0) == pytest.approx([0.2, -0.1], abs=0.02)


def test_eyes_that_jump_land_in_the_same_frame():
    given = looking([(-0.4, 0)] * 6 + [(0.4, 0)] * 6)
    after = gazes(steady(given))[:, 0]
    assert after[:6] == pytest.approx([-0.4] * 6, abs=0.07)
    assert after[6:] == pytest.approx([0.4] * 6, abs=0.07)


@pytest.mark.parametrize("unread", [[0], [4], [9], [3, 4, 5], list(range(10))])
def test_a_gaze_that_was_not_read_stays_unread_and_spoils_no_other(unread):
    path = [NOWHERE if n in unread else (0.1, 0.05) for n in range(10)]
    after = gazes(steady(looking(path)))
    read = [n for n in range(10) if n not in unread]
    assert np.isnan(after[unread]).all()
    assert after[read] == pytest.approx(np.tile(np.float32([0.1, 0.05]), (len(read), 1)), abs=1e-5)


def test_the_gazes_given_are_not_changed():
    given = looking(np.random.default_rng(0).normal(0, 0.02, (9, 2)))
    before = gazes(given).copy()
    steady(given)
    assert np.array_equal(gazes(given), before)


@pytest.mark.parametrize(
    ("path", "closed"),
    [
        ([0.05, 0.005, 0.05], 0.045),
        ([0.05, 0.005, 0.005, 0.05], 0.015),
        ([0.06, 0.02, 0.005, 0.03, 0.06], 0.03),
        ([0.05, 0.005, 0.005, 0.005, 0.05], 0.015),
    ],
)
def test_a_blink_survives(donors, path, closed):
    """The eyes close in the same frames as they did, and stand open before and after."""
    lids = np.array([0.1] * 6 + path + [0.1] * 6)
    shape = donors.canonical.shape
    given = [sighting(n, with_lids(shape, np.float32([o, o])) * 200) for n, o in enumerate(lids)]
    after = np.array([eye_code(s.mesh).mean() for s in steady(given)])
    assert after.min() < closed
    assert lids[after.argmin()] < 0.021
    assert after[[0, 1, 2, 3, -4, -3, -2, -1]] == pytest.approx([0.1] * 8, abs=0.002)


def test_lids_that_tremble_become_steadier(donors):
    rng, shape = np.random.default_rng(0), donors.canonical.shape
    lids = 0.1 + rng.normal(0, 0.004, 40)
    given = [sighting(n, with_lids(shape, np.float32([o, o])) * 200) for n, o in enumerate(lids)]
    after = np.array([eye_code(s.mesh).mean() for s in steady(given)])
    assert after.std() < 0.75 * lids.std()


@pytest.mark.parametrize("speed", [0.0, 1.5, 4.0])
@pytest.mark.parametrize("size", [30, 80, 200])
def test_faces_that_tremble_become_steadier_however_fast_they_move(donors, size, speed):
    """By 0.3 px, whatever their size; measured by what is no even motion."""
    rng, calm = np.random.default_rng(0), donors.canonical.shape * size
    given = [
        sighting(n, (calm + rng.normal(0, 0.3, calm.shape) + (speed * n, 0, 0)).astype(np.float32))
        for n in range(40)
    ]
    before, after = (
        np.std(np.diff([s.mesh[:, :2] for s in some], 2, axis=0)[2:-2])
        for some in (given, steady(given))
    )
    assert after < 0.45 * before


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_a_mouth_that_opens_for_a_few_frames_opens_as_wide(donors, frames):
    """A syllable: the lower lip goes down by a fiftieth of the face's width and up again."""
    calm = donors.canonical.shape * 200
    width = np.ptp(calm[:, 0])
    given = []
    for number in range(20):
        open_by = max(1 - abs(number - 10) / frames, 0) * 0.05 * width
        mesh = calm.copy()
        mesh[[14, 87, 317, 178, 402, 17, 84, 314], 1] += open_by
        given.append(sighting(number, mesh))
    before, after = (
        np.array([s.mesh[14, 1] - s.mesh[13, 1] for s in some]) for some in (given, steady(given))
    )
    assert np.ptp(after) >= 0.95 * np.ptp(before)
    assert after.argmax() == before.argmax()
