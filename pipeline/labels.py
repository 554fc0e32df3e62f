"""What the words in faces.csv say about a donor: sex and age, where they say anything."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.errors import SettingsError

PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
_FEMALE: Final = ("female", "woman", "girl", "lipstick", "bob-cut", "pearl")
_MALE: Final = (
    " male", "man ", "boy", "beard", "goatee", "mustache", "stubble", "sideburns", "shaved",
)  # fmt: skip
_AGES: Final = (
    ("baby", 1.0), ("toddler", 2.5), ("small child", 5.0), ("young child", 6.0), ("child", 8.0),
    ("16 year", 16.0), ("teenage", 16.0), ("30 year", 30.0), ("typical adult", 32.0),
    ("middle-aged", 50.0), ("old age", 68.0), ("senior", 70.0), ("elderly", 72.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Donor:
    """One donor picture and what is written about it."""

    path: Path
    labels: str = ""
    width: float = float("nan")  # px from cheek to cheek
    yaw: float = float("nan")  # -1..1, 0 is frontal


def read(folder: Path) -> list[Donor]:
    """The donors of a folder: the rows of its faces.csv, or every picture under it."""
    table = folder / "faces.csv"
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as lines:
            return [_row(folder, row) for row in csv.DictReader(lines)]
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
    if not found:
        raise SettingsError(f"{folder} holds no faces.csv and no pictures to train on")
    return [Donor(path) for path in found]


def _row(folder: Path, row: dict[str, str]) -> Donor:
    measures = (float(row.get(name) or "nan") for name in ("face_width_px", "yaw_asymmetry"))
    return Donor(folder / row["file"], row.get("labels", ""), *measures)


def sex(labels: str) -> float:
    """1 for a label that says male, 0 for female, NaN where none does."""
    words = f" {labels.lower()}"
    if any(word in words for word in ("female", "woman")):
        return 0.0
    if any(word in words for word in _MALE):
        return 1.0
    return 0.0 if any(word in words for word in _FEMALE) else float("nan")


def age(labels: str) -> float:
    """Years, NaN where no label tells."""
    words = labels.lower()
    return next((years for word, years in _AGES if word in words), float(np.nan))
