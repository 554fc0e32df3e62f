"""A face in the middle of a drawn picture."""

import numpy as np
import pytest

from tests.conftest import drawn_background

SIZE = 240


@pytest.fixture(scope="module")
def mesh(donors):
    """A frontal face in the middle of the picture, (468, 3) px."""
    return (donors.canonical.shape - np.float32([0.5, 0.5, 0])) * 150 + np.float32([120, 120, 0])


@pytest.fixture(scope="module")
def picture():
    return drawn_background(SIZE, SIZE)
