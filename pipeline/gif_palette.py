"""The colours of one frame of a GIF: exact where it is as it was, the nearest where it is drawn."""

from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from pipeline.contract import Image, Mask

_SPREAD: Final = PIL.Image.Dither.FLOYDSTEINBERG
_NEAREST: Final = PIL.Image.Dither.NONE
_FAR: Final = 10.0  # grey levels; from here on flat areas show steps, which trembling dots hide


def indexed(new: Image, original: Image, needed: Mask) -> tuple[Image, Image]:
    """Palette indices (h, w) and palette (n, 3); the index n stands for "not drawn".

    Drawn pixels that equal the original are exact as long as they have no more colours than a
    palette holds; what room they leave is for the others.
    """
    room = 256 if needed.all() else 255
    changed = (new != original[..., :3]).any(axis=2) & needed
    colours = np.unique(_packed(original)[needed & ~changed])
    if len(colours) > room:
        reduced = PIL.Image.fromarray(new).quantize(room, dither=_SPREAD)
        table = np.array(reduced.getpalette(), np.uint8).reshape(-1, 3)
        indices = np.asarray(reduced).copy()
    else:
        colours = _completed(colours, new[changed], room)
        table = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype(np.uint8)
        wanted = _packed(new)
        indices = np.searchsorted(colours, wanted).clip(max=len(colours) - 1).astype(np.uint8)
        changed &= colours[indices] != wanted
        if changed.any():
            indices[changed] = _near(new, table, changed)
    if room < 256:
        indices[~needed] = len(table)
    return indices, table


def _completed(colours: NDArray[np.int64], drawn: Image, room: int) -> NDArray[np.int64]:
    """The `colours` (n,) and, as far as there is room, those of drawn pixels (m, 3); at least one.

    Sorted, each once.
    """
    free, own = room - len(colours), np.unique(_packed(drawn))
    if len(own) > free > 0:
        few = PIL.Image.fromarray(drawn[None]).quantize(free, dither=_NEAREST)
        own = _packed(np.array(few.getpalette(), np.uint8).reshape(-1, 3))[:free]
    every = np.union1d(colours, own) if free > 0 else colours
    return every if len(every) else np.zeros(1, np.int64)


def _near(new: Image, table: Image, changed: Mask) -> Image:
    """Indices of the nearest colours for the changed pixels.

    Errors are diffused around them only where colours are few: the dots that come of it lie
    elsewhere in each frame, and eyes and mouth of a small face tremble.
    """
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    wanted = PIL.Image.new("P", (1, 1))
    # Pillow searches all 256 entries, so the unused ones repeat the first.
    wanted.putpalette(np.vstack([table, np.tile(table[:1], (256 - len(table), 1))]).tobytes())
    drawn = PIL.Image.fromarray(np.ascontiguousarray(new[box]))
    for dither in (_NEAREST, _SPREAD):
        indices = np.asarray(drawn.quantize(palette=wanted, dither=dither))[changed[box]]
        indices = np.where(indices < len(table), indices, 0).astype(np.uint8)
        off = table[indices].astype(np.float32) - new[changed]
        if np.abs(off).mean() < _FAR:
            break
    return indices


def _packed(pixels: Image) -> NDArray[np.int64]:
    """Red, green and blue as one number, (...,)."""
    red, green, blue = np.moveaxis(pixels[..., :3].astype(np.int64), -1, 0)
    packed: NDArray[np.int64] = red << 16 | green << 8 | blue
    return packed
