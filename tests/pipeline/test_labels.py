import math

import numpy as np
import pytest

from pipeline import labels


@pytest.mark.parametrize(
    ("words", "sex"),
    [
        ("a 30 year old woman", 0), ("Asian female senior", 0), ("a woman with a beard", 0),
        ("a man", 1), ("man, senior", 1), ("african male small child", 1), ("goatee", 1),
        ("a boy", 1), ("a girl", 0), ("red lipstick", 0), ("", None), ("human face", None),
        ("green hair", None), ("boyish girl", 0),
    ],
)  # fmt: skip
def test_words_tell_the_sex(words, sex):
    told = labels.sex(words)
    assert math.isnan(told) if sex is None else told == sex


@pytest.mark.parametrize(
    ("words", "years"),
    [("10 month old baby", 1), ("small child", 5), ("young child", 6), ("a child", 8),
     ("wrinkly 70 year old senior", 70), ("typical adult irish", 32), ("blue hair", None)],
)  # fmt: skip
def test_words_tell_the_age(words, years):
    told = labels.age(words)
    assert math.isnan(told) if years is None else told == years


@pytest.mark.parametrize(
    ("words", "lively"),
    [("", False), ("neutral", False), ("looking ahead", False), ("Surprised", True),
     ("looking left", True), ("a woman; sad or depressed", True), ("typical adult", False)],
)  # fmt: skip
def test_words_tell_whether_a_face_is_calm(words, lively):
    assert labels.lively(words) == lively


@pytest.mark.parametrize(
    ("words", "dark"),
    [("African male senior", 1), ("typical adult irish", 0), ("asian female; african", 1),
     ("Rafd090_01_Caucasian", None), ("caucasian female", 0), ("small child", None), ("", None)],
)  # fmt: skip
def test_words_tell_dark_skin_from_light(words, dark):
    told = labels.dark(words)
    assert math.isnan(told) if dark is None else told == dark


@pytest.mark.parametrize(
    ("words", "place"),
    [("typical adult Irish", 0), ("male Caucasian adult", 0), ("asian female; asian", 1),
     ("African male senior", 2), ("old age native american", 3), ("young indian woman", 3),
     ("asian female; african", None), ("caucasian blue-asia background", 0), ("", None)],
)  # fmt: skip
def test_words_tell_an_ancestry_where_they_name_but_one(words, place):
    told = labels.ancestry(words)
    assert told.shape == (4,)
    if place is None:
        assert np.isnan(told).all()
    else:
        assert told.tolist() == [float(row == place) for row in range(4)]


@pytest.mark.parametrize(
    ("words", "beard"),
    [("full beard", 1), ("man with a goatee", 1), ("a man smiling", None), ("clean-shaven", 0),
     ("male; Stubble", 0.5), ("stubble; mustache", 1), ("a woman with a beard", None),
     ("woman", None), ("blue hair", None)],
)  # fmt: skip
def test_words_tell_beards_stubble_and_shaved_chins(words, beard):
    told = labels.beard(words)
    assert math.isnan(told) if beard is None else told == beard
