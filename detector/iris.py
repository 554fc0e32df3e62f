"""Where the eyes look and how far their lids are open, by MediaPipe Iris with OpenVINO.

Ablavatski, Vakunov, Grishchenko, Raveendran, Zhdanovich: "Real-time pupil tracking from monocular
video for digital puppetry", 2020 (arXiv:2006.11341).
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image
from pipeline.networks import Network

SIDE: Final = 64
_FROM_EYE: Final = 2.3
_SMALLEST: Final = 9.0
_OUTLINE: Final = 71
# Points of the mesh in the order of the model's outline: outer corner, lower lid, inner corner,
# upper lid.
LEFT: Final = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173]
RIGHT: Final = [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398]
AHEAD: Final = np.array([0.0, -0.16], np.float32)  # what the model reads off eyes that look ahead


class Iris:
    """Reads both eyes of a face whose mesh is known."""

    def __init__(self, weights: Path) -> None:
        self._model = Network(weights)

    def prepare(self) -> None:
        """Get ready before the first face comes."""
        _ = self._model.ready

    def look(self, image: Image, mesh: Floats) -> tuple[Floats, Floats]:
        """The mesh with its lids where the eyes' outlines are, and where the eyes look, (2,).

        The face mesh alone hardly sees that an eye closes. `mesh` is (468, 3) px in `image`; gaze
        is how far the irises lie right and down of the middle between the corners, in halves of
        an eye's width, mean of both eyes. Eyes too small to be read stay, and the gaze is NaN.
        """
        refined, looks = mesh.copy(), []
        for flipped, points in enumerate((LEFT, RIGHT)):
            outer, inner = mesh[points[0], :2], mesh[points[8], :2]
            if np.hypot(*(outer - inner)) < _SMALLEST:
                return mesh, np.full(2, np.nan, np.float32)
            outline, iris = self._read(image, _crop(outer, inner), bool(flipped))
            refined[points, :2] = outline
            looks.append(_offset(outline, iris))
        return refined, np.mean(looks, axis=0).astype(np.float32) - AHEAD

    def _read(self, image: Image, matrix: Floats, flipped: bool) -> tuple[Floats, Floats]:
        """(16, 2) the lids' outline and (2,) the iris, px of the image.

        The model knows one eye only; the other is shown to it mirrored.
        """
        crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        crop = np.ascontiguousarray(crop[:, ::-1] if flipped else crop)
        result = self._model(crop[None].astype(np.float32) / 255.0)
        outline, iris = sorted(result, key=lambda output: -output.size)
        outline = outline.reshape(_OUTLINE, 3)[: len(LEFT), :2]
        points = np.concatenate([outline, iris.reshape(5, 3)[:1, :2]])
        if flipped:
            points[:, 0] = SIDE - 1 - points[:, 0]
        back = cv2.invertAffineTransform(matrix)
        points = points @ back[:, :2].T + back[:, 2]
        return points[:-1], points[-1]


def _offset(outline: Floats, iris: Floats) -> Floats:
    """(2,) of an iris from the middle of its eye, along the eye and across it."""
    left, right = sorted((outline[0], outline[8]), key=lambda point: float(point[0]))
    half = (right - left) / 2
    turn = np.array([half, [-half[1], half[0]]]) / max(float(half @ half), 1e-6)
    result: Floats = turn @ (iris - (left + right) / 2)
    return result


def _crop(outer: Floats, inner: Floats) -> Floats:
    """The affine map that levels an eye and shows it in the middle of the network's square."""
    left, right = sorted((outer, inner), key=lambda point: float(point[0]))
    across = right - left
    side = max(float(np.hypot(*across)) * _FROM_EYE, 1.0)
    turn = float(np.degrees(np.arctan2(across[1], across[0])))
    centre = (left + right) / 2
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), turn, SIDE / side)
    matrix[:, 2] += SIDE / 2 - centre
    return np.asarray(matrix, np.float32)
