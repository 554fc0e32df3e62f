"""People whom the generator invents, drawn head and shoulders, to be moved over a background.

Clips of them show nobody, and what is true of every face in every frame is known.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from pipeline.contract import Floats, Image, Surrogate
from pipeline.geometry import bounds, pixels
from pipeline.portraits import nobody
from pipeline.rooms import Drawing
from replacer.mesh import Mesh

CARD: Final = 240  # px, the side of a drawn person
_SHARE: Final = 0.62  # of the card's side is its face's unit
_CENTRE: Final = (0.5, 0.42)
_SKIN: Final = (205, 160, 140)
_HAIR: Final = ((46, 34, 28), (120, 84, 40), (30, 30, 36), (92, 60, 44), (70, 66, 64))
_CLOTH: Final = ((52, 74, 120), (120, 52, 60), (64, 96, 70), (96, 84, 52), (84, 64, 108))


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
    mouth: float = 0.0  # how far the lips are apart, in units of the canonical face


class Troupe:
    """Draws the people of a clip; each is one donor of the DB."""

    def __init__(self, drawing: Drawing, donors: list[int]) -> None:
        self._drawing, self._donors = drawing, donors
        face = drawing.canonical
        self._replacer = Mesh(face.shape, face.layout, face.triangles, 1.0, beyond=1.0)
        self._cards: dict[tuple[int, int, float], Card] = {}
        self._surrogates: dict[tuple[int, float], Surrogate] = {}

    def card(self, person: int, yaw: float, mouth: float = 0.0) -> Card:
        """Person `person`, turned by `yaw` degrees."""
        key = person, 2 * round(yaw / 2), mouth
        if key not in self._cards:
            self._cards[key] = self._drawn(*key)
        return self._cards[key]

    def _drawn(self, person: int, yaw: int, mouth: float) -> Card:
        face = self._drawing.canonical
        spoken = face.shape + mouth * face.bend[0] if mouth else face.shape
        shape = (spoken - np.array([0.5, 0.5, 0], np.float32)) * _SHARE * CARD
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
        shape[:, 2] -= shape[:, 2].max()
        centre = np.array([_CENTRE[0] * CARD, _CENTRE[1] * CARD, 0], np.float32)
        mesh = shape @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32) + centre
        mesh[:, 0] += centre[0] - (mesh[:, 0].min() + mesh[:, 0].max()) / 2
        picture, alpha = _backdrop(person, mesh, yaw)
        surrogate = self._surrogate(person, mesh, mouth)
        patch = self._replacer.replace(picture, mesh, surrogate)
        x, y = patch.corner
        place = picture[y : y + len(patch.rgb), x : x + patch.rgb.shape[1]]
        opaque = patch.alpha[..., None]
        place[:] = np.rint(opaque * patch.rgb + (1 - opaque) * place).astype(np.uint8)
        outline = cv2.convexHull(mesh[:, :2].astype(np.float32))[:, 0]
        return Card(picture, alpha, outline)

    def _surrogate(self, person: int, mesh: Floats, mouth: float) -> Surrogate:
        key = person, mouth
        if key not in self._surrogates:
            identity = np.array([self._donors[person]])
            drawn = self._drawing.generator.generate(identity, nobody(), mesh)
            self._surrogates[key] = drawn
        return self._surrogates[key]


def placed(stand: Stand, card: Card) -> Floats:
    """(2, 3) from the card to the frame; a face that turns keeps its size."""
    x1, y1, x2, y2 = bounds(card.face)
    scale = stand.width / (0.8 * (y2 - y1))
    matrix = cv2.getRotationMatrix2D(((x1 + x2) / 2, (y1 + y2) / 2), stand.roll, scale)
    matrix[:, 2] += stand.x - (x1 + x2) / 2, stand.y - (y1 + y2) / 2
    return matrix.astype(np.float32)


def lay(picture: Image, card: Card, matrix: Floats, owner: Image | None = None) -> None:
    """Draw one person into the frame and take from `owner` (h, w) the faces that they hide."""
    corners = np.array([[0, 0], [CARD, 0], [0, CARD], [CARD, CARD]], np.float32)
    around = bounds(corners @ matrix[:, :2].T + matrix[:, 2])
    x1, y1, x2, y2 = pixels(around, picture.shape[1::-1])
    if x1 >= x2 or y1 >= y2:
        return
    local = matrix - np.array([[0, 0, x1], [0, 0, y1]], np.float32)
    size = x2 - x1, y2 - y1
    coarse = _shrunk(card.picture, float(np.hypot(*matrix[0, :2])))
    alpha = cv2.warpAffine(card.alpha, local, size)
    drawn = cv2.warpAffine(coarse, local, size, borderMode=cv2.BORDER_REPLICATE)
    under = picture[y1:y2, x1:x2]
    under[:] = over(under, drawn, alpha)
    if owner is not None:
        owner[y1:y2, x1:x2][alpha > 0.5] = 0


def over(under: Image, drawn: Image, alpha: Floats) -> Image:
    """`drawn` laid over `under` where `alpha` (h, w) is above 0."""
    return np.rint(under + alpha[..., None] * (drawn.astype(np.float32) - under)).astype(np.uint8)


def spot(x: float, y: float) -> tuple[int, int]:
    """The pixel at a place."""
    return round(float(x)), round(float(y))


def _backdrop(person: int, mesh: Floats, yaw: int) -> tuple[Image, Floats]:
    """Hair, neck, shoulders and bare skin, for the face to be laid onto."""
    hair, cloth = _HAIR[person % len(_HAIR)], _CLOTH[(person + person // 5) % len(_CLOTH)]
    picture = np.full((CARD, CARD, 3), hair, np.uint8)
    alpha = np.zeros((CARD, CARD), np.uint8)
    x1, y1, x2, y2 = bounds(mesh)
    centre = (x1 + x2) / 2, (y1 + y2) / 2
    half = (x2 - x1) / 2, (y2 - y1) / 2
    behind = -0.45 * half[1] * np.sin(np.radians(yaw))
    head = spot(centre[0] + behind, centre[1] - 0.1 * half[1])
    skull = spot(0.3 * CARD, 1.3 * half[1])
    cv2.ellipse(alpha, head, skull, 0, 0, 360, 255, -1)
    for canvas, colour, worn in ((picture, _SKIN, cloth), (alpha, 255, 255)):
        neck = spot(0.4 * CARD, 0.55 * CARD), spot(0.6 * CARD, CARD)
        cv2.rectangle(canvas, *neck, colour, -1)
        cv2.ellipse(canvas, spot(0.5 * CARD, 1.02 * CARD), spot(0.44 * CARD, 0.2 * CARD),
                    0, 0, 360, worn, -1)  # fmt: skip
    cv2.ellipse(picture, spot(*centre), spot(1.02 * half[0], 1.04 * half[1]), 0, 0, 360, _SKIN, -1)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.012 * CARD)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.2)
    return np.asarray(picture, np.uint8), alpha.astype(np.float32) / 255


def _shrunk(picture: Image, scale: float) -> Image:
    """Without what is too fine to be shown `scale` times as large, as a lens would lose it."""
    sigma = 0.35 * max(1 / scale - 1, 0)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma)) if sigma > 0.1 else picture
