"""Settings that a record tells, and models that are no longer what they were."""

import logging

import pytest

from pipeline.errors import RecordError
from pipeline.record import Input, Output, Record
from pipeline.record_settings import check_models, settings_of
from pipeline.settings import Settings


def recorded(settings=None, models=None):
    told = Settings().record() | (settings or {})
    return Record(
        "1", told, models or {}, {}, Input("a", "0" * 64, 1, 1, 1, [[0, 0.0]]),
        Output("o", "0" * 64), [], [],
    )  # fmt: skip


def test_a_record_gives_the_settings_of_its_run():
    told = {"crf": 23, "mode": "blur", "detect_every": "auto", "shape": 1}
    settings = settings_of(recorded(told), {})
    assert (settings.crf, settings.mode, settings.detect_every) == (23, "blur", "auto")


def test_the_generator_is_that_whose_donors_are_recorded():
    assert settings_of(recorded(models={"mine/donors.npz": "0" * 64}), {}).generator == "mine"


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"colour": "red"}, "settings.colour: there is no such option"),
        ({"crf": "15"}, "settings.crf must be like 17, got '15'"),
        ({"crf": True}, "settings.crf must be like 17, got True"),
        ({"crf": 99}, "--crf must lie in 0..51"),
        ({"mode": "wish"}, "no mode called 'wish'"),
        ({"shape": "a"}, "settings.shape must be like 1.0"),
        ({"detect_every": False}, "settings.detect_every must be like 'auto'"),
        ({"extractor": "evil:Class"}, "add --extractor evil:Class if you trust it"),
        ({"generator_class": "evil:Class"}, "add --generator-class evil:Class"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(told, line):
    with pytest.raises(RecordError, match=line) as caught:
        settings_of(recorded(told), {})
    assert "\n" not in str(caught.value)


def test_code_runs_where_the_command_line_names_it_too():
    told = recorded({"extractor": "mine:Class"})
    assert settings_of(told, {"extractor": "mine:Class"}).extractor == "mine:Class"
    with pytest.raises(RecordError):
        settings_of(told, {"extractor": "other:Class"})


def test_a_detector_that_is_code_is_not_loaded():
    assert settings_of(recorded({"detector": "evil:Class"}), {}).detector == Settings().detector


def test_other_donors_are_refused_and_other_models_told(caplog):
    told = recorded(models={"deconv/donors.npz": "0" * 64, "face_landmark": "1" * 64})
    with pytest.raises(RecordError, match=r"deconv/donors\.npz was changed"):
        check_models(told, {"deconv/donors.npz": "2" * 64})
    with caplog.at_level(logging.WARNING):
        check_models(told, {"deconv/donors.npz": "0" * 64, "face_landmark": "2" * 64})
    assert "face_landmark" in caplog.text
    caplog.clear()
    check_models(told, {"deconv/donors.npz": "0" * 64, "face_landmark": "1" * 64})
    assert not caplog.records
