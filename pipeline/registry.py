"""Which class does what under which name; imported when asked for, so unused rooms cost nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.weights import locate

if TYPE_CHECKING:
    from pipeline.contract import Detector, Extractor, Generator, Matcher, Replacer
    from pipeline.database import Database

BACKENDS: Final[dict[str, dict[str, str]]] = {
    "detector": {"centerface": "detector.centerface:CenterFace", "haar": "detector.haar:Haar"},
    "extractor": {"dlib_resnet": "extractor.dlib_resnet:DlibResnet"},
    "matcher": {"opposite": "matcher.donors:Opposite", "nearest": "matcher.donors:Nearest"},
    "generator": {"deconv": "generator.deconv:Deconv"},
    "replacer": {"mesh": "replacer.mesh:Mesh"},
}
_WEIGHTS: Final[dict[str, tuple[str, ...]]] = {
    "centerface": ("centerface",),
    "haar": ("haar_frontalface", "haar_profileface"),
    "dlib_resnet": ("dlib_resnet", "dlib_5_points"),
}
WEAK_SHARE: Final = 0.5


def backend(room: str, name: str) -> Any:
    """The class behind `name`; "module:Class" names one that is not in the table."""
    known = BACKENDS[room]
    place = known.get(name, name if ":" in name else "")
    if not place:
        raise SettingsError(f"no {room} called {name!r}; known: {', '.join(known)}")
    module, _, attribute = place.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"no {room} at {place!r}: {error}") from None


def detector(settings: Settings) -> Detector:
    """A detector that also tells of weak faces, which may continue a track but start none."""
    weights = [locate(name) for name in _WEIGHTS.get(settings.detector, ())]
    made: Detector = backend("detector", settings.detector)(
        *weights, size=settings.detect_size, threshold=settings.detect_threshold * WEAK_SHARE
    )
    return made


def extractor(settings: Settings) -> Extractor:
    """The extractor with its weights."""
    weights = [locate(name) for name in _WEIGHTS.get(settings.extractor, ())]
    made: Extractor = backend("extractor", settings.extractor)(*weights)
    return made


def matcher(settings: Settings, donors: Database) -> Matcher:
    """The way of choosing donors."""
    made: Matcher = backend("matcher", settings.donors)(donors.rows, settings.extractor)
    return made


def generator(donors: Database) -> Generator:
    """The network of a donor DB."""
    make = backend("generator", "deconv")
    made: Generator = make(donors.network, donors.canonical, donors.faces)
    return made


def replacer(settings: Settings, donors: Database) -> Replacer:
    """The mesh replacer over a DB's canonical face."""
    face = donors.canonical
    make = backend("replacer", "mesh")
    made: Replacer = make(face.shape, face.layout, face.triangles, settings.shape)
    return made
