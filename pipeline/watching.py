"""What is seen of a training run while it lasts: time left, contact sheets, loss curves."""

import csv
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as Canvas

from generator.canonical import Canonical
from generator.deconv import Deconv, DonorFaces
from generator.individual import individual
from pipeline import sheets
from pipeline.atomic import replacing
from pipeline.contract import Floats, Image, Ints, Mask, Surrogate
from pipeline.expressions import EXPRESSIONS, GAZES, wearing
from pipeline.geometry import rasterise, warp
from pipeline.portraits import nobody
from pipeline.progress import Advance

LOSSES: Final = "loss.csv"
CURVES: Final = "loss.png"
SHEETS: Final = "sheets"
_TILES: Final = 8
_K: Final = 4
_TILE: Final = 144
_BACKGROUND: Final = (190, 188, 184)

Draw = Callable[[Floats], Floats]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Called at the end of each epoch with a way to draw mixes (b, m) as (b, s, s, 3) textures."""

    folder: Path
    epochs: int
    every: int
    textures: Image  # (m, s, s, 3)
    partners: Ints  # (m, n) rows that each row is mixed with
    canonical: Canonical
    faces: DonorFaces
    own: Ints  # rows that lend whole faces
    advance: Advance = field(default=lambda _: None)

    def __call__(self, epoch: int, draw: Draw) -> None:
        """Epoch `epoch`, counted from 1, is over."""
        self.advance(epoch)
        if self.every and (epoch % self.every == 0 or epoch == self.epochs):
            (self.folder / SHEETS).mkdir(exist_ok=True)
            _save(self.sheet(draw), self.folder / SHEETS / f"epoch-{epoch:04}.png")
            plot_losses(self.folder)

    def sheet(self, draw: Draw) -> Image:
        """Donors, what the network draws of them, mixes, and one mix moving its face."""
        shown = self.own[np.linspace(0, len(self.own) - 1, min(_TILES, len(self.own))).astype(int)]
        count = len(self.textures)
        single = np.eye(count, dtype=np.float32)[shown]
        groups = [np.array([row, *self.partners[row][: _K - 1]]) for row in shown]
        mixed = np.stack([np.eye(count, dtype=np.float32)[group].mean(axis=0) for group in groups])
        mixed = individual(mixed, self.faces.steps)
        side = self.textures.shape[1]
        mesh = self.canonical.layout * side - 0.5
        inside = rasterise(mesh, self.canonical.triangles, (side, side)) >= 0
        moving, looking = self._worn(draw, groups[0])
        return sheets.contact_sheet(
            [
                ("donors", list(self.textures[shown]), []),
                ("the same, drawn", _pictures(draw(single), inside), []),
                (f"mixes of {_K} donors", _pictures(draw(mixed), inside), []),
                ("the first mix, moving", moving, list(EXPRESSIONS)),
                ("and looking", looking, list(GAZES)),
            ],
            _TILE,
        )

    def _worn(self, draw: Draw, donors: Ints) -> tuple[list[Image], list[Image]]:
        """The mix of `donors` with each of EXPRESSIONS, and looking to each of GAZES."""
        generator = Deconv(draw, self.canonical, self.faces)
        person, calm = nobody(self.canonical.shape), wearing("neutral", self.canonical)
        moving = [
            generator.generate(donors, person, wearing(name, self.canonical))
            for name in EXPRESSIONS
        ]
        looking = [
            generator.generate(donors, person, calm, np.array(gaze, np.float32))
            for gaze in GAZES.values()
        ]
        shown = [[worn(s, self.canonical, _TILE) for s in drawn] for drawn in (moving, looking)]
        return shown[0], shown[1]


def worn(surrogate: Surrogate, canonical: Canonical, side: int) -> Image:
    """The surrogate's texture on its shape before a plain wall, (side, side, 3)."""
    source = canonical.layout * len(surrogate.texture) - 0.5
    target = surrogate.shape * side - 0.5
    face, cover = warp(surrogate.texture, source, target, canonical.triangles, (side, side))
    wall = np.full((side, side, 3), _BACKGROUND, np.uint8)
    return np.where(cover[..., None] > 0, face, wall).astype(np.uint8)


def epochs_done(folder: Path) -> int:
    """How many epochs an earlier run has written down."""
    return len(_losses(folder)[0])


def plot_losses(folder: Path) -> None:
    """Draw the folder's loss.csv beside it; nothing where there is none."""
    epochs, series = _losses(folder)
    if len(epochs):
        _save(sheets.curves(epochs, series, "epoch", "losses while training"), folder / CURVES)


def last_losses(folder: Path) -> dict[str, float]:
    """The losses of the last epoch by name."""
    _, series = _losses(folder)
    return {name: float(values[-1]) for name, values in series.items()}


def _losses(folder: Path) -> tuple[Floats, dict[str, Floats]]:
    """Epochs from 1, and each loss. A line that a kill cut short counts for nothing, an epoch
    that was written twice once.
    """
    path = folder / LOSSES
    if not path.is_file():
        return np.zeros(0, np.float32), {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if None not in row.values()]
    last = {int(row["epoch"]): row for row in rows}
    names = [name for name in (rows[0] if rows else {}) if name != "epoch"]
    series = {n: np.array([_number(last[epoch][n]) for epoch in sorted(last)]) for n in names}
    return np.arange(1, len(last) + 1, dtype=np.float32), series


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # Keras writes NA where a loss was not measured
        return float("nan")


def _pictures(drawn: Floats, inside: Mask) -> list[Image]:
    """Textures (b, s, s, 3) as pictures, black outside the mesh as the donors' are."""
    return list((np.clip(np.rint(drawn), 0, 255) * inside[..., None]).astype(np.uint8))


def _save(picture: Image, target: Path) -> None:
    with replacing(target) as temporary:
        Canvas.fromarray(picture).save(temporary, format="PNG")
