"""The boxes of one track in little memory: 16 bytes each, where a list of numbers takes 200."""

from array import array
from collections.abc import Iterable, MutableSequence
from typing import Any, Final

_NONE: Final = -(2**31)


class BoxRows(MutableSequence[Any]):
    """A list of boxes (x1 y1 x2 y2, whole px) and of None where there is none."""

    def __init__(self, boxes: Iterable[list[int] | None] = ()) -> None:
        self._edges = array("i")
        self.extend(boxes)

    def __len__(self) -> int:
        return len(self._edges) // 4

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoxRows | list) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"BoxRows({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        at = self._at(index)
        box = self._edges[at : at + 4].tolist()
        return None if box[0] == _NONE else box

    def __setitem__(self, index: Any, box: Any) -> None:
        at = self._at(index)
        self._edges[at : at + 4] = _edges(box)

    def __delitem__(self, index: Any) -> None:
        at = self._at(index)
        del self._edges[at : at + 4]

    def insert(self, index: int, value: list[int] | None) -> None:
        """Before the box at `index`."""
        place = min(index if index >= 0 else max(index + len(self), 0), len(self))
        self._edges[4 * place : 4 * place] = _edges(value)

    def _at(self, index: int) -> int:
        place = index if index >= 0 else index + len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"box {index} of {len(self)}")
        return 4 * place


def _edges(box: list[int] | None) -> "array[int]":
    edges = array("i", [_NONE] * 4 if box is None else box)
    if len(edges) != 4:
        raise ValueError(f"a box has four edges, got {box}")
    return edges
