"""The 468-point face mesh of MediaPipe, fitted and followed with OpenVINO.

Kartynnik, Ablavatski, Grishchenko, Grundmann: "Real-time facial surface geometry from
monocular video on mobile GPUs", 2019 (arXiv:1907.06724).
"""

from pathlib import Path

import cv2
import numpy as np

from pipeline.contract import MESH_POINTS, Faces, Floats, Image
from pipeline.geometry import bounds
from pipeline.networks import Network

SIDE = 192
_FROM_BOX = 1.5
_FROM_MESH = 1.42  # less cuts off chins of turned heads, and meshes shrink from frame to frame
_OUTER_EYES = [33, 263]


class FaceMesh:
    """Fits a mesh to a face whose box is known, or to one whose mesh in a near frame is known."""

    def __init__(self, weights: Path) -> None:
        self._model = Network(weights)

    def prepare(self) -> None:
        """Get ready before the first face comes."""
        _ = self._model.ready

    def fit(self, image: Image, faces: Faces) -> Faces:
        """`faces` with a mesh each, found in two steps from box and eyes; scores in [0, 1]."""
        meshes, scores = np.full((len(faces), MESH_POINTS, 3), np.nan, np.float32), []
        for row in range(len(faces)):
            eyes = faces.landmarks[row, :2]
            rough, _ = self._run(image, faces.boxes[row], eyes, _FROM_BOX)
            meshes[row], score = self.follow(image, rough)
            scores.append(score)
        return Faces.of(faces.boxes, faces.landmarks, faces.scores, meshes, scores)

    def follow(self, image: Image, mesh: Floats) -> tuple[Floats, float]:
        """The mesh (468, 3) px in this picture of a face that lay at `mesh` in a near one."""
        return self._run(image, bounds(mesh), mesh[_OUTER_EYES, :2], _FROM_MESH)

    def _run(self, image: Image, box: Floats, eyes: Floats, grow: float) -> tuple[Floats, float]:
        matrix, side = _crop(box, eyes, grow)
        smooth = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
        crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=smooth)
        result = self._model(crop[None].astype(np.float32) / 255.0)
        points, presence = sorted(result, key=lambda output: -output.size)
        points = points.reshape(MESH_POINTS, 3)
        back = cv2.invertAffineTransform(matrix)
        mesh = np.empty((MESH_POINTS, 3), np.float32)
        mesh[:, :2] = points[:, :2] @ back[:, :2].T + back[:, 2]
        mesh[:, 2] = points[:, 2] * (side / SIDE)
        return mesh, float(1 / (1 + np.exp(-presence.ravel()[0])))


def _crop(box: Floats, eyes: Floats, grow: float) -> tuple[Floats, float]:
    """The affine map into the network's square, eyes level, and the square's side in px."""
    side = max(float((box[2:] - box[:2]).max()) * grow, 1.0)
    turn = 0.0
    if np.isfinite(eyes).all():
        across = eyes[1] - eyes[0]
        turn = float(np.degrees(np.arctan2(across[1], across[0])))
    centre = (box[:2] + box[2:]) / 2
    at = float(centre[0]), float(centre[1])
    matrix = np.asarray(cv2.getRotationMatrix2D(at, turn, SIDE / side), np.float64)
    matrix[:, 2] += SIDE / 2 - centre
    return matrix.astype(np.float32), side
