"""The model card of a generator: what it is made of, and what it must not be taken for."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Final

from pipeline.atomic import replacing
from pipeline.layouts import Unusable

CARD: Final = "card.md"
UNUSABLE: Final = "unusable.csv"
LABELS: Final = "labels.csv"  # what --labels added
LEFT_OUT: Final = "left_out.txt"  # what --leave-out named
_LIBRARIES: Final = ("tensorflow", "keras", "openvino", "numpy")
_TEXT: Final = """# Generator `{name}`

A deconvolutional network that draws a face texture of {side} px in canonical space from a mix
of {rows} donor rows. After Meden et al. (IET Signal Processing 2017) and Dosovitskiy et al.
(PAMI 2017).

- Made: {date}, {epochs} epochs, seed {seed}, {policy}; last losses: {losses}.
- Versions: {versions}.
- Not meant for: telling who somebody is, or making a picture of a given real person.

## Data

- What it shows: {note}
- Licence of the data: {licence}
- Read: {files} pictures and videos of {people} people, laid out as {layout}.
- Donor features: {extractors}; the first is the default.

## Donors

- {identity} people lend a whole face, {mouth} pictures lend a mouth.
- {held_back} pictures were held back from training, to measure against.
- A person with several pictures has one donor row for the face, drawn from the calmest frontal
  picture. Features, apparent sex and age of that row are those of all the person's pictures.
  Pictures with an open mouth have rows of their own (`person` in donors.npz tells whose) that
  lend a mouth and never a face.
- Left out: {lost} of {looked_at}. A picture may have several faults:
  {faults}.
  {unusable} lists each by name; `labels.csv` and `left_out.txt`, where they
  are, what was told by hand (`--labels`, `--leave-out`).

## Measures

{measures}

## Licence of the weights

{weights_licence}
"""
_WEIGHTS_LICENCE: Final = """The network and the donor features are a derived work of the pictures
named above: they may be passed on as those licences allow, their notices with them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """All that the card tells."""

    name: str
    note: str
    licence: str
    side: int
    epochs: int
    seed: int
    policy: str
    losses: dict[str, float]
    layout: str
    extractors: list[str]
    files: int
    people: int
    looked_at: int  # pictures and frames of videos
    rows: int
    identity: int
    mouth: int
    held_back: int
    unusable: list[Unusable]
    measures: str = ""


def write(story: Story) -> str:
    """The card as Markdown; nothing in it names a place on the machine."""
    return _TEXT.format(
        name=story.name,
        side=story.side,
        rows=story.rows,
        date=datetime.now(UTC).date(),
        epochs=story.epochs,
        seed=story.seed,
        policy=story.policy,
        losses=", ".join(f"{name} {value:.4f}" for name, value in story.losses.items()),
        versions=", ".join([f"Python {python_version()}", *_versions()]),
        note=story.note or "what the pictures are was not stated (`--note`).",
        licence=story.licence or "not stated (`--licence`).",
        files=story.files,
        people=story.people,
        layout=story.layout,
        extractors=", ".join(f"`{name}`" for name in story.extractors),
        identity=story.identity,
        mouth=story.mouth,
        held_back=story.held_back,
        lost=len(story.unusable),
        looked_at=story.looked_at,
        faults=tally(story.unusable) or "none",
        unusable=f"`{UNUSABLE}`",
        measures=story.measures or "Not measured.",
        weights_licence=_WEIGHTS_LICENCE,
    )


def tally(unusable: Iterable[Unusable]) -> str:
    """How many pictures have which fault, the commonest first."""
    faults = (part.split(":")[0] for entry in unusable for part in entry.reason.split(", "))
    return ", ".join(f"{fault} {count}" for fault, count in Counter(faults).most_common())


def write_unusable(unusable: Iterable[Unusable], target: Path) -> None:
    """The names of the pictures that were left out, each with its reasons, as CSV."""
    with replacing(target) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "reason"])
        rows.writerows((entry.name, entry.reason) for entry in sorted(unusable, key=_by_name))


def _versions() -> list[str]:
    return [f"{library} {version(library)}" for library in _LIBRARIES]


def _by_name(entry: Unusable) -> str:
    return entry.name
