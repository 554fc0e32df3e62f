"""How steadily surrogates lie on generated people who move before a noisy camera."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL.Image
import pytest

from pipeline.contract import Faces, Floats, Image
from pipeline.drawn_people import Stand, Troupe, lay, placed
from pipeline.geometry import bounds
from pipeline.pose import landmarks_of
from pipeline.rooms import Rooms
from tests.conftest import drawn_background
from tests.e2e.conftest import read_clip, write_clip

FRAMES = 36
SIZE = 320, 240
NOISE = 4.0  # grey levels
MOST = 1.1
SHIFTS = ((0, 0), (3, 1), (1, 4), (5, 6), (2, 7), (7, 3))  # px: landmarkers see where pixels lie


def far(t: float) -> Stand:
    """Somebody small who goes by."""
    return Stand(1, 160 + 20 * t, 120 + 3 * np.sin(8 * t), 28, 2 * np.sin(4 * t), 4)


def calm(t: float) -> Stand:
    """Somebody who sways a little."""
    return Stand(0, 160 + 6 * np.sin(5 * t), 120 + 3 * np.sin(8 * t), 110, 2 * np.sin(4 * t), 4)


def walking(t: float) -> Stand:
    """Somebody who walks by, bobbing."""
    return Stand(1, 70 + 170 * t, 110 + 5 * np.sin(18 * t), 60, 3 * np.sin(9 * t), 16)


def turning(t: float) -> Stand:
    """Somebody who looks far to the side and back."""
    return Stand(1, 160 + 10 * t, 120, 70, 0, 64 * np.sin(np.pi * t))


@dataclass(frozen=True, eq=False)
class Look:
    """One frame of a face: where it truly is."""

    picture: Image
    box: Floats  # (4,)


def looks(troupe: Troupe, motion: Callable[[float], Stand]) -> list[Look]:
    """The clip, frame by frame."""
    rng, result = np.random.default_rng(0), []
    behind = drawn_background(*SIZE)
    for number in range(FRAMES):
        stand = motion(number / (FRAMES - 1))
        card, picture = troupe.card(stand.person, stand.yaw), behind.copy()
        matrix = placed(stand, card)
        lay(picture, card, matrix)
        noisy = picture + rng.normal(0, NOISE, picture.shape)
        box = bounds(card.face @ matrix[:, :2].T + matrix[:, 2])
        result.append(Look(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), box))
    return result


def landmarks(pictures: list[Image], boxes: list[Floats], rooms: Rooms) -> Floats:
    """(t, 5, 2) px what the face mesh reads, the mean over pictures shifted by SHIFTS."""
    result = []
    for picture, box in zip(pictures, boxes, strict=True):
        read = []
        for x, y in SHIFTS:
            shifted = np.pad(picture, ((y, 0), (x, 0), (0, 0)), mode="edge")
            moved = Faces.of([box + np.float32([x, y, x, y])])
            mesh = rooms.mesh.fit(shifted, moved).mesh[0]
            read.append(landmarks_of(mesh)[:, :2] - (x, y))
        result.append(np.mean(read, axis=0))
    return np.stack(result)


def jitter(points: Floats) -> float:
    """How far points (t, p, 2) lie off an even motion, root mean square in px."""
    return float(np.sqrt((np.diff(points, 2, axis=0) ** 2).sum(axis=2).mean()))


@pytest.mark.parametrize(
    ("motion", "suffix"),
    [(calm, ".mp4"), (walking, ".mp4"), (turning, ".mp4"), (far, ".gif")],
)
def test_a_surrogate_trembles_no_more_than_the_face_it_lies_on(
    drawing, rooms, deidentify, tmp_path, motion, suffix
):
    clip = looks(Troupe(drawing, [11, 240]), motion)
    pictures = [look.picture for look in clip]
    source, target = (tmp_path / name for name in (f"clip{suffix}", f"out{suffix}"))
    if suffix == ".gif":
        PIL.Image.fromarray(pictures[0]).save(
            source, append_images=[PIL.Image.fromarray(p) for p in pictures[1:]], save_all=True
        )
    else:
        write_clip(source, pictures, sound=False)
    report = deidentify(source, target)
    assert report.surrogates >= 0.9 * FRAMES
    boxes = [look.box for look in clip]
    before, after = (landmarks(read_clip(path).frames, boxes, rooms) for path in (source, target))
    assert jitter(after) <= MOST * jitter(before)
