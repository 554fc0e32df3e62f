"""A mesh for a face of which only five landmarks are known."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.contract import Floats

# Both corners of each eye, the tip of the nose and the mouth's corners.
_PAIRS: Final = np.array([(33, 133), (263, 362), (1, 1), (61, 61), (291, 291)]).T


def landmarks_of(mesh: Floats) -> Floats:
    """The five landmarks (5, 3) of a mesh (468, 3): eyes, nose, mouth corners."""
    one, other = mesh.take(_PAIRS, axis=0)
    return np.asarray((one + other) / 2, np.float32)


def has_pose(landmarks: Floats, shape: Floats) -> bool:
    """Whether landmarks (5, 2) px are known and span a plane, so that they can be `posed`."""
    return bool(np.isfinite(landmarks).all()) and _camera(landmarks, shape) is not None


def posed(landmarks: Floats, shape: Floats) -> Floats:
    """The canonical `shape` (468, 3) turned so that its landmarks fall on `landmarks` (5, 2) px.

    Scaled orthography by POS: DeMenthon, Davis, "Model-based object pose in 25 lines of code",
    IJCV 1995 (doi:10.1007/BF01450852). Raises ValueError if the landmarks do not span a plane.
    """
    camera = _camera(landmarks, shape)
    if camera is None:
        raise ValueError("the landmarks lie on a line: no pose")
    centre = landmarks_of(shape).astype(np.float64).mean(axis=0)
    goal = np.append(landmarks.mean(axis=0), 0.0)
    return ((shape - centre) @ camera + goal).astype(np.float32)


def _camera(landmarks: Floats, shape: Floats) -> NDArray[np.float64] | None:
    """(3, 3) turn and scale from canonical units to pixels, None where there is no pose."""
    model = landmarks_of(shape).astype(np.float64)
    centred, goal = model - model.mean(axis=0), landmarks - landmarks.mean(axis=0)
    rows, _, rank, _ = np.linalg.lstsq(centred, goal, rcond=1e-3)
    u, scales, vt = np.linalg.svd(rows, full_matrices=False)
    if rank < 2 or scales[1] <= 0.25 * scales[0]:
        return None
    plane = u @ vt * scales.mean()
    depth = np.cross(plane[:, 0], plane[:, 1]) / scales.mean()
    return np.column_stack([plane, depth])
