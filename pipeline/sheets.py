"""Pictures that show how training goes: contact sheets of tiles, and curves of the losses."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from PIL import Image as Canvas
from PIL import ImageDraw, ImageFont

from pipeline.contract import Floats, Image

_PAPER: Final = (250, 250, 248)
_INK: Final = (30, 30, 30)
_FAINT: Final = (205, 205, 205)
_COLOURS: Final = (
    (200, 60, 40), (40, 100, 190), (40, 150, 80), (150, 80, 170),
    (210, 140, 20), (20, 150, 170), (120, 90, 60), (200, 80, 130),
)  # fmt: skip
_GAP: Final = 6
_LINE: Final = 18
_TEXT: Final = 13
_PLOT: Final = (900, 480)
_MARGINS: Final = (70, 34, 170, 44)  # left, top, right, bottom


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Image], Sequence[str]]], tile: int = 128
) -> Image:
    """Rows of tiles under their headings: (heading, n pictures, n captions or none)."""
    width = _GAP + max(len(pictures) for _, pictures, _ in rows) * (tile + _GAP)
    heights = [_LINE + tile + _GAP + (_LINE if captions else 0) for _, _, captions in rows]
    canvas = Canvas.new("RGB", (width, sum(heights) + _GAP), _PAPER)
    draw, font = ImageDraw.Draw(canvas), _font()
    top = 0
    for (heading, pictures, captions), height in zip(rows, heights, strict=True):
        draw.text((_GAP, top + 2), heading, _INK, font)
        for column, picture in enumerate(pictures):
            left = _GAP + column * (tile + _GAP)
            small = Canvas.fromarray(np.ascontiguousarray(picture)).resize((tile, tile))
            canvas.paste(small, (left, top + _LINE))
            if captions:
                at = (left + tile / 2, top + _LINE + tile + _LINE / 2)
                draw.text(at, captions[column], _INK, font, anchor="mm")
        top += height
    return np.asarray(canvas)


def curves(x: Floats, series: dict[str, Floats], across: str, title: str) -> Image:
    """Lines over `x` on a logarithmic scale, named at the right; values of 0 or below are gaps."""
    canvas = Canvas.new("RGB", _PLOT, _PAPER)
    draw, font = ImageDraw.Draw(canvas), _font()
    shown = {name: np.where(y > 0, y, np.nan).astype(np.float64) for name, y in series.items()}
    shown = {name: y for name, y in shown.items() if np.isfinite(y).any()}
    if not shown or not len(x):
        raise ValueError("no positive values to plot")
    values = np.concatenate(list(shown.values()))
    low, high = _decades(np.nanmin(values), np.nanmax(values))
    first, last = float(x.min()), max(float(x.max()), float(x.min()) + 1)
    left, top, right, bottom = _MARGINS
    inner = _PLOT[0] - left - right, _PLOT[1] - top - bottom

    def place(at: Any, value: Any) -> Any:
        share = (np.log10(value) - low) / (high - low)
        return (
            left + (np.asarray(at) - first) / (last - first) * inner[0],
            top + (1 - share) * inner[1],
        )

    for value in _ticks(low, high):
        level = place(first, value)[1]
        draw.line((left, level, left + inner[0], level), _FAINT)
        draw.text((left - 6, level), f"{value:.3g}", _INK, font, anchor="rm")
    for epoch in _round_steps(first, last):
        column = place(epoch, 10**low)[0]
        draw.line((column, top, column, top + inner[1]), _FAINT)
        draw.text((column, top + inner[1] + 5), f"{epoch:g}", _INK, font, anchor="mt")
    draw.rectangle((left, top, left + inner[0], top + inner[1]), outline=_INK)
    draw.text((left, 8), title, _INK, font)
    draw.text((left + inner[0] / 2, _PLOT[1] - 16), across, _INK, font, anchor="mm")
    for number, (name, y) in enumerate(shown.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        _draw_line(draw, place(x, y), colour)
        level = top + 10 + number * _LINE
        draw.line((left + inner[0] + 10, level, left + inner[0] + 30, level), colour, 3)
        draw.text((left + inner[0] + 36, level), name, _INK, font, anchor="lm")
    return np.asarray(canvas)


def _draw_line(draw: ImageDraw.ImageDraw, places: Any, colour: tuple[int, int, int]) -> None:
    points = np.column_stack(places)
    for start, end in pairwise(points):
        if np.isfinite([start, end]).all():
            draw.line((*start, *end), colour, 2)
    if len(points) == 1:
        x, y = points[0]
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), colour)


def _decades(low: float, high: float) -> tuple[float, float]:
    """Logarithms that leave a little room around the values."""
    a, b = float(np.log10(low)), float(np.log10(high))
    room = max(0.05 * (b - a), 0.05)
    return a - room, b + room


def _ticks(low: float, high: float) -> list[float]:
    """Round values between two logarithms: 1, 2 and 5 of each decade."""
    powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    factors = (1, 2, 5) if high - low < 3 else (1,)
    values = [factor * 10.0**power for power in powers for factor in factors]
    inside = [value for value in values if low <= np.log10(value) <= high]
    return inside if len(inside) > 1 else [10 ** (low + part * (high - low)) for part in (0.1, 0.9)]


def _round_steps(first: float, last: float) -> list[float]:
    rough = (last - first) / 8
    power = 10.0 ** np.floor(np.log10(rough))
    step = max(1.0, next(power * f for f in (1, 2, 5, 10) if power * f >= rough))
    return [float(v) for v in np.arange(np.ceil(first / step) * step, last + step / 2, step)]


def _font() -> Any:
    return ImageFont.load_default(_TEXT)
