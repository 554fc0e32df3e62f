"""Which class does what under which name; imported when asked for, so unused rooms cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import extractors, steering
from pipeline.errors import SettingsError, WeightsError
from pipeline.settings import Settings
from pipeline.weights import DB, locate

if TYPE_CHECKING:
    from matcher.wishes import Wish
    from pipeline.contract import Detector, Extractor, Generator, Matcher, Replacer
    from pipeline.database import Database

BACKENDS: Final[dict[str, dict[str, str]]] = {
    "detector": {
        "centerface": "detector.centerface:CenterFace",
        "centerface_int8": "detector.centerface:CenterFace",
        "haar": "detector.haar:Haar",
    },
    "extractor": {
        "dlib_resnet": "extractor.dlib_resnet:DlibResnet",
        "vggface": "extractor.converted:VggFace",
        "vggface_resnet50": "extractor.converted:VggFace",
        "vggface_senet50": "extractor.converted:VggFace",
    },
    "matcher": {"opposite": "matcher.donors:Opposite", "nearest": "matcher.donors:Nearest"},
    "generator": {"deconv": "generator.deconv:Deconv"},
    "replacer": {"mesh": "replacer.mesh:Mesh"},
}
_WEIGHTS: Final[dict[str, tuple[str, ...]]] = {
    "centerface": ("centerface",),
    "centerface_int8": ("centerface_int8", "centerface_int8_weights"),
    "haar": ("haar_frontalface", "haar_profileface"),
    "dlib_resnet": ("dlib_resnet", "dlib_5_points"),
}
_QUICK: Final = {"centerface": ("centerface_int8", "centerface_int8_weights")}
_TRAINED: Final = "extractor.converted:Trained"
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
    weights, quick = (_networks(named.get(settings.detector, ())) for named in (_WEIGHTS, _QUICK))
    options: dict[str, Any] = {"quick": quick[0]} if quick else {}
    options |= {"size": settings.detect_size}
    options |= {"threshold": settings.detect_threshold * WEAK_SHARE}
    made: Detector = backend("detector", settings.detector)(*weights, **options)
    return made


def _networks(names: Sequence[str]) -> list[Path]:
    """Their verified files, but for weights that are read from beside their network."""
    return [path for path in map(locate, names) if path.suffix != ".bin"]


def extractor(settings: Settings, db: Path = DB) -> Extractor:
    """The extractor with its weights: one of the table, or one that was trained, by its name."""
    weights = _files_of(settings.extractor, db)
    place = _extractor_class(settings.extractor, db)
    made: Extractor = backend("extractor", place)(*weights.values())
    return made


def files(settings: Settings, db: Path = DB) -> dict[str, Path]:
    """The verified model files of the detector and the extractor, by their names."""
    names = *_WEIGHTS.get(settings.detector, ()), *_QUICK.get(settings.detector, ())
    weights = {name: locate(name) for name in names}
    return weights | _files_of(settings.extractor, db)


def _files_of(name: str, db: Path) -> dict[str, Path]:
    if name in _WEIGHTS:
        return {file: locate(file) for file in _WEIGHTS[name]}
    fetched = name in BACKENDS["extractor"] or name in extractors.added(db)
    return {name: extractors.locate(name, db)} if fetched else {}


def installed_extractors(db: Path = DB) -> list[str]:
    """The names of the extractors whose weights are there and whole, the default one first."""
    found = []
    for name in [*BACKENDS["extractor"], *_trained(db)]:
        try:
            for file in _WEIGHTS.get(name, ()):
                locate(file)
            if name not in _WEIGHTS:
                extractors.locate(name, db)
        except WeightsError:
            continue
        found.append(name)
    return found


def _extractor_class(name: str, db: Path) -> str:
    trained, known = _trained(db), BACKENDS["extractor"]
    if name in trained:
        return _TRAINED
    if trained and name not in known and ":" not in name:
        every = ", ".join([*known, *trained])
        raise SettingsError(f"no extractor called {name!r}; known: {every}")
    return name


def _trained(db: Path) -> list[str]:
    return [name for name in extractors.added(db) if name not in BACKENDS["extractor"]]


def matcher(settings: Settings, donors: Database) -> Matcher:
    """The way of choosing donors, among those that fit --age, --sex and --skin."""
    from matcher.wishes import narrowed

    rows = narrowed(donors.rows, wish(settings), settings.k)
    made: Matcher = backend("matcher", settings.donors)(rows, settings.extractor)
    return made


def wish(settings: Settings) -> Wish:
    """What surrogates shall look like, whoever they cover."""
    from matcher.wishes import Wish

    sex = steering.sex(settings.sex)
    return Wish(
        age=steering.age(settings.age),
        male=sex == "male" if sex else None,
        skin=steering.skin(settings.skin),
    )


def generator(donors: Database, settings: Settings | None = None) -> Generator:
    """The generator in a donor DB: of the kind its folder names, or of --generator-class.

    Any but our own network is made as `Class(folder, canonical)`; see docs/generators.md.
    """
    place = settings.generator_class if settings else ""
    make = backend("generator", place or donors.kind)
    if place or donors.kind != "deconv":
        made: Generator = make(donors.folder, donors.canonical)
        return made
    from generator.head import heads

    largest, *smaller = heads(donors.network)
    made = make(largest, donors.canonical, donors.faces, smaller, donors.beard)
    return made


def replacer(settings: Settings, donors: Database) -> Replacer:
    """The mesh replacer over a DB's canonical face."""
    face = donors.canonical
    make = backend("replacer", "mesh")
    made: Replacer = make(face.shape, face.layout, face.triangles, settings.shape)
    return made
