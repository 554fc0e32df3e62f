"""One shared check over every backend that the registry names, and over every kind of cover.

A backend that is added to the table is checked without a line here.
"""

import inspect
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from pipeline import registry
from pipeline.contract import MESH_POINTS, Faces, Image, Matches, Patch, Person, Surrogate
from pipeline.geometry import overlap
from pipeline.settings import MODES, Settings
from replacer.fill import Fill
from tests.conftest import drawn_background, unknown_person

DETECTORS = list(registry.BACKENDS["detector"])
EXTRACTORS = registry.installed_extractors()
MATCHERS = list(registry.BACKENDS["matcher"])
COVERS = [mode for mode in MODES if mode != "surrogate"]
SIZES = [(1, 1), (1, 33), (40, 1), (19, 19), (64, 48)]


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request):
    return registry.detector(Settings(detector=request.param, detect_threshold=0.35))


@pytest.fixture(scope="module", params=EXTRACTORS)
def extractor(request):
    return registry.extractor(Settings(extractor=request.param))


@pytest.fixture(scope="module", params=MATCHERS)
def matcher(request, donors):
    return registry.matcher(Settings(donors=request.param), donors)


@pytest.fixture(scope="module", params=list(registry.BACKENDS["generator"]))
def generator(donors):
    return registry.generator(donors)


@pytest.fixture(scope="module", params=list(registry.BACKENDS["replacer"]))
def replacer(donors):
    return registry.replacer(Settings(), donors)


@pytest.fixture(params=COVERS)
def cover(request):
    return Fill(request.param)


@pytest.fixture
def someone(face, drawing, astronaut):
    """The portrait's person, as far as features tell."""
    features = drawing.extractor.extract(astronaut, face)[0]
    return Person(features, np.float32([65, 18, 18]), unknown_person().shape)


@pytest.fixture
def surrogate(drawing, face, donors):
    return drawing.generator.generate(donors.rows.rows[:4], unknown_person(), face.mesh[0])


def same(a: Any, b: Any) -> bool:
    """Every array of two dataclasses is equal."""
    arrays = [
        [getattr(x, f.name) for f in fields(x) if isinstance(getattr(x, f.name), np.ndarray)]
        for x in (a, b)
    ]
    return all(np.array_equal(p, q, equal_nan=True) for p, q in zip(*arrays, strict=True))


def unchanged(arrays: list[np.ndarray]) -> list[bytes]:
    return [array.tobytes() for array in arrays]


@pytest.mark.parametrize("room", sorted(registry.BACKENDS))
def test_every_backend_of_the_table_can_be_imported_and_has_its_verb(room):
    verbs = {"detector": "detect", "extractor": "extract", "matcher": "match"}
    verb = verbs.get(room, {"generator": "generate", "replacer": "replace"}.get(room))
    for name in registry.BACKENDS[room]:
        made = registry.backend(room, name)
        assert inspect.isclass(made)
        assert inspect.getdoc(getattr(made, verb)), f"{name}.{verb} says nothing"


# detectors


@pytest.mark.parametrize("size", SIZES)
def test_a_detector_finds_nothing_in_small_empty_pictures(detector, size):
    found = detector.detect(np.full((size[1], size[0], 3), 127, np.uint8))
    assert isinstance(found, Faces)
    assert found.boxes.shape == (0, 4)
    assert found.landmarks.shape == (0, 5, 2)


def test_a_detector_finds_the_portraits_face(detector, astronaut, face):
    found = detector.detect(astronaut)
    assert len(found) >= 1
    assert overlap(found.boxes, face.boxes).max() > 0.4
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert np.isfinite(found.boxes).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert found.mesh_scores.max() == 0


def test_a_detector_finds_a_face_in_a_picture_that_has_to_be_shrunk(detector, astronaut, face):
    large = np.ascontiguousarray(np.repeat(np.repeat(astronaut, 4, axis=0), 4, axis=1))
    found = detector.detect(large)
    assert overlap(found.boxes, face.boxes * 4).max() > 0.4


def test_a_detector_answers_the_same_again_and_leaves_the_picture_alone(detector, astronaut):
    before = astronaut.copy()
    first, second = detector.detect(astronaut), detector.detect(astronaut)
    assert same(first, second)
    assert np.array_equal(astronaut, before)


def test_a_detector_takes_a_picture_it_may_not_write_to_and_one_that_is_a_view(detector, astronaut):
    wide = np.zeros((512, 600, 3), np.uint8)
    wide[:, :512] = astronaut
    view = wide[:, :512]
    view.flags.writeable = False
    assert same(detector.detect(view), detector.detect(astronaut))


# extractors


def test_an_extractor_gives_a_row_of_length_1_a_face(extractor, astronaut, face):
    two = Faces.of(np.concatenate([face.boxes, face.boxes + 3]))
    rows = extractor.extract(astronaut, two)
    assert rows.shape[0] == 2
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_an_extractor_gives_no_row_for_no_face(extractor, astronaut, face):
    width = extractor.extract(astronaut, face).shape[1]
    assert extractor.extract(astronaut, Faces.of([])).shape == (0, width)


@pytest.mark.parametrize("size", SIZES)
def test_an_extractor_survives_tiny_pictures(extractor, size):
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    rows = extractor.extract(picture, Faces.of([[0, 0, size[0], size[1]]]))
    assert rows.shape[0] == 1


def test_an_extractor_answers_the_same_again_and_leaves_its_input_alone(extractor, astronaut, face):
    before = unchanged([astronaut, face.boxes, face.mesh])
    first, second = extractor.extract(astronaut, face), extractor.extract(astronaut, face)
    assert np.array_equal(first, second)
    assert unchanged([astronaut, face.boxes, face.mesh]) == before


def test_an_extractor_knows_a_person_again_and_tells_others_apart(
    extractor, astronaut, face, moving, rooms, render, donors
):
    def row(picture: Image) -> np.ndarray:
        return extractor.extract(picture, rooms.detector.detect(picture)[:1])[0]

    one = extractor.extract(astronaut, face)[0]
    again = row(moving[20])
    others = [row(render([int(donor)])) for donor in donors.rows.rows[[0, 20, 40]]]
    assert float(one @ again) > max(float(one @ other) for other in others)


# matchers


@pytest.mark.parametrize("k", [1, 2, 4, 16])
def test_a_matcher_gives_k_different_donors_of_the_table(matcher, donors, someone, k):
    found = matcher.match(someone, k, np.random.default_rng(1))
    assert isinstance(found, Matches)
    assert found.identities.shape == found.similarity.shape == (1, k)
    assert len(set(found.identities[0].tolist())) == k
    assert np.isin(found.identities[0], donors.rows.rows).all()
    assert ((found.similarity >= -1) & (found.similarity <= 1)).all()


def test_a_matcher_serves_a_person_of_whom_nothing_is_known(matcher, donors):
    found = matcher.match(unknown_person(), 4, np.random.default_rng(1))
    assert np.isin(found.identities[0], donors.rows.rows).all()
    assert np.isnan(found.similarity).all()


def test_a_matcher_answers_the_same_with_the_same_key_and_leaves_its_input_alone(matcher, someone):
    before = unchanged([someone.features, someone.skin])
    first, second = (matcher.match(someone, 4, np.random.default_rng(9)) for _ in range(2))
    assert same(first, second)
    assert unchanged([someone.features, someone.skin]) == before


# generators


@pytest.mark.parametrize("k", [1, 4, 16])
def test_a_generator_draws_a_whole_face(generator, donors, face, k):
    drawn = generator.generate(donors.rows.rows[:k], unknown_person(), face.mesh[0])
    assert isinstance(drawn, Surrogate)
    assert drawn.texture.shape[0] >= 128
    assert drawn.shape.shape == (MESH_POINTS, 3)
    assert np.isfinite(drawn.shape).all()
    middle = drawn.texture[len(drawn.texture) // 3 : -len(drawn.texture) // 3]
    assert 30 < middle.mean() < 230
    assert middle.std() > 10


def test_a_generator_answers_the_same_again_and_leaves_its_input_alone(generator, donors, face):
    rows = donors.rows.rows[:4].copy()
    before = unchanged([rows, face.mesh])
    first, second = (generator.generate(rows, unknown_person(), face.mesh[0]) for _ in range(2))
    assert same(first, second)
    assert unchanged([rows, face.mesh]) == before


# replacers


def in_range(patch: Patch, picture: Image) -> bool:
    x, y = patch.corner
    height, width = patch.alpha.shape
    inside = x >= 0 and y >= 0 and x + width <= picture.shape[1] and y + height <= picture.shape[0]
    finite = np.isfinite(patch.alpha).all() and patch.alpha.dtype == np.float32
    return bool(inside and finite and (patch.alpha >= 0).all() and (patch.alpha <= 1).all())


def test_a_replacer_covers_the_face(replacer, astronaut, face, surrogate):
    patch = replacer.replace(astronaut, face.mesh[0], surrogate)
    assert in_range(patch, astronaut)
    x, y = face.mesh[0, 4, :2].round().astype(int) - patch.corner
    assert patch.alpha[y, x] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("shift", [(-150, 0), (250, 0), (0, -110), (0, 320), (9999, 0), (0, -9999)])
def test_a_replacer_stays_inside_the_picture(replacer, astronaut, face, surrogate, shift):
    mesh = face.mesh[0] + np.float32([*shift, 0])
    assert in_range(replacer.replace(astronaut, mesh, surrogate), astronaut)


@pytest.mark.parametrize("size", SIZES)
def test_a_replacer_survives_tiny_pictures(replacer, drawing, surrogate, size):
    picture = drawn_background(*size)
    mesh = drawing.canonical.shape * np.float32(max(size))
    assert in_range(replacer.replace(picture, mesh, surrogate), picture)


def test_a_replacer_answers_the_same_again_and_leaves_its_input_alone(
    replacer, astronaut, face, surrogate
):
    before = unchanged([astronaut, face.mesh, surrogate.texture, surrogate.shape])
    first, second = (replacer.replace(astronaut, face.mesh[0], surrogate) for _ in range(2))
    assert same(first, second)
    assert unchanged([astronaut, face.mesh, surrogate.texture, surrogate.shape]) == before


# covers


@pytest.mark.parametrize("size", SIZES)
def test_a_cover_fills_tiny_pictures(cover, size):
    picture = drawn_background(*size)
    patch = cover.cover(picture, np.float32([0, 0, *size]))
    assert in_range(patch, picture)
    assert patch.alpha.max() == 1


def test_a_cover_answers_the_same_again_and_leaves_its_input_alone(cover, astronaut, face):
    before = unchanged([astronaut, face.boxes])
    first, second = (cover.cover(astronaut, face.boxes[0]) for _ in range(2))
    assert same(first, second)
    assert unchanged([astronaut, face.boxes]) == before


def test_a_cover_lies_over_the_whole_box(cover, astronaut, face):
    patch = cover.cover(astronaut, face.boxes[0])
    assert in_range(patch, astronaut)
    x1, y1, x2, y2 = face.boxes[0].round().astype(int) - np.tile(patch.corner, 2)
    assert patch.alpha[y1:y2, x1:x2].mean() > 0.99
