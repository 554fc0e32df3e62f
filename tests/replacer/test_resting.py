"""When what was read of a face holds for the next frames, and what is used of it then."""

import numpy as np
import pytest

from pipeline.contract import Surrogate
from pipeline.geometry import bounds
from replacer.light import LIGHT_SIDE
from replacer.occlusion import SIDE, Occlusion, Own
from replacer.resting import Rest
from replacer.unwrap import Unwrap
from tests.replacer.conftest import SIZE

HELD = 3


@pytest.fixture
def rest(picture, mesh):
    """Of a face that was read in the frame before."""
    known = Rest()
    known.look(picture, mesh)
    return known


def cell(mesh, row, column):
    """Where a ninth of a face's box lies."""
    x1, y1, x2, y2 = bounds(mesh)
    wide, high = (x2 - x1) / 3, (y2 - y1) / 3
    left, top = round(x1 + column * wide), round(y1 + row * high)
    return np.s_[top : round(top + high), left : round(left + wide)]


def test_a_face_is_read_in_every_fourth_frame_while_nothing_changes(picture, mesh):
    rest, read = Rest(), []
    for _ in range(9):
        rest.look(picture, mesh)
        read.append(not rest.resting)
    assert read == [True, *[False] * HELD] * 2 + [True]


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("column", range(3))
@pytest.mark.parametrize("step", [8, -8])
def test_whatever_changes_in_a_ninth_of_the_face_is_read(picture, mesh, rest, row, column, step):
    lit = np.clip(picture.astype(int), 8, 247).astype(np.uint8)
    rest.look(lit, mesh + np.float32([900, 0, 0]))
    rest.look(lit, mesh)
    changed = lit.astype(int)
    changed[cell(mesh, row, column)] += step
    rest.look(changed.astype(np.uint8), mesh)
    assert not rest.resting


def test_noise_does_not_end_a_rest(picture, mesh, rest):
    noise = np.random.default_rng(0).normal(0, 5, picture.shape)
    rest.look(np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8), mesh)
    assert rest.resting


@pytest.mark.parametrize("shift", [(900, 0), (0, -900)])
def test_a_face_of_which_nothing_is_seen_does_not_rest(picture, mesh, shift):
    rest, away = Rest(), mesh + np.float32([*shift, 0])
    for _ in range(3):
        rest.look(picture, away)
        assert not rest.resting


def surrogate(donors, mouth=(120, 60, 60)):
    texture = np.full((192, 192, 3), (150, 120, 100), np.uint8)
    texture[130:150, 70:122] = mouth
    return Surrogate(texture, donors.canonical.shape)


def middle(patch):
    height, width = patch.alpha.shape
    return patch.rgb[height // 3 : height // 2, width // 3 : -width // 3].astype(float)


def test_while_a_face_rests_its_light_does_too(drawing, donors, mesh, picture, rest):
    drawing.replacer.replace(picture, mesh, surrogate(donors), rest)
    darker = picture // 2
    rest.resting = True
    held = drawing.replacer.replace(darker, mesh, surrogate(donors), rest)
    before, fresh = (
        drawing.replacer.replace(shown, mesh, surrogate(donors)) for shown in (picture, darker)
    )
    assert np.array_equal(middle(held), middle(before))
    assert middle(held).mean() > middle(fresh).mean() + 20
    rest.resting = False
    read = drawing.replacer.replace(darker, mesh, surrogate(donors), rest)
    assert np.array_equal(read.rgb, fresh.rgb)


def test_what_is_seen_between_lips_is_read_in_every_frame(drawing, donors, mesh, picture, rest):
    """A mouth that opens would show yesterday's teeth."""
    light = drawing.replacer._light
    texture = surrogate(donors).texture
    light.laid(texture, picture, mesh, rest)
    rest.resting = True
    inside = light._behind_lips > 0.5
    bright = picture.copy()
    x, y = mesh[[13, 14], :2].mean(axis=0).astype(int)
    bright[y - 12 : y + 12, x - 30 : x + 30] = 250
    step = len(texture) // LIGHT_SIDE
    before, after = (
        light.laid(texture, shown, mesh, rest)[step // 2 :: step, step // 2 :: step].astype(float)
        for shown in (picture, bright)
    )
    assert (after - before)[inside].mean() > 20
    assert np.abs(after - before)[~(light._behind_lips > 0)].max() < 6


def test_a_part_is_unwrapped_as_the_whole_is(donors, picture, mesh):
    unwrap = Unwrap(donors.canonical.layout, donors.canonical.triangles, SIDE)
    where = np.s_[40:50, 20:44]
    assert np.array_equal(unwrap.part(where)(picture, mesh), unwrap(picture, mesh)[where])


@pytest.fixture(scope="module")
def fringed(donors, mesh):
    """A plain face with dark hair on one half of its forehead."""
    shown = np.full((SIZE, SIZE, 3), (190, 150, 130), np.uint8)
    shown[: round(float(mesh[9, 1])) + 6, : SIZE // 2] = (30, 25, 22)
    return shown


@pytest.fixture
def known(donors, fringed, mesh):
    """Occlusion, and what it knows of that face after a second."""
    occlusion, own = Occlusion(donors.canonical.layout, donors.canonical.triangles), Own()
    for _ in range(24):
        occlusion.over(fringed, mesh, own)
    return occlusion, own


def test_hair_moves_with_a_head_that_rests(known, fringed, mesh):
    occlusion, own = known
    assert own.settled
    fresh = occlusion.over(fringed, mesh, own)
    own.rest.resting = True
    moved = mesh + np.float32([7, 4, 0])
    held = occlusion.over(np.zeros_like(fringed), moved, own)
    assert fresh.max() > 0.9
    assert held.shape == fringed.shape[:2]
    assert np.abs(held[4:, 7:] - fresh[:-4, :-7]).max() < 0.02


def test_a_thing_in_front_of_the_lower_face_lets_nothing_rest(known, fringed, mesh):
    """Hands and microphones move by themselves."""
    occlusion, own = known
    shown = fringed.copy()
    shown[round(float(mesh[17, 1])) :, 90:150] = (30, 60, 170)
    for _ in range(5):
        over = occlusion.over(shown, mesh, own)
    assert over[round(float(mesh[152, 1])) - 4, 110:130].mean() > 0.6
    assert not own.settled
    own.rest.resting = True
    assert occlusion.over(fringed, mesh, own)[round(float(mesh[17, 1])) :].max() < over.max()


def test_what_is_in_front_is_read_until_the_face_is_known(donors, fringed, mesh):
    occlusion, own = Occlusion(donors.canonical.layout, donors.canonical.triangles), Own()
    own.rest.resting = True
    read = []
    for _ in range(12):
        occlusion.over(fringed, mesh, own)
        read.append(own.since == 0)
    assert all(read[:8])
    assert not any(read[9:])


def test_where_nothing_was_in_front_nothing_is(donors, mesh):
    occlusion, own = Occlusion(donors.canonical.layout, donors.canonical.triangles), Own()
    plain = np.full((SIZE, SIZE, 3), (190, 150, 130), np.uint8)
    for _ in range(12):
        assert occlusion.over(plain, mesh, own).size == 0
    assert own.settled
    own.rest.resting = True
    assert occlusion.over(plain, mesh, own).size == 0
