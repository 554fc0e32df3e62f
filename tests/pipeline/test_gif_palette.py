import numpy as np
import pytest

from pipeline.gif_palette import indexed

SIDE = 32


def picture(levels):
    """(64, 32, 3) all colours of some levels a channel above, one of them below."""
    axes = [np.linspace(0, 240, count).astype(np.uint8) for count in levels]
    colours = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    above = np.resize(colours, (SIDE, SIDE, 3))
    return np.concatenate([above, np.full_like(above, colours[0])])


def drawn(original, colour):
    new = original.copy()
    new[SIDE + 4 : -4, 4:-4] = colour
    return new, (new != original).any(axis=2)


@pytest.mark.parametrize("colour", [(113, 70, 58), (200, 160, 140), (61, 40, 33)])
def test_a_flat_face_gets_one_colour_and_no_dots_that_would_tremble(colour):
    original = picture((7, 6, 6))
    new, changed = drawn(original, colour)
    new[SIDE + 4, 4:-4, 0] += np.arange(24, dtype=np.uint8)  # more colours than there is room for
    indices, table = indexed(new, original, np.ones(new.shape[:2], bool))
    shown = table[indices]
    assert (shown[~changed] == original[~changed]).all()
    face = shown[SIDE + 5 : -4, 4:-4].reshape(-1, 3)
    assert len(np.unique(face, axis=0)) == 1
    assert np.abs(face[0].astype(int) - colour).max() <= 24


def test_where_colours_are_few_dots_give_their_mean():
    original = picture((2, 2, 2))
    original = np.resize(original[:SIDE], (64, 32, 3))
    room = np.zeros((1, 256, 3), np.uint8)
    room[0, :, 2] = np.arange(256) % 250
    needed = np.ones((64, 32), bool)
    original[:8] = room.reshape(8, 32, 3)  # with the corners of the cube all of 256
    new, changed = drawn(original, (120, 120, 60))
    indices, table = indexed(new, original, needed)
    face = table[indices][changed]
    assert len(np.unique(face, axis=0)) > 1
    assert np.abs(face.mean(axis=0) - (120, 120, 60)).max() < 40


@pytest.mark.parametrize("drawn_colours", [1, 40, 200])
def test_what_is_drawn_is_exact_where_there_is_room(drawn_colours):
    original = picture((3, 3, 3))
    new = original.copy()
    new[SIDE:, :, 1] = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % drawn_colours + 20
    indices, table = indexed(new, original, np.ones(new.shape[:2], bool))
    assert len(table) <= 256
    np.testing.assert_array_equal(table[indices], new)


def test_pixels_that_stay_on_show_get_the_index_behind_the_last():
    original = picture((3, 3, 3))
    new, changed = drawn(original, (1, 2, 3))
    indices, table = indexed(new, original, changed)
    assert (indices[~changed] == len(table)).all()
    assert (table[indices[changed]] == (1, 2, 3)).all()
