"""Which pictures may lend what, on faces that the generator draws, some with painted glasses."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from generator import dataset
from generator.canonical import codes
from generator.dataset import Material
from generator.lighting import evened
from generator.looks import looks
from generator.regions import LEFT_EYE, RIGHT_EYE, filled
from pipeline.expressions import EXPRESSIONS, bent
from tests.conftest import unknown_person

COUNT, MANY, SIDE = 130, 500, 96
CALM = np.array(EXPRESSIONS["neutral"], np.float32)
WIDE = np.array([0.2, *CALM[1:]], np.float32)


@pytest.fixture(scope="module")
def textures(drawing, donors):
    """Mixes of two donors each, softly lit as the donors are."""
    rng, mesh = np.random.default_rng(0), bent(CALM, donors.canonical) * np.float32(90)
    drawn = []
    for _ in range(COUNT):
        pair = rng.choice(donors.rows.rows, 2, replace=False)
        texture = drawing.generator.generate(pair, unknown_person(), mesh).texture
        drawn.append(cv2.resize(texture, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return np.stack(drawn)


@pytest.fixture(scope="module")
def plain(textures, donors):
    """A maker of materials in which nothing is wrong but what the caller changes."""
    layout = donors.canonical.layout
    hull = cv2.convexHull(layout, returnPoints=False)[:, 0].tolist()
    told = {
        "textures": textures,
        "mask": filled(layout, SIDE, hull),
        "shapes": np.repeat(bent(CALM, donors.canonical)[None], COUNT, axis=0),
        "labels": [""] * COUNT,
        "widths": np.full(COUNT, 200, np.float32),
        "yaws": np.zeros(COUNT, np.float32),
        "male": np.full(COUNT, 0.4, np.float32),
        "ages": np.full(COUNT, 25, np.float32),
        "layout": layout,
        "unwanted": np.zeros(COUNT, bool),
    }

    def made(**changed):
        told_so = told | changed
        lit = [evened(texture, told["mask"]) for texture in told_so["textures"]]
        told_so["textures"] = np.stack([texture for texture, _ in lit])
        told_so["uneven"] = np.array([uneven for _, uneven in lit], np.float32)
        read = np.stack([looks(texture, layout) for texture in told_so["textures"]])
        return Material(looks=read, **told_so)

    return made


FAULTS = {
    3: ("left out by hand", {"unwanted": True}),
    14: ("turned", {"yaws": -0.5}),
    25: ("turned", {"yaws": 0.36}),
    36: ("small", {"widths": 90}),
    47: ("labelled unfit", {"labels": "an old woman in a Scarf"}),
    58: ("hat", {"labels": "wears a hat"}),
    69: ("grey", {}),
    80: ("dark", {}),
    91: ("side light", {}),
}


@pytest.fixture(scope="module")
def judged(plain, textures):
    """What is said of plain faces, of which those at FAULTS have one fault each."""
    changed = textures.astype(np.float32)
    changed[69] = changed[69].mean(axis=2, keepdims=True)
    changed[80] *= 0.2
    changed[91, :, : SIDE // 2] *= 0.3
    told = {
        "unwanted": np.zeros(COUNT, bool),
        "yaws": np.zeros(COUNT, np.float32),
        "widths": np.full(COUNT, 200, np.float32),
        "labels": [""] * COUNT,
    }
    for row, (_, changes) in FAULTS.items():
        for name, value in changes.items():
            told[name][row] = value
    return dataset.roles(plain(textures=np.clip(changed, 0, 255).astype(np.uint8), **told))


@pytest.mark.parametrize(("row", "reason"), [(row, why) for row, (why, _) in FAULTS.items()])
def test_a_fault_is_told_and_keeps_a_face_out(judged, row, reason):
    assert reason in judged.reasons[row].split(", ")
    assert not judged.identity[row]
    assert not judged.held_back[row]


def test_faults_are_told_of_few_others(judged):
    others = [told for n, told in enumerate(judged.reasons) if n not in FAULTS]
    for reason in {why for why, _ in FAULTS.values()}:
        assert sum(reason in told.split(", ") for told in others) < 0.15 * COUNT


def test_most_plain_faces_lend_a_whole_face_and_no_mouth(judged):
    plain = np.setdiff1d(np.arange(COUNT), list(FAULTS))
    assert (judged.identity | judged.held_back)[plain].mean() > 0.5
    assert not judged.mouth.any()


def test_none_is_both_held_back_and_lent(judged):
    assert not (judged.identity & judged.held_back).any()


def wear_glasses(texture, layout):
    """Dark rims around both eyes and a bridge between them."""
    texture, side = texture.copy(), len(texture)
    centres = [layout[eye].mean(axis=0) * side for eye in (LEFT_EYE, RIGHT_EYE)]
    for x, y in centres:
        axes = round(0.13 * side), round(0.095 * side)
        cv2.ellipse(texture, (round(x), round(y)), axes, 0, 0, 360, (25, 22, 20), 2, cv2.LINE_AA)
    (x1, y), (x2, _) = centres
    ends = (round(x1 + 0.13 * side), round(y)), (round(x2 - 0.13 * side), round(y))
    cv2.line(texture, *ends, (25, 22, 20), 2, cv2.LINE_AA)
    return texture


def test_glasses_without_a_label_are_found_by_their_rims(plain, textures, donors):
    """Half of those who wear some are labelled."""
    rng, worn = np.random.default_rng(0), np.arange(MANY) < 60
    drawn = []
    for wears in worn:
        a, b = textures[rng.choice(COUNT, 2, replace=False)].astype(np.float32)
        mixed = np.rint(a + (b - a) * rng.uniform()).astype(np.uint8)
        drawn.append(wear_glasses(mixed, donors.canonical.layout) if wears else mixed)
    words = ["sunglasses" if n < 30 else "" for n in range(MANY)]
    found = dataset._glasses(replace(plain(), textures=np.stack(drawn), labels=words))
    assert found[:30].all()
    assert found[30:60].mean() > 0.8
    assert found[60:].mean() < 0.2


@pytest.mark.parametrize(("fit", "spared"), [(0, 0), (99, 0), (100, 10), (205, 20)])
def test_faces_are_held_back_only_where_there_are_enough(fit, spared):
    usable = np.zeros(300, bool)
    usable[np.random.default_rng(0).choice(300, fit, replace=False)] = True
    spare = dataset._every_tenth(usable)
    assert spare.sum() == spared
    assert not (spare & ~usable).any()


def test_open_mouths_are_lent_whatever_else_is_worn_but_no_tongue_nor_unfit_ones(plain, donors):
    """Every third opens its mouth; such faces lend nothing else."""
    shapes = np.repeat(bent(CALM, donors.canonical)[None], COUNT, axis=0)
    shapes[::3] = bent(WIDE, donors.canonical)
    worn = ("", "a hat", "heavy makeup", "full beard", "tongue out", "unfit mouth")
    labels = [worn[n // 3 % len(worn)] if n % 3 == 0 else "" for n in range(COUNT)]
    roles = dataset.roles(plain(shapes=shapes, labels=labels))
    assert (codes(shapes)[::3, 0] > dataset.MIN_OPENING).all()
    assert not roles.identity[::3].any()
    assert not np.delete(roles.mouth, np.s_[::3]).any()
    for words in worn:
        lent = [roles.mouth[n] for n in range(0, COUNT, 3) if labels[n] == words]
        assert (np.mean(lent) > 0.5) == any(lent) == (words not in worn[-2:])


def bearded(textures):
    """The first 50 with dark grain on chin and upper lip."""
    drawn, rng = textures.astype(np.float32), np.random.default_rng(0)
    for rows, columns in ((0.74, 0.98), (0.25, 0.75)), ((0.6, 0.66), (0.36, 0.64)):
        part = np.s_[
            :50,
            round(rows[0] * SIDE) : round(rows[1] * SIDE),
            round(columns[0] * SIDE) : round(columns[1] * SIDE),
        ]
        drawn[part] *= rng.uniform(0.4, 0.8, (*drawn[part].shape[:3], 1))
    return drawn.astype(np.uint8)


@pytest.mark.parametrize(("male", "lend"), [(0.9, True), (0.1, False)])
def test_beards_are_lent_by_men_only(plain, textures, male, lend):
    """40 of the 50 are labelled."""
    hairy = np.arange(COUNT) < 50
    sexes = np.where(hairy, male, 0.4).astype(np.float32)
    words = ["full beard" if n < 40 else "" for n in range(COUNT)]
    roles = dataset.roles(plain(textures=bearded(textures), labels=words, male=sexes))
    assert (roles.identity[:40].mean() > 0.4) == roles.identity[:40].any() == lend
    assert not roles.held_back[:40].any()
    assert roles.identity[~hairy].any()
