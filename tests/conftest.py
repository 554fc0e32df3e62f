"""What many tests share: rooms made once, one portrait, people whom the generator invents."""

import logging
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from matcher.cosine import similarity
from pipeline import database, demo, network_cache, weights
from pipeline.contract import MESH_POINTS, Faces, Floats, Image, Person
from pipeline.database import Database
from pipeline.expressions import wearing
from pipeline.geometry import pixels, scaled
from pipeline.rooms import Drawing, Rooms, furnish
from pipeline.settings import Settings

RECOGNISED = 0.65  # centred dlib cosine that one pair of strangers in 200 reaches


def drawn_background(width: int, height: int, seed: int = 0) -> Image:
    """A gradient with some rectangles and a little grain: nothing in it is a face."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    picture = np.dstack([60 + 90 * x, 80 + 60 * y, 150 - 70 * x * y])
    for _ in range(6):
        x1, y1 = rng.integers(0, width), rng.integers(0, height)
        picture[y1 : y1 + height // 5, x1 : x1 + width // 6] = rng.integers(40, 200, 3)
    grain = rng.normal(0, 3, (height, width, 1))
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def unknown_person() -> Person:
    """A person of whom nothing is known."""
    nan = np.full((MESH_POINTS, 3), np.nan, np.float32)
    return Person(nan[0, :1], nan[0], nan)


def head(
    drawing: Drawing,
    donors: list[int],
    size: int = 240,
    picture: Image | None = None,
    expression: str = "",
) -> Image:
    """The mix of `donors` drawn by generator and replacer onto a drawn head, `size` px square."""
    if picture is None:
        picture = drawn_background(size, size)
    picture = picture.copy()
    side = min(picture.shape[:2])
    centre = picture.shape[1] // 2, picture.shape[0] // 2
    cv2.ellipse(
        picture, centre, (round(0.3 * side), round(0.4 * side)), 0, 0, 360, (60, 45, 40), -1
    )
    inner = round(0.25 * side), round(0.34 * side)
    cv2.ellipse(picture, centre, inner, 0, 0, 360, (205, 160, 140), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.012 * side)
    scale = np.float32(0.66 * side)
    face = wearing(expression, drawing.canonical) if expression else drawing.canonical.shape
    mesh = (face - np.float32([0.5, 0.5, 0])) * scale
    mesh[:, :2] += centre
    surrogate = drawing.generator.generate(np.array(donors), unknown_person(), mesh)
    patch = drawing.replacer.replace(picture, mesh, surrogate)
    x, y = patch.corner
    place = picture[y : y + len(patch.rgb), x : x + patch.rgb.shape[1]]
    alpha = patch.alpha[..., None]
    place[:] = np.rint(alpha * patch.rgb + (1 - alpha) * place).astype(np.uint8)
    return picture


@dataclass(frozen=True)
class Judge:
    """Finds faces and tells people apart, as an attacker would."""

    rooms: Rooms
    drawing: Drawing

    def faces(self, image: Image) -> Faces:
        """The faces of a picture, best first."""
        return self.rooms.detector.detect(image)

    def features(self, image: Image, box: Floats | None = None) -> Floats:
        """(128,) features of the face at `box`, or of the best one found."""
        faces = self.faces(image)[:1] if box is None else Faces.of([box])
        return self.drawing.extractor.extract(image, faces)[0]

    def remains(self, before: Image, after: Image, box: Floats) -> float:
        """Correlation of two pictures' fine detail in the middle of a box: 1 where untouched."""
        x1, y1, x2, y2 = pixels(scaled(box, 0.7), before.shape[1::-1])
        fine = []
        for picture in (before, after):
            gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[y1:y2, x1:x2].astype(np.float32)
            fine.append(gray - cv2.GaussianBlur(gray, (0, 0), 0.06 * (x2 - x1)))
        a, b = (part.ravel() / max(float(np.linalg.norm(part)), 1e-6) for part in fine)
        return float(a @ b)

    def alike(self, a: Floats, b: Floats) -> float:
        """Centred cosine of two features (128,)."""
        return float(similarity(a[None], b[None], self.drawing.mean)[0, 0])


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled networks are kept for these tests, and apart from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(network_cache.VARIABLE, str(tmp_path_factory.mktemp("networks")))
        yield


@pytest.fixture(scope="session")
def rooms() -> Rooms:
    """The rooms of a run with default settings."""
    return furnish(Settings())


@pytest.fixture(scope="session")
def drawing(rooms: Rooms) -> Drawing:
    """The rooms that only surrogates need."""
    assert rooms.drawing is not None
    return rooms.drawing


@pytest.fixture(scope="session")
def donors() -> Database:
    """The donor DB in use."""
    return database.load("")


@pytest.fixture(scope="session")
def judge(rooms: Rooms, drawing: Drawing) -> Judge:
    """An attacker with a detector and a recogniser."""
    return Judge(rooms, drawing)


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """The portrait that comes with scikit-image, (512, 512, 3)."""
    return np.asarray(cv2.cvtColor(cv2.imread(str(weights.locate("astronaut"))), cv2.COLOR_BGR2RGB))


@pytest.fixture(scope="session")
def face(astronaut: Image, rooms: Rooms) -> Faces:
    """The portrait's one face, with landmarks and mesh."""
    return rooms.mesh.fit(astronaut, rooms.detector.detect(astronaut)[:1])


@pytest.fixture(scope="session")
def moving() -> list[Image]:
    """The first 1.5 seconds of the demo clip: the portrait moves, zooms and turns."""
    return list(demo.pictures(1.5))


@pytest.fixture(scope="session")
def render(drawing: Drawing) -> Callable[..., Image]:
    """`head` with the DB in use."""
    return lambda *args, **options: head(drawing, *args, **options)


@pytest.fixture
def unchanged_process() -> Iterator[None]:
    """What the command line does to a whole process (signals, log handlers) is undone."""
    root, handler = logging.getLogger(), signal.getsignal(signal.SIGTERM)
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in ("facesurrogate", "pipeline")}
    yield
    signal.signal(signal.SIGTERM, handler)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture(autouse=True)
def own_logging():
    """Commands set levels and handlers for the whole process, fixtures of a module too."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    root.setLevel(logging.WARNING)
    for name in ("facesurrogate", "pipeline", "generator", "extractor", "replacer"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield
    root.handlers[:] = handlers
