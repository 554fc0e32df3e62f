"""GIF in, GIF out: every frame, delay and loop count, and exact pixels outside the faces.

Writers that come with libraries merge equal frames or choose new palettes, so the blocks
are laid out here (GIF89a); Pillow decodes, finds colours and compresses them.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
from PIL.GifImagePlugin import getdata

from pipeline.atomic import check_count, replacing, telling
from pipeline.contract import Frame, Image, Mask
from pipeline.errors import MediaError
from pipeline.gif_palette import indexed
from pipeline.settings import Settings

log = logging.getLogger(__name__)

_KEEP, _CLEAR = 1, 2
_ALIKE: Final = 7  # grey levels
_LOOPS = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}


@dataclass(frozen=True, slots=True)
class Blocks:
    """What the blocks of a GIF say: delays in 1/100 s, repetitions (None: shown once)."""

    delays: tuple[int, ...]
    loop: int | None
    aspect: int
    dropped: frozenset[str]


@dataclass(slots=True, eq=False)
class GifSource:
    """An animated (or still) GIF; raises MediaError where it is damaged."""

    path: Path
    settings: Settings
    kind: str = field(default="clip", init=False)
    suffix: str = field(default=".gif", init=False)
    count: int | None = field(init=False)
    decoded: int | None = field(default=None, init=False)
    blocks: Blocks = field(init=False)
    transparent: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.blocks = _parse(self.path)
        self.count = len(self.blocks.delays)
        if not self.count:
            raise MediaError(f"{self.path}: holds no picture")
        with self._opened():
            pass

    def frames(self) -> Iterator[Frame]:
        """Every frame, composed as a browser shows it, "rgb24" in ticks of 1/100 s."""
        pts = number = 0
        for number, (pixels, delay) in enumerate(self.composed(), 1):
            planes = (np.ascontiguousarray(pixels[..., :3]),)
            yield Frame(planes, "rgb24", number - 1, pts, Fraction(1, 100), "bt601", True)
            # Two frames never share a moment, even where the file gives a delay of 0.
            pts += max(delay, 1)
        self.decoded = number

    def composed(self) -> Iterator[tuple[Image, int]]:
        """RGBA pictures (height, width, 4) and their delays in 1/100 s."""
        shape = None
        with self._opened() as image:
            for number, delay in enumerate(self.blocks.delays):
                image.seek(number)
                pixels = np.asarray(image.convert("RGBA"))
                if shape not in {None, pixels.shape}:
                    raise MediaError(f"{self.path}: its frames differ in size; repair it first")
                shape = pixels.shape
                self.transparent |= bool((pixels[..., 3] == 0).any())
                yield pixels, delay

    @contextmanager
    def writer(self, target: Path, settings: Settings) -> Iterator["GifWriter"]:
        """Where to write the frames; the file appears when the block ends well."""
        if self.decoded is None:
            for _ in self.frames():  # whether a frame is transparent decides how all are laid out
                pass
        with replacing(target) as temporary:
            writer = GifWriter(self, temporary, target)
            try:
                yield writer
                writer.finish()
            finally:
                writer.close()

    @contextmanager
    def _opened(self) -> Iterator[PIL.Image.Image]:
        # Our own limit is checked before any pixel is read, and names the way out.
        PIL.Image.MAX_IMAGE_PIXELS = None
        limit = self.settings.max_pixels
        try:
            with PIL.Image.open(self.path, formats=["GIF"]) as image:
                if image.width * image.height > limit * 1_000_000:
                    raise MediaError(
                        f"{self.path}: {image.width}x{image.height} is above {limit} megapixels; "
                        "raise --max-pixels to process it"
                    )
                yield image
        except MediaError:
            raise
        except (OSError, EOFError, ValueError, SyntaxError, IndexError) as error:
            raise MediaError(f"{self.path}: damaged or truncated GIF: {error}") from error


class GifWriter:
    """Lays out one block per frame; `write` takes the frames in their order."""

    def __init__(self, source: GifSource, temporary: Path, target: Path) -> None:
        self._source, self._target = source, target
        self._originals = source.composed()
        self._canvas: Image | None = None
        self._written = 0
        if source.blocks.dropped:
            names = ", ".join(sorted(source.blocks.dropped))
            log.info("%s: metadata dropped: %s", source.path.name, names)
        with telling(target):
            self._file = temporary.open("wb")

    def write(self, frame: Frame) -> None:
        """Append one frame: exact where it equals the source, near where it does not."""
        entry = next(self._originals, None)
        if entry is None:
            raise MediaError(f"{self._target}: more frames were written than read")
        original, delay = entry
        new = frame.planes[0]
        with telling(self._target):
            if not self._written:
                self._file.write(_header(new.shape, self._source.blocks))
            if self._source.transparent:
                blocks = self._whole(new, original, delay)
            else:
                blocks = self._difference(new, original, delay)
            self._file.write(b"".join(blocks))
        self._written += 1

    def finish(self) -> None:
        """Close the GIF; raises MediaError unless every frame was written."""
        check_count(self._target, self._written, self._source.decoded)
        with telling(self._target):
            self._file.write(b";")
            self._file.close()

    def close(self) -> None:
        """Let go of the files."""
        self._originals.close()  # type: ignore[attr-defined]
        with telling(self._target):
            self._file.close()

    def _whole(self, new: Image, original: Image, delay: int) -> list[bytes]:
        """A full frame that is cleared afterwards: the only way to keep holes exact."""
        indices, palette = indexed(new, original, original[..., 3] > 0)
        return _frame_blocks(indices, palette, (0, 0), delay, _CLEAR)

    def _difference(self, new: Image, original: Image, delay: int) -> list[bytes]:
        """The smallest box of pixels that differ from what is on show; others stay."""
        if self._canvas is None:
            self._canvas, needed = new.copy(), np.ones(new.shape[:2], bool)
        else:
            needed = (new != self._canvas).any(axis=2)
            needed &= ~_stays(new, original, self._canvas)
        rows, columns = np.flatnonzero(needed.any(axis=1)), np.flatnonzero(needed.any(axis=0))
        y1, y2 = (rows[0], rows[-1] + 1) if len(rows) else (0, 1)
        x1, x2 = (columns[0], columns[-1] + 1) if len(columns) else (0, 1)
        box = np.s_[y1:y2, x1:x2]
        indices, palette = indexed(new[box], original[box], needed[box])
        self._canvas[box][needed[box]] = palette[indices[needed[box]]]
        return _frame_blocks(indices, palette, (int(x1), int(y1)), delay, _KEEP)


def _stays(new: Image, original: Image, shown: Image) -> Mask:
    """Where a pixel of a drawn face may stay as it is on show: what palettes give for it would be
    no nearer, and another in each frame.
    """
    off = np.abs(new.astype(np.int16) - shown).max(axis=2)
    return np.asarray((off <= _ALIKE) & (new != original[..., :3]).any(axis=2))


def _header(shape: tuple[int, ...], blocks: Blocks) -> bytes:
    size = shape[1].to_bytes(2, "little") + shape[0].to_bytes(2, "little")
    head = b"GIF89a" + size + b"\x70\0" + bytes([blocks.aspect])
    if blocks.loop is None:
        return head
    return head + b"!\xff\x0bNETSCAPE2.0\x03\x01" + blocks.loop.to_bytes(2, "little") + b"\0"


def _frame_blocks(
    indices: Image, palette: Image, corner: tuple[int, int], delay: int, disposal: int
) -> list[bytes]:
    image = PIL.Image.fromarray(indices, "L").convert("L")
    image.putpalette(palette.tobytes())
    how: dict[str, Any] = {"disposal": disposal, "include_color_table": True}
    if len(palette) < 256:
        how["transparency"] = len(palette)
    return getdata(image, corner, duration=10 * delay, **how)


def _parse(path: Path) -> Blocks:
    """Walk the blocks of a GIF; raises MediaError if the file ends within one."""
    try:
        return _walk(path.read_bytes())
    except IndexError as error:
        raise MediaError(f"{path}: truncated GIF; copy the file again or repair it") from error
    except OSError as error:
        raise MediaError(f"{path}: {error.strerror}") from error


def _walk(data: bytes) -> Blocks:
    delays: list[int] = []
    dropped: set[str] = set()
    delay, loop = 0, None
    at = _after_table(data, 10, 13)
    while at < len(data) and data[at] != 0x3B:
        kind = data[at]
        if kind == 0x2C:
            at = _after_table(data, at + 9, at + 10) + 1
            delays.append(delay)
            delay = 0
        elif kind == 0x21:
            label, body = data[at + 1], data[at + 3 : at + 3 + data[at + 2]]
            if label == 0xF9:
                delay = body[1] | body[2] << 8
            elif label == 0xFF and body in _LOOPS:
                start = at + 3 + len(body)
                loop = data[start + 2] | data[start + 3] << 8
            elif label != 0x01:
                dropped.add("comment" if label == 0xFE else "application data")
            at += 2
        else:
            break  # what follows is no GIF block; decoders stop here too
        at = _after_sub_blocks(data, at)
    return Blocks(tuple(delays), loop, data[12], frozenset(dropped))


def _after_table(data: bytes, flags: int, at: int) -> int:
    """Behind the colour table, if the flags promise one."""
    return at + (3 << (data[flags] % 8 + 1) if data[flags] & 0x80 else 0)


def _after_sub_blocks(data: bytes, at: int) -> int:
    while length := data[at]:
        at += 1 + length
    return at + 1
