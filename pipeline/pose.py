"""A mesh for a face of which only five landmarks are known."""

from typing import Final

import numpy as np

from pipeline.contract import Floats

_EYES: Final = ((33, 133), (263, 362))
_NOSE: Final = (1,)
_MOUTH: Final = ((61,), (291,))
_PARTS: Final = (*_EYES, _NOSE, *_MOUTH)


def landmarks_of(mesh: Floats) -> Floats:
    """The five landmarks (5, 3) of a mesh (468, 3): eyes, nose, mouth corners."""
    return np.stack([mesh[list(part)].mean(axis=0) for part in _PARTS]).astype(np.float32)


def posed(landmarks: Floats, shape: Floats) -> Floats:
    """The canonical `shape` (468, 3) turned so that its landmarks fall on `landmarks` (5, 2) px.

    Scaled orthography by POS: DeMenthon, Davis, "Model-based object pose in 25 lines of code",
    IJCV 1995 (doi:10.1007/BF01450852). Raises ValueError if the landmarks do not span a plane.
    """
    model = landmarks_of(shape).astype(np.float64)
    centre, goal = model.mean(axis=0), landmarks.mean(axis=0)
    rows, _, rank, _ = np.linalg.lstsq(model - centre, landmarks - goal, rcond=1e-3)
    u, scales, vt = np.linalg.svd(rows, full_matrices=False)
    if rank < 2 or scales[1] <= 0.25 * scales[0]:
        raise ValueError("the landmarks lie on a line: no pose")
    plane = u @ vt * scales.mean()
    depth = np.cross(plane[:, 0], plane[:, 1]) / scales.mean()
    turned = (shape - centre) @ np.column_stack([plane, depth])
    return (turned + np.append(goal, 0.0)).astype(np.float32)
