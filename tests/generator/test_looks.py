"""Beards and make-up on painted faces: plain skin with a darker chin, redder lips, darker lids."""

import cv2
import numpy as np
import pytest

from generator.looks import PAINT, fit_beard, looks
from generator.regions import LIPS, filled
from generator.statistics import logistic

SKINS = [(235, 200, 185), (190, 145, 120), (95, 65, 50)]


@pytest.fixture
def layout(donors):
    return donors.canonical.layout


def shave(skin=SKINS[1], side=192, seed=0):
    """A face of one colour with a little grain."""
    rng = np.random.default_rng(seed)
    return np.clip(np.float32(skin) + rng.normal(0, 2, (side, side, 1)), 0, 255).astype(np.uint8)


def grow(texture, seed=0):
    """Dark stubble of much grain below the mouth and over the upper lip."""
    side, result = len(texture), texture.astype(np.float32)
    rng = np.random.default_rng(seed)
    for rows, columns in ((0.74, 0.98), (0.2, 0.8)), ((0.6, 0.66), (0.36, 0.64)):
        part = np.s_[
            round(rows[0] * side) : round(rows[1] * side),
            round(columns[0] * side) : round(columns[1] * side),
        ]
        result[part] *= rng.uniform(0.3, 0.9, (*result[part].shape[:2], 1))
    return result.astype(np.uint8)


def painted(name, texture, layout):
    return float(looks(texture, layout)[PAINT.index(name) - len(PAINT)])


def lower(texture, layout):
    """(g / 4, 4) the cells of a lower face: L, a, b and grain."""
    return looks(texture, layout)[: -len(PAINT)].reshape(-1, 4)


@pytest.mark.parametrize("skin", SKINS)
def test_a_plain_face_differs_from_its_own_cheeks_in_nothing(layout, skin):
    assert np.abs(looks(shave(skin), layout)).max() < 4
    assert np.abs(lower(shave(skin), layout).mean(axis=0)).max() < 0.5


@pytest.mark.parametrize("skin", SKINS)
def test_a_beard_is_dark_and_grainy_on_every_skin(layout, skin):
    before, after = lower(shave(skin), layout), lower(grow(shave(skin)), layout)
    hairy = after[:, 0] < before[:, 0] - 2
    assert 0.3 < hairy.mean() < 1  # chin and upper lip, and not the cheeks beside them
    assert (after[hairy, 3] > before[hairy, 3] + 2).mean() > 0.9


def test_a_face_and_its_mirror_image_look_the_same(layout):
    half = shave()
    half[:, :96] = grow(half)[:, :96]
    assert lower(half, layout) == pytest.approx(lower(half[:, ::-1], layout), abs=2.5)


@pytest.mark.parametrize("skin", SKINS)
def test_painted_lips_are_redder_than_the_cheeks(layout, skin):
    red = shave(skin)
    red[filled(layout, 192, LIPS) > 0] = (170, 20, 40)
    assert painted("lips a", red, layout) > painted("lips a", shave(skin), layout) + 10


def test_painted_lids_are_darker_than_the_cheeks(layout):
    dark = shave()
    for x, y in (layout[[27, 28, 257, 258]] * 192).round().astype(int):
        cv2.circle(dark, (int(x), int(y)), 8, (60, 40, 60), -1)
    assert painted("lids L", dark, layout) < -15


@pytest.mark.parametrize("side", [48, 96, 384])
def test_looks_do_not_hang_on_the_textures_size(layout, side):
    bearded = grow(shave())
    other = cv2.resize(bearded, (side, side), interpolation=cv2.INTER_AREA)
    apart = np.abs(lower(other, layout) - lower(bearded, layout))[:, :3]
    assert np.median(apart) < 1
    assert np.quantile(apart, 0.9) < 6


@pytest.fixture
def people(layout):
    """(60, g + 4) looks of faces of three skins, and which of them, every third, wear a beard."""
    bearded = np.arange(60) % 3 == 0
    faces = [shave(SKINS[n // 3 % 3], 96, n) for n in range(60)]
    drawn = [
        grow(face, n) if hair else face
        for n, (face, hair) in enumerate(zip(faces, bearded, strict=True))
    ]
    return np.stack([looks(face, layout) for face in drawn]), bearded


def test_a_fitted_beard_is_seen_on_faces_it_was_not_fitted_to(people, layout):
    beard = fit_beard(*people)
    for n, skin in enumerate(SKINS):
        face = shave(skin, 96, 1000 + n)
        scores = beard.score(np.stack([looks(f, layout) for f in (grow(face, 1000), face)]))
        assert scores[0] > 0.5
        assert scores[1] < 0


@pytest.mark.parametrize("told", [np.zeros, np.ones])
def test_where_labels_tell_no_difference_nobody_is_seen_as_bearded(people, told):
    """Neither without a labelled beard nor where everybody wears one."""
    measures, _ = people
    assert (fit_beard(measures, told(60, bool)).score(measures) < 0).all()


def test_a_style_is_beard_lips_and_lids_and_a_beard_has_bounds(people):
    measures, bearded = people
    style = fit_beard(measures, bearded).style(measures)
    assert style.shape == (60, 3)
    assert np.abs(style[:, 0]).max() <= 3
    assert style[bearded, 0].min() > style[~bearded, 0].max()
    assert style[:, 1] == pytest.approx(measures[:, -3])
    assert style[:, 2] == pytest.approx(-measures[:, -1])


def test_a_beard_is_told_by_the_lower_face_alone(people):
    """Lips and lids may be painted as they like."""
    measures, bearded = people
    beard, painted = fit_beard(measures, bearded), measures.copy()
    painted[:, -len(PAINT) :] += 40
    assert np.array_equal(beard.score(painted), beard.score(measures))


def test_those_of_whom_nobody_knows_count_nothing(people):
    measures, bearded = people
    known = np.arange(60) % 5 > 0
    told = np.where(known, bearded, ~bearded)
    assert np.array_equal(
        fit_beard(measures, told, known).weights, fit_beard(measures[known], bearded[known]).weights
    )


@pytest.fixture
def cloud():
    """(400, 2) points of which the tenth to the right of 1.2 or so is wanted."""
    x = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)
    return x, x[:, 0] > np.quantile(x[:, 0], 0.9)


def test_a_regression_finds_the_direction_that_tells_the_wanted(cloud):
    x, wanted = cloud
    weights = logistic(x, wanted)
    assert weights[0] > 5 * abs(weights[1])
    scores = x @ weights[:-1] + weights[-1]
    assert np.mean(scores[wanted][:, None] > scores[~wanted][None]) > 0.99


def test_a_regression_gives_the_few_as_much_weight_as_the_many(cloud):
    x, wanted = cloud
    weights = logistic(x, wanted)
    found = x @ weights[:-1] + weights[-1] > 0
    assert found[wanted].mean() > 0.9


def test_the_opposite_question_has_the_opposite_answer(cloud):
    x, wanted = cloud
    assert logistic(x, ~wanted) == pytest.approx(-logistic(x, wanted), abs=1e-4)


def test_a_larger_ridge_makes_smaller_weights_and_a_dead_column_gets_none(cloud):
    x, wanted = cloud
    x = np.column_stack([x, np.zeros(len(x), np.float32)])
    norms = [np.linalg.norm(logistic(x, wanted, ridge)[:-1]) for ridge in (1, 10, 100)]
    assert norms == sorted(norms, reverse=True)
    assert logistic(x, wanted)[2] == 0
