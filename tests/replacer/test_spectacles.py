"""Pairs of glasses that surrogates wear: which kind, which model, and where they lie."""

import numpy as np
import pytest

from pipeline.contract import Patch
from replacer.glasses_solid import solid, worn
from replacer.glasses_style import Traits, chosen
from replacer.spectacles import Spectacles, laid, lit_through
from tests.conftest import unknown_person
from tests.worn import KINDS, dressed

SIZE = 260
UNSEEN = [np.nan, np.nan]
ROWS = {
    "black": np.array([[0.0, 0.2, 0.2, *UNSEEN]], np.float32),
    "metal": np.array([[0.0, 0.1, 0.8, 1.2, 1.3]], np.float32),
    "sunglasses": np.array([[0.9, 0.2, 0.2, *UNSEEN]], np.float32),
}
DONORS = np.array([1, 2, 3, 4])
EYES = [159, 145, 386, 374]


@pytest.fixture(scope="module")
def spectacles(drawing):
    assert isinstance(drawing.glasses, Spectacles)
    return drawing.glasses


def turned(drawing, degrees=0.0, shift=(0, 0)):
    """The canonical face as a mesh (468, 3) px, turned to a side."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    about = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
    mesh = (drawing.canonical.shape - [0.5, 0.5, 0]) @ about * (0.8 * SIZE)
    place = np.array([SIZE / 2, SIZE / 2, 0]) + np.array([*shift, 0])
    return (mesh + place).astype(np.float32)


def worn_on(spectacles, drawing, kind, mesh, donors=DONORS):
    """The surrogate alone and with a pair of that kind, over a plain picture."""
    picture = np.full((SIZE, SIZE, 3), (205, 165, 145), np.uint8)
    surrogate = drawing.generator.generate(DONORS, unknown_person(), mesh)
    patch = drawing.replacer.replace(picture, mesh, surrogate)
    pair = spectacles.fitted(mesh, ROWS[kind], donors, surrogate.shape)
    return patch, laid(patch, pair, (SIZE, SIZE))


def placed(patch: Patch):
    """(SIZE, SIZE, 3) the patch over black."""
    canvas = np.zeros((SIZE, SIZE, 3), np.float32)
    (x, y), (height, width) = patch.corner, patch.alpha.shape
    canvas[y : y + height, x : x + width] = patch.rgb * patch.alpha[..., None]
    return canvas


@pytest.mark.parametrize("kind", ROWS)
def test_each_kind_is_drawn_over_both_eyes_and_nowhere_else(spectacles, drawing, kind):
    mesh = turned(drawing)
    before, after = (placed(p) for p in worn_on(spectacles, drawing, kind, mesh))
    change = np.abs(after - before).max(axis=2)
    halves = change[:, : SIZE // 2].sum(), change[:, SIZE // 2 :].sum()
    assert min(halves) > 0.7 * max(halves) > 0
    nose, brow = float(mesh[2, 1]), float(mesh[151, 1])
    assert change[round(nose) :].max() < 6
    assert change[: round(brow)].max() < 6


@pytest.mark.parametrize(("kind", "dark"), [("sunglasses", True), ("black", False)])
def test_only_dark_lenses_hide_the_eyes(spectacles, drawing, kind, dark):
    mesh = turned(drawing)
    before, after = (placed(p) for p in worn_on(spectacles, drawing, kind, mesh))
    lit = [
        [picture[int(y), int(x)].mean() for x, y in mesh[EYES, :2]] for picture in (before, after)
    ]
    assert bool(np.mean(lit[1]) < 0.65 * np.mean(lit[0])) is dark


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("degrees", [-50, 0, 30])
def test_glasses_never_uncover_what_the_surrogate_hides(spectacles, drawing, kind, degrees):
    patch, with_glasses = worn_on(spectacles, drawing, kind, turned(drawing, degrees))
    x, y = np.subtract(patch.corner, with_glasses.corner)
    height, width = patch.alpha.shape
    there = with_glasses.alpha[y : y + height, x : x + width]
    assert (there >= patch.alpha - 1e-5).all()
    assert with_glasses.alpha.max() <= 1


def test_the_model_follows_the_donors_and_nothing_of_the_person_but_the_kind(spectacles, drawing):
    mesh, shape = turned(drawing), drawing.canonical.shape
    row = ROWS["black"]
    other = row + np.array([[0.1, -0.03, 0.1, 0, 0]], np.float32)
    pair = spectacles.fitted(mesh, row, DONORS, shape).pair
    assert spectacles.fitted(mesh, other, DONORS, shape).pair == pair
    assert spectacles.fitted(mesh, row, DONORS + 1, shape).pair != pair


def test_glasses_ride_on_the_mesh(spectacles, drawing):
    """The same face 7 px further on wears the same pixels there: nothing flickers."""
    still = placed(worn_on(spectacles, drawing, "black", turned(drawing))[1])
    moved = placed(worn_on(spectacles, drawing, "black", turned(drawing, shift=(7, 3)))[1])
    apart = np.abs(np.roll(still, (3, 7), axis=(0, 1)) - moved)
    assert np.quantile(apart, 0.999) < 6


@pytest.mark.parametrize("side", [-1, 1])
def test_a_turned_head_shows_the_near_temple_only(spectacles, drawing, side):
    mesh, shape = turned(drawing, side * 30), drawing.canonical.shape
    temples = spectacles.fitted(mesh, ROWS["black"], DONORS, shape).seen.temples
    reach = [float(np.ptp(temple.points[:, 0])) for temple in temples]
    near, far = (1, 0) if reach[1] > reach[0] else (0, 1)
    assert temples[near].shown == 1
    assert temples[far].shown == 0
    assert reach[near] > 0.1 * SIZE


def test_temples_end_where_the_persons_own_leave_the_face(drawing):
    look = chosen(Traits(opaque=False, thick=True, dark=True), np.random.default_rng(0)).style
    mesh, shape = turned(drawing), drawing.canonical.shape
    for level, point in ((1.0, 162), (2.0, 127), (3.0, 234)):
        levels = np.array([level, np.nan], np.float32)
        seen = worn(solid(look), look, (shape, mesh), levels)
        assert np.allclose(seen.temples[0].edge, mesh[point, :2], atol=1e-3)


@pytest.mark.parametrize("shift", [(-190, 0), (190, 0), (0, -170), (0, 120), (900, 900)])
def test_faces_cut_by_the_border_are_no_fault(spectacles, drawing, shift):
    mesh = turned(drawing, shift=shift)
    patch, with_glasses = worn_on(spectacles, drawing, "sunglasses", mesh)
    (x, y), (height, width) = with_glasses.corner, with_glasses.alpha.shape
    assert x >= 0
    assert y >= 0
    assert x + width <= SIZE
    assert y + height <= SIZE
    assert with_glasses.alpha.sum() >= patch.alpha.sum() - 1e-3


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("thick", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_a_kind_has_many_models_and_stays_itself(opaque, thick, dark):
    kind = Traits(opaque=opaque, thick=thick, dark=dark)
    pairs = [chosen(kind, np.random.default_rng(seed)) for seed in range(40)]
    assert len({(p.style.squareness, p.style.colour) for p in pairs}) == 40
    assert all((p.style.tint > 0.9) is opaque for p in pairs)
    assert all((p.style.rim > 0.012) is thick for p in pairs)
    assert all(bool(np.mean(p.style.colour) < 75) is dark for p in pairs)


@pytest.fixture(scope="module")
def wearer(render, donors, rooms):
    """A head and its fitted mesh."""
    picture = render([int(row) for row in donors.rows.rows[:2]], 280)
    return picture, rooms.mesh.fit(picture, rooms.detector.detect(picture)[:1]).mesh[0]


@pytest.mark.parametrize(
    ("kind", "opaque", "black"), [("black", False, True), ("sunglasses", True, True),
                                  ("thin", False, False)],
)  # fmt: skip
def test_the_kind_of_worn_glasses_is_told(spectacles, wearer, donors, kind, opaque, black):
    picture, mesh = wearer
    worn_there, _ = dressed(picture, mesh, donors, KINDS[kind])
    (row,) = spectacles.worn_by([(worn_there, mesh)])
    pair = spectacles.fitted(mesh, row[None], DONORS, donors.canonical.shape).pair
    assert (pair.style.tint > 0.9) is opaque
    assert (pair.style.rim > 0.012) is black


def test_who_wears_none_gets_none(spectacles, wearer):
    assert spectacles.worn_by([wearer]).shape == (0, 0)
    assert spectacles.worn_by([]).shape == (0, 0)


def test_dark_lenses_of_the_person_do_not_darken_the_surrogate(spectacles, drawing):
    mesh, shape = turned(drawing), drawing.canonical.shape
    picture = np.full((SIZE, SIZE, 3), 180, np.uint8)
    pair = spectacles.fitted(mesh, ROWS["sunglasses"], DONORS, shape)
    x1, x2 = (round(float(mesh[i, 0])) for i in (33, 263))
    y = round(float(mesh[33, 1]))
    picture[y - 8 : y + 8, x1:x2] = 5
    assert lit_through(picture, pair)[y - 8 : y + 8, x1 : x1 + 25].mean() > 130
    clear = spectacles.fitted(mesh, ROWS["black"], DONORS, shape)
    assert lit_through(picture, clear) is picture
