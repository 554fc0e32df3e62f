"""Boxes as MOTChallenge has them: a line a box, with a track's number.

frame, id, left, top, width, height, confidence, class, visibility. Frames, ids and pixels count
from 1. Milan, Leal-Taixé, Reid, Roth, Schindler, "MOT16: a benchmark for multi-object tracking",
2016 (arXiv:1603.00831), section 4; detections of MOT15 have ten columns, and some tools write
seven.
"""

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.boxes import LARGEST, Boxes, Table, wrong
from pipeline.contract import Floats, Ints
from pipeline.errors import BoxesError

FIRST: Final = 1
UNKNOWN: Final = -1.0
_IGNORED: Final = 0.0
_COLUMNS: Final = range(7, 11)
_AT_ONCE: Final = 100_000  # lines
_LAST_FRAME: Final = 1e9
_LINE: Final = "line {}"

_Lines = list[tuple[int, str]]

log = logging.getLogger(__name__)


def read(path: Path, first: int | None = None, least: float | None = None) -> Boxes:
    """The boxes of one file; `first` is the number of its first frame.

    Left out are those of confidence 0, which the format calls ignored, and below `least`; one
    of -1 is unknown and always taken. Raises BoxesError, which names the line.
    """
    parts: list[tuple[Ints, Ints, Floats]] = []
    ignored = 0
    for numbers, table in _tables(path):
        rows = _checked(path, numbers, table, FIRST if first is None else first)
        confidence = table[:, 6]
        ignored += int(np.count_nonzero(confidence == _IGNORED))
        taken = confidence != _IGNORED
        if least is not None:
            taken &= (confidence >= least) | (confidence == UNKNOWN)
        parts.append((rows[0][taken], rows[1][taken], rows[2][taken]))
    if ignored:
        log.warning("%s: %d boxes of confidence 0, which means ignored, are left out", path,
                    ignored)  # fmt: skip
    places, frames, boxes = (
        np.concatenate([part[i] for part in parts]) if parts else np.zeros(shape, kind)
        for i, (shape, kind) in enumerate(
            (((0,), np.int64), ((0,), np.int64), ((0, 4), np.float32))
        )
    )
    return Boxes.of(path, _LINE, (places, frames, boxes))


def lines(rows: Iterable[tuple[int, int, list[int]]], size: tuple[int, int]) -> Iterator[str]:
    """Frame from 0, number of a track or person, and box x1 y1 x2 y2, as lines of a file.

    The confidence is 1, since every one counts, and so is the class, since the format has none
    for faces; visible is what lies in a picture of `size`.
    """
    for frame, number, (x1, y1, x2, y2) in rows:
        wide, high = min(x2, size[0]) - max(x1, 0), min(y2, size[1]) - max(y1, 0)
        shown = max(wide, 0) * max(high, 0) / ((x2 - x1) * (y2 - y1))
        yield f"{frame + 1},{number},{x1 + 1},{y1 + 1},{x2 - x1},{y2 - y1},1,1,{shown:.2f}\n"


def _tables(path: Path) -> Iterator[tuple[Ints, Table]]:
    """Line numbers (n,) and what stands in these lines (n, columns), some thousand at a time."""
    columns = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            numbered = enumerate(file, 1)
            while some := list(islice(numbered, _AT_ONCE)):
                some = [pair for pair in some if not pair[1].isspace()]
                if some:
                    columns = columns or some[0][1].count(",") + 1
                    yield np.array([n for n, _ in some], np.int64), _table(path, some, columns)
    except OSError as error:
        raise BoxesError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise BoxesError(f"{path}: is no text, but boxes as MOT has them are") from None


def _table(path: Path, some: _Lines, columns: int) -> Table:
    try:
        table = np.loadtxt([line for _, line in some], delimiter=",", comments=None, ndmin=2)
    except ValueError:
        table = np.zeros((0, 0))
    if table.shape != (len(some), columns) or columns not in _COLUMNS:
        raise BoxesError(f"{path}: {_complaint(some, columns)}")
    return table


def _complaint(some: _Lines, columns: int) -> str:
    """What is wrong in the first line that is not as it should be."""
    for number, line in some:
        cells = line.strip().split(",")
        if len(cells) not in _COLUMNS or len(cells) != columns:
            wanted = columns if columns in _COLUMNS else f"{_COLUMNS[0]} to {_COLUMNS[-1]}"
            return (
                f"line {number}: must have {wanted} columns with commas between them (frame, id, "
                f"left, top, width, height, confidence, ...), got {len(cells)}"
            )
        for cell in cells:
            try:
                float(cell)
            except ValueError:
                return f"line {number}: {cell.strip()[:40]!r} is no number"
    return f"line {some[0][0]}: these lines are no numbers with commas between them"


def _checked(path: Path, numbers: Ints, table: Table, first: int) -> tuple[Ints, Ints, Floats]:
    """Line numbers, frames from 0 and boxes x1 y1 x2 y2."""
    with np.errstate(invalid="ignore"):
        whole = (table[:, 0] >= first) & (table[:, 0] < _LAST_FRAME)
        whole &= table[:, 0] == np.floor(table[:, 0])
    problems = [wrong(table[:, 2:6])]
    for bad, why, column in (
        (~whole, f"frames are whole numbers and count from {first} (--boxes-first tells another)",
         0),
        (~(np.abs(table[:, 6]) <= LARGEST), "a confidence must be a number", 6),
    ):  # fmt: skip
        if bad.any():
            row = int(np.argmax(bad))
            problems.append((row, f"{why}, got {table[row, column]:g}"))
    found = [problem for problem in problems if problem is not None]
    if found:
        row, why = min(found)
        raise BoxesError(f"{path}: {_LINE.format(int(numbers[row]))}: {why}")
    corner = table[:, 2:4] - 1
    boxes = np.concatenate([corner, corner + table[:, 4:6]], axis=1).astype(np.float32)
    return numbers, table[:, 0].astype(np.int64) - first, boxes
