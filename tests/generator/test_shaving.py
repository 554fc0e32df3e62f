import numpy as np
import pytest

from generator.looks import looks
from generator.shaving import Shaving
from pipeline.contract import Person
from pipeline.portraits import nobody

MEN, WOMEN = 40, 20


class Judge:
    """Finds as much of a beard in a texture as its first pixel says."""

    def __init__(self, score):
        self.found = score

    def score(self, measures):
        return np.full(len(measures), self.found, np.float32)


@pytest.fixture
def kinds():
    """Shaved men, bearded men, women; of two skins that alternate."""
    result = np.zeros((2 * MEN + WOMEN, 8), np.float32)
    result[: 2 * MEN, 3] = 10
    result[1::2, 0] = 3
    return result


@pytest.fixture
def scores():
    return np.repeat(np.float32([-2, 3, -3]), [MEN, MEN, WOMEN])


def shaving(donors, kinds, scores, found=1.0, faces=None):
    faces = np.ones(len(scores), bool) if faces is None else faces
    return Shaving(kinds, scores, faces, Judge(found), donors.canonical.layout)


def parts(kinds, *rows):
    result = np.zeros(len(kinds), np.float32)
    result[list(rows)] = 1 / len(rows)
    return result


TEXTURE = np.full((96, 96, 3), 128, np.float32)


@pytest.mark.parametrize(
    ("rows", "concerned"),
    [
        ((0, 1, 2, 3), True),
        ((0, 1, 2, MEN), True),  # one trace of a beard
        ((0, MEN, MEN + 1, MEN + 2), True),  # three
        ((MEN + 3, MEN + 4), False),
        ((2 * MEN, 2 * MEN + 1), False),
        ((0,), False),  # drawn as it is
    ],
)
def test_mixes_of_shaved_men_are_shaved(donors, kinds, scores, rows, concerned):
    scores[MEN : MEN + 3] = 0
    assert shaving(donors, kinds, scores).concerns(parts(kinds, *rows)) == concerned


@pytest.mark.parametrize("few", [slice(3, MEN), slice(MEN + 3, 2 * MEN)])
def test_with_few_men_to_compare_nobody_is_shaved(donors, kinds, scores, few):
    faces = np.ones(len(kinds), bool)
    faces[few] = False
    assert not shaving(donors, kinds, scores, faces=faces).concerns(parts(kinds, 0, 1))


def test_nobody_is_shaved_where_beards_are_unknown(donors, kinds, scores):
    assert not shaving(donors, kinds, scores * np.nan).concerns(parts(kinds, 0, 1))


@pytest.mark.parametrize("found", [-3.0, -0.8])
def test_a_clean_face_stays(donors, kinds, scores, found):
    mix = parts(kinds, 0, 2)
    assert shaving(donors, kinds, scores, found).shaved(mix, TEXTURE) is mix


@pytest.mark.parametrize(("found", "step"), [(-0.1, 0.4), (0.95, 1.0), (3.0, 1.0)])
def test_the_more_is_seen_the_more_is_taken_away(donors, kinds, scores, found, step):
    mix = parts(kinds, 0, 2)
    change = shaving(donors, kinds, scores, found).shaved(mix, TEXTURE) - mix
    assert change[:MEN].sum() == pytest.approx(step, abs=0.01)
    assert change[MEN : 2 * MEN].sum() == pytest.approx(-step, abs=0.01)
    assert change.sum() == pytest.approx(0, abs=1e-5)
    assert not change[2 * MEN :].any()


def test_men_of_the_same_skin_are_compared_first(donors, kinds, scores):
    change = shaving(donors, kinds, scores).shaved(parts(kinds, 0, 2), TEXTURE) - parts(kinds, 0, 2)
    assert np.abs(change[0::2]).sum() > 3 * np.abs(change[1::2]).sum()


def test_surrogates_of_shaved_men_show_no_moustache(drawing, donors):
    """Though many of the mere mixes do."""
    known, generator, rng = donors.rows, drawing.generator, np.random.default_rng(7)
    shaved = (known.likeness[:, 0] > 0.6) & (known.style[:, 0] < -0.5)
    men = rng.choice(np.flatnonzero(shaved & (known.likeness[:, 1] > np.log(24))), 60)
    people = [
        Person(known.features[m], known.skin[m], nobody().shape, style=known.style[m]) for m in men
    ]
    mixes = [drawing.matcher.match(person, 4, rng).identities[0] for person in people]
    head = next(head for head in generator._heads if head.side == 96)

    def bearded(textures):
        seen = [
            looks(np.clip(t, 0, 255).astype(np.uint8), donors.canonical.layout) for t in textures
        ]
        return (drawing.beard.score(np.stack(seen)) > 0).mean()

    mere = bearded(head.draw(generator.shares(mix)[None])[0] for mix in mixes)
    assert mere > 0.1
    assert bearded(generator.calm(mix) for mix in mixes) < mere / 2
