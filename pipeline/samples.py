"""A small crop of a face in a frame, kept until it has told who it is."""

from typing import Final

import cv2
import numpy as np

from pipeline import planes
from pipeline.contract import Faces, Frame
from pipeline.geometry import pixels, scaled
from pipeline.tracks import Sample, Sighting

_CROP: Final = 1.9
_CROP_SIDE: Final = 280


def sample(sighting: Sighting, frame: Frame, quality: float) -> Sample:
    """The face of a sighting as its frame shows it, at most 280 px large."""
    at = pixels(scaled(sighting.box, _CROP), frame.size)
    crop = planes.region(frame, at)
    face = Faces.of(
        [sighting.box], sighting.landmarks, None, sighting.mesh, [sighting.mesh_score]
    ).moved(1.0, (-at[0], -at[1]))
    factor = min(1.0, _CROP_SIDE / max(crop.shape[:2]))
    if factor < 1:
        size = [max(1, round(n * factor)) for n in crop.shape[1::-1]]
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Sample(sighting.frame, quality, crop, face.moved(factor))
