"""Canonical textures as a recogniser would be shown them, on a face that does something."""

from dataclasses import dataclass

from pipeline.contract import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """n ways to look at a texture: the first on a calm face, others with expressions."""

    places: Floats  # (n, q, q, 2) where each pixel lies in the texture, in shares of its side
    opacity: Floats  # (n, q, q) of the face before a plain ground
    codes: Floats  # (n, 7) the expressions, mouth and eyes
    lenders: Ints  # (n, l) rows with a mouth like this
    layout: Floats  # (468, 2) of the texture, in shares of its side
    ground: float  # the plain ground, in -1..1
