import numpy as np
import pytest

from generator.head import Head

SIDE, DONORS, LIPS, WIDE = 96, 3, 120.0, 0.2


@pytest.fixture
def head(donors):
    return Head(
        lambda mixes: np.full((len(mixes), SIDE, SIDE, 3), LIPS, np.float32),
        DONORS,
        donors.canonical,
    )


@pytest.fixture
def face(head):
    return head.face(head.draw(np.ones((1, DONORS), np.float32))[0])


def inside(head, face, teeth, depth):
    """The inside of a mouth: teeth in its upper half, depth below, as seen in an open mouth: the
    brightness (2,) of both in its middle.
    """
    height, width = face.texture[head.mouth].shape[:2]
    lent = np.full((height, width, 3), depth, np.float32)
    lent[: height // 2] = teeth
    middle = head.laid_in(face, lent, WIDE)[:, width // 2].mean(axis=1)
    return float(middle[height // 2 - 3]), float(middle[height // 2 + 3])


def test_the_depth_of_a_mouth_gets_less_light_than_teeth(head, face):
    teeth, depth = inside(head, face, 200.0, 70.0)
    assert teeth / depth > 1.3 * 200 / 70
    assert teeth > 0.9 * LIPS
    assert depth < 0.4 * LIPS


def test_a_shut_mouth_shows_nothing_of_its_inside(head, face):
    height, width = face.texture[head.mouth].shape[:2]
    lent = np.zeros((height, width, 3), np.float32)
    assert head.laid_in(face, lent, 0.0) == pytest.approx(face.texture[head.mouth])
