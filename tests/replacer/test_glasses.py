"""The network of the DB on faces that the project draws, with and without drawn glasses."""

import cv2
import numpy as np
import pytest

from pipeline.rooms import furnish
from pipeline.settings import Settings
from replacer.glasses import LEAST, SMALLEST, bared
from replacer.glasses_band import HEIGHT, SIDE
from tests.worn import KINDS, dressed


@pytest.fixture(scope="module")
def glasses():
    drawing = furnish(Settings(glasses="keep")).drawing
    assert drawing is not None
    assert drawing.glasses is not None
    return drawing.glasses


@pytest.fixture(scope="module")
def people(render, donors, rooms):
    """Heads of some surrogates with their fitted meshes."""
    result = []
    for start in (0, 8, 16):
        rows = [int(row) for row in donors.rows.rows[start : start + 2]]
        picture = render(rows, 280)
        found = rooms.mesh.fit(picture, rooms.detector.detect(picture)[:1])
        result.append((picture, found.mesh[0]))
    return result


def inside(glasses):
    """Where in the band the face is."""
    return glasses._inside > 0


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_glasses_are_found(glasses, people, donors, kind):
    for picture, mesh in people:
        worn, wanted = dressed(picture, mesh, donors, KINDS[kind])
        matte = glasses.matte(worn, mesh)
        found, there = matte > 0.5, (wanted > 0.5) & inside(glasses)
        assert (found & there).sum() / (found | there).sum() > 0.5
        assert glasses.worn([matte]).size


def test_faces_without_glasses_have_none(glasses, people):
    for picture, mesh in people:
        assert not glasses.worn([glasses.matte(picture, mesh)]).size


def test_the_astronaut_wears_none(glasses, astronaut, face):
    assert not glasses.worn([glasses.matte(astronaut, face.mesh[0])]).size


def test_a_person_nobody_looked_at_wears_none(glasses):
    assert glasses.worn([]).shape == (0, 0)


def test_one_good_look_outweighs_a_bad_one(glasses, people, donors):
    """The decision is one per person, over all looks at them."""
    worn, _ = dressed(*people[0], donors, KINDS["black"])
    matte = glasses.matte(worn, people[0][1])
    assert glasses.worn([matte, matte, np.zeros_like(matte)]).size


def test_faint_rims_are_seen_better_by_their_contrast(glasses, people, donors, monkeypatch):
    faint = []
    for picture, mesh in people:
        worn, _ = dressed(picture, mesh, donors, KINDS["thin"])
        faint.append((cv2.addWeighted(worn, 0.3, picture, 0.7, 0), mesh))
    strong = [glasses.evidence(glasses.matte(*each)) for each in faint]
    monkeypatch.setattr(type(glasses), "_contrasted", lambda self, band: band)
    plain = [glasses.evidence(glasses.matte(*each)) for each in faint]
    assert min(strong) > LEAST
    assert sum(strong) > 1.2 * sum(plain)


def test_pieces_of_a_frame_are_no_glasses(glasses, people, donors):
    """Enough of them to be sure, but the outer half of one rim is missing."""
    worn, _ = dressed(*people[0], donors, KINDS["black"])
    matte = glasses.matte(worn, people[0][1])
    assert glasses.worn([matte]).size
    broken = matte.copy()
    broken[:, : SIDE // 3] = 0
    assert glasses.evidence(broken) > LEAST
    assert not glasses.worn([broken]).size
    apart = matte.copy()
    apart[:, SIDE // 2 - 8 : SIDE // 2 + 8] = 0
    assert glasses.evidence(apart) > LEAST
    assert not glasses.worn([apart]).size


def test_looks_that_miss_different_pieces_make_a_whole(glasses, people, donors):
    worn, _ = dressed(*people[0], donors, KINDS["black"])
    matte = glasses.matte(worn, people[0][1])
    left, right = matte.copy(), matte.copy()
    left[:, : SIDE // 3] = 0
    right[:, -SIDE // 3 :] = 0
    assert (glasses.worn([left, right]) == matte).all()


@pytest.mark.parametrize("seen", [0, 1])
def test_what_would_leave_the_face_open_is_no_matte(glasses, people, monkeypatch, seen):
    """A network that sees a frame or a lens everywhere exposes nobody."""
    everywhere = [np.zeros((HEIGHT, SIDE), np.float32) for _ in range(2)]
    everywhere[seen] += inside(glasses).astype(np.float32)
    monkeypatch.setattr(type(glasses), "_seen", lambda self, band: tuple(everywhere))
    picture, mesh = people[0]
    assert glasses.matte(picture, mesh).max() == 0
    assert glasses.over(picture, mesh, np.ones((HEIGHT, SIDE), np.float32)).max() == 0


def test_frames_leave_the_eyes_free(glasses, people, monkeypatch):
    """A frame that is seen over an open eye is not kept there."""
    stripe = np.zeros((HEIGHT, SIDE), np.float32)
    stripe[28:40] = 1
    monkeypatch.setattr(type(glasses), "_seen", lambda self, band: (stripe, np.zeros_like(stripe)))
    matte = glasses.matte(*people[0])
    eyes = glasses._eyes > 0.9
    assert (eyes & (stripe > 0)).sum() > 50
    assert matte[eyes].max() < 0.1


def test_nothing_is_kept_far_from_what_the_person_wears(glasses, people, donors):
    picture, mesh = people[0]
    worn, _ = dressed(picture, mesh, donors, KINDS["black"])
    left = glasses.matte(worn, mesh)
    left[:, SIDE // 2 :] = 0
    over = glasses.over(worn, mesh, left)
    middle = round(float(mesh[:, 0].mean()))
    assert over[:, :middle].sum() > 20 * over[:, middle + 8 :].sum()


def test_the_half_that_a_grin_hides_is_kept_while_the_other_is_seen(
    glasses, people, donors, monkeypatch
):
    worn, _ = dressed(*people[0], donors, KINDS["black"])
    whole = glasses.matte(worn, people[0][1])
    monkeypatch.setattr(type(glasses), "matte", lambda *_: half)
    half = whole
    usual = glasses.over(*people[0], whole)
    half = whole.copy()
    half[:, : SIDE // 2] = 0
    assert glasses.over(*people[0], whole).sum() > 0.8 * usual.sum()
    half = np.zeros_like(whole)
    assert glasses.over(*people[0], whole).max() == 0


def test_small_faces_keep_no_glasses(glasses, people, donors):
    picture, mesh = people[0]
    worn, _ = dressed(picture, mesh, donors, KINDS["black"])
    factor = 0.95 * SMALLEST / float(np.ptp(mesh[:, 0]))
    small = cv2.resize(worn, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    assert glasses.matte(small, mesh * np.float32(factor)).max() == 0


@pytest.mark.parametrize("shift", [(-200, 0), (200, 0), (0, 230), (900, 900)])
def test_faces_cut_by_the_border_are_no_fault(glasses, people, donors, shift):
    picture, mesh = people[0]
    moved = mesh + np.float32([*shift, 0])
    over = glasses.over(picture, moved, np.ones((HEIGHT, SIDE), np.float32))
    assert over.shape == picture.shape[:2]
    assert np.isfinite(over).all()


def test_what_lies_over_a_face_does_not_darken_its_light():
    picture = np.full((120, 120, 3), 180, np.uint8)
    over = np.zeros((120, 120), np.float32)
    over[40:60, 20:100] = 1
    picture[over > 0] = 10
    plain = bared(picture, over)
    assert plain.min() > 170
    assert (bared(picture, np.zeros_like(over)) == picture).all()
    assert bared(picture, np.ones_like(over)).min() > 120
