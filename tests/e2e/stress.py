"""A clip that makes tracking hard, made of people whom the generator invents, and what is true
of every face in every frame of it.

Four shots of 1.6 seconds: two people walk past each other while a third stands far behind; one of
them returns close up, a hand passes, the camera jerks and the light fades; two others turn to
profile, leave over the border and return, one hangs head down; all of them at last, in a crowd.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.contract import Floats, Image
from pipeline.drawn_people import Card, Stand, Troupe, lay, over, placed, spot
from pipeline.geometry import bounds
from pipeline.rooms import Drawing
from tests.conftest import drawn_background

WIDTH, HEIGHT = 640, 360
SHOT = 40  # frames
PEOPLE = 5
PATCH = 40  # px, the side of a face that is cut out upright
BLURRED = (62, 63, 64)


@dataclass(frozen=True, eq=False)
class Place:
    """One face in one frame."""

    stand: Stand
    box: Floats  # (4,) around the whole face, also where it is not in view
    matrix: Floats  # (2, 3) from the card's pixels to the frame's
    card: Card
    visible: float  # share of the face that is in the frame with nothing before it

    @property
    def person(self) -> int:
        return self.stand.person

    @property
    def width(self) -> float:
        return float(self.box[2] - self.box[0])

    def upright(self, picture: Image) -> Image:
        """The face cut out of a picture, (PATCH, PATCH, ...), the same way in every frame."""
        x1, y1, x2, y2 = bounds(self.card.face)
        step = max(x2 - x1, y2 - y1) / PATCH
        back = np.vstack([self.matrix, [0, 0, 1]]) @ [[step, 0, x1], [0, step, y1], [0, 0, 1]]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(picture, back[:2], (PATCH, PATCH), flags=flags))


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame; `owner` (h, w) is 1 + the number of the person whose face is seen there."""

    picture: Image
    shot: int
    owner: Image
    places: list[Place]


def moments(troupe: Troupe) -> Iterator[Moment]:
    """Every frame of the clip with what is true of it."""
    for shot, scene in enumerate((_crossing, _close, _turning, _crowd)):
        behind = drawn_background(WIDTH, HEIGHT, shot)[:, :: 1 - 2 * (shot % 2)]
        for number in range(SHOT):
            yield _composed(behind, shot, scene(number), troupe, shot * SHOT + number)


def _crossing(number: int) -> list[Stand]:
    """0 walks to the right behind 1, who walks to the left; 2 stands far away."""
    t = number / (SHOT - 1)
    return [
        Stand(2, 330 + 4 * np.sin(6 * t), 70, 40),
        Stand(0, 130 + 380 * t, 150 + 4 * np.sin(20 * t), 84, 3 * np.sin(9 * t), 12),
        Stand(1, 520 - 400 * t, 168 + 4 * np.sin(17 * t), 96, -4, -14),
    ]


def _close(number: int) -> list[Stand]:
    """0 again, close up, nodding a little."""
    t = number / (SHOT - 1)
    jerk = 26 * np.clip(number - BLURRED[0] % SHOT + 1, 0, len(BLURRED))
    return [
        Stand(0, 250 + 30 * t + jerk, 165 + 10 * np.sin(8 * t), 140 + 20 * t, 6 * np.sin(6 * t))
    ]


def _turning(number: int) -> list[Stand]:
    """3 turns to profile and back; 1 leaves to the right and returns; 2 swings head down."""
    t = number / (SHOT - 1)
    yaw = 80 * np.sin(np.pi * t) ** 2
    away = 470 + 260 * np.sin(np.pi * np.clip(t * 1.25 - 0.1, 0, 1)) ** 2
    roll = 180 * np.clip(np.minimum(number - 5, SHOT - 6 - number) / 10, 0, 1)
    return [
        Stand(3, 110, 160, 86, 0, yaw),
        Stand(2, 300, 170, 64, roll),
        Stand(1, away, 165, 90, 0, -8),
    ]


def _crowd(number: int) -> list[Stand]:
    """Everybody, some of them small; 0 and 3 pass each other, 1 leaves to the left."""
    t = number / (SHOT - 1)
    return [
        Stand(4, 80 + 8 * t, 54, 14),
        Stand(2, 560 - 20 * t, 60, 18),
        Stand(3, 180 + 260 * t, 190, 60, 4, 10),
        Stand(1, 200 - 300 * t**2, 120, 70),
        Stand(0, 470 - 250 * t, 200, 74, -3, -10),
    ]


def _composed(behind: Image, shot: int, stands: list[Stand], troupe: Troupe, frame: int) -> Moment:
    """The people before the background, the nearest last; then hand, jerk and light."""
    picture, owner = behind.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
    here = []
    for stand in stands:
        card = troupe.card(stand.person, stand.yaw)
        matrix = placed(stand, card)
        lay(picture, card, matrix, owner)
        outline = card.face @ matrix[:, :2].T + matrix[:, 2]
        cv2.fillConvexPoly(owner, np.rint(outline).astype(np.int32), stand.person + 1)
        here.append((stand, card, matrix, outline))
    hand = _hand(frame)
    if hand is not None:
        picture = over(picture, np.full_like(picture, (196, 150, 128)), hand)
        owner[hand > 0.3] = 0
    places = [
        Place(stand, bounds(outline), matrix, card, _visible(owner, stand.person, outline))
        for stand, card, matrix, outline in here
    ]
    return Moment(_seen(picture, frame), shot, owner, places)


def _visible(owner: Image, person: int, outline: Floats) -> float:
    whole = float(cv2.contourArea(outline.astype(np.float32)))
    return min(1.0, float((owner == person + 1).sum()) / max(whole, 1.0))


def _hand(frame: int) -> Floats | None:
    """(h, w) opacity of a hand that passes before the face of the second shot."""
    t = (frame - SHOT - 4) / 14
    if not 0 <= t <= 1:
        return None
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y = spot(110 + 330 * t, 215 - 40 * np.sin(np.pi * t))
    cv2.ellipse(alpha, (x, y), (34, 42), 15, 0, 360, 255, -1)
    for finger, (dx, dy) in enumerate(((-34, -62), (-12, -84), (12, -86), (32, -70), (58, -14))):
        root = x - 24 + 14 * finger, y - 20
        cv2.line(alpha, root, (x + dx, y + dy), 255, 17, cv2.LINE_AA)
    cv2.line(alpha, (x, y + 20), (x - 30, HEIGHT), 255, 56, cv2.LINE_AA)
    return cv2.GaussianBlur(alpha, (0, 0), 1.5).astype(np.float32) / 255


def _seen(picture: Image, frame: int) -> Image:
    """The picture through the camera: blurred while it jerks, dark while the light is low."""
    if frame in BLURRED:
        picture = cv2.blur(picture, (45, 1))
    dark = np.clip(min(frame - SHOT - 26, 2 * SHOT - frame) / 5, 0, 1)
    light = np.rint(np.arange(256) * (1 - 0.75 * dark)).astype(np.uint8)
    return light[picture]


def troupe_of(
    drawing: Drawing, rows: list[int], unlike: Callable[[Image, list[Image]], bool]
) -> Troupe:
    """Five people of whom no two are alike, drawn from the donor rows; `unlike` tells."""
    chosen: list[int] = []
    pictures: list[Image] = []
    for row in rows:
        picture = Troupe(drawing, [row]).card(0, 0).picture
        if unlike(picture, pictures):
            chosen.append(row)
            pictures.append(picture)
        if len(chosen) == PEOPLE:
            return Troupe(drawing, chosen)
    raise LookupError(f"only {len(chosen)} of {len(rows)} donors are unlike each other")
