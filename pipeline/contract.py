"""What flows between the rooms: frozen dataclasses of arrays, and one verb per room.

Pictures are RGB uint8 (height, width, 3); coordinates are float32 pixels, x before y,
with (0, 0) in the centre of the first pixel. Letters in shapes: n faces, d features,
k donors, s texture side.
"""

from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ContractError

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MESH_POINTS = 468


def _expect(owner: object, name: str, shape: tuple[int | str, ...], kind: str) -> None:
    """Raise ContractError unless `owner.name` is an array of `shape` (letters match any length)."""
    value = getattr(owner, name)
    got = getattr(value, "shape", None)
    if got == shape and value.dtype.kind == kind:
        return
    fits = got is not None and len(got) == len(shape)
    fits = fits and all(isinstance(w, str) or w == g for w, g in zip(shape, got or (), strict=True))
    if not fits or value.dtype.kind != kind:
        dtype = getattr(value, "dtype", type(value).__name__)
        raise ContractError(
            f"{type(owner).__name__}.{name} must have shape {shape} and kind '{kind}', "
            f"got {got} of {dtype}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame as its decoder gave it: 8-bit planes and their place in time.

    `planes` hold the coded picture: (h, w) luma and two (h', w') chroma planes for the
    layouts "yuv420p", "yuv422p", "yuv440p", "yuv411p", "yuv410p" and "yuv444p", one (h, w)
    plane for "gray", one (h, w, 3) plane for "rgb24". `matrix` is "bt601", "bt709" or
    "bt2020"; `full_range` says whether luma spans 0..255. A player turns the coded picture
    clockwise by `quarter_turns` × 90° and then mirrors it left-right where `mirrored`.
    """

    planes: tuple[Image, ...]
    layout: str
    index: int = 0
    pts: int = 0
    time_base: Fraction = Fraction(1, 25)
    matrix: str = "bt709"
    full_range: bool = False
    quarter_turns: int = 0
    mirrored: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels as shown, after turning."""
        height, width = self.planes[0].shape[:2]
        return (height, width) if self.quarter_turns % 2 else (width, height)

    @property
    def seconds(self) -> float:
        """The moment at which this frame is shown."""
        return float(self.pts * self.time_base)


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """n faces of one picture: row i of every array is face i; NaN where a thing is unknown."""

    boxes: Floats  # (n, 4) x1 y1 x2 y2, pixels
    landmarks: Floats  # (n, 5, 2) eyes, nose, mouth corners, pixels; image-left first
    scores: Floats  # (n,) in [0, 1]
    mesh: Floats  # (n, 468, 3) pixels; z grows away from the camera
    mesh_scores: Floats  # (n,) in [0, 1]

    def __post_init__(self) -> None:
        n = len(self.scores)
        _expect(self, "boxes", (n, 4), "f")
        _expect(self, "landmarks", (n, 5, 2), "f")
        _expect(self, "scores", (n,), "f")
        _expect(self, "mesh", (n, MESH_POINTS, 3), "f")
        _expect(self, "mesh_scores", (n,), "f")

    @classmethod
    def of(
        cls,
        boxes: Any,
        landmarks: Any = None,
        scores: Any = None,
        mesh: Any = None,
        mesh_scores: Any = None,
    ) -> Self:
        """Faces from what is known of them; the rest becomes NaN (and scores 1)."""
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        n = len(boxes)

        def rows(values: Any, shape: tuple[int, ...], missing: float) -> Floats:
            if values is None:
                return np.full((n, *shape), missing, np.float32)
            return np.asarray(values, np.float32).reshape(n, *shape)

        return cls(
            boxes=boxes,
            landmarks=rows(landmarks, (5, 2), np.nan),
            scores=rows(scores, (), 1.0),
            mesh=rows(mesh, (MESH_POINTS, 3), np.nan),
            mesh_scores=rows(mesh_scores, (), 0.0),
        )

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: slice | Mask | Ints | list[int]) -> "Faces":
        """The faces that a slice, mask or list of rows picks."""
        return Faces(*(getattr(self, f.name)[rows] for f in fields(self)))

    def moved(self, scale: float, shift: tuple[float, float] = (0.0, 0.0)) -> "Faces":
        """The same faces in a picture that is `scale` times larger, then shifted (dx, dy) px."""
        at = np.array(shift, np.float32)
        mesh = self.mesh * np.float32(scale)
        mesh[..., :2] += at
        return Faces(
            boxes=(self.boxes * scale + np.tile(at, 2)).astype(np.float32),
            landmarks=(self.landmarks * scale + at).astype(np.float32),
            scores=self.scores,
            mesh=mesh,
            mesh_scores=self.mesh_scores,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """For n faces the k donors of each, and how alike they are."""

    identities: Ints  # (n, k) rows of the donor DB
    similarity: Floats  # (n, k) centred cosine in [-1, 1]

    def __post_init__(self) -> None:
        _expect(self, "identities", ("n", "k"), "i")
        _expect(self, "similarity", self.identities.shape, "f")


def unknown_style() -> Floats:
    """The (3,) of a face whose beard and make-up could not be seen."""
    return np.full(3, np.nan, np.float32)


def no_glasses() -> Floats:
    """The (0, 0) of a person who wears none."""
    return np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """What is known of one person to be replaced."""

    features: Floats  # (d,) length 1; NaN where none could be extracted
    skin: Floats  # (3,) CIE Lab of the cheeks; NaN where unknown
    shape: Floats  # (468, 3) canonical units, without expression; NaN where unknown
    glasses: Floats = field(default_factory=no_glasses)  # (h, w) what is known; empty if none
    style: Floats = field(default_factory=unknown_style)  # (3,) beard, make-up of lips and lids
    eyes: float = float("nan")  # how wide they usually are, as codes tell it

    def __post_init__(self) -> None:
        _expect(self, "style", (3,), "f")
        _expect(self, "features", ("d",), "f")
        _expect(self, "skin", (3,), "f")
        _expect(self, "shape", (MESH_POINTS, 3), "f")
        _expect(self, "glasses", ("h", "w"), "f")


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """A face of nobody in canonical space, ready to be warped onto a mesh."""

    texture: Image  # (s, s, 3)
    shape: Floats  # (468, 3) canonical units, expression as asked for

    def __post_init__(self) -> None:
        side = len(self.texture)
        _expect(self, "texture", (side, side, 3), "u")
        _expect(self, "shape", (MESH_POINTS, 3), "f")


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A piece of a picture to be laid over it: result = alpha * rgb + (1 - alpha) * picture."""

    rgb: Image  # (h, w, 3)
    alpha: Floats  # (h, w) in [0, 1]
    corner: tuple[int, int]  # x, y of its top-left pixel, px

    def __post_init__(self) -> None:
        _expect(self, "rgb", ("h", "w", 3), "u")
        _expect(self, "alpha", self.rgb.shape[:2], "f")


class Detector(Protocol):
    def detect(self, image: Image) -> Faces:
        """Every face of an RGB picture; boxes, scores and, where known, landmarks.

        Where `concurrent` is True it may be asked from several threads at once, else from one
        at a time.
        """


class Extractor(Protocol):
    def extract(self, image: Image, faces: Faces) -> Floats:
        """(n, d) features of length 1, a row a face, NaN where a face cannot be aligned.

        Where `concurrent` is True it may be asked from several threads at once.
        """


class Matcher(Protocol):
    def match(self, person: Person, k: int, rng: np.random.Generator) -> Matches:
        """k donors for one person, as one row."""


class Generator(Protocol):
    def generate(
        self, identity: Ints, person: Person, mesh: Floats, gaze: Floats | None = None
    ) -> Surrogate:
        """The mix of the donors `identity` (k,), wearing the expression of `mesh` (468, 3) px.

        `gaze` (2,) is where the eyes look: right and down, in halves of an eye's width. Where
        `concurrent` is True it may be asked from several threads at once.
        """


class Replacer(Protocol):
    def replace(self, image: Image, mesh: Floats, surrogate: Surrogate, rest: Any = None) -> Patch:
        """The surrogate in the place of one face: `mesh` is (468, 3) px in `image`.

        `rest` is what the replacer read of the face in frames before, None in a single picture.
        """
