from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from generator.canonical import Canonical, codes, frontal
from generator.deconv import Deconv, DonorFaces
from generator.individual import kind, steps
from generator.regions import (
    INNER_LIPS,
    LEFT_EYE,
    LIPS,
    RIGHT_EYE,
    filled,
    mouth_opacity,
    region,
)
from pipeline.contract import Person
from pipeline.expressions import EXPRESSIONS, bent
from tests.conftest import unknown_person

SIDE = 200
SIZES = (64, 32, 16)


def worn(donors, **changed):
    """A frontal face, (468, 3) px, calm but for `mouth` and `eyes`, see expressions.py."""
    code = np.array(EXPRESSIONS["neutral"], np.float32)
    code[0] = changed.get("mouth", code[0])
    code[5:] = changed.get("eyes", code[5:])
    return bent(code, donors.canonical) * np.float32(SIDE)


@pytest.fixture(scope="module")
def mesh(donors):
    """A frontal face at rest, (468, 3) px."""
    return worn(donors)


def boxes(donors, side, grow=0.02):
    """(s, s) true in the boxes around both eyes of the layout."""
    result = np.zeros((side, side), bool)
    for points in (LEFT_EYE, RIGHT_EYE):
        part = donors.canonical.layout[points]
        x1, y1 = ((part.min(axis=0) - grow) * side).astype(int)
        x2, y2 = ((part.max(axis=0) + grow) * side).astype(int)
        result[y1:y2, x1:x2] = True
    return result


def inside(donors, points, side):
    return filled(donors.canonical.layout, side, points) > 0


def change(a, b):
    """(s, s) by how much each pixel changed, mean of its colours."""
    return np.abs(a.texture.astype(float) - b.texture).mean(axis=2)


@pytest.mark.parametrize("first", [0, 30, 77])
def test_an_open_mouth_changes_the_inside_of_the_lips_and_nothing_else(
    drawing, donors, mesh, first
):
    rows = donors.rows.rows[first : first + 4]
    calm = drawing.generator.generate(rows, unknown_person(), mesh)
    wide = drawing.generator.generate(rows, unknown_person(), worn(donors, mouth=0.2))
    side = len(calm.texture)
    changed = change(calm, wide)
    lips = region(donors.canonical.layout, side, LIPS, 0.03, 0.004) > 0.01
    # A mouth that opens wide moves the lids of the mesh a little too.
    eyes = (
        sum(region(donors.canonical.layout, side, e, 0.03, 0.004) for e in (LEFT_EYE, RIGHT_EYE))
        > 0.01
    )
    assert changed[inside(donors, INNER_LIPS, side)].mean() > 5
    assert changed[~lips & ~eyes].max() == 0


@pytest.mark.parametrize("first", [0, 30, 77])
def test_closed_eyes_hide_what_lay_between_their_lids_alone(drawing, donors, mesh, first):
    rows = donors.rows.rows[first : first + 4]
    calm = drawing.generator.generate(rows, unknown_person(), mesh)
    shut = drawing.generator.generate(rows, unknown_person(), worn(donors, eyes=0.005))
    side = len(calm.texture)
    for eye in (LEFT_EYE, RIGHT_EYE):
        between = inside(donors, eye, side)
        assert change(calm, shut)[between].mean() > 5
        assert shut.texture[between].max() < calm.texture.max()
    assert change(calm, shut)[~boxes(donors, side, 0.09)].max() == 0


@pytest.mark.parametrize("gaze", [(-0.3, 0), (0.3, 0), (0, -0.2), (0, 0.2)])
def test_gaze_moves_the_irises_and_nothing_outside_the_eyes(drawing, donors, mesh, gaze):
    rows = donors.rows.rows[:4]
    ahead, aside = (
        drawing.generator.generate(rows, unknown_person(), mesh, np.float32(g))
        for g in ((0, 0), gaze)
    )
    side = len(ahead.texture)
    for eye in (LEFT_EYE, RIGHT_EYE):
        assert change(ahead, aside)[inside(donors, eye, side)].mean() > 2
    assert change(ahead, aside)[~boxes(donors, side)].max() == 0
    assert np.array_equal(ahead.shape, aside.shape)


def test_an_unread_gaze_leaves_the_eyes_as_the_donors_have_them(drawing, donors, mesh):
    rows, unread = donors.rows.rows[:4], np.full(2, np.nan, np.float32)
    none, nan = (
        drawing.generator.generate(rows, unknown_person(), mesh, g) for g in (None, unread)
    )
    assert np.array_equal(none.texture, nan.texture)


def test_the_shape_opens_its_mouth_and_closes_its_eyes_with_the_face(drawing, donors, mesh):
    rows = donors.rows.rows[:4]
    base = frontal(mesh[None], donors.canonical.shape)[0]
    person = Person(unknown_person().features, unknown_person().skin, base)
    calm, wide, shut = (
        codes(drawing.generator.generate(rows, person, m).shape)
        for m in (mesh, worn(donors, mouth=0.2), worn(donors, eyes=0.005))
    )
    assert wide[0] > calm[0] + 0.15
    assert shut[5:].max() < 0.02 < calm[5:].min()


def test_faces_of_narrow_eyed_donors_open_their_lids_wider(drawing, donors, mesh):
    """So that they look as wide as others; meshes tell half of how narrow eyes are."""
    rows, faces = donors.rows.rows, donors.faces
    order = rows[np.argsort(faces.codes[rows, 5:].mean(axis=1), kind="stable")]
    narrow, wide = (
        codes(drawing.generator.generate(some, unknown_person(), mesh).shape)[5:].mean()
        for some in (order[:4], order[-4:])
    )
    assert 1.15 * wide < narrow < 1.7 * wide


def test_other_donors_give_another_face(drawing, donors, mesh):
    faces = [
        drawing.generator.generate(donors.rows.rows[i : i + 4], unknown_person(), mesh)
        for i in (0, 40, 90)
    ]
    middle = np.s_[60:-60, 60:-60]
    assert change(faces[0], faces[1])[middle].mean() > 5
    assert change(faces[1], faces[2])[middle].mean() > 5


def test_calls_do_not_hang_on_what_was_drawn_before(drawing, donors, mesh):
    rows, aside = donors.rows.rows, np.float32([0.3, 0])
    first = drawing.generator.generate(rows[:4], unknown_person(), mesh)
    drawing.generator.generate(rows[:4], unknown_person(), worn(donors, mouth=0.2), aside)
    drawing.generator.generate(rows[9:13], unknown_person(), worn(donors, eyes=0.005))
    again = drawing.generator.generate(rows[:4], unknown_person(), mesh)
    assert np.array_equal(first.texture, again.texture)


def test_the_place_of_the_face_changes_nothing_and_its_size_no_shape(drawing, donors, mesh):
    rows, away = donors.rows.rows[:4], np.float32([300, 40, 0])
    near, moved, far = (
        drawing.generator.generate(rows, unknown_person(), m)
        for m in (mesh, mesh + away, mesh * np.float32(0.2) + away)
    )
    assert change(near, moved).mean() < 1
    for other in (moved, far):
        assert near.shape == pytest.approx(other.shape, abs=1e-3)


def test_a_small_face_looks_as_a_large_one_does(drawing, donors, mesh):
    """Whatever size of texture it is drawn in."""
    rows = donors.rows.rows[:4]
    near, far = (
        drawing.generator.generate(rows, unknown_person(), mesh * np.float32(s)).texture
        for s in (1, 0.2)
    )
    inner = [t[len(t) // 3 : -len(t) // 3, len(t) // 3 : -len(t) // 3] for t in (near, far)]
    a, b = (part.reshape(-1, 3).mean(axis=0) for part in inner)
    assert a == pytest.approx(b, abs=8)


class Canvas:
    """Draws flat textures as bright as the mix's first donor weighs, and keeps the mixes."""

    def __init__(self, side):
        self.side = side
        self.mixes = []

    def __call__(self, mixes):
        self.mixes.append(mixes.copy())
        level = 128 + 40 * mixes[:, :1, None, None]
        return np.broadcast_to(level, (len(mixes), self.side, self.side, 3)).astype(np.float32)


COUNT = 6
WHOLE = np.array([True, True, True, True, False, False])


def studio(canonical: Canonical, mouth=~WHOLE, sizes=SIZES, heads=None):
    """A generator of six donors, four with whole faces and two with mouths, and its canvases."""
    shapes = np.repeat(canonical.shape[None], COUNT, axis=0)
    shapes[:, :, 0] *= np.linspace(0.98, 1.02, COUNT, dtype=np.float32)[:, None]
    skin, likeness = np.full((COUNT, 3), 60, np.float32), np.full((COUNT, 2), 0.5, np.float32)
    style, ancestry = np.full((COUNT, 3), np.nan, np.float32), np.zeros((COUNT, 0), np.float32)
    donors = DonorFaces(
        shapes=shapes,
        codes=codes(shapes) + np.linspace(0, 0.1, COUNT, dtype=np.float32)[:, None],
        skin=skin,
        likeness=likeness,
        mouth=mouth,
        identity=WHOLE,
        style=style,
        steps=steps(kind(skin, likeness, style), ancestry, WHOLE),
    )
    canvases = heads or [Canvas(side) for side in sizes]
    generator = Deconv(canvases[0], canonical, donors, canvases[1:])
    for canvas in canvases:
        canvas.mixes.clear()
    return generator, canvases


def drawn(canvases):
    return [mix for canvas in canvases for mixes in canvas.mixes for mix in mixes]


@pytest.mark.parametrize("rows", [[1, 3], [0, 2]])
def test_a_mix_leaves_the_span_of_its_donors(donors, mesh, rows):
    """Whole faces alone lead it away, as much towards one as away from another."""
    generator, canvases = studio(donors.canonical)
    generator.generate(np.array(rows), unknown_person(), mesh)
    (mix,) = drawn(canvases)
    assert mix.sum() == pytest.approx(1)
    assert np.abs(mix[WHOLE & ~np.isin(range(COUNT), rows)]).max() > 0.1
    assert (mix[~WHOLE] == 0).all()


def test_a_single_donor_is_drawn_as_it_is(donors, mesh):
    generator, canvases = studio(donors.canonical)
    generator.generate(np.array([2]), unknown_person(), mesh)
    assert drawn(canvases)[0] == pytest.approx(np.eye(COUNT)[2], abs=1e-6)


def test_texture_and_shape_are_those_of_one_person(donors, mesh):
    """Both are led away from the donors by the same steps."""
    generator, canvases = studio(donors.canonical)
    person = replace(unknown_person(), shape=donors.canonical.shape)
    pairs = [(a, b) for a in range(4) for b in range(a)]
    shapes = [generator.generate(np.array(pair), person, mesh).shape for pair in pairs]
    widths = [np.ptp(shape[:, 0]) for shape in shapes]
    asked = np.stack(drawn(canvases)) @ np.linspace(0.98, 1.02, COUNT)
    assert np.corrcoef(widths, asked)[0, 1] > 0.99


def test_a_calm_texture_is_what_a_calm_face_shows_outside_the_eyes(drawing, donors, mesh):
    rows = donors.rows.rows[:4]
    shown = drawing.generator.generate(rows, unknown_person(), mesh * np.float32(2)).texture
    calm = drawing.generator.calm(rows)
    assert calm.shape == shown.shape
    eyes = boxes(donors, len(calm), 0.09)
    assert np.abs(np.clip(calm, 0, 255) - shown)[~eyes].max() <= 0.51


def test_the_same_donors_are_one_person_in_every_run(donors, mesh):
    """In whatever order they are named, and by a generator that is made anew."""
    mixes = []
    for rows in ([0, 1, 3], [3, 0, 1]):
        generator, canvases = studio(donors.canonical)
        generator.generate(np.array(rows), unknown_person(), mesh)
        mixes.append(drawn(canvases)[0])
    assert mixes[0] == pytest.approx(mixes[1], abs=1e-6)


def test_a_blend_of_equal_parts_is_the_mix(donors, mesh):
    generator, _ = studio(donors.canonical)
    mix = generator.generate(np.array([1, 3]), unknown_person(), mesh)
    blend = generator.blend(np.float32([0, 0.5, 0, 0.5, 0, 0]), unknown_person(), mesh)
    assert np.array_equal(mix.texture, blend.texture)
    assert np.array_equal(mix.shape, blend.shape)


def test_a_blend_leans_to_the_donor_that_weighs_more(donors, mesh):
    generator, canvases = studio(donors.canonical)
    for share in (0.6, 0.8, 0.9, 1):
        weights = np.float32([share, 0.7 * (1 - share), 0.3 * (1 - share), 0, 0, 0])
        generator.blend(weights, unknown_person(), mesh)
    far = [np.linalg.norm(mix - np.eye(COUNT)[0]) for mix in drawn(canvases)]
    assert far == sorted(far, reverse=True)
    assert far[-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("wide", "side"),
    [(2, 16), (16, 16), (19, 16), (21, 32), (39, 32), (42, 64), (64, 64), (900, 64)],
)
def test_a_face_is_drawn_by_the_smallest_head_that_is_large_enough(donors, wide, side):
    """`wide` is the side of the texture that the face would fill pixel by pixel."""
    generator, canvases = studio(donors.canonical)
    scale = np.ptp(donors.canonical.layout, axis=0).max()
    scale /= np.ptp(donors.canonical.shape[:, :2], axis=0).max()
    calm = worn(donors) / np.float32(SIDE)
    calm = calm * np.float32(np.ptp(donors.canonical.shape[:, 1]) / np.ptp(calm[:, 1]))
    surrogate = generator.generate(np.array([0]), unknown_person(), calm * np.float32(wide * scale))
    assert surrogate.texture.shape == (side, side, 3)
    assert [bool(canvas.mixes) for canvas in canvases] == [size == side for size in SIZES]


def test_what_is_looked_at_for_a_shadow_is_not_drawn_again(donors, mesh):
    """Where it has none the mix is drawn as it is, which was done already."""
    generator, canvases = studio(donors.canonical)
    generator._shaving = SimpleNamespace(concerns=lambda _: True, shaved=lambda mix, _: mix)
    generator.generate(np.array([0, 1]), unknown_person(), mesh * np.float32(9))
    assert len(drawn(canvases)) == 1


def test_a_generator_of_one_size_draws_all_faces_in_it(donors, mesh):
    generator, _ = studio(donors.canonical, sizes=SIZES[:1])
    for size in (0.01, 1, 9):
        surrogate = generator.generate(np.array([0]), unknown_person(), mesh * np.float32(size))
        assert len(surrogate.texture) == SIZES[0]


def test_a_known_face_with_closed_lips_is_not_drawn_again(donors, mesh):
    generator, canvases = studio(donors.canonical)
    for moved in (mesh, worn(donors, eyes=0.005), mesh):
        generator.generate(np.array([0, 1]), unknown_person(), moved, np.float32([0.2, 0]))
    assert len(drawn(canvases)) == 1
    generator.generate(np.array([0, 2]), unknown_person(), mesh)
    assert len(drawn(canvases)) == 2


def test_an_open_mouth_is_lent_by_donors_of_mouths_only(donors, mesh):
    generator, canvases = studio(donors.canonical)
    generator.generate(np.array([0, 1]), unknown_person(), mesh)
    generator.generate(np.array([0, 1]), unknown_person(), worn(donors, mouth=0.2))
    _, *lent = drawn(canvases)
    assert lent
    for mix in lent:
        assert mix.sum() == mix.max() == 1
        assert (mix[WHOLE] == 0).all()


def test_who_lends_a_mouth_is_drawn_once(donors, mesh):
    """However far it opens, and whosever it becomes; in another size anew."""
    generator, canvases = studio(donors.canonical)
    for rows in ([0, 1], [2, 3]):
        for mouth in (0.05, 0.1, 0.2):
            generator.generate(np.array(rows), unknown_person(), worn(donors, mouth=mouth))
    lent = [mix for mix in drawn(canvases) if mix[~WHOLE].any()]
    assert len(lent) == len({int(mix.argmax()) for mix in lent})
    small = worn(donors, mouth=0.2) * np.float32(0.05)
    generator.generate(np.array([0, 1]), unknown_person(), small)
    assert any(mix[~WHOLE].any() for mix in drawn(canvases[-1:]))


def test_a_mouth_opens_without_a_jump(drawing, donors):
    """Where one lender follows another, too."""
    rows, person = donors.rows.rows[:4], unknown_person()
    steps = [
        drawing.generator.generate(rows, person, worn(donors, mouth=mouth)).texture.astype(float)
        for mouth in np.linspace(0.0, 0.25, 51)
    ]
    lips = inside(donors, INNER_LIPS, len(steps[0]))
    jumps = [np.abs(b - a)[lips].mean() for a, b in pairwise(steps)]
    whole = np.abs(steps[-1] - steps[0])[lips].mean()
    assert whole > 20
    assert max(jumps) < 0.2 * whole


def test_teeth_and_tongue_stay_those_of_few_people_as_somebody_speaks(drawing, donors):
    """Whose mouth is most like this frame's is somebody else in the next."""
    rows, person, rng = donors.rows.rows[:4], unknown_person(), np.random.default_rng(0)
    spoken = np.array(EXPRESSIONS["neutral"], np.float32) + np.zeros((24, 7), np.float32)
    spoken[:, 0] = 0.16 + 0.06 * np.sin(np.arange(24) * 0.9)
    spoken[:, 1:5] += rng.normal(0, [0.04, 0.01, 0.01, 0.008], (24, 4))
    steps = [
        drawing.generator.generate(rows, person, bent(code, donors.canonical) * np.float32(SIDE))
        for code in spoken
    ]
    lips = inside(donors, INNER_LIPS, len(steps[0].texture))
    assert np.mean([change(a, b)[lips].mean() for a, b in pairwise(steps)]) < 14


def test_without_donors_of_mouths_an_open_mouth_is_drawn_as_a_closed_one(donors, mesh):
    generator, _ = studio(donors.canonical, mouth=np.zeros(COUNT, bool))
    calm, wide = (
        generator.generate(np.array([0]), unknown_person(), m).texture
        for m in (mesh, worn(donors, mouth=0.2))
    )
    assert np.array_equal(calm, wide)


def test_a_persons_own_shape_is_exchanged_for_the_mixs(donors, mesh):
    """Whoever has the same expression gets the same shape, however wide their own face is."""
    generator, _ = studio(donors.canonical)
    calm = frontal(mesh[None], donors.canonical.shape)[0]
    shapes = []
    for width in (0.97, 1.03):
        own = calm * np.float32([width, 1, 1])
        own = frontal(own[None], donors.canonical.shape)[0]
        person = Person(unknown_person().features, unknown_person().skin, own)
        shapes.append(generator.generate(np.array([0]), person, own * SIDE).shape)
    jaw = [234, 454, 152, 10]
    assert shapes[0][jaw] == pytest.approx(shapes[1][jaw], abs=2e-3)


class Tinted(Canvas):
    """Whole faces are yellowish, who lends mouths is bluish; all have the same grey teeth."""

    def __call__(self, mixes):
        whole = mixes[:, WHOLE].sum(axis=1)[:, None, None, None] > 0.5
        skin = np.where(whole, np.float32([180, 150, 110]), np.float32([150, 150, 160]))
        light = skin / skin.mean(axis=-1, keepdims=True)
        inner = mouth_opacity(self.layout, self.side)[None, ..., None] > 0.05
        drawn = super().__call__(mixes)
        return np.where(inner, 120 * light, np.broadcast_to(skin, drawn.shape)).astype(np.float32)


def test_teeth_take_on_the_tint_of_the_face(donors, mesh):
    """Lent by somebody in another light they would look blue in it."""
    canvas = Tinted(64)
    canvas.layout = donors.canonical.layout
    generator, _ = studio(donors.canonical, heads=[canvas])
    wide = generator.generate(np.arange(4), unknown_person(), worn(donors, mouth=0.2))
    teeth = wide.texture[inside(donors, INNER_LIPS, 64)].mean(axis=0)
    assert teeth / teeth.mean() == pytest.approx(np.array([180, 150, 110]) / 146.7, abs=0.06)
