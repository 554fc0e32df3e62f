import sys
from dataclasses import replace

import numpy as np
import pytest

from matcher.keep import nothing_kept
from pipeline import coverage
from pipeline.analysis import Analysis
from pipeline.coverage import Rung
from pipeline.dissolving import AFTER, BEFORE
from pipeline.geometry import bounds
from pipeline.planning import Places, plan
from pipeline.settings import Settings
from pipeline.tracks import Seen, Sighting, Track

NAN5 = np.full((5, 2), np.nan, np.float32)
NO_MESH = np.full((468, 3), np.nan, np.float32)


@pytest.fixture
def shape(donors):
    return donors.canonical.shape


def sighting(frame, shape=None, x=100, size=80, score=0.9, seen=Seen.DETECTED, landmarks=NAN5):
    if shape is None:
        box = np.float32([x, 50, x + size, 50 + size])
        return Sighting(frame, box, landmarks, NO_MESH, 0.0, seen)
    mesh = shape * np.float32(size) + np.float32([x, 50, 0])
    return Sighting(frame, bounds(mesh), landmarks, mesh, score, seen)


def analysis(*tracks, frames=60, shots=(0,), every=1):
    result = Analysis(b"digest", frames, (400, 300), list(shots), list(range(0, frames, every)))
    result.tracks.extend(tracks)
    return result


def planned(rooms, *tracks, settings=Settings(), salt=b"salt", **options):  # noqa: B008
    return plan(analysis(*tracks, **options), rooms, settings, salt)


def known(number, features, sightings):
    track = Track(number, 0, sightings)
    track.features = features
    return track


def test_a_file_without_faces_has_an_empty_plan(rooms):
    todo = planned(rooms)
    assert (todo.tracks, todo.persons, todo.donors, todo.at) == ([], [], [], {})


def test_a_track_is_covered_a_little_before_and_after_it_was_seen(rooms, shape):
    todo = planned(rooms, Track(0, 0, [sighting(n, shape) for n in range(20, 30)]))
    assert sorted(todo.at) == list(range(20 - BEFORE, 30 + AFTER))


@pytest.mark.parametrize(("first", "last", "frames"), [(0, 3, 4), (1, 58, 60), (0, 0, 1)])
def test_nothing_is_planned_beyond_the_file(rooms, shape, first, last, frames):
    track = Track(0, 0, [sighting(n, shape) for n in range(first, last + 1)])
    assert sorted(planned(rooms, track, frames=frames).at) == list(range(frames))


def test_nothing_is_planned_beyond_a_cut(rooms, shape):
    track = Track(0, 10, [sighting(n, shape) for n in range(11, 19)])
    todo = planned(rooms, track, shots=(0, 10, 20))
    assert sorted(todo.at) == list(range(10, 20))


def test_a_gap_is_filled_on_a_straight_line(rooms, shape):
    track = Track(0, 0, [sighting(10, shape, x=100), sighting(14, shape, x=140)])
    (only,) = planned(rooms, track).tracks
    middle = next(s for s in only.sightings if s.frame == 12)
    assert middle.seen == Seen.FILLED
    assert middle.box == pytest.approx((only.sightings[3].box + only.sightings[7].box) / 2, abs=0.1)
    assert sorted(s.frame for s in only.sightings) == list(range(10 - BEFORE, 15 + AFTER))


@pytest.mark.parametrize("every", [1, 10, 30])
def test_every_frame_between_two_looks_of_the_detector_is_covered(rooms, every):
    """A face seen at one look and not at the next may have been there until just before it."""
    track = Track(0, 0, [sighting(30)])
    todo = planned(rooms, track, every=every, frames=90)
    assert {*range(30 - every + 1, 30 + every)} <= set(todo.at)


FIVE_POINTS = np.float32([[40, 40], [80, 40], [60, 62], [45, 80], [75, 80]])


@pytest.mark.parametrize(
    ("kind", "rung"),
    [
        ({}, Rung.SURROGATE),
        ({"seen": Seen.FOLLOWED}, Rung.SURROGATE),
        ({"seen": Seen.FILLED}, Rung.PASTED),
        ({"score": 0.3}, Rung.COVER),
        ({"score": float("nan")}, Rung.COVER),
        ({"score": 0.3, "landmarks": FIVE_POINTS}, Rung.PASTED),
        ({"score": 0.3, "landmarks": np.ones((5, 2), np.float32)}, Rung.COVER),
        ({"size": 9}, Rung.COVER),
    ],
)
def test_the_rung_follows_from_how_a_face_is_known(rooms, shape, kind, rung):
    track = Track(0, 0, [sighting(0, shape, **kind)], certain=True)
    (only,) = planned(rooms, track, frames=1).tracks
    assert only.rungs == [rung]


def test_a_face_known_only_by_its_box_is_covered(rooms):
    (only,) = planned(rooms, Track(0, 0, [sighting(0)]), frames=1).tracks
    assert only.rungs == [Rung.COVER]


def test_a_profile_without_landmarks_is_covered(rooms, shape):
    turn = np.array([[0.17, 0, 0.98], [0, 1, 0], [-0.98, 0, 0.17]], np.float32)
    side = sighting(0, shape @ turn)
    (only,) = planned(rooms, Track(0, 0, [side]), frames=1).tracks
    assert only.rungs == [Rung.COVER]


def test_a_mesh_that_slipped_off_its_box_is_not_used(rooms, shape):
    slipped = sighting(0, shape)
    slipped.box = slipped.box + 70
    (only,) = planned(rooms, Track(0, 0, [slipped]), frames=1).tracks
    assert only.rungs == [Rung.COVER]


def test_without_a_generator_everything_is_covered(rooms, shape):
    from dataclasses import replace

    bare = replace(rooms, drawing=None)
    todo = planned(bare, Track(0, 0, [sighting(n, shape) for n in range(4)]), frames=4)
    assert set(todo.counts()) == {Rung.COVER}
    assert todo.donors == [None]


@pytest.fixture
def two_people(donors):
    rows = donors.rows.features
    alike = (rows - donors.rows.attributes.mean) @ (rows - donors.rows.attributes.mean)[0]
    return rows[0], rows[int(alike.argmin())]


def test_tracks_of_one_person_get_one_surrogate(rooms, shape, two_people):
    one, _ = two_people
    tracks = [known(i, one, [sighting(n, shape) for n in (20 * i, 20 * i + 1)]) for i in range(3)]
    todo = planned(rooms, *tracks)
    assert [t.person for t in todo.tracks] == [0, 0, 0]
    assert len(todo.donors) == 1


def test_people_who_are_not_alike_get_surrogates_of_their_own(rooms, shape, two_people):
    tracks = [known(i, f, [sighting(20 * i, shape)]) for i, f in enumerate(two_people)]
    todo = planned(rooms, *tracks)
    assert [t.person for t in todo.tracks] == [0, 1]
    assert todo.donors[0].tolist() != todo.donors[1].tolist()


def test_two_faces_in_one_frame_are_two_persons_however_alike(rooms, shape, two_people):
    one, _ = two_people
    tracks = [
        known(i, one, [sighting(n, shape, x=20 + 200 * i) for n in range(5)]) for i in range(2)
    ]
    assert [t.person for t in planned(rooms, *tracks).tracks] == [0, 1]


def test_tracks_of_whom_nothing_is_known_are_persons_of_their_own(rooms, shape):
    tracks = [Track(i, 0, [sighting(20 * i, shape, x=20 + 250 * i)]) for i in range(2)]
    assert [t.person for t in planned(rooms, *tracks).tracks] == [0, 1]


def test_donors_hang_on_the_salt_and_the_file(rooms, shape):
    def donors_of(salt, digest):
        source = analysis(Track(0, 0, [sighting(0, shape)]))
        source.digest = digest
        return tuple(plan(source, rooms, Settings(), salt).donors[0].tolist())

    assert donors_of(b"a", b"1") == donors_of(b"a", b"1")
    assert len({donors_of(s, d) for s in (b"a", b"b", b"c") for d in (b"1", b"2", b"3")}) > 4


@pytest.mark.parametrize("k", [1, 4, 9])
def test_as_many_donors_are_drawn_as_asked_for(rooms, shape, k):
    todo = planned(rooms, Track(0, 0, [sighting(0, shape)]), settings=Settings(k=k))
    assert len(todo.donors[0]) == k


def test_a_face_outside_the_picture_is_dropped_and_one_at_its_border_kept(rooms):
    gone, border = sighting(0, x=401), sighting(0, x=399)
    assert planned(rooms, Track(0, 0, [gone]), frames=1).at == {}
    assert list(planned(rooms, Track(0, 0, [border]), frames=1).at) == [0]


def at_frame(todo, number):
    (only,) = todo.tracks
    return next(s for s in only.sightings if s.frame == number)


def test_between_two_frames_the_eyes_wander_on_a_straight_line(rooms, shape):
    first, last = sighting(10, shape), sighting(14, shape, x=140)
    first.gaze, last.gaze = np.float32([-0.4, 0]), np.float32([0.4, 0.2])
    todo = planned(rooms, Track(0, 0, [first, last]))
    read = [at_frame(todo, n).gaze for n in range(10, 15)]
    assert np.stack(read) == pytest.approx(
        np.linspace([-0.4, 0], [0.4, 0.2], 5).astype(np.float32), abs=1e-5
    )


def test_between_a_read_and_an_unread_gaze_nothing_is_made_up(rooms, shape):
    first, last = sighting(10, shape), sighting(13, shape)
    first.gaze = np.float32([0.3, 0])
    todo = planned(rooms, Track(0, 0, [first, last]))
    assert all(np.isnan(at_frame(todo, n).gaze).all() for n in (11, 12, 13))
    assert at_frame(todo, 10).gaze == pytest.approx([0.3, 0])


def test_before_and_after_it_is_seen_a_face_looks_where_it_looked(rooms, shape):
    first, last = sighting(20, shape), sighting(21, shape)
    first.gaze, last.gaze = np.float32([0.3, 0]), np.float32([-0.3, 0.1])
    todo = planned(rooms, Track(0, 0, [first, last]))
    assert at_frame(todo, 20 - BEFORE).gaze == pytest.approx(first.gaze)
    assert at_frame(todo, 21 + AFTER).gaze == pytest.approx(last.gaze)


def styled(number, length, style):
    track = Track(number, 0, [sighting(20 * number + n) for n in range(length)])
    track.style = np.float32(style)
    return track


UNKNOWN = [np.nan] * 3


@pytest.mark.parametrize(
    ("styles", "worn"),
    [
        ([[1, 2, 3], [4, 5, 6]], [4, 5, 6]),
        ([[1, 2, 3], UNKNOWN], [1, 2, 3]),
        ([UNKNOWN, [4, 5, 6]], [4, 5, 6]),
        ([UNKNOWN, UNKNOWN], UNKNOWN),
    ],
)
def test_a_persons_style_is_that_of_the_longest_track_in_which_it_was_seen(
    rooms, two_people, styles, worn
):
    """The second track is the longer one."""
    tracks = [styled(n, 2 + 3 * n, style) for n, style in enumerate(styles)]
    for track in tracks:
        track.features = two_people[0]
    (person,) = planned(rooms, *tracks).persons
    assert person.style == pytest.approx(worn, nan_ok=True)


@pytest.mark.parametrize("keeping", [False, True])
def test_a_long_clip_is_held_once(rooms, monkeypatch, keeping):
    """Once planned its analysis holds no sightings; whom to keep was told before."""
    monkeypatch.setattr(coverage, "_LOOSE", 50)
    track = Track(0, 0, [sighting(n) for n in range(60)])
    bare = replace(rooms, drawing=None, keeper=Nobody() if keeping else None)
    todo = plan(analysis(track), bare, Settings(mode="solid"), b"salt")
    assert len(todo.tracks[0].sightings) == 60
    assert not len(track.sightings)


class Nobody:
    """A keep-list on which nobody is found."""

    def decisions(self, analysis):
        return [nothing_kept() for _ in analysis.tracks]


def test_where_faces_lie_takes_little_memory_and_reads_like_a_mapping():
    places = Places()
    for frame in range(1000):
        for track in range(20):
            places.add(frame, track, frame)
    held = sys.getsizeof(places._known) + sum(map(sys.getsizeof, places._known.values()))
    assert held / 20_000 < 24
    assert places[3] == [(track, 3) for track in range(20)]
    assert places.get(1000, []) == []
    assert list(places) == list(range(1000))
