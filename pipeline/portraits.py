"""Generated faces without any original: single mixes, random sheets, and clips between mixes."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from generator.canonical import Canonical
from generator.expression import eye_code
from matcher.donors import DonorRows
from pipeline import registry
from pipeline.atomic import replacing, telling
from pipeline.contract import MESH_POINTS, Floats, Image, Person, Surrogate
from pipeline.database import Database
from pipeline.errors import ContractError, MediaError, SettingsError
from pipeline.expressions import GAZES, wearing
from pipeline.settings import Settings

CLIPS: Final = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_RATE: Final = 25
_QUALITY: Final = "16"
_NEAR: Final = 24  # donors of whom a random mix is drawn


@dataclass(frozen=True, slots=True)
class Look:
    """What a generated face does: one of expressions.EXPRESSIONS, one of GAZES."""

    expression: str = "neutral"
    gaze: str = "ahead"


class Painter:
    """Draws mixes of a DB's donors that belong to nobody, to be shown `size` px large."""

    def __init__(self, donors: Database, settings: Settings, size: int = 512) -> None:
        self.canonical: Canonical = donors.canonical
        self.rows: DonorRows = donors.rows
        self._count = len(donors.faces.skin)
        self._name = donors.name
        self._size = size
        self._generator = registry.generator(donors, settings)

    def mix(self, weights: dict[int, float], look: Look) -> Surrogate:
        """The mix of donors by their shares, which need not sum to 1.

        Raises SettingsError for a donor that is not there, or for unequal shares where the
        generator knows equal ones only.
        """
        self._check(weights)
        mesh = wearing(look.expression, self.canonical) * np.float32(self._size)
        gaze = np.array(GAZES[look.gaze], np.float32)
        who = nobody(self.canonical.shape)
        if len(set(weights.values())) == 1:
            identity = np.array(list(weights), np.int64)
            return self._generator.generate(identity, who, mesh, gaze)
        blend = getattr(self._generator, "blend", None)
        if blend is None:
            raise SettingsError(
                f"the generator of {self._name!r} mixes donors in equal parts only: leave "
                "--weights and --interpolate out"
            )
        shares = np.zeros(self._count, np.float32)
        shares[list(weights)] = list(weights.values())
        drawn: Surrogate = blend(shares / shares.sum(), who, mesh, gaze)
        return drawn

    def _check(self, weights: dict[int, float]) -> None:
        beyond = [row for row in weights if not 0 <= row < self._count]
        if beyond:
            raise SettingsError(
                f"no donor {beyond[0]}: those of generator {self._name!r} are 0..{self._count - 1}"
            )


def nobody(shape: Floats | None = None) -> Person:
    """A person of whom nothing is known but perhaps the shape of their face (468, 3)."""
    unknown = np.full((MESH_POINTS, 3), np.nan, np.float32)
    eyes = float("nan") if shape is None else float(eye_code(shape).mean())
    return Person(unknown[0, :1], unknown[0], unknown if shape is None else shape, eyes=eyes)


def between(mixes: list[dict[int, float]], frames: int) -> Iterator[dict[int, float]]:
    """`frames` mixes on the way from the first of `mixes` through all others to the last."""
    for at in np.linspace(0, len(mixes) - 1, frames):
        first = min(int(at), len(mixes) - 2)
        share = float(at) - first
        weights: dict[int, float] = {}
        for mix, part in ((mixes[first], 1 - share), (mixes[first + 1], share)):
            total = sum(mix.values())
            for row, weight in mix.items():
                weights[row] = weights.get(row, 0.0) + part * weight / total
        yield {row: weight for row, weight in weights.items() if weight > 0}


def save_surrogate(target: Path, surrogate: Surrogate) -> None:
    """The arrays texture (s, s, 3) and shape (468, 3) as .npz, for `replace --surrogate`."""
    with replacing(target) as temporary, telling(target), temporary.open("wb") as file:
        np.savez_compressed(file, texture=surrogate.texture, shape=surrogate.shape)


def load_surrogate(path: Path) -> Surrogate:
    """What `save_surrogate` wrote; MediaError where it is something else."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Surrogate(arrays["texture"], arrays["shape"])
    except (OSError, ValueError, KeyError, EOFError, TypeError, ContractError) as error:
        raise MediaError(f"{path}: is no surrogate (arrays texture and shape): {error}") from error


def write_clip(target: Path, pictures: Iterator[Image], rate: int = _RATE) -> None:
    """An H.264 clip of RGB pictures with even sides."""
    form = CLIPS.get(target.suffix.lower())
    if form is None:
        raise MediaError(f"{target}: a clip's name must end in one of {', '.join(CLIPS)}")
    options = {"crf": _QUALITY, "preset": "veryfast"}
    with replacing(target) as temporary, telling(target):
        with av.open(str(temporary), "w", format=form) as container:
            stream: Any = None
            for number, picture in enumerate(pictures):
                if stream is None:
                    stream = container.add_stream("libx264", rate=rate, options=options)
                    stream.height, stream.width = picture.shape[:2]
                    stream.pix_fmt = "yuv420p"
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def shares(weights: str, rows: tuple[int, ...]) -> dict[int, float]:
    """The share of each donor from "0.4,0.3,0.2,0.1", equal ones from "".

    Raises SettingsError unless there is one positive number for each donor.
    """
    if not weights:
        return dict.fromkeys(rows, 1.0)
    try:
        values = [float(part) for part in weights.split(",")]
    except ValueError:
        values = []
    if len(values) != len(rows) or not all(0 < value < 1e6 for value in values):
        raise SettingsError(
            f"--weights must be {len(rows)} positive numbers, one a donor, got {weights!r}"
        )
    return dict(zip(rows, values, strict=True))


def random_mixes(
    count: int, k: int, donors: DonorRows, rng: np.random.Generator
) -> list[dict[int, float]]:
    """`count` mixes of `k` different donors each, who look of one sex, age and skin tone: a child's
    cheeks under an old man's eyes are no face.
    """
    looks = np.nan_to_num(np.column_stack([donors.likeness, donors.skin]))
    looks = (looks - looks.mean(axis=0)) / (looks.std(axis=0) + 1e-6)
    near = max(_NEAR, k) - 1
    result = []
    for anchor in rng.choice(len(looks), count).tolist():
        apart = np.linalg.norm(looks - looks[anchor], axis=1)
        apart[anchor] = np.inf
        others = rng.choice(np.argsort(apart)[:near], k - 1, replace=False)
        result.append(dict.fromkeys(donors.rows[[anchor, *others]].tolist(), 1.0))
    return result
