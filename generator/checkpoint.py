"""What a killed training run goes on from: all variables after the last whole epoch, and losses."""

import csv
import logging
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from keras import ops

from pipeline.contract import Floats
from pipeline.errors import SettingsError

CHECKPOINT: Final = "checkpoint.npz"

log = logging.getLogger(__name__)


def save(variables: list[Any], done: int, path: Path) -> None:
    """Written whole under another name first: a kill leaves the one before."""
    partial = path.with_suffix(".partial.npz")
    arrays: dict[str, Floats] = {str(i): ops.convert_to_numpy(v) for i, v in enumerate(variables)}
    np.savez(partial, done=done, **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def restore(variables: list[Any], path: Path) -> int:
    """Load a checkpoint where there is one; how many epochs it holds.

    Raises SettingsError for one that another version wrote, which trained other variables.
    """
    if not path.is_file():
        return 0
    with np.load(path) as saved:
        shapes = [tuple(saved[key].shape) for key in saved.files if key != "done"]
        if shapes != [tuple(variable.shape) for variable in variables]:
            raise SettingsError(
                f"{path} is of another version's training; delete {path.parent} to start anew"
            )
        for i, variable in enumerate(variables):
            variable.assign(saved[str(i)])
        done = int(saved["done"])
    log.info("going on after epoch %d of the run before", done)
    return done


def note(path: Path, columns: tuple[str, ...], number: int, means: list[float]) -> None:
    """Append to a table of losses; epochs that a killed run had noted beyond its checkpoint are
    dropped.
    """
    rows: list[list[str]] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in list(csv.reader(lines))[1:] if int(row[0]) < number]
    rows.append([str(number), *(f"{mean:.6f}" for mean in means)])
    with path.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([columns, *rows])
