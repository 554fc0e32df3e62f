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

from pipeline.contract import Floats, Image, Surrogate
from pipeline.geometry import bounds, pixels
from pipeline.portraits import nobody
from pipeline.rooms import Drawing
from tests.conftest import drawn_background

WIDTH, HEIGHT = 640, 360
SHOT = 40  # frames
CARD = 240  # px, the side of a drawn person
PEOPLE = 5
PATCH = 40  # px, the side of a face that is cut out upright
BLURRED = (62, 63, 64)
_SHARE = 0.62  # of the card's side is its face's unit
_CENTRE = (0.5, 0.42)
_HAIR = ((46, 34, 28), (120, 84, 40), (30, 30, 36), (92, 60, 44), (70, 66, 64))
_CLOTH = ((52, 74, 120), (120, 52, 60), (64, 96, 70), (96, 84, 52), (84, 64, 108))


@dataclass(frozen=True, eq=False)
class Card:
    """A drawn person, head and shoulders: `face` are the outline's points, card pixels."""

    picture: Image  # (CARD, CARD, 3)
    alpha: Floats  # (CARD, CARD)
    face: Floats  # (n, 2)


@dataclass(frozen=True)
class Stand:
    """Where somebody is: centre of the face and its width in px, roll and yaw in degrees."""

    person: int
    x: float
    y: float
    width: float
    roll: float = 0.0
    yaw: float = 0.0


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


class Troupe:
    """Draws the people of a clip; each is one donor of the DB."""

    def __init__(self, drawing: Drawing, donors: list[int]) -> None:
        self._drawing, self._donors = drawing, donors
        self._cards: dict[tuple[int, int], Card] = {}
        self._surrogates: dict[int, Surrogate] = {}

    def card(self, person: int, yaw: float) -> Card:
        """Person `person`, turned by `yaw` degrees."""
        key = person, 2 * round(yaw / 2)
        if key not in self._cards:
            self._cards[key] = self._drawn(*key)
        return self._cards[key]

    def _drawn(self, person: int, yaw: int) -> Card:
        shape = (self._drawing.canonical.shape - np.float32([0.5, 0.5, 0])) * _SHARE * CARD
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
        shape[:, 2] -= shape[:, 2].max()
        centre = np.float32([_CENTRE[0] * CARD, _CENTRE[1] * CARD, 0])
        mesh = shape @ np.float32([[c, 0, -s], [0, 1, 0], [s, 0, c]]) + centre
        mesh[:, 0] += centre[0] - (mesh[:, 0].min() + mesh[:, 0].max()) / 2
        picture, alpha = _backdrop(person, mesh, yaw)
        patch = self._drawing.replacer.replace(picture, mesh, self._surrogate(person, mesh))
        x, y = patch.corner
        place = picture[y : y + len(patch.rgb), x : x + patch.rgb.shape[1]]
        opaque = patch.alpha[..., None]
        place[:] = np.rint(opaque * patch.rgb + (1 - opaque) * place).astype(np.uint8)
        outline = cv2.convexHull(mesh[:, :2].astype(np.float32))[:, 0]
        return Card(picture, alpha, outline)

    def _surrogate(self, person: int, mesh: Floats) -> Surrogate:
        if person not in self._surrogates:
            identity = np.array([self._donors[person]])
            drawn = self._drawing.generator.generate(identity, nobody(), mesh)
            self._surrogates[person] = drawn
        return self._surrogates[person]


def _backdrop(person: int, mesh: Floats, yaw: int) -> tuple[Image, Floats]:
    """Hair, neck, shoulders and bare skin, for the face to be laid onto."""
    picture = np.full((CARD, CARD, 3), _HAIR[person], np.uint8)
    alpha = np.zeros((CARD, CARD), np.uint8)
    x1, y1, x2, y2 = bounds(mesh)
    centre = (x1 + x2) / 2, (y1 + y2) / 2
    half = (x2 - x1) / 2, (y2 - y1) / 2
    behind = -0.45 * half[1] * np.sin(np.radians(yaw))
    head = _spot(centre[0] + behind, centre[1] - 0.1 * half[1])
    skull = _spot(0.3 * CARD, 1.3 * half[1])
    skin = (205, 160, 140)
    cv2.ellipse(alpha, head, skull, 0, 0, 360, 255, -1)
    for canvas, colour, cloth in ((picture, skin, _CLOTH[person]), (alpha, 255, 255)):
        neck = _spot(0.4 * CARD, 0.55 * CARD), _spot(0.6 * CARD, CARD)
        cv2.rectangle(canvas, *neck, colour, -1)
        cv2.ellipse(canvas, _spot(0.5 * CARD, 1.02 * CARD), _spot(0.44 * CARD, 0.2 * CARD),
                    0, 0, 360, cloth, -1)  # fmt: skip
    cv2.ellipse(picture, _spot(*centre), _spot(1.02 * half[0], 1.04 * half[1]), 0, 0, 360, skin, -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.012 * CARD)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.2)
    return np.asarray(picture, np.uint8), alpha.astype(np.float32) / 255


def _spot(x: float, y: float) -> tuple[int, int]:
    return round(float(x)), round(float(y))


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
    placed = []
    for stand in stands:
        card = troupe.card(stand.person, stand.yaw)
        matrix = _matrix(stand, card)
        _lay(picture, owner, card, matrix)
        outline = card.face @ matrix[:, :2].T + matrix[:, 2]
        cv2.fillConvexPoly(owner, np.rint(outline).astype(np.int32), stand.person + 1)
        placed.append((stand, card, matrix, outline))
    hand = _hand(frame)
    if hand is not None:
        picture = _over(picture, np.full_like(picture, (196, 150, 128)), hand)
        owner[hand > 0.3] = 0
    places = [
        Place(stand, bounds(outline), matrix, card, _visible(owner, stand.person, outline))
        for stand, card, matrix, outline in placed
    ]
    return Moment(_seen(picture, frame), shot, owner, places)


def _lay(picture: Image, owner: Image, card: Card, matrix: Floats) -> None:
    """Draw one person into the frame and take from `owner` the faces that they hide."""
    corners = np.float32([[0, 0], [CARD, 0], [0, CARD], [CARD, CARD]])
    x1, y1, x2, y2 = pixels(bounds(corners @ matrix[:, :2].T + matrix[:, 2]), (WIDTH, HEIGHT))
    if x1 >= x2 or y1 >= y2:
        return
    local = matrix - np.float32([[0, 0, x1], [0, 0, y1]])
    size = x2 - x1, y2 - y1
    coarse = _shrunk(card.picture, float(np.hypot(*matrix[0, :2])))
    alpha = cv2.warpAffine(card.alpha, local, size)
    drawn = cv2.warpAffine(coarse, local, size, borderMode=cv2.BORDER_REPLICATE)
    under = picture[y1:y2, x1:x2]
    under[:] = _over(under, drawn, alpha)
    owner[y1:y2, x1:x2][alpha > 0.5] = 0


def _over(under: Image, drawn: Image, alpha: Floats) -> Image:
    return np.rint(under + alpha[..., None] * (drawn.astype(np.float32) - under)).astype(np.uint8)


def _matrix(stand: Stand, card: Card) -> Floats:
    """(2, 3) from the card to the frame; a face that turns keeps its size."""
    x1, y1, x2, y2 = bounds(card.face)
    scale = stand.width / (0.8 * (y2 - y1))
    matrix = cv2.getRotationMatrix2D(((x1 + x2) / 2, (y1 + y2) / 2), stand.roll, scale)
    matrix[:, 2] += stand.x - (x1 + x2) / 2, stand.y - (y1 + y2) / 2
    return matrix.astype(np.float32)


def _shrunk(picture: Image, scale: float) -> Image:
    """Without what is too fine to be shown `scale` times as large, as a lens would lose it."""
    sigma = 0.35 * max(1 / scale - 1, 0)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma)) if sigma > 0.1 else picture


def _visible(owner: Image, person: int, outline: Floats) -> float:
    whole = float(cv2.contourArea(outline.astype(np.float32)))
    return min(1.0, float((owner == person + 1).sum()) / max(whole, 1.0))


def _hand(frame: int) -> Floats | None:
    """(h, w) opacity of a hand that passes before the face of the second shot."""
    t = (frame - SHOT - 4) / 14
    if not 0 <= t <= 1:
        return None
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y = _spot(110 + 330 * t, 215 - 40 * np.sin(np.pi * t))
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
