"""How an expression moves a face, learnt from one picture each of many people. Offline only.

A wide mouth smiles, or belongs to a long face: a regression of whole faces on their codes cannot
tell. So faces are laid onto each other by what expressions hardly move, forehead and bridge of the
nose. Jaws are told first, by how wide mouths are open, which nobody is born with; what else goes
with a code counts around the lips or the lids alone.
"""

from typing import Final

import numpy as np
from scipy.spatial.distance import cdist

from generator.canonical import LIPS_ABOVE, LIPS_BELOW, codes
from generator.expression import LIPS_MIDDLE, MOUTH
from generator.regions import LEFT_EYE, LIPS, RIGHT_EYE
from pipeline.contract import Floats
from pipeline.geometry import align

_LOWER_LIDS: Final = (145, 374)
_NOSE: Final = (6, 4, 2)  # its bridge, its tip, and what lies under it
_UPPER_LIP: Final = 0  # its outer edge
_OPENED: Final = 0.2  # a code that parts the lips
_RAISED: Final = 0.25  # mouths in pictures open laughing: how much of the raised lip is the jaw's
_AROUND_LIPS: Final = 0.05  # canonical units, as everywhere
_AROUND_EYES: Final = 0.025
_MARGIN: Final = 0.01
_STEP: Final = 0.01  # how far fields are taken to tell what they change
_SINGULAR: Final = 1e-3


def learn(shapes: Floats, shape: Floats) -> Floats:
    """(7, 468, 3) how far one unit of each code moves the canonical `shape` (468, 3) and leaves all
    other codes as they are; `shapes` (m, 468, 3) are frontal. Codes that never change move nothing.
    """
    upper = shape[:, 1] < shape[_LOWER_LIDS, 1].max() + _MARGIN
    turns = [align(one[upper], shape[upper]) for one in shapes]
    still = np.stack([one @ turn + shift for one, (turn, shift) in zip(shapes, turns, strict=True)])
    moved = (still - still.mean(axis=0)).reshape(len(still), -1).astype(np.float64)
    code = codes(shapes).astype(np.float64)
    code -= code.mean(axis=0)
    opening, others = code[:, :1], code[:, 1:]
    jaw, along = (np.linalg.lstsq(opening, what)[0] for what in (moved, others))
    rest = np.linalg.lstsq(others - opening @ along, moved - opening @ jaw)[0]
    fields = np.concatenate([jaw, rest]).reshape(-1, *shape.shape)
    fields *= _parts(shape, shape + _OPENED * fields[0])[..., None]
    together = (fields[1:, LIPS_ABOVE] + fields[1:, LIPS_BELOW]) / 2  # a jaw alone parts lips
    fields[1:, LIPS_ABOVE] = fields[1:, LIPS_BELOW] = together
    return _turned_back(_units(fields, shape), shape).astype(np.float32)


def _parts(shape: Floats, opened: Floats) -> Floats:
    """(7, 468) where each code counts, 0 to 1; `opened` is the shape with its lips apart."""
    bridge, tip, under = shape[_NOSE, 1]
    jaw = np.interp(shape[:, 1], [(bridge + tip) / 2, shape[LIPS_MIDDLE[0], 1]], [0, 1])
    jaw *= np.interp(opened[:, 1], opened[LIPS_MIDDLE, 1], [_RAISED, 1])
    lips = _near(shape, LIPS, _AROUND_LIPS)
    lips *= np.interp(shape[:, 1], [under, shape[_UPPER_LIP, 1]], [0, 1])
    eyes = [_near(shape, eye, _AROUND_EYES) for eye in (LEFT_EYE, RIGHT_EYE)]
    return np.stack([jaw, *[lips] * (len(MOUTH) - 1), *eyes])


def _near(shape: Floats, points: list[int], reach: float) -> Floats:
    """(468,) 1 at the points, less with the distance from them."""
    far = cdist(shape[:, :2], shape[points, :2]).min(axis=1)
    result: Floats = np.exp(-((far / reach) ** 2) / 2)
    return result


def _units(fields: Floats, shape: Floats) -> Floats:
    """Mixes of the fields (7, 468, 3) that change one code each, by as much as they are taken."""
    bent = codes((shape + _STEP * fields).astype(np.float32))
    change = (bent - codes(shape)).astype(np.float64) / _STEP
    return np.einsum("cf,fpx->cpx", np.linalg.pinv(change, rcond=_SINGULAR), fields)


def _turned_back(fields: Floats, shape: Floats) -> Floats:
    """The fields without shift, turn and growth, which aligning with `shape` would take away."""
    own = shape - shape.mean(axis=0)
    axes = np.eye(3)
    free = [np.tile(axis, (len(own), 1)) for axis in axes]
    free += [own, *(np.cross(axis, own) for axis in axes)]
    basis = np.linalg.qr(np.stack([way.ravel() for way in free], axis=1))[0]
    flat = fields.reshape(len(fields), -1)
    result: Floats = (flat - flat @ basis @ basis.T).reshape(fields.shape)
    return result
