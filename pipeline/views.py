"""How training looks at drawn faces: as the default recogniser is shown them. Offline only."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from extractor.dlib_keras import DlibKeras, placed
from extractor.dlib_network import SIDE
from generator.canonical import Canonical
from generator.expression import MOUTH
from generator.views import Views
from pipeline.contract import Floats, Ints
from pipeline.expressions import EXPRESSIONS, at_random, bent
from pipeline.extractors import thresholds
from pipeline.geometry import mapping
from pipeline.room_pictures import EDGE, GROUND
from pipeline.weights import locate

_EXTRACTOR: Final = "dlib_resnet"
_COUNT: Final = 48
_LENDERS: Final = 8
_TEXTURE: Final = 512
_FACE: Final = 256
# Outer and inner corner of the eye at the right, of the one at the left, the nose's base.
_POINTS: Final = [263, 362, 33, 133, 2]


def recogniser(db: Path) -> DlibKeras:
    """The network that training recognises by, as sure as the extractor of the DB in a folder."""
    return DlibKeras(locate(_EXTRACTOR), thresholds(_EXTRACTOR, db).same_person)


def views(canonical: Canonical, donors: dict[str, Any]) -> Views:
    """Of a calm face and of others, whose expressions are drawn as the report draws them."""
    rng = np.random.default_rng(0)
    calm = np.array(EXPRESSIONS["neutral"], np.float32)
    codes = np.stack([calm, *(at_random(rng) for _ in range(_COUNT - 1))])
    seen = [_seen(bent(code, canonical), canonical) for code in codes]
    return Views(
        places=np.stack([place for place, _ in seen]),
        opacity=np.stack([opacity for _, opacity in seen]),
        codes=codes,
        lenders=_lenders(codes[:, : len(MOUTH)], donors),
        layout=canonical.layout,
        ground=GROUND / 127.5 - 1,
    )


def _seen(shape: Floats, canonical: Canonical) -> tuple[Floats, Floats]:
    """Places (q, q, 2) in the texture and opacity (q, q) of a shape (468, 3) from the front."""
    face = shape[:, :2] * _FACE
    linear = placed(face[_POINTS])
    target = face @ linear[:, :2].T + linear[:, 2]
    layout = canonical.layout * _TEXTURE - 0.5
    places = np.stack(mapping(layout, target, canonical.triangles, (SIDE, SIDE)), axis=-1)
    inside = (places[..., 0] > -1).astype(np.uint8)
    rim = EDGE * _FACE * float(np.linalg.norm(linear[0, :2]))
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    opacity = np.clip(depth / rim, 0, 1).astype(np.float32)
    return ((places + 0.5) / _TEXTURE).astype(np.float32), opacity


def _lenders(codes: Floats, donors: dict[str, Any]) -> Ints:
    """(n, l) of the rows that lend a mouth those with the codes (n, c) most like these."""
    rows = np.flatnonzero(donors["mouth"])
    if not len(rows):
        rows = np.arange(len(donors["mouth"]))
    own = donors["codes"][rows, : codes.shape[1]]
    spread = own.std(axis=0) + 1e-6
    far = (((own - codes[:, None]) / spread) ** 2).sum(axis=2)
    return rows[np.argsort(far, axis=1, kind="stable")[:, :_LENDERS]].astype(np.int64)
