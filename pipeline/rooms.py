"""The rooms of one run, made once and used for every file."""

from dataclasses import dataclass
from pathlib import Path

import cv2

from detector.facemesh import FaceMesh
from detector.iris import Iris
from generator.canonical import Canonical
from generator.looks import Beard
from matcher.wishes import Kind
from pipeline import database, extractors, memory, networks, registry, steering
from pipeline.contract import Detector, Extractor, Floats, Generator, Matcher, Replacer
from pipeline.database import Database
from pipeline.errors import SettingsError
from pipeline.expectation import Expectation
from pipeline.expressions import Calm
from pipeline.extractors import Thresholds
from pipeline.given_boxes import GivenBoxes
from pipeline.keeping import Keeper
from pipeline.settings import Settings
from pipeline.weights import locate
from replacer.fill import Fill
from replacer.glasses import Glasses
from replacer.occlusion import Occlusion
from replacer.spectacles import Spectacles


@dataclass(frozen=True, slots=True)
class Drawing:
    """What only surrogates need."""

    extractor: Extractor
    matcher: Matcher
    generator: Generator
    replacer: Replacer
    canonical: Canonical
    mean: Floats  # (d,) the donors' mean features, which centre all others
    thresholds: Thresholds  # of likeness, as the extractor measures it
    glasses: Glasses | Spectacles | None = None  # kept, or drawn; None where nobody wears any
    beard: Beard | None = None  # None where the DB cannot tell beards
    occlusion: Occlusion | None = None  # None where what hides a face is drawn over
    kind: Kind | None = None  # of whom surrogates must look
    expected: Expectation | None = None  # None where every surrogate must be drawn to be judged

    @property
    def concurrent(self) -> bool:
        """Whether several faces may be drawn at once, in threads; a generator says so."""
        return getattr(self.generator, "concurrent", False)


@dataclass(frozen=True, slots=True)
class Rooms:
    """`drawing` is None where faces are covered instead of replaced."""

    detector: Detector
    mesh: FaceMesh
    fallback: Fill
    drawing: Drawing | None
    eyes: Iris | None = None  # None where nobody's eyes are drawn
    keeper: Keeper | None = None  # None where nobody is kept
    given: GivenBoxes | None = None  # None where only the detector looks for faces

    def rest(self) -> None:
        """Let go of what only the search for faces needs; it is got ready anew when that begins."""
        rest = getattr(self.detector, "rest", None)
        if rest is not None:
            rest()
            memory.hand_back()


def furnish(settings: Settings, home: Path = database.HOME) -> Rooms:
    """The rooms that `settings` ask for; SettingsError or WeightsError where one cannot be had."""
    networks.choose(settings.device)
    cv2.setNumThreads(1)  # threads of ours keep the cores busy
    cover = "mosaic" if settings.mode == "surrogate" else settings.mode
    return Rooms(
        registry.detector(settings),
        FaceMesh(locate("face_landmark")),
        Fill(cover),
        _drawing(settings, home) if settings.mode == "surrogate" else None,
        Iris(locate("iris_landmark")) if settings.mode == "surrogate" else None,
    )


def _drawing(settings: Settings, home: Path) -> Drawing:
    donors = database.load(settings.generator, home, settings.extractor)
    _check_identity(settings, donors)
    made = registry.generator(donors, settings)
    return Drawing(
        registry.extractor(settings, home),
        registry.matcher(settings, donors),
        Calm(made, donors.canonical) if settings.expression == "neutral" else made,
        registry.replacer(settings, donors),
        donors.canonical,
        donors.rows.attributes.mean,
        extractors.thresholds(settings.extractor, home),
        _glasses(settings, donors),
        donors.beard,
        _occlusion(settings, donors),
        Kind(donors.rows.attributes, registry.wish(settings)),
        Expectation(made, donors.rows),
    )


def _glasses(settings: Settings, donors: Database) -> Glasses | Spectacles | None:
    """None where nobody wears any: the members of a group must not be told apart by glasses."""
    if settings.glasses == "drop" or steering.k_same(settings.scheme):
        return None
    face = donors.canonical
    locate("glasses_weights")  # checked, and read from beside the network
    finder = Glasses(locate("glasses"), face.layout, face.triangles)
    if settings.glasses == "keep":
        return finder
    return Spectacles(finder, (face.shape, face.layout), settings.shape)


def _occlusion(settings: Settings, donors: Database) -> Occlusion | None:
    """None where what hides a face is drawn over, as where all of a group must look alike."""
    if settings.occlusion == "cover" or steering.k_same(settings.scheme):
        return None
    return Occlusion(donors.canonical.layout, donors.canonical.triangles)


def _check_identity(settings: Settings, donors: Database) -> None:
    count = len(donors.faces.skin)
    beyond = [row for row in steering.identity(settings.identity) if row >= count]
    if beyond:
        raise SettingsError(
            f"--identity {beyond[0]}: the donors of generator {donors.name!r} are 0..{count - 1}"
        )
