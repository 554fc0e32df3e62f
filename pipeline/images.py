"""Photos in and out: pixels are encoded anew, and only harmless metadata passes."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from PIL import ImageCms, ImageOps
from PIL.ExifTags import IFD, Base
from PIL.JpegImagePlugin import get_sampling

from pipeline.atomic import check_count, replacing, telling
from pipeline.contract import Frame, Image
from pipeline.errors import MediaError
from pipeline.settings import Settings

log = logging.getLogger(__name__)

# Pillow's name of a format, and the endings it may have; the first is the usual one.
ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
}
# Colour and alpha modes as we hold them: each mode that can be read, and what becomes of it.
_READ_AS = {"1": "L", "L": "L", "LA": "LA", "La": "LA", "RGB": "RGB", "RGBX": "RGB"} | {
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "PA": "RGBA",
    "P": "RGB",
    "YCbCr": "RGB",
    "CMYK": "RGB",
}
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}
# TIFF tags: bits per sample, sub-images (previews of camera files), DNG's version.
_BITS, _SUB_IFDS, _DNG = 258, 330, 50706
_XMP = ("xmp", "XML:com.adobe.xmp", "Raw profile type xmp")
# Make, model, software, artist, host, copyright, description.
_ORIGINS = {270, 271, 272, 305, 315, 316, 33432}
_SERIALS = (0xA431, 0xA435, 0xC62F)


@dataclass(slots=True, eq=False)
class ImageSource:
    """A photo, as a clip of one frame; raises MediaError where it is none we can keep whole."""

    path: Path
    settings: Settings
    kind: str = field(default="image", init=False)
    suffix: str = field(init=False)
    count: int | None = field(default=1, init=False)
    decoded: int | None = field(default=None, init=False)
    _form: str = field(init=False)
    _alpha: Image | None = field(default=None, init=False)
    _saving: dict[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        with self._opened() as image:
            self._form = "JPEG" if image.format == "MPO" else str(image.format)
            self._check(image)
        endings, own = ENDINGS[self._form], self.path.suffix.lower()
        self.suffix = self.path.suffix if own in endings else endings[0]

    def frames(self) -> Iterator[Frame]:
        """The photo, upright: one frame, "rgb24" or "gray"; its alpha stays with the source."""
        with self._opened() as image:
            self._saving = self._how_to_save(image)
            self._name_what_is_dropped(image)
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            plain = self._converted(image)
        pixels = np.asarray(plain)
        colours = 1 if plain.mode in {"L", "LA"} else 3
        self._alpha = pixels[..., -1] if plain.mode in {"LA", "RGBA"} else None
        if plain.mode == "LA":
            pixels = pixels[..., 0]
        elif plain.mode == "RGBA":
            pixels = np.ascontiguousarray(pixels[..., :3])
        self.decoded = 1
        layout = "gray" if colours == 1 else "rgb24"
        yield Frame((pixels,), layout, 0, 0, Fraction(1), "bt601", full_range=True)

    @contextmanager
    def writer(self, target: Path, settings: Settings) -> Iterator["ImageWriter"]:
        """Where to write the one frame; the file appears when the block ends well."""
        if self.decoded is None:
            next(self.frames())  # the alpha and what passes to the output come with the pixels
        with replacing(target) as temporary:
            writer = ImageWriter(self, temporary, target)
            yield writer
            writer.finish()

    def save(self, frame: Frame, temporary: Path) -> None:
        """Encode the frame, with the source's alpha, in the source's format."""
        pixels = frame.planes[0]
        if self._alpha is not None:
            pixels = np.dstack([pixels, self._alpha])
        image = PIL.Image.fromarray(np.ascontiguousarray(pixels))
        image.save(temporary, format=self._form, **self._saving)

    @contextmanager
    def _opened(self) -> Iterator[PIL.Image.Image]:
        # Our own limit is checked before any pixel is read, and names the way out.
        PIL.Image.MAX_IMAGE_PIXELS = None
        try:
            with PIL.Image.open(self.path, formats=[*ENDINGS]) as image:
                self._check_size(image.size)
                yield image
        except MediaError:
            raise
        except PIL.UnidentifiedImageError as error:
            raise MediaError(f"{self.path}: is no image, or a damaged one") from error
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
            why = str(error).split("\n")[0] or type(error).__name__
            raise MediaError(f"{self.path}: cannot be decoded: {why}") from error

    def _check_size(self, size: tuple[int, int]) -> None:
        limit = self.settings.max_pixels
        if size[0] * size[1] > limit * 1_000_000:
            raise MediaError(
                f"{self.path}: {size[0]}x{size[1]} is above {limit} megapixels; "
                "raise --max-pixels to process it"
            )

    def _check(self, image: PIL.Image.Image) -> None:
        if self._form != "JPEG" and getattr(image, "n_frames", 1) > 1:
            kind = "TIFF of several pages" if self._form == "TIFF" else f"animated {self._form}"
            raise self._refused(f"{kind} is not supported; split it into single images first")
        if self._form == "TIFF":
            tags = getattr(image, "tag_v2", {})
            if _DNG in tags or _SUB_IFDS in tags:
                raise self._refused("a camera's raw file; develop it to JPEG or TIFF first")
            deep = max(tags.get(_BITS, (1,))) > 8
        else:
            deep = self._form == "PNG" and _png_depth(self.path) > 8
        if deep or image.mode.startswith("I;16"):
            raise self._refused("16 bits a sample are not supported; convert it to 8 bits first")
        if image.mode not in _READ_AS:
            raise self._refused(f"pixel mode {image.mode} is unknown; convert it to RGB first")

    def _refused(self, why: str) -> MediaError:
        return MediaError(f"{self.path}: {why}")

    def _converted(self, image: PIL.Image.Image) -> PIL.Image.Image:
        mode = _READ_AS[image.mode]
        if "transparency" in image.info:
            mode = _WITH_ALPHA.get(mode, mode)
        if image.mode != "CMYK" or "icc_profile" not in image.info:
            return image if image.mode == mode else image.convert(mode)
        # A profile of inks says nothing about RGB: it is applied instead of kept.
        target = ImageCms.createProfile("sRGB")
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            turned = ImageCms.profileToProfile(image, profile, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            turned = None
        return turned or image.convert("RGB")

    def _how_to_save(self, image: PIL.Image.Image) -> dict[str, Any]:
        """Keyword arguments of Pillow's `save` for this format."""
        how: dict[str, Any] = {}
        if self._form == "JPEG":
            sampling = get_sampling(image) if hasattr(image, "layer") else -1
            how |= {"quality": 95, "subsampling": max(sampling, 0)}
        elif self._form == "WEBP":
            lossless = _is_lossless_webp(self.path)
            how |= {"lossless": lossless, "quality": 100 if lossless else 95, "exact": True}
        elif self._form == "TIFF":
            how["compression"] = "tiff_adobe_deflate"
        if self._form != "BMP":
            if image.info.get("icc_profile") and image.mode != "CMYK":
                how["icc_profile"] = image.info["icc_profile"]
            if self.settings.keep_date and (dates := _dates(image.getexif())):
                # Pillow writes no nested directory into a compressed TIFF: one date is kept.
                if self._form == "TIFF" and Base.DateTime not in dates:
                    dates[Base.DateTime] = dates.get_ifd(IFD.Exif)[Base.DateTimeOriginal]
                how["exif"] = dates
        return how

    def _name_what_is_dropped(self, image: PIL.Image.Image) -> None:
        names = sorted(_metadata(image))
        if self.settings.keep_date and "exif" in self._saving:
            names.append("(dates are kept)")
        if names and not self.decoded:
            log.info("%s: metadata dropped: %s", self.path.name, ", ".join(names))


class ImageWriter:
    """Takes the one frame of a photo."""

    def __init__(self, source: ImageSource, temporary: Path, target: Path) -> None:
        self._source, self._temporary, self._target = source, temporary, target
        self._written = 0

    def write(self, frame: Frame) -> None:
        """Encode the frame into the temporary file."""
        with telling(self._target):
            self._source.save(frame, self._temporary)
        self._written += 1

    def finish(self) -> None:
        """Raise MediaError unless exactly one frame was written."""
        check_count(self._target, self._written, 1)


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        return file.read(25)[24]


def _is_lossless_webp(path: Path) -> bool:
    """Whether the picture is in a VP8L chunk (RFC 9649, 2.6); one level of chunks is enough."""
    data = path.read_bytes()
    at = 12
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind in {b"VP8L", b"VP8 "}:
            return kind == b"VP8L"
        at += 8 + length + length % 2
    return False


def _dates(exif: PIL.Image.Exif) -> PIL.Image.Exif | None:
    """Exif with the date and nothing else; None where there is no date."""
    kept = PIL.Image.Exif()
    if date := exif.get(Base.DateTime):
        kept[Base.DateTime] = date
    if taken := exif.get_ifd(IFD.Exif).get(Base.DateTimeOriginal):
        kept.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = taken
    return kept if date or taken else None


def _metadata(image: PIL.Image.Image) -> Iterator[str]:
    """Names of the metadata that an image carries besides orientation and colour profile."""
    exif = image.getexif()
    details = exif.get_ifd(IFD.Exif)
    # A TIFF file's tags of structure and of origin are one list.
    known = set(exif) & _ORIGINS if image.format == "TIFF" else set(exif) - {Base.Orientation}
    if known:
        yield "EXIF"
    if exif.get_ifd(IFD.GPSInfo):
        yield "GPS position"
    if Base.MakerNote in details:
        yield "maker note"
    if any(tag in details or tag in exif for tag in _SERIALS):
        yield "serial number"
    if exif.get_ifd(IFD.IFD1):
        yield "thumbnail"
    if image.format == "MPO" or "mp" in image.info:
        yield "MPF pictures"
    if any(key in image.info for key in _XMP):
        yield "XMP"
    if "photoshop" in image.info:
        yield "IPTC"
    if "comment" in image.info or getattr(image, "text", None):
        yield "comment"
