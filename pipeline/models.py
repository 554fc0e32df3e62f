"""Which model files a run uses, by their sums: a record tells with what it was made."""

from pathlib import Path

from pipeline import database, registry
from pipeline.settings import Settings
from pipeline.weights import DB, checksum, locate

_DRAWING = ("iris_landmark", "glasses", "glasses_weights")


def used(settings: Settings, home: Path = DB) -> dict[str, str]:
    """sha256 of each file by its name. Raises WeightsError where one is missing or altered."""
    names = ["face_landmark", *(_DRAWING if settings.mode == "surrogate" else ())]
    files = registry.files(settings, home) | {name: locate(name) for name in names}
    sums = {name: checksum(path) for name, path in sorted(files.items())}
    if settings.mode == "surrogate":
        sums |= database.sums(settings.generator, home)
    return sums
