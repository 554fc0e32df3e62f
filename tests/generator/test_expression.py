import numpy as np
import pytest

from generator.canonical import codes, frontal, neutral, skin_tone
from generator.expression import EYES, MOUTH, eye_code, mouth_code
from pipeline.geometry import align


@pytest.fixture
def rest(donors):
    return donors.canonical.shape


def opened(shape, by):
    """The mouth opened by a share of the distance between the eyes' outer corners."""
    bent = shape.copy()
    bent[14, 1] += by * abs(shape[263, 0] - shape[33, 0])
    return bent


def test_there_is_a_number_for_each_name(rest):
    assert mouth_code(rest).shape == (len(MOUTH),)
    assert eye_code(rest).shape == (len(EYES),)
    assert codes(np.stack([rest] * 3)).shape == (3, len(MOUTH) + len(EYES))


def test_no_face_has_no_code(rest):
    assert codes(np.zeros((0, 468, 3), np.float32)).shape == (0, 7)


def test_a_mouth_that_opens_raises_the_first_number_only(rest):
    change = codes(opened(rest, 0.3)) - codes(rest)
    assert change[0] == pytest.approx(0.3, abs=0.02)
    assert np.abs(change[[1, 2, 3, 5, 6]]).max() < 1e-5


@pytest.mark.parametrize(("eye", "lids"), [(0, (159, 145)), (1, (386, 374))])
def test_an_eye_that_closes_lowers_its_own_number(rest, eye, lids):
    shut = rest.copy()
    shut[lids[0]] = shut[lids[1]]
    code = eye_code(shut)
    assert code[eye] == pytest.approx(0, abs=1e-6)
    assert code[1 - eye] == pytest.approx(eye_code(rest)[1 - eye])


@pytest.mark.parametrize("scale", [0.1, 300.0])
def test_codes_do_not_hang_on_size_or_place(rest, scale):
    moved = rest * np.float32(scale) + np.float32([7, -3, 2])
    assert codes(moved) == pytest.approx(codes(rest), abs=1e-3)


def test_a_turned_mesh_becomes_frontal(rest):
    angle = np.radians(25)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    turned = (rest @ turn * 180 + 50).astype(np.float32)
    assert np.abs(frontal(turned[None], rest)[0] - rest).max() < 1e-3


def test_the_portraits_mesh_fits_the_canonical_face(face, rest):
    linear, shift = align(face.mesh[0], rest)
    assert np.abs(face.mesh[0] @ linear + shift - rest).mean() < 0.03


def test_without_its_expression_an_open_mouth_is_nearly_shut(donors, rest):
    face = donors.canonical
    bent = rest + 0.3 * face.bend[0]
    calm = neutral(bent[None], face)[0]
    assert abs(mouth_code(calm)[0] - face.rest[0]) < 0.15 * abs(mouth_code(bent)[0])


@pytest.mark.parametrize(("grey", "lightness"), [(0, 0), (119, 50), (255, 100)])
def test_skin_tone_is_the_lightness_of_the_cheeks(grey, lightness):
    tone = skin_tone(np.full((64, 64, 3), grey, np.uint8))
    assert tone == pytest.approx([lightness, 0, 0], abs=1)
