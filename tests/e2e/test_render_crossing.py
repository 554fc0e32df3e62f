"""Two people walk past each other, one of them is kept: whose face shows in which pixel."""

from itertools import islice

import cv2
import numpy as np
import pytest

from pipeline.record import KEEP, REPLACE
from tests.e2e import stress
from tests.e2e.conftest import read_clip, write_clip
from tests.e2e.test_render import Run, apart
from tests.e2e.test_stress import Look

FRAMES = slice(8, 34)
BEHIND, BEFORE = 0, 1
COARSE = 12  # px, over which encoding averages out
CODEC = 8.0  # grey levels that encoding changes the mean over COARSE px by at most


@pytest.fixture(scope="module")
def moments(drawing, donors):
    troupe = stress.Troupe(drawing, donors.rows.rows[:: len(donors.rows.rows) // 5].tolist())
    return list(islice(stress.moments(troupe), FRAMES.start, FRAMES.stop))


@pytest.fixture(scope="module")
def kept(moments, tmp_path_factory, rooms):
    """The clip after a run, and rendered again with whoever walks behind kept: the record, the
    clip, and what is seen.
    """
    folder = tmp_path_factory.mktemp("crossing")
    write_clip(folder / "clip.mp4", [moment.picture for moment in moments])
    run = Run(folder, rooms)
    run.first()
    _, seen = run.edited(lambda told: decide(told, moments, KEEP)).render()
    return run, read_clip(run.source).frames, seen, run.record


def mine(track, moments, person):
    """Whether a track lies on the person in most of its frames."""
    hits = []
    for frame in range(track.first, min(track.last + 1, len(moments))):
        (place,) = (p for p in moments[frame].places if p.person == person)
        x1, y1, x2, y2 = track.boxes[frame - track.first]
        x, y = (place.box[:2] + place.box[2:]) / 2
        hits.append(x1 < x < x2 and y1 < y < y2)
    return np.mean(hits) > 0.5


def decide(told, moments, decision):
    tracks = [track for track in told.tracks if mine(track, moments, BEHIND)]
    others = [track for track in tracks if mine(track, moments, BEFORE)]
    assert tracks
    assert not others
    for track in tracks:
        track.decision = decision


def looks(moments, before, after, person):
    """What became of somebody's face wherever half of it is in view."""
    for frame, moment in enumerate(moments):
        (place,) = (p for p in moment.places if p.person == person)
        if place.visible >= 0.5:
            owned = place.upright(np.uint8(255) * (moment.owner == person + 1))
            own = cv2.erode(owned, np.ones((3, 3), np.uint8)) > 127
            pair = (cv2.cvtColor(p[frame], cv2.COLOR_RGB2GRAY) for p in (before, after))
            yield Look(frame, place, own, *(place.upright(g).astype(np.float32) for g in pair))


def test_who_passes_in_front_stays_replaced_in_every_frame(kept, moments):
    _, before, after, _ = kept
    assert [look.frame for look in looks(moments, before, after, BEFORE) if look.exposed] == []


def test_who_is_kept_shows_where_nobody_who_is_replaced_is_near(kept, moments):
    _, before, after, told = kept
    shown = 0
    for look in looks(moments, before, after, BEHIND):
        x1, y1, x2, y2 = look.place.box
        boxes = (t.altered[look.frame - t.first] for t in told.tracks
            if t.first <= look.frame <= t.last)  # fmt: skip
        if all(b is None or b[0] > x2 or b[2] < x1 or b[1] > y2 or b[3] < y1 for b in boxes):
            shown += 1
            assert look.remains > 0.95
    assert shown >= 8


def test_outside_the_rectangles_of_the_new_record_the_original_shows(kept, moments):
    _, before, after, told = kept
    for frame, (was, now) in enumerate(zip(before, after, strict=True)):
        same = np.ones(was.shape[:2], np.float32)
        for track in told.tracks:
            box = track.altered[frame - track.first] if track.first <= frame <= track.last else None
            if box is not None:
                same[box[1] - 4 : box[3] + 4, box[0] - 4 : box[2] + 4] = 0
        change = (now.astype(np.float32) - was).mean(axis=2) * same
        assert np.abs(cv2.blur(change, (COARSE, COARSE))).max() < CODEC


def test_replaced_again_neither_is_exposed_in_any_frame(kept, moments):
    run, before, _, _ = kept
    _, seen = run.edited(lambda told: decide(told, moments, REPLACE)).render("again.mp4")
    for person in (BEHIND, BEFORE, 2):
        assert [look.frame for look in looks(moments, before, seen, person) if look.exposed] == []
    assert apart(before[0], seen[0], [0, 250, 640, 360]) < 2
