import json
from dataclasses import replace

import numpy as np
import pytest

from matcher.cosine import similarity
from pipeline import k_same
from pipeline.analysis import Analysis
from pipeline.contract import Faces
from pipeline.coverage import Rung
from pipeline.errors import SettingsError
from pipeline.geometry import bounds
from pipeline.k_same import SURELY_DIFFERENT, Outcome, grouped
from pipeline.settings import Settings
from pipeline.tracks import Sample, Seen, Sighting, Track

SETTINGS = Settings()


def alike(count, seed=0, high=0.49):
    """(m, m) similarities of people who are all surely different."""
    rng = np.random.default_rng(seed)
    table = rng.uniform(-0.2, high, (count, count)).astype(np.float32)
    table = np.minimum(table, table.T)
    np.fill_diagonal(table, 1)
    return table


@pytest.mark.parametrize(("count", "k"), [(2, 2), (5, 5), (9, 4), (23, 5), (60, 7)])
def test_every_person_is_in_one_group_of_k_or_more(count, k):
    groups = grouped(alike(count, count), k)
    assert sorted(i for core, more in groups for i in core + more) == list(range(count))
    assert all(len(core) >= k for core, _ in groups)


def test_people_who_all_differ_make_as_many_groups_as_can_be():
    assert len(grouped(alike(23), 5)) == 4


@pytest.mark.parametrize(("count", "k"), [(0, 2), (1, 2), (4, 5)])
def test_fewer_than_k_people_make_no_group(count, k):
    assert grouped(alike(count), k) == []


def test_one_person_twice_counts_once():
    table = alike(4)
    table[0, 1] = table[1, 0] = 0.6
    assert grouped(table, 4) == []
    ((core, more),) = grouped(table, 3)
    assert (len(core), len(more)) == (3, 1)
    assert not {0, 1} <= set(core)


@pytest.mark.parametrize("seed", range(5))
def test_no_two_who_count_in_a_group_could_be_one_person(seed):
    table = alike(40, seed, high=0.8)
    for core, _ in grouped(table, 4):
        pairs = table[np.ix_(core, core)][~np.eye(len(core), dtype=bool)]
        assert (pairs < SURELY_DIFFERENT).all()


def test_the_nearest_share_a_group():
    table = np.full((4, 4), 0.0, np.float32)
    for a, b in ((0, 2), (1, 3)):
        table[a, b] = table[b, a] = 0.4
    np.fill_diagonal(table, 1)
    assert [sorted(core) for core, _ in grouped(table, 2)] == [[0, 2], [1, 3]]


@pytest.fixture
def strangers(donors):
    """Features of people of whom no two are alike."""
    rows, mean = donors.rows.features, donors.rows.attributes.mean
    table, picked = similarity(rows, rows, mean), [0]
    for row in range(1, len(rows)):
        if (table[row, picked] < 0.3).all():
            picked.append(row)
    return rows[picked]


@pytest.fixture
def job(donors):
    """An analysis a file, each of one frame; a list of features (or None) a file."""
    shape = donors.canonical.shape

    def analysis(number, people, size=80.0):
        result = Analysis(bytes([number]), 1, (4000, 300))
        for row, features in enumerate(people):
            mesh = shape * np.float32(size) + np.float32([50 + 300 * row, 50, 0])
            box = bounds(mesh)
            track = Track(
                row,
                0,
                [Sighting(0, box, np.full((5, 2), np.nan, np.float32), mesh, 0.9, Seen.DETECTED)],
            )
            track.features = features
            if features is not None:
                face = Faces.of([box], None, None, mesh, [0.9]).moved(1.0, (-box[0], -box[1]))
                track.look = Sample(0, size, np.full((100, 100, 3), 128, np.uint8), face)
            result.tracks.append(track)
        return result

    return lambda *files, **how: [analysis(i, people, **how) for i, people in enumerate(files)]


def mixes(plans):
    return [None if d is None else tuple(d.tolist()) for plan in plans for d in plan.donors]


def test_a_group_shares_one_surrogate_and_groups_have_different_ones(rooms, job, strangers):
    files = job(strangers[:3], strangers[3:4], strangers[4:7])
    plans, outcome = k_same.plans(files, rooms, SETTINGS, 3, b"salt")
    counts = {mix: mixes(plans).count(mix) for mix in mixes(plans)}
    assert sorted(counts.values()) == [3, 4]
    assert sorted(outcome.different) == [3, 4]
    assert outcome.uncertain == 0


def test_nothing_but_the_groups_own_mean_and_the_inner_shape_reaches_the_generator(
    rooms, job, strangers
):
    """Members differ in nothing that a generator is told, but in the shape it takes away."""
    files = job(strangers[:3])
    (plan,), _ = k_same.plans(files, rooms, SETTINGS, 3, b"salt")
    for person in plan.persons[1:]:
        assert np.array_equal(person.features, plan.persons[0].features)
        assert np.array_equal(person.skin, plan.persons[0].skin, equal_nan=True)
        assert person.glasses.size == 0


def test_a_person_in_two_files_is_one_and_wears_one_surrogate(rooms, job, strangers):
    files = job(strangers[:2], strangers[:1], strangers[2:3])
    plans, outcome = k_same.plans(files, rooms, SETTINGS, 3, b"salt")
    assert (outcome.members, outcome.different) == ((3,), (3,))
    assert len(set(mixes(plans))) == 1


@pytest.mark.parametrize("k", [3, 4, 100])
def test_a_job_with_fewer_than_k_persons_is_refused_and_counts_them(rooms, job, strangers, k):
    with pytest.raises(SettingsError, match=rf"k-same {k} needs {k} persons .* has 2: nothing was"):
        k_same.plans(job(strangers[:2], strangers[:1]), rooms, SETTINGS, k, b"salt")


def test_a_job_without_faces_is_refused(rooms, job):
    with pytest.raises(SettingsError, match="this job has 0"):
        k_same.plans(job([]), rooms, SETTINGS, 2, b"salt")


@pytest.mark.parametrize("how", ["no features", "small", "no mesh", "profile"])
def test_a_face_whose_owner_is_not_sure_is_covered_and_counts_for_nobody(
    rooms, job, strangers, how
):
    files = job(strangers[:3], strangers[3:4] if how != "no features" else [None])
    (track,) = files[1].tracks
    if how == "small":
        track.look = replace(track.look, quality=k_same.SMALLEST - 1)
    elif how == "no mesh":
        track.look.faces.mesh_scores[:] = 0.2
    elif how == "profile":
        turn = np.array([[0.17, 0, 0.98], [0, 1, 0], [-0.98, 0, 0.17]], np.float32)
        track.look.faces.mesh[0] = track.look.faces.mesh[0] @ turn
    plans, outcome = k_same.plans(files, rooms, SETTINGS, 3, b"salt")
    assert plans[1].donors == [None]
    assert outcome.uncertain == 1
    assert sum(outcome.members) == 3
    with pytest.raises(SettingsError, match="has 3"):
        k_same.plans(files, rooms, SETTINGS, 4, b"salt")


def test_groups_hang_on_the_salt_and_not_on_anything_that_is_drawn_twice(rooms, job, strangers):
    files = job(strangers[:3])
    one, again, other = (
        mixes(k_same.plans(files, rooms, SETTINGS, 3, salt)[0]) for salt in (b"a", b"a", b"b")
    )
    assert one == again != other


def test_a_room_that_fails_covers_the_group(rooms, drawing, job, strangers):
    class Broken:
        def match(self, person, k, rng):
            raise RuntimeError("no")

    broken = replace(rooms, drawing=replace(drawing, matcher=Broken()))
    (plan,), _ = k_same.plans(job(strangers[:3]), broken, SETTINGS, 3, b"salt")
    assert plan.donors == [None, None, None]
    assert plan.counts()[Rung.SURROGATE] == 3  # the chain covers these: no donors


def test_the_record_is_plain_and_says_what_is_and_is_not_guaranteed():
    record = json.loads(json.dumps(Outcome(3, (3, 4), (3, 6), 2).record()))
    assert (record["k"], record["persons"], record["covered for want of certainty"]) == (3, 9, 2)
    assert record["groups"] == [
        {"members": 3, "surely different": 3}, {"members": 6, "surely different": 4}
    ]  # fmt: skip
    assert "shared by 3 or more people" in record["guaranteed"]
    assert "hair" in record["not guaranteed"]
