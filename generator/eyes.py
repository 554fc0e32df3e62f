"""Lets a drawn face look somewhere: its irises are moved in the texture, under lids that close."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from generator.lids import Lids
from generator.regions import LEFT_EYE, RIGHT_EYE, filled
from pipeline.contract import Floats

_FARTHEST: Final = np.array([[-0.62, -0.36], [0.62, 0.55]], np.float32)
_HIGHEST: Final = -0.45  # of its radius, an iris below the lid
_IRIS: Final = 0.42  # its radius in halves of an eye's width
_LASHES: Final = 0.012  # of the texture's side: what the lids' own edge may take up
_BRIGHT: Final = 0.75
_SOFT: Final = 0.004
_ABOVE: Final = 0.16  # an iris looking ahead lies above the line of the corners
_RIM: Final = 0.12
_APPEARS: Final = 8.0
_WIDER: Final = 1.1
_WHITE: Final = (0.85, 0.97)  # highlights are brighter
_PALE: Final = 0.5
# The reader sees less than is drawn; left and up, right and down. Lids soon hide eyes that look up.
_GAIN: Final = np.array([[1.5, 2.0], [1.5, 2.6]], np.float32)
_SEEN: Final = (0.15, 1.3)
_UNCHANGED: Final = 0.02
_PALEST: Final = 0.4  # an iris, in shares of the white; more than half of the donors' are darker
_TINTED: Final = (0.5, 1.6)


class Eyes:
    """The eyes of textures of one side; `layout` is (468, 2) in shares of it, `rest` (2,) the
    codes of both eyes in the shape that the layout belongs to.
    """

    def __init__(self, layout: Floats, side: int, rest: Floats) -> None:
        self._eyes = [_Eye(layout, points, side) for points in (LEFT_EYE, RIGHT_EYE)]
        self._lids = Lids(layout, side)
        self.places = self._lids.places  # outside these no texture changes
        self._rest = np.maximum(rest, 1e-3)

    def drawn(self, texture: Floats) -> list["Drawn"]:
        """The eyes of a texture (s, s, 3) as they are; `looking` would look them up."""
        return [eye.drawn(texture) for eye in self._eyes]

    def paired(self, texture: Floats, drawn: list["Drawn"]) -> Floats:
        """The texture (s, s, 3) with irises of one colour, and none paler than eyes are: a mix of
        brown and blue eyes has milky ones, often two kinds of them.
        """
        discs = [eye.disc(own) for eye, own in zip(self._eyes, drawn, strict=True)]
        if not all(disc.any() for disc in discs):
            return texture
        places = [eye.box for eye in self._eyes]
        colours = np.stack([
            (texture[place] * disc).sum(axis=(0, 1)) / disc.sum()
            for place, disc in zip(places, discs, strict=True)
        ])  # fmt: skip
        wanted = colours.mean(axis=0)
        palest = _PALEST * np.mean([own.white.mean() for own in drawn])
        wanted *= min(palest / max(float(wanted.mean()), 1.0), 1)
        result = texture.copy()
        for place, disc, colour in zip(places, discs, colours, strict=True):
            tint = np.clip(wanted / np.maximum(colour, 1), *_TINTED)
            result[place] *= 1 + (tint - 1) * disc
        return result

    def looking(
        self, texture: Floats, gaze: Floats, openings: Floats, drawn: list["Drawn"] | None = None
    ) -> Floats:
        """The texture (s, s, 3) with both irises at `gaze` (2,), right and down of the middle
        between the corners in halves of an eye's width, and with the lids of eyes that close:
        `openings` (2,) are the codes of the shape that the texture is drawn on.

        What lids cover is cut off, not squeezed. With a NaN the irises stay where they are.
        """
        result = texture.copy()
        known = bool(np.isfinite(gaze).all())
        aim = np.clip(gaze * np.where(gaze < 0, *_GAIN), *_FARTHEST) if known else None
        drawn = self.drawn(texture) if drawn is None else drawn
        for eye, opening, rest, own in zip(self._eyes, openings, self._rest, drawn, strict=True):
            seen = float(np.clip(opening / rest, *_SEEN))
            if known or abs(seen - 1) > _UNCHANGED:
                eye.look(result, aim, seen, own)
        self._lids.close(result, openings)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An eye of a texture before it is moved."""

    iris: float  # where across the eye it is
    white: Floats  # (3,) the colour around it


class _Eye:
    def __init__(self, layout: Floats, outline: list[int], side: int) -> None:
        ring = layout[outline] * side - 0.5
        (x1, y1), (x2, y2) = np.floor(ring.min(axis=0)) - 1, np.ceil(ring.max(axis=0)) + 2
        self.box = np.s_[int(y1) : int(y2), int(x1) : int(x2)]
        inside = filled(layout, side, outline)[self.box]
        self._opacity = cv2.GaussianBlur(inside, (0, 0), max(_SOFT * side, 0.3))[..., None]
        self._inside = inside > 0
        self._rows = np.arange(int(y2 - y1), dtype=np.float32)[:, None]
        self._columns = np.arange(int(x2 - x1), dtype=np.float32)
        corners = ring[[0, 8]] - (x1, y1)
        self._left, self._right = sorted(float(x) for x in corners[:, 0])
        self._half = (self._right - self._left) / 2
        self._level = float(corners[:, 1].mean()) - _ABOVE * self._half
        self._upper, self._lower = self._lids(_LASHES * side)
        lashes = max(_LASHES * side, 1)
        under_lashes = np.clip((self._rows - self._upper) / lashes + 1, 0, 1)[..., None]
        self._opacity = (self._opacity * under_lashes).astype(np.float32)

    def disc(self, drawn: Drawn) -> Floats:
        """(h, w, 1) where the iris is, if the eye looks ahead; lids and lashes left out."""
        away = np.hypot(self._columns - drawn.iris, self._rows - self._level)
        reach, soft = _IRIS * self._half, _RIM * self._half
        return np.clip((reach - away) / soft + 0.5, 0, 1)[..., None] * self._opacity

    def look(self, texture: Floats, gaze: Floats | None, seen: float, drawn: Drawn) -> None:
        """Move the iris in place: its columns are shifted, those of the white give way. `seen` is
        how much of the eye's height the lids will leave.
        """
        part = np.ascontiguousarray(texture[self.box])
        reach, now = _IRIS * self._half, drawn.iris
        goal, drop = now, 0.0
        if gaze is not None:
            goal = (self._left + self._right) / 2 + float(gaze[0]) * self._half
            drop = float(gaze[1]) * self._half
        goal = float(np.clip(goal, self._left + reach / 2, self._right - reach / 2))
        drop = max(drop, min(self._lid(goal, seen) - self._level + _HIGHEST * reach, 0.0))
        places = [self._left, goal - reach, goal + reach, self._right]
        shown = [self._left, now - reach, now + reach, self._right]
        across = np.interp(self._columns, *_rising(places, shown)).astype(np.float32)
        # Of a pixel over where an iris lies, once it is drawn: only upper lids move.
        height = self._lower - self._level + (self._rows - self._lower) * seen
        down = (self._level + height - drop).astype(np.float32)
        moved = self._sampled(part, across, down)
        aside, soft = self._columns - goal, _RIM * self._half
        away = np.sqrt(aside**2 + (height - drop) ** 2)
        beyond = np.minimum(np.maximum((away - reach) / soft, 0), 1)
        columns = np.minimum(np.maximum((reach * _WIDER - np.abs(aside)) / soft, 0), 1)
        beyond *= columns * np.float32(min(abs(drop) / self._half * _APPEARS, 1))
        moved += (drawn.white - moved) * beyond[..., None]
        texture[self.box] = part + (moved - part) * self._opacity

    def _lid(self, across: float, seen: float) -> float:
        """The row in which the upper lid lies there, once it is drawn."""
        upper, lower = (
            float(np.interp(across, self._columns, lid)) for lid in (self._upper, self._lower)
        )
        return lower + (upper - lower) * seen

    def _sampled(self, part: Floats, across: Floats, down: Floats) -> Floats:
        """The eye with each column (w,) taken from `across` and each pixel from `down` (h, w); what
        the lids hide is what lies next to them.
        """
        upper, lower = (np.interp(across, self._columns, lid) for lid in (self._upper, self._lower))
        lower = np.maximum(upper, lower)
        place = np.empty((*part.shape[:2], 2), np.float32)
        place[..., 0] = across
        np.minimum(np.maximum(down, upper), lower, out=place[..., 1], casting="same_kind")
        return cv2.remap(part, place, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)

    def _white(self, part: Floats) -> Floats:
        """(3,) the colour of the eye's white, what is brightest between its lids."""
        inside = part[self._inside]
        light = inside.mean(axis=1)
        lowest, highest = np.quantile(light, _WHITE)
        colour = np.median(inside[(light >= lowest) & (light <= highest)], axis=0)
        result: Floats = colour + (colour.mean() - colour) * _PALE
        return result

    def _lids(self, lashes: float) -> tuple[Floats, Floats]:
        """The first and the last row of each column that shows the eye and no lashes."""
        rows = self._rows
        upper = np.where(self._inside, rows, np.inf).min(axis=0) + lashes
        lower = np.where(self._inside, rows, -np.inf).max(axis=0) - lashes / 2
        known = np.isfinite(upper) & (upper < lower)
        middle = np.full(len(upper), self._level)
        middle[known] = (upper[known] + lower[known]) / 2
        return np.where(known, upper, middle), np.where(known, lower, middle)

    def drawn(self, texture: Floats) -> Drawn:
        """How the eye is before it is moved."""
        part = texture[self.box]
        return Drawn(self._iris(part), self._white(part))

    def _iris(self, part: Floats) -> float:
        """Where across the eye looks now: the middle of what is darkest between its lids.

        Lashes are dark above any iris, so only the way across can be read off the picture.
        """
        light, middle = part.mean(axis=2), (self._left + self._right) / 2
        bright = np.quantile(light[self._inside], _BRIGHT)
        dark = np.where(self._inside, np.clip(bright - light, 0, None) ** 2, 0)
        if not dark.any():
            return middle
        across = float((dark * self._columns).sum() / dark.sum())
        reach = (self._right - self._left) / 6
        return float(np.clip(across, middle - reach, middle + reach))


def _rising(seen: list[float], shown: list[float]) -> tuple[Floats, Floats]:
    """Knots in rising order, where an iris at the corner would overtake it."""
    order = np.maximum.accumulate(np.array(seen) + 1e-3 * np.arange(len(seen)))
    return order, np.array(shown)
