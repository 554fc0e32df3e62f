"""Of a face whose colours are missing nothing is there; where it is doubtful it is."""

import numpy as np
import pytest

from pipeline.colours import LITTLE, Colours, is_steady, left
from pipeline.contract import Frame

SKIN, HAIR, GREEN, GREY, DARK = (205, 150, 120), (60, 45, 40), (70, 120, 60), (120,) * 3, (20,) * 3
BLUE = (90, 110, 160)
FACE = np.float32([20, 20, 60, 60])


def plain(colour, side=80):
    return np.full((side, side, 3), colour, np.uint8)


def with_face(skin=SKIN, ground=GREEN):
    picture = plain(ground)
    picture[20:60, 20:60] = skin
    picture[20:24, 20:60] = HAIR
    return picture


def frame(picture, index=0):
    return Frame((np.asarray(picture, np.uint8),), "rgb24", index)


def seen(skin=SKIN):
    colours = Colours.of(frame(with_face(skin)), FACE)
    assert colours is not None
    return colours


@pytest.mark.parametrize("ground", [GREEN, DARK, BLUE, (40, 90, 90)])
def test_a_ground_of_other_colours_shows_nothing_of_the_face(ground):
    assert left(frame(plain(ground)), FACE, [seen()]) == 0


@pytest.mark.parametrize("ground", [SKIN, (150, 105, 70), (120, 85, 66), (250, 215, 190)])
def test_what_may_be_skin_in_other_light_is_taken_for_skin(ground):
    assert left(frame(plain(ground)), FACE, [seen()]) > LITTLE


@pytest.mark.parametrize("share", [0.6, 0.8])
@pytest.mark.parametrize("ground", [GREEN, GREY, BLUE])
def test_a_blurred_or_half_transparent_face_is_seen(ground, share):
    mixed = share * with_face().astype(np.float32) + (1 - share) * plain(ground)
    assert left(frame(mixed), FACE, [seen()]) > LITTLE


@pytest.mark.parametrize("hidden", [np.s_[:, :40], np.s_[:, 40:], np.s_[:40], np.s_[40:]])
def test_a_half_of_a_face_is_seen(hidden):
    picture = with_face()
    picture[hidden] = GREEN
    assert left(frame(picture), FACE, [seen()]) > LITTLE


@pytest.mark.parametrize("way", [(16, 0), (0, 16), (-16, -16)])
def test_a_face_that_lies_beside_its_place_is_seen(way):
    assert left(frame(np.roll(with_face(), way, axis=(0, 1))), FACE, [seen()]) > LITTLE


def test_of_a_pale_face_only_what_is_darker_or_lighter_is_told():
    assert left(frame(plain((230, 230, 230))), FACE, [seen((150, 150, 150))]) == LITTLE
    assert left(frame(plain((156, 152, 148))), FACE, [seen((150, 150, 150))]) > LITTLE


def test_a_red_thing_that_was_taken_for_the_face_makes_no_face_another_thing():
    assert left(frame(plain((205, 120, 100))), FACE, [seen((250, 30, 20))]) > LITTLE


@pytest.mark.parametrize("box", [[-90, 20, -50, 60], [90, 20, 130, 60], [79.4, 10, 120, 20]])
def test_of_a_place_out_of_the_picture_nothing_is_told(box):
    assert Colours.of(frame(with_face()), np.float32(box)) is None
    assert left(frame(plain(GREEN)), np.float32(box), [seen()]) > LITTLE


@pytest.mark.parametrize("layout", ["rgb24", "yuv420p", "gray"])
def test_steady_light_is_told_from_a_flash(layout):
    def shown(level, index):
        planes = [np.full((80, 80), level, np.uint8)]
        if layout == "yuv420p":
            planes += [np.full((40, 40), 120, np.uint8)] * 2
        picture = np.repeat(planes[0][..., None], 3, axis=2)
        return Frame((picture,) if layout == "rgb24" else tuple(planes), layout, index)

    calm = [shown(100 + 3 * n, n) for n in range(10)]
    assert is_steady(calm, 9, 0)
    flash = [*calm[:4], shown(200, 4), *calm[5:]]
    assert not is_steady(flash, 0, 9)
    assert is_steady(flash, 5, 9)


def test_light_of_another_colour_is_not_steady():
    assert not is_steady([frame(plain(GREY), 0), frame(plain((120, 118, 135)), 1)], 0, 1)


def test_of_frames_that_are_not_at_hand_nothing_is_told():
    assert not is_steady([frame(plain(GREY), n) for n in (0, 1, 3)], 0, 3)
