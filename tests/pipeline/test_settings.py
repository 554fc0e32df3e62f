import dataclasses

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import MODES, Settings, flag


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mode", "pixelate", "no mode called 'pixelate'; known: surrogate, mosaic, blur, solid"),
        ("preset", "warp", "no preset called 'warp'; known: ultrafast"),
        ("donors", "random", "no donors called 'random'; known: opposite, nearest"),
        ("k", 0, r"^-k must lie in 1\.\.16, got 0"),
        ("k", 17, "-k"),
        ("detect_size", 127, "--detect-size must lie in"),
        ("detect_every", 0, "--detect-every"),
        ("detect_threshold", float("nan"), "--detect-threshold"),
        ("detect_threshold", 1.0, "--detect-threshold"),
        ("min_face", 3, "--min-face"),
        ("shape", 1.01, "--shape"),
        ("crf", 52, "--crf"),
        ("max_pixels", 0, "--max-pixels"),
        ("suffix", "", "--suffix"),
        ("suffix", "../x", "--suffix"),
        ("expression", "sad", "no expression called 'sad'; known: keep, neutral"),
        ("glasses", "wear", "no glasses called 'wear'; known: draw, drop, keep"),
    ],
)
def test_a_value_outside_its_range_is_named(name, value, words):
    with pytest.raises(SettingsError, match=words) as caught:
        Settings(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_a_setting(mode):
    assert Settings(mode=mode).mode == mode


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().k = 2


def test_the_record_is_plain_and_holds_no_secret():
    record = Settings().record()
    assert all(isinstance(value, str | int | float | bool) for value in record.values())
    assert "salt" not in record


def test_a_flag_is_spelled_with_dashes():
    assert flag("detect_size") == "--detect-size"
    assert flag("k") == "-k"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"identity": "1,2", "age": "20..30"}, "leave out --age, --sex and --skin"),
        ({"scheme": "k-same 3", "identity": "1,2"}, "exclude each other"),
        ({"scheme": "k-same 3", "mode": "blur"}, "leave --mode out"),
        ({"scheme": "k-same 3", "shape": 0.5}, "needs --shape 1, got 0.5"),
    ],
)
def test_settings_that_do_not_go_together_are_named(given, words):
    with pytest.raises(SettingsError, match=words):
        Settings(**given)
