import cv2
import numpy as np
import pytest

from replacer.occlusion import MOST, SIDE, SMALLEST, Occlusion, Own
from replacer.unwrap import Unwrap


@pytest.fixture(scope="module")
def occlusion(donors):
    return Occlusion(donors.canonical.layout, donors.canonical.triangles)


@pytest.fixture(scope="module")
def texture(donors, astronaut, face):
    """The portrait's own texture."""
    unwrap = Unwrap(donors.canonical.layout, donors.canonical.triangles, SIDE)
    return unwrap(astronaut, face.mesh[0])


@pytest.fixture
def own(occlusion, texture):
    """What is known of the portrait after it was seen for a while."""
    known = Own()
    for _ in range(20):
        occlusion.matte(texture, known)
    return known


def settled(occlusion, texture, own, frames=4):
    """The matte when it has grown."""
    for _ in range(frames):
        matte = occlusion.matte(texture, own)
    return matte


def with_disc(texture, centre, radius, colour):
    changed = texture.copy()
    at = round(centre[0] * SIDE), round(centre[1] * SIDE)
    cv2.circle(changed, at, round(radius * SIDE), colour, -1)
    return changed


def slope(low, high):
    return np.linspace(low, high, SIDE, dtype=np.float32)[None, :, None]


def inner(occlusion):
    """The face without forehead, temples and a soft edge towards them."""
    outskirts = cv2.dilate(occlusion._outskirts.astype(np.uint8), np.ones((5, 5), np.uint8))
    return occlusion._inside & (outskirts == 0)


LIGHT = {
    "the same": lambda t: t,
    "half as bright": lambda t: t * 0.5,
    "from the left": lambda t: t * slope(1.2, 0.6),
    "from above": lambda t: t * slope(1.15, 0.7).transpose(1, 0, 2),
    "warmer": lambda t: t * np.float32([1.06, 1.0, 0.93]),
    "blush": lambda t: t * np.float32([1.0, 0.95, 0.96]),
    "noisy": lambda t: t + np.random.default_rng(0).normal(0, 4, t.shape),
    "shining": lambda t: with_disc(t, (0.25, 0.55), 0.1, (250, 248, 240)),
    "half in shadow": lambda t: np.where(slope(0, 1) < 0.5, t, t * 0.6),
}


@pytest.mark.parametrize("name", LIGHT)
def test_light_leaves_the_face_covered(occlusion, texture, own, name):
    """What light does must never be taken for an object; the hairline may stay."""
    lit = np.clip(LIGHT[name](texture), 0, 255).astype(np.float32)
    matte = settled(occlusion, lit, own)
    assert matte[inner(occlusion)].max() < 0.1


@pytest.mark.parametrize("colour", [(25, 22, 24), (40, 120, 50), (30, 60, 170)])
def test_a_thing_that_comes_in_stays_in_front(occlusion, texture, own, colour):
    """A microphone or a cup from below, once the face is known."""
    matte = settled(occlusion, with_disc(texture, (0.5, 0.95), 0.16, colour), own)
    seen = with_disc(np.zeros_like(texture), (0.5, 0.95), 0.11, (1, 1, 1))[..., 0] > 0
    assert matte[seen & occlusion._inside].mean() > 0.8
    upper = inner(occlusion) & (np.arange(SIDE)[:, None] < SIDE // 2)
    assert matte[upper].max() < 0.05


def test_a_thing_is_not_known_before_the_face_is(occlusion, texture):
    matte = occlusion.matte(with_disc(texture, (0.5, 0.95), 0.16, (25, 22, 24)), Own())
    assert matte[round(0.7 * SIDE) :].max() == 0


def test_an_open_mouth_is_no_thing(occlusion, texture, own):
    """Dark, unlike before and bright with teeth, but it does not come in from outside."""
    speaking = with_disc(texture, (0.5, 0.75), 0.09, (60, 20, 25))
    speaking = with_disc(speaking, (0.5, 0.72), 0.03, (220, 210, 200))
    assert settled(occlusion, speaking, own)[inner(occlusion)].max() < 0.05


def test_the_faces_own_colours_never_open_it(occlusion, texture, own):
    """Whatever is as skin is covered, hands too: a face that moved under its mesh looks like it."""
    flesh = np.where(
        occlusion._inside[..., None], texture, np.median(texture[30:40, 15:50], (0, 1))
    )
    for shift in (-6, -3, 3, 6):
        moved = np.roll(flesh, shift, axis=1) * occlusion._inside[..., None]
        matte = settled(occlusion, moved.astype(np.float32), own)
        shown = matte * inner(occlusion)
        assert shown.sum() < 0.02 * occlusion._inside.sum()
        assert (shown * occlusion._features).max() < 0.6


def test_too_much_in_front_is_covered(occlusion, texture, own):
    """Where more than a part of the face differs nothing is sure any more."""
    behind_a_book = texture.copy()
    behind_a_book[SIDE // 3 :] = (30, 60, 170)
    assert settled(occlusion, behind_a_book, own).max() == 0


def test_mattes_keep_their_bound(occlusion, texture, own):
    face = occlusion._inside.sum()
    rng = np.random.default_rng(1)
    for _ in range(40):
        thing = with_disc(
            texture, rng.random(2), 0.1 + 0.3 * rng.random(), rng.integers(0, 255, 3).tolist()
        )
        assert occlusion.matte(thing, own).sum() <= 1.05 * MOST * face


def test_hair_over_the_forehead_stays_without_any_earlier_frame(occlusion, texture):
    fringe = texture.copy()
    fringe[: round(0.15 * SIDE)] = (35, 28, 25)
    matte = occlusion.matte(fringe)
    band = occlusion._inside & (np.arange(SIDE)[:, None] < 0.12 * SIDE)
    assert matte[band].mean() > 0.7
    assert matte[inner(occlusion)].max() < 0.1


def test_a_thing_fades_in_and_is_gone_at_once(occlusion, texture, own):
    """Where a thing was the face is bare: what leaves must not linger."""
    thing = with_disc(texture, (0.5, 0.95), 0.16, (25, 22, 24))
    strengths = [float(occlusion.matte(thing, own)[inner(occlusion)].max()) for _ in range(4)]
    assert strengths[0] < 0.4 < strengths[1] < strengths[3]
    assert occlusion.matte(texture, own)[inner(occlusion)].max() < 0.05


def test_the_matte_lies_where_the_mesh_does(occlusion, donors, astronaut, face):
    picture, mesh = astronaut.copy(), face.mesh[0]
    known = Own()
    for _ in range(12):
        occlusion.over(picture, mesh, known)
    chin = np.rint(mesh[152, :2]).astype(int)
    reach = round(0.16 * float(np.ptp(mesh[:, 0])))
    cv2.circle(picture, (int(chin[0]), int(chin[1])), reach, (20, 20, 25), -1)
    for _ in range(4):
        over = occlusion.over(picture, mesh, known)
    assert over.shape == picture.shape[:2]
    assert over[chin[1] - reach // 2, chin[0]] > 0.8
    assert over[chin[1] - 3 * reach, chin[0]] < 0.05


@pytest.mark.parametrize("shift", [(9000, 0, 0), (-300, -300, 0), (250, 0, 0)])
def test_faces_beyond_the_border_are_no_fault(occlusion, astronaut, face, shift):
    over = occlusion.over(astronaut, face.mesh[0] + np.float32(shift), Own())
    assert not over.size or over.shape == astronaut.shape[:2]


def test_what_comes_in_is_in_front_beyond_the_contour_too(occlusion, astronaut, face):
    """As far as surrogates reach: else a hand would end at the edge of the face."""
    mesh, own = face.mesh[0], Own()
    for _ in range(20):
        occlusion.over(astronaut, mesh, own)
    chin, brow = mesh[152, :2], mesh[10, :2]
    held = astronaut.copy()
    down = (chin - brow) / np.linalg.norm(chin - brow)
    radius = 0.16 * float(np.ptp(mesh[:, 0]))
    cv2.circle(held, np.rint(chin).astype(int).tolist(), round(radius), (40, 120, 50), -1)
    for _ in range(4):
        over = occlusion.over(held, mesh, own)
    for share in (-0.5, 0.1, 0.25):
        x, y = np.rint(chin + share * radius * down).astype(int)
        assert over[y, x] > 0.6
    x, y = np.rint(chin + 4 * radius * down).astype(int)
    assert over[y, x] == 0


def test_of_small_faces_nothing_is_told(occlusion, astronaut, face):
    mesh = face.mesh[0] * np.float32(0.9 * SMALLEST / np.ptp(face.mesh[0][:, 0]))
    assert occlusion.over(astronaut, mesh, Own()).size == 0
