import cv2
import numpy as np
import pytest

from pipeline.contract import Surrogate
from replacer.grain import Grain, fitted

SIZE = 420


@pytest.fixture(scope="module")
def mesh(donors):
    """A frontal face in the middle of the picture, (468, 3) px, in which a unit is 380 px."""
    return (donors.canonical.shape - np.float32([0.5, 0.5, 0])) * 380 + np.float32([210, 210, 0])


def noisy(deviation, seed=0):
    rng = np.random.default_rng(seed)
    noise = np.repeat(rng.normal(0, deviation, (SIZE, SIZE, 1)), 3, axis=2)
    return np.clip(150 + noise, 0, 255).round().astype(np.uint8)


def smooth_texture(side=192):
    ramp = np.linspace(110, 170, side, dtype=np.float32)
    return np.repeat(np.add.outer(ramp, ramp)[..., None] / 2, 3, axis=2).astype(np.uint8)


def fine(picture, places):
    """The standard deviation of what is finer than 1 px."""
    light = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float((light - cv2.GaussianBlur(light, (0, 0), 1.0))[places].std())


@pytest.mark.parametrize(
    ("unit", "side"),
    [
        *((0.5, 16), (40, 48), (150, 160), (154, 192), (200, 192), (230, 192)),
        *((231, 256), (300, 256), (310, 384), (500, 512), (3000, 512)),
    ],
)
def test_a_texture_has_about_as_many_pixels_as_the_face(unit, side):
    assert fitted(smooth_texture(), unit).shape == (side, side, 3)


@pytest.mark.parametrize("side", [512, 600])
def test_the_largest_textures_are_taken_as_they_are(side):
    texture = smooth_texture(side)
    assert fitted(texture, 3000) is texture


def test_an_enlarged_texture_shows_the_same_with_crisper_edges():
    texture = smooth_texture()
    texture[:, 96:] //= 2
    larger = fitted(texture, 380)
    again = cv2.resize(larger, (192, 192), interpolation=cv2.INTER_AREA)
    assert np.abs(again.astype(int) - texture).mean() < 1
    plain = cv2.resize(texture, larger.shape[:2], interpolation=cv2.INTER_LINEAR)
    steepest = [np.abs(np.diff(p[..., 0].astype(int), axis=1)).max() for p in (plain, larger)]
    assert steepest[1] > 1.3 * steepest[0]


@pytest.mark.parametrize("deviation", [1.5, 3.0, 5.0])
def test_a_surrogate_is_as_grained_as_the_face(drawing, donors, mesh, deviation):
    picture = noisy(deviation)
    patch = drawing.replacer.replace(
        picture, mesh, Surrogate(smooth_texture(), donors.canonical.shape)
    )
    x, y = patch.corner
    cheeks = np.s_[210 + 30 - y : 210 + 60 - y, 210 - 90 - x : 210 - 60 - x]
    own = picture[y : y + len(patch.rgb), x : x + patch.rgb.shape[1]]
    assert fine(patch.rgb, cheeks) == pytest.approx(fine(own, cheeks), rel=0.45)


def over(donors, image, mesh, texture, unit=380.0, skin=None):
    face = donors.canonical
    everywhere = np.ones((48, 48), np.float32)
    grain = Grain(face.layout, face.triangles, everywhere if skin is None else skin)
    return grain.over(texture, image, mesh, unit)


def test_a_smooth_face_gets_no_grain(donors, mesh):
    texture = fitted(smooth_texture(), 380)
    assert np.array_equal(over(donors, noisy(0), mesh, texture), texture)


def test_grain_is_fixed_to_the_skin(donors, mesh):
    """It comes from the face's strength alone, not from what its noise shows."""
    texture = fitted(smooth_texture(), 380)
    first = over(donors, noisy(3, seed=1), mesh, texture).astype(int) - texture
    other = over(donors, noisy(3, seed=2), mesh + np.float32([7, -5, 0]), texture) - texture
    assert np.corrcoef(first.ravel(), other.ravel().astype(np.int8))[0, 1] > 0.95


def test_grain_lies_on_skin_alone(donors, mesh):
    skin = np.ones((48, 48), np.float32)
    skin[24:] = 0
    texture = fitted(smooth_texture(), 380)
    changed = np.abs(over(donors, noisy(4), mesh, texture, skin=skin).astype(int) - texture)
    assert changed[-150:].max() == 0
    assert changed[:150].mean() > 1


@pytest.mark.parametrize("unit", [40.0, 149.0])
def test_a_small_face_has_no_pixels_for_grain(donors, mesh, unit):
    texture = fitted(smooth_texture(), unit)
    assert over(donors, noisy(4), mesh * np.float32(unit / 380), texture, unit) is texture


@pytest.mark.parametrize("away", [(-2000, 0), (0, 5000)])
def test_a_face_beside_the_picture_tells_no_grain(donors, mesh, away):
    texture = fitted(smooth_texture(), 380)
    assert over(donors, noisy(4), mesh + np.float32([*away, 0]), texture) is texture


def test_a_face_that_hardly_grows_keeps_its_texture():
    """Else all of its detail would be sampled anew in every frame."""
    texture = np.random.default_rng(0).integers(0, 256, (192, 192, 3), np.uint8)
    first, second = (fitted(texture, unit) for unit in (98.0, 111.0))
    assert len(first) >= 111
    np.testing.assert_array_equal(first, second)
