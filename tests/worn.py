"""Glasses that tests draw on faces."""

from dataclasses import replace

import numpy as np

from pipeline.contract import Floats, Image
from pipeline.database import Database
from pipeline.geometry import warp
from replacer.drawn_glasses import masks, style
from replacer.glasses_band import SIDE, TOP
from replacer.glasses_style import Style

_PLAIN = replace(
    style(np.random.default_rng(0)), width=0.14, height=0.09, squareness=3.0, drop=0.0, lift=0.0,
    lower_rim=1.0, temple=0.02, opacity=1.0, mottled=0.0, shine=0.1, tint=0.0,
)  # fmt: skip
KINDS = {
    "black": replace(_PLAIN, rim=0.02, colour=(18.0, 17.0, 18.0)),
    "brown": replace(_PLAIN, rim=0.015, colour=(70.0, 40.0, 25.0)),
    "round": replace(_PLAIN, rim=0.012, colour=(40.0, 40.0, 45.0), squareness=2.0, height=0.12),
    "thin": replace(_PLAIN, rim=0.006, colour=(120.0, 105.0, 100.0), temple=0.008),
    "sunglasses": replace(_PLAIN, rim=0.02, colour=(18.0, 17.0, 18.0), tint=0.98),
}


def dressed(
    picture: Image, mesh: Floats, donors: Database, look: Style, seed: int = 3
) -> tuple[Image, Floats]:
    """The picture with glasses on the face of `mesh`, and their matte (HEIGHT, SIDE)."""
    face = donors.canonical
    drawn = masks(look, np.random.default_rng(seed))
    layout = face.layout * SIDE - np.array([0.5, 0.5 + TOP], np.float32)
    layers = np.dstack([drawn.frame, drawn.lens * look.tint])
    over, lies = warp(layers, layout, mesh, face.triangles, picture.shape[1::-1])
    alpha = over.max(axis=2, keepdims=True) * lies[..., None]
    worn = np.rint(picture + (np.array(look.colour) - picture) * alpha).astype(np.uint8)
    return worn, np.maximum(drawn.wide, drawn.lens * look.tint)
