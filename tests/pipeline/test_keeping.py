from dataclasses import replace

import numpy as np
import pytest

from matcher.keep import Decision, Limits, nothing_kept
from pipeline.analysis import Analysis
from pipeline.keeping import Keeper, crossings, keeper, shown, strangers, stretches
from pipeline.tracks import Glance, Seen, Sighting, Track
from pipeline.witness import clarity
from tests.matcher.test_gallery import ANN, BEN, MEAN, somebody

NAN5 = np.full((5, 2), np.nan, np.float32)
NO_MESH = np.full((468, 3), np.nan, np.float32)
END = 2**62
SIDE = 60
LIMITS = Limits(keep=0.8, hold=0.75, other=0.6)


def track(places, features=None, seen=None, number=0):
    """A face at x px `places` {frame: x}, looked at in each of `features` {frame: (16,)}."""
    how = seen or {}
    sightings = [
        Sighting(frame, np.float32([x, 50, x + SIDE, 50 + SIDE]), NAN5, NO_MESH, 0.0,
                 how.get(frame, Seen.DETECTED))
        for frame, x in places.items()
    ]  # fmt: skip
    glances = [Glance(frame, 100.0, row) for frame, row in (features or {}).items()]
    return Track(number, 0, sightings, evidence=1.0, glances=glances)


def still(frames, x=0):
    return dict.fromkeys(frames, x)


@pytest.fixture
def desk():
    """Who keeps Ann."""
    return Keeper(None, MEAN, np.zeros((468, 3), np.float32), np.stack([ANN]), LIMITS)


def analysis(*tracks):
    return Analysis(b"", 200, (400, 300), tracks=list(tracks))


def visible(desk, *tracks):
    """For each track the frames in which it stays as it is."""
    made = desk.decisions(analysis(*tracks))
    rows = shown(made, crossings(tracks, made), [one.sightings for one in tracks])
    return [
        [s.frame for s, kept in zip(one.sightings, row, strict=True) if kept]
        for one, row in zip(tracks, rows, strict=True)
    ]


@pytest.mark.parametrize(
    ("face", "crossed", "result"),
    [
        (track(still(range(5, 9))), set(), [[0, END]]),
        (track(still([5, 6, 9])), set(), [[0, 6], [9, END]]),
        (track(still(range(9))), {4, 5}, [[0, 3], [6, END]]),
        (track(still(range(9))), {0, 8}, [[1, 7]]),
        (track(still(range(9)), seen={3: Seen.SOUGHT}), set(), [[0, 2], [4, END]]),
        (track(still(range(9)), seen={8: Seen.SOUGHT}), set(), [[0, END]]),
        (track(still(range(3))), {0, 1, 2}, []),
    ],
    ids=["undisturbed", "gap", "overlap", "overlap at the ends", "sought", "turns away", "hidden"],
)
def test_doubtful_moments_divide_a_track(face, crossed, result):
    assert stretches(face, crossed).tolist() == result


def test_a_kept_person_stays_visible_and_a_stranger_does_not(desk):
    ann = track(still(range(50)), {10: ANN})
    ben = track(still(range(50), 200), {10: BEN})
    assert visible(desk, ann, ben) == [list(range(50)), []]


def test_a_face_nobody_looked_at_is_replaced(desk):
    assert visible(desk, track(still(range(50)))) == [[]]


def test_a_stranger_who_comes_out_of_a_crossing_on_the_same_track_is_replaced(desk):
    """Ann's track goes on with Ben behind the crossing, and Ben's with Ann."""
    there = {frame: 6 * frame for frame in range(50)}
    back = {frame: 300 - 6 * frame for frame in range(50)}
    first = track(there, {5: ANN, 45: BEN})
    second = track(back, {5: BEN, 45: ANN}, number=1)
    left, right = visible(desk, first, second)
    assert left
    assert max(left) < 25
    assert right
    assert min(right) > 25


def test_who_goes_on_after_a_crossing_is_hidden_only_under_the_other_face(desk):
    there = {frame: 6 * frame for frame in range(50)}
    back = {frame: 300 - 6 * frame for frame in range(50)}
    ann, ben = track(there, {5: ANN, 45: ANN}), track(back, {5: BEN, 45: BEN}, number=1)
    left, right = visible(desk, ann, ben)
    assert right == []
    hidden = sorted(set(range(50)) - set(left))
    assert 22 <= min(hidden) <= max(hidden) <= 28


def test_after_a_gap_the_face_must_be_known_again(desk):
    places = still([*range(20), *range(30, 50)])
    assert visible(desk, track(places, {5: ANN})) == [list(range(20))]
    assert visible(desk, track(places, {5: ANN, 40: ANN})) == [list(places)]
    assert visible(desk, track(places, {5: ANN, 40: BEN})) == [list(range(20))]


def test_a_head_that_turns_away_stays_kept_while_its_track_holds(desk):
    seen = dict.fromkeys(range(30, 50), Seen.FOLLOWED)
    assert visible(desk, track(still(range(50)), {5: ANN}, seen)) == [list(range(50))]


def test_another_shot_is_another_track_and_decided_anew(desk):
    first = track(still(range(20)), {5: ANN})
    second = replace_shot(track(still(range(20, 40)), {25: somebody(7, ANN, 0.78)}, number=1))
    assert visible(desk, first, second) == [list(range(20)), []]


def replace_shot(one):
    one.shot = 20
    return one


def test_twins_in_one_picture_are_both_replaced_and_told_of(desk, caplog):
    twins = [track(still(range(9), x), {3: somebody(x, ANN, 0.97)}, number=x) for x in (100, 300)]
    with caplog.at_level("INFO"):
        assert visible(desk, *twins) == [[], []]
    assert "two at once are taken for one person" in caplog.text


def test_a_face_near_the_threshold_is_told_without_its_features(desk, caplog):
    with caplog.at_level("INFO"):
        visible(desk, track(still(range(9)), {3: somebody(9, ANN, 0.78)}))
    assert "frames 0..8: a face is near the threshold" in caplog.text
    assert "replaced" in caplog.text
    assert "0.7" not in caplog.text


def test_deciding_that_fails_keeps_nobody():
    broken = Keeper(None, np.zeros(3, np.float32), NO_MESH, np.stack([ANN]), LIMITS)
    face = track(still(range(9)), {3: ANN})
    told = analysis(face)
    (decision,) = broken.decisions(told)
    assert decision.kept.tolist() == []
    assert told.faults.count == 1


def test_the_inverse_shows_everybody_who_is_surely_another(desk):
    only = replace(desk, only=True)
    ann, ben = track(still(range(9)), {3: ANN}), track(still(range(9), 200), {3: BEN})
    unknown = track(still(range(9), 300))
    assert visible(only, ann, ben, unknown) == [[], list(range(9)), []]


def test_a_face_that_is_only_expected_under_another_one_is_not_shown():
    one = track(still(range(9)), {3: ANN}, {4: Seen.SOUGHT})
    other = track(still(range(9), 40), number=1)
    always = Decision(0, np.array([[0, END]]), 0.9)
    made = [always, nothing_kept()]
    rows = shown(made, crossings([one, other], made), [one.sightings, other.sightings])
    assert rows == [[frame != 4 for frame in range(9)], [False] * 9]


@pytest.mark.parametrize(
    ("change", "clear"),
    [
        ({}, True),
        ({"mesh_score": 0.2}, False),
        ({"mesh_score": float("nan")}, False),
        ({"mesh": NO_MESH}, False),
        ({"box": np.float32([0, 0, 39, 50])}, False),
    ],
    ids=["clear", "poor mesh", "unknown mesh", "no mesh", "small"],
)
def test_a_face_that_cannot_be_recognised_is_no_look(donors, change, clear):
    shape = donors.canonical.shape
    seen = Sighting(0, np.float32([0, 0, 90, 90]), NAN5, 100 * shape, 0.9, Seen.DETECTED)
    for name, value in change.items():
        setattr(seen, name, value)
    assert bool(clarity(seen, shape)) == clear


def test_a_profile_is_no_look(donors):
    turn = np.array([[0.17, 0, 0.98], [0, 1, 0], [-0.98, 0, 0.17]], np.float32)
    mesh = 100 * donors.canonical.shape @ turn
    seen = Sighting(0, np.float32([0, 0, 90, 90]), NAN5, mesh, 0.9, Seen.DETECTED)
    assert clarity(seen, donors.canonical.shape) == 0


def test_the_threshold_of_an_unmeasured_extractor_follows_from_the_donors(donors):
    rows, mean = donors.rows.features, donors.rows.attributes.mean
    told = rows, mean, donors.canonical.shape
    other = keeper(rows[:1], ("mine", None), told, None, False)
    known = keeper(rows[:1], ("dlib_resnet", None), told, None, False)
    assert np.quantile(strangers(rows, mean), 0.999) < other.limits.keep < 1
    assert other.limits.keep != known.limits.keep
