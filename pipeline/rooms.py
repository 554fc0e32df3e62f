"""The rooms of one run, made once and used for every file."""

from dataclasses import dataclass
from pathlib import Path

from detector.facemesh import FaceMesh
from generator.canonical import Canonical
from pipeline import database, registry
from pipeline.contract import Detector, Extractor, Floats, Generator, Matcher, Replacer
from pipeline.settings import Settings
from pipeline.weights import locate
from replacer.fill import Fill


@dataclass(frozen=True, slots=True)
class Drawing:
    """What only surrogates need."""

    extractor: Extractor
    matcher: Matcher
    generator: Generator
    replacer: Replacer
    canonical: Canonical
    mean: Floats  # (d,) the donors' mean features, which centre all others


@dataclass(frozen=True, slots=True)
class Rooms:
    """`drawing` is None where faces are covered instead of replaced."""

    detector: Detector
    mesh: FaceMesh
    fallback: Fill
    drawing: Drawing | None


def furnish(settings: Settings, home: Path = database.HOME) -> Rooms:
    """The rooms that `settings` ask for; SettingsError or WeightsError where one cannot be had."""
    cover = "mosaic" if settings.mode == "surrogate" else settings.mode
    return Rooms(
        registry.detector(settings),
        FaceMesh(locate("face_landmark")),
        Fill(cover),
        _drawing(settings, home) if settings.mode == "surrogate" else None,
    )


def _drawing(settings: Settings, home: Path) -> Drawing:
    donors = database.load(settings.generator, home)
    return Drawing(
        registry.extractor(settings),
        registry.matcher(settings, donors),
        registry.generator(donors),
        registry.replacer(settings, donors),
        donors.canonical,
        donors.rows.attributes.mean,
    )
