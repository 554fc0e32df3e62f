"""What a generator's report compares with, kept beside it: the donors' own pictures as numbers.

So the report runs on an installed generator, without a picture of any donor.
"""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import openvino as ov

from generator import quality
from pipeline.contract import Floats, Image, Ints, Mask
from pipeline.weights import locate

REFERENCE: Final = "reference.npz"
_LAYERS: Final = ("387", "413", "442", "477", "507")
_SIDE: Final = 192
_PIECE: Final = 16


class Realism:
    """Features of textures for the kernel distance: mean activations of CenterFace's backbone.

    Xu et al. 2019 (arXiv:1911.03599); it was trained to tell faces from all else, and takes no
    part in drawing them. Five depths, from edges to whole faces. In float32 everywhere: features
    kept in bfloat16 would lie apart from those of a machine without it.
    """

    def __init__(self, mask: Floats) -> None:
        model = ov.Core().read_model(locate("centerface"))
        wanted = {op.get_friendly_name(): op.output(0) for op in model.get_ordered_ops()}
        part = ov.Model([wanted[name] for name in _LAYERS], model.get_parameters(), "backbone")
        part.reshape([-1, 3, _SIDE, _SIDE])
        told = {"INFERENCE_PRECISION_HINT": "f32"}
        self._model = ov.Core().compile_model(part, "CPU", told)
        self._outside = mask < 0.5

    def features(self, textures: Image) -> Floats:
        """(n, d) of textures (n, s, s, 3), what lies outside the face painted grey."""
        rows = []
        for start in range(0, len(textures), _PIECE):
            pictures = textures[start : start + _PIECE].copy()
            pictures[:, self._outside] = 128
            small = [cv2.resize(p, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for p in pictures]
            result = self._model(np.stack(small).transpose(0, 3, 1, 2).astype(np.float32))
            means = [layer.mean(axis=(2, 3)) for layer in result.to_tuple()]
            rows.append(np.concatenate(means, axis=1))
        return np.concatenate(rows).astype(np.float32)


def make(textures: Image, mask: Floats, own: Ints, held_back: Mask) -> dict[str, Any]:
    """The arrays of reference.npz, of the donors' textures (m, s, s, 3).

    `own` are the rows that lend whole faces, in the order of the network's table.
    """
    realism = Realism(mask)
    return {
        "mask": (mask > 0.5).astype(np.uint8),
        "gradient": quality.gradient(textures[own], mask),
        "spectrum": quality.spectrum(textures[own]),
        "realism": realism.features(textures[own]).astype(np.float16),
        "held_back": realism.features(textures[held_back]).astype(np.float16)
        if held_back.any()
        else np.zeros((0, 0), np.float16),
    }


def load(folder: Path) -> dict[str, Any]:
    """The arrays of a generator's folder; empty where it was made without."""
    path = folder / REFERENCE
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}
