"""Donor pictures as RGB arrays, whatever format they are in; frames of videos of donors too."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image
from PIL import ImageOps

from pipeline import planes
from pipeline.contract import Image
from pipeline.errors import MediaError
from pipeline.layouts import Picture
from pipeline.video import VideoSource

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
_MOST_PIXELS: Final = 100_000_000


def read(path: Path) -> Image:
    """The (first) picture in a file, upright, 8 bits a sample: (h, w, 3).

    The content decides the format: the files of yalefaces have no ending. Raises MediaError.
    """
    PIL.Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before any pixel is read
    try:
        with PIL.Image.open(path, formats=_FORMATS) as image:
            if image.size[0] * image.size[1] > _MOST_PIXELS:
                raise MediaError(f"above {_MOST_PIXELS // 1_000_000} megapixels")
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                return _of_16_bits(np.asarray(upright))
            return np.asarray(upright.convert("RGB"))
    except PIL.UnidentifiedImageError:
        raise MediaError("no picture in a known format, or a damaged one") from None
    except MediaError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        why = getattr(error, "strerror", None) or str(error).split("\n")[0]
        raise MediaError(why or type(error).__name__) from error


def spread(path: Path, most: int) -> Iterator[tuple[int, Image]]:
    """At most `most` frames of a video, evenly spread, with their numbers. Raises MediaError."""
    source = VideoSource(path)
    step = max(1, -(-(source.count or most * 10) // most))
    taken = 0
    for number, frame in enumerate(source.frames()):
        if number % step == 0 and taken < most:
            taken += 1
            yield number, planes.picture(frame)


def each(pictures: Iterable[Picture]) -> Iterator[Image]:
    """The pixels of each of `pictures`; frames of one video, side by side in order, take one pass.

    Raises MediaError where a file that could be read before is gone or changed.
    """
    for path, group in groupby(pictures, key=lambda picture: picture.path):
        wanted = list(group)
        if wanted[0].moment < 0:
            for _ in wanted:
                try:
                    yield read(path)
                except MediaError as error:
                    raise MediaError(f"{path}: {error}") from error
        else:
            yield from _frames(path, [picture.moment for picture in wanted])


def _frames(path: Path, moments: list[int]) -> Iterator[Image]:
    left = list(moments)
    for number, frame in enumerate(VideoSource(path).frames()):
        if left and number == left[0]:
            left.pop(0)
            yield planes.picture(frame)
        if not left:
            return
    raise MediaError(f"{path}: has no frame {left[0]} any more")


def _of_16_bits(samples: np.ndarray) -> Image:
    grey = np.clip(samples.astype(np.float32) / 257, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
