"""A picture of how well a recogniser verifies: true over false accept rate."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.contract import Floats

_SIZE: Final = (640, 480)
_FRAME: Final = (70, 40, 610, 420)  # px: left, top, right, bottom
_INK: Final = (40, 40, 40)
_GRID: Final = (220, 220, 220)
_CURVE: Final = (30, 90, 170)


def write(path: Path, rates: Floats, accepted: Floats, title: str) -> None:
    """A PNG with `accepted` (r,), shares, over `rates` (r,), on a logarithmic axis."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    left, top, right, bottom = _FRAME
    lowest = float(np.log10(rates.min()))

    def place(rate: float, share: float) -> tuple[float, float]:
        x = left + (right - left) * (1 - np.log10(rate) / lowest)
        return float(x), bottom - (bottom - top) * share

    for power in range(round(lowest), 1):
        x, _ = place(10.0**power, 0)
        draw.line((x, top, x, bottom), _GRID)
        draw.text((x, bottom + 6), f"{10.0**power:g}", _INK, font, anchor="ma")
    for share in np.linspace(0, 1, 6):
        _, y = place(1, float(share))
        draw.line((left, y, right, y), _GRID)
        draw.text((left - 6, y), f"{share:.1f}", _INK, font, anchor="rm")
    draw.rectangle(_FRAME, outline=_INK)
    draw.line([place(float(r), float(a)) for r, a in zip(rates, accepted, strict=True)], _CURVE, 2)
    draw.text(((left + right) / 2, 20), title, _INK, font, anchor="mm")
    draw.text(((left + right) / 2, bottom + 34), "false accept rate", _INK, font, anchor="ma")
    draw.text((8, top - 22), "true accept rate", _INK, font, anchor="la")
    image.save(path, "PNG")
