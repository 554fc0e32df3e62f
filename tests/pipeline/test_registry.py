import sys

import pytest

from pipeline import registry
from pipeline.errors import SettingsError
from pipeline.settings import Settings


@pytest.mark.parametrize("room", sorted(registry.BACKENDS))
def test_an_unknown_name_lists_the_known_ones(room):
    with pytest.raises(SettingsError) as caught:
        registry.backend(room, "yolo")
    assert (
        str(caught.value) == f"no {room} called 'yolo'; known: {', '.join(registry.BACKENDS[room])}"
    )


@pytest.mark.parametrize(
    "place",
    ["no.such.module:Class", "detector.centerface:NoSuchClass", "pipeline:", "sys:maxsizes"],
)
def test_a_place_that_is_not_there_is_one_line(place):
    with pytest.raises(SettingsError, match="no detector at") as caught:
        registry.backend("detector", place)
    assert "\n" not in str(caught.value)


def test_a_class_that_is_not_in_the_table_can_be_named():
    from detector.haar import Haar

    assert registry.backend("detector", "detector.haar:Haar") is Haar


def test_a_detector_is_told_to_hear_of_weak_faces(astronaut):
    made = registry.detector(Settings(detect_threshold=0.4))
    assert made._threshold == pytest.approx(0.4 * registry.WEAK_SHARE)


def test_every_default_is_in_the_table():
    defaults = Settings()
    assert defaults.detector in registry.BACKENDS["detector"]
    assert defaults.extractor in registry.BACKENDS["extractor"]
    assert defaults.donors in registry.BACKENDS["matcher"]


def test_backends_are_imported_only_when_asked_for(monkeypatch):
    monkeypatch.delitem(sys.modules, "detector.haar", raising=False)
    registry.backend("detector", "centerface")
    assert "detector.haar" not in sys.modules
