"""How long faces stay covered, with what, and how one cover fades into the next."""

from itertools import pairwise

import numpy as np
import pytest

from pipeline.analysis import Analysis
from pipeline.coverage import (
    FADE,
    Rung,
    covered,
    mixes,
    rung,
    whole,
)
from pipeline.dissolving import AFTER, LONGEST_FADE
from pipeline.expecting import LEAVING
from pipeline.tracks import Seen, Sighting, Track

DRAWN, PASTED, COVER = Rung.SURROGATE, Rung.PASTED, Rung.COVER


@pytest.mark.parametrize("rungs", [[], [DRAWN], [DRAWN] * 9, [DRAWN, PASTED] * 3])
def test_a_surrogate_that_is_always_there_is_shown_whole_from_its_first_frame(rungs):
    assert mixes(rungs) == [1.0] * len(rungs)


@pytest.mark.parametrize("length", [1, 7])
def test_where_there_is_no_surrogate_the_cover_shows_alone(length):
    assert mixes([COVER] * length) == [0.0] * length


@pytest.mark.parametrize("drawn", [DRAWN, PASTED])
def test_a_surrogate_appears_and_vanishes_over_a_few_frames(drawn):
    ramp = [(n + 1) / (FADE + 1) for n in range(FADE)]
    shares = mixes([drawn] * 8 + [COVER] * 2 + [drawn] * 8)
    assert shares[:8] == pytest.approx([1.0] * (8 - FADE) + ramp[::-1])
    assert shares[8:10] == [0, 0]
    assert shares[10:] == pytest.approx(ramp + [1.0] * (8 - FADE))


def test_a_surrogate_that_comes_and_goes_does_not_flash():
    """Neither alone for a frame between covers, nor a cover alone for a frame."""
    for rungs in ([DRAWN, COVER] * 6, [COVER] * 5 + [DRAWN] + [COVER] * 5):
        assert max(mixes(rungs)) <= 1 / (FADE + 1)
    shares = mixes([DRAWN] * 9 + [COVER] + [DRAWN] * 9)
    assert max(abs(a - b) for a, b in pairwise(shares)) <= 1 / (FADE + 1) + 1e-9


SIZE = 400, 300
NO_MESH = np.full((468, 3), np.nan, np.float32)
NO_POINTS = np.full((5, 2), np.nan, np.float32)


def seen(frame, x=100.0, how=Seen.DETECTED):
    return Sighting(frame, np.float32([x, 50, x + 80, 130]), NO_POINTS, NO_MESH, 0.0, how)


def clip(*tracks, frames=200, fades=(), every=1):
    looks = list(range(0, frames, every))
    result = Analysis(b"clip", frames, SIZE, [0], looks, list(tracks))
    result.fades.extend(fades)
    return result


def frames_of(sightings):
    return [s.frame for s in sightings]


def test_a_face_that_stood_still_stays_covered_where_it_was_and_around():
    track = Track(0, 0, [seen(n) for n in range(20, 30)])
    tail = whole(track, clip(track))[-AFTER:]
    for earlier, later in pairwise(tail):
        assert (later.box[:2] < earlier.box[:2]).all()
        assert (later.box[2:] > earlier.box[2:]).all()
    assert {s.seen for s in tail} == {Seen.PREDICTED}


def test_a_face_that_walked_stays_covered_along_its_way():
    track = Track(0, 0, [seen(n, 100 + 4 * n) for n in range(10, 20)])
    some = whole(track, clip(track))
    for sighting in (some[0], some[-1]):
        middle = (sighting.box[0] + sighting.box[2]) / 2
        assert middle == pytest.approx(140 + 4 * sighting.frame, abs=1)


@pytest.mark.parametrize(("found", "first"), [(51, 50), (58, 50), (59, 56)])
def test_who_is_found_soon_after_a_cut_is_covered_from_it_on(found, first):
    """Hidden to the half, they may be seen before anybody finds them."""
    track = Track(0, 50, [seen(n) for n in range(found, found + 9)])
    analysis = clip(track)
    analysis.shots.append(50)
    assert frames_of(whole(track, analysis))[0] == first


def test_a_face_that_leaves_over_the_border_is_covered_until_it_is_out():
    """A detector loses it while half of it is still seen."""
    track = Track(0, 0, [seen(n, 250 + 5 * n) for n in range(20)])
    some = frames_of(whole(track, clip(track)))
    assert some[-1] > 19 + AFTER
    assert some[-1] <= 19 + LEAVING


@pytest.mark.parametrize("length", [6, 10, 24])
def test_a_dissolve_is_covered_while_a_face_may_be_seen_in_it(length):
    """The detector loses a face, and finds it, when about half of it is there."""
    middle = 50 + length // 2
    old = Track(0, 0, [seen(n) for n in range(middle)])
    new = Track(1, 0, [seen(n, 250) for n in range(middle, 100)])
    analysis = clip(old, new, fades=[(50, 50 + length)])
    assert frames_of(whole(old, analysis))[-1] >= 50 + 0.85 * length
    assert frames_of(whole(new, analysis))[0] <= 50 + 0.15 * length


def test_what_only_looks_like_a_face_after_a_dissolve_is_not_covered():
    later = [seen(n, how=Seen.SOUGHT) for n in range(53, 75)]
    track = Track(0, 0, [*(seen(n) for n in range(53)), *later])
    assert frames_of(whole(track, clip(track, fades=[(50, 60)])))[-1] <= 60
    assert frames_of(whole(track, clip(track)))[-1] == 74 + AFTER


def test_a_face_that_another_one_dissolves_into_is_covered_before_it_is_found():
    """One track took the new face for the old one."""
    track = Track(0, 0, [*(seen(n) for n in range(53)), *(seen(n, 200) for n in range(57, 80))])
    some = {s.frame: s.box for s in whole(track, clip(track, fades=[(50, 60)]))}
    for frame in range(53, 57):
        assert some[frame][0] <= 100
        assert some[frame][2] >= 280


def test_a_face_is_not_covered_in_the_dissolve_before_its_own():
    track = Track(0, 0, [seen(n) for n in range(62, 100)])
    some = frames_of(whole(track, clip(track, fades=[(39, 59), (59, 79)])))
    assert some[0] == 59


def test_an_endless_dissolve_covers_nobody_for_ever():
    track = Track(0, 0, [seen(n) for n in range(50)])
    some = frames_of(whole(track, clip(track, fades=[(40, 199)])))
    assert some[-1] <= 50 + LONGEST_FADE


@pytest.mark.parametrize("sure", [True, False])
def test_a_face_that_walks_in_a_dissolve_is_covered_all_along_its_way(sure):
    """Whether it goes on or stops cannot be seen there."""
    track = Track(0, 0, [seen(n, 100 + 4 * n) for n in range(30, 42)])
    analysis = clip(track, fades=[(22, 36), (36, 50)] if sure else [])
    analysis.blends.extend([(22, 36), (36, 50)] * (not sure))
    some = {s.frame: s.box for s in whole(track, analysis)}
    for frame in (*range(25, 30), *range(42, 47)):
        still = 100 + 4 * min(max(frame, 30), 41)
        assert some[frame][0] <= min(100 + 4 * frame, still)
        assert some[frame][2] >= max(100 + 4 * frame, still) + 80


def test_a_face_half_out_of_the_picture_in_a_dissolve_stays_covered_where_it_was():
    """However fast it seemed to move."""
    track = Track(0, 0, [seen(n, 200 + 32 * (n - 45)) for n in range(45, 51)])
    analysis = clip(track)
    analysis.blends.append((44, 70))
    some = {s.frame: s.box for s in whole(track, analysis)}
    for frame in range(51, 64):
        assert some[frame][0] <= 360


def test_what_is_likely_a_dissolve_lengthens_covers_and_shortens_none():
    later = [seen(n, how=Seen.SOUGHT) for n in range(53, 75)]
    turned = Track(0, 0, [*(seen(n) for n in range(53)), *later])
    lost = Track(1, 0, [seen(n, 250) for n in range(50, 56)])
    analysis = clip(turned, lost)
    before = [set(frames_of(whole(track, analysis))) for track in (turned, lost)]
    analysis.blends.append((44, 66))
    after = [set(frames_of(whole(track, analysis))) for track in (turned, lost)]
    assert after[0] >= before[0]
    assert after[1] > before[1]
    assert {44, 65} <= after[1]


def test_a_place_is_not_covered_where_surely_nothing_of_a_face_is_seen():
    """Somebody was behind a pillar, and is seen again."""
    track = Track(0, 0, [*(seen(n) for n in range(10)), *(seen(n) for n in range(20, 30))])
    track.vacant.update({n: np.float32([90, 40, 190, 140]) for n in range(12, 18)})
    some = frames_of(whole(track, clip(track)))
    assert not set(range(12, 18)) & set(some)
    assert set(range(30)) - set(range(12, 18)) <= set(some)


def test_a_mesh_that_slips_away_in_a_dissolve_does_not_take_the_cover_along():
    slipped = [seen(n, 100 + 6 * (n - 19), Seen.FOLLOWED) for n in range(20, 30)]
    track = Track(0, 0, [*(seen(n) for n in range(20)), *slipped])
    some = {s.frame: s for s in whole(track, clip(track, fades=[(18, 32)]))}
    for frame in range(20, 30):
        assert some[frame].box[0] <= 101
        assert some[frame].box[2] >= slipped[frame - 20].box[2] - 1


def test_a_face_cut_off_by_the_border_is_not_waited_for_when_it_is_out():
    """Its box ends at the border: only the inner edge tells how fast it goes."""
    edges = [200, 180, 160, 140, 120, 100, 80, 60]
    boxes = [np.float32([0, 50, edge, 250]) for edge in edges]
    track = Track(0, 0, [Sighting(n, box, NO_POINTS, NO_MESH, 0.0, Seen.DETECTED)
                         for n, box in enumerate(boxes)])  # fmt: skip
    assert 9 <= frames_of(whole(track, clip(track)))[-1] <= 11


@pytest.mark.parametrize("how", list(Seen))
def test_a_face_that_is_only_expected_gets_a_cover_and_no_surrogate(drawing, how):
    mesh = drawing.canonical.shape * 90
    box = np.float32([*mesh.min(axis=0)[:2], *mesh.max(axis=0)[:2]])
    best = rung(Sighting(0, box, NO_POINTS, mesh, 1.0, how), drawing)
    assert (best == Rung.COVER) == (how == Seen.PREDICTED)


def test_who_is_seen_elsewhere_is_not_expected_where_they_were():
    first = Track(0, 0, [seen(n) for n in range(10)])
    again = Track(1, 0, [seen(n, 300) for n in range(12, 20)])
    alone, both = (
        [frames_of(c.sightings) for c in covered(clip(first, again), persons, None)]
        for persons in ([0, 1], [0, 0])
    )
    assert alone[0][-1] == 9 + AFTER
    assert both[0][-1] == 11


def test_who_is_followed_twice_is_expected_nowhere_else_meanwhile():
    one = Track(0, 0, [seen(n) for n in range(40)])
    twin = Track(1, 0, [seen(n, 110) for n in range(10, 20)])
    both = [frames_of(c.sightings) for c in covered(clip(one, twin), [0, 0], None)]
    assert both[1] == list(range(10, 20))


@pytest.mark.parametrize(
    ("believed", "first"), [(None, 15), (20, 15), (21, 16), (22, 17), (23, 18), (30, 18)]
)
def test_a_face_that_was_doubted_at_first_is_expected_less_long_before(believed, first):
    """Weak detections have seen it sooner than strong ones would; what looks like it has not."""
    back = [seen(n, how=Seen.SOUGHT) for n in (18, 19)]
    track = Track(0, 0, [*back, *(seen(n) for n in range(20, 40))], believed=believed)
    assert frames_of(whole(track, clip(track)))[0] == first


@pytest.mark.parametrize("gap", [1, 12, 29])
def test_a_gap_is_filled_from_both_ends(gap):
    track = Track(0, 0, [seen(0), seen(gap + 1, 160)])
    some = {s.frame: s for s in whole(track, clip(track))}
    for frame in range(1, gap + 1):
        assert some[frame].seen == Seen.FILLED
        assert some[frame].box[0] == pytest.approx(100 + 60 * frame / (gap + 1), abs=0.5)


def test_a_track_longer_than_a_piece_is_whole():
    track = Track(0, 0, [seen(n) for n in range(1500) if n % 7])
    assert frames_of(whole(track, clip(track, frames=1500))) == list(range(1500))


@pytest.mark.parametrize(
    ("certain", "score", "drawn"),
    [(True, 0.0, True), (False, 0.9, True), (False, 0.1, False)],
)
def test_a_pattern_that_is_barely_found_and_never_fits_wears_no_face(
    drawing, face, certain, score, drawn
):
    sightings = [
        Sighting(n, face.boxes[0], face.landmarks[0], face.mesh[0], score, Seen.DETECTED)
        for n in range(3)
    ]
    track = Track(0, 0, sightings, certain=certain)
    analysis = Analysis(b"", 3, (512, 512), tracks=[track])
    rungs = covered(analysis, [0], drawing)[0].rungs
    assert all((rung != Rung.COVER) == drawn for rung in rungs)
