"""Chosen people stay as they are; everybody else is replaced.

Drawn heads share what the generator always draws: a surrogate over one leaves more of it than over
a person.
"""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.keeping import keeper
from pipeline.rooms import furnish
from pipeline.settings import Settings
from tests.conftest import drawn_background
from tests.e2e.conftest import read_clip, write_clip

ANN, BEN = [0, 1, 2, 3], [60, 61, 62, 63]
SIDE = 240
KEPT, REPLACED = 0.9, 0.7  # correlation of fine detail


@pytest.fixture(scope="module")
def portraits(render):
    """A drawn head of each."""
    return [render(mix, SIDE) for mix in (ANN, BEN)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory, portraits):
    """Ann at the left and Ben at the right sway for a second."""
    pictures = []
    for step in range(25):
        picture = drawn_background(2 * SIDE + 40, SIDE + 20)
        for number, head in enumerate(portraits):
            x = 10 + number * (SIDE + 10) + round(4 * np.sin(step / 4))
            picture[10 : 10 + SIDE, x : x + SIDE] = head
        pictures.append(picture)
    return write_clip(tmp_path_factory.mktemp("two") / "two.mp4", pictures, sound=False)


@pytest.fixture(scope="module")
def keeping(rooms, donors, judge, portraits):
    """The rooms with Ann on the list."""
    who = np.stack([judge.features(portraits[0])])
    mean = donors.rows.attributes.mean
    told = donors.rows.features, mean, donors.canonical.shape
    own = rooms.drawing.extractor

    def made(rooms=rooms, only=False, people=who):
        return replace(rooms, keeper=keeper(people, ("dlib_resnet", own), told, None, only))

    return made


def remains(judge, clip, target, side):
    """How much of the face at the left (0) or right (1) is left, over some frames."""
    before, after = read_clip(clip).frames, read_clip(target).frames
    result = []
    for number in range(0, len(before), 6):
        faces = judge.faces(before[number])
        middle = before[number].shape[1] / 2
        box = next(b for b in faces.boxes if (b[0] + b[2] > 2 * middle) == bool(side))
        result.append(judge.remains(before[number], after[number], box))
    return result


def test_who_is_on_the_list_stays_and_who_is_not_goes(keeping, judge, clip, deidentify, tmp_path):
    report = deidentify(clip, tmp_path / "out.mp4", keeping())
    assert min(remains(judge, clip, tmp_path / "out.mp4", 0)) > KEPT
    assert max(remains(judge, clip, tmp_path / "out.mp4", 1)) < REPLACED
    assert report.kept == 25
    assert report.surrogates + report.fallbacks == 25


def test_the_inverse_replaces_just_the_one_on_the_list(keeping, judge, clip, deidentify, tmp_path):
    bare = furnish(Settings(mode="solid"))
    deidentify(clip, tmp_path / "out.mp4", keeping(bare, only=True), mode="solid")
    assert max(remains(judge, clip, tmp_path / "out.mp4", 0)) < REPLACED
    assert min(remains(judge, clip, tmp_path / "out.mp4", 1)) > KEPT


def test_people_can_be_kept_while_others_are_blurred(keeping, judge, clip, deidentify, tmp_path):
    bare = furnish(Settings(mode="blur"))
    deidentify(clip, tmp_path / "out.mp4", keeping(bare), mode="blur")
    assert min(remains(judge, clip, tmp_path / "out.mp4", 0)) > KEPT
    assert max(remains(judge, clip, tmp_path / "out.mp4", 1)) < REPLACED


class Broken:
    """An extractor that fails on every face."""

    def extract(self, image, faces):
        raise RuntimeError("a fault")


def test_an_extractor_that_fails_keeps_nobody(keeping, judge, clip, deidentify, tmp_path):
    rooms = keeping(furnish(Settings(mode="solid")))
    rooms = replace(rooms, keeper=replace(rooms.keeper, extractor=Broken()))
    report = deidentify(clip, tmp_path / "out.mp4", rooms, mode="solid")
    assert report.kept == 0
    assert report.faults.count > 0
    assert max(remains(judge, clip, tmp_path / "out.mp4", 0)) < REPLACED


def test_a_photo_is_a_clip_of_one_frame(keeping, judge, portraits, deidentify, tmp_path):
    both = np.concatenate(portraits, axis=1)
    cv2.imwrite(str(tmp_path / "in.png"), both[..., ::-1])
    report = deidentify(tmp_path / "in.png", tmp_path / "out.png", keeping())
    after = cv2.imread(str(tmp_path / "out.png"))[..., ::-1]
    assert (after[:, : SIDE // 2 + 60] == both[:, : SIDE // 2 + 60]).all()
    assert not (after[:, SIDE:] == both[:, SIDE:]).all()
    assert report.kept == 1
