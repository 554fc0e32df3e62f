"""Which of the surrogates that are tried on is worn."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from matcher.attributes import Attributes
from matcher.cosine import similarity
from matcher.wishes import Kind, Wish
from pipeline import networks, trial
from pipeline.contract import Patch, Person
from pipeline.extractors import Thresholds
from pipeline.portraits import nobody

WIDTH = 16
ANN = np.eye(WIDTH, dtype=np.float32)[0]  # who she is; 1 and 2 tell sex and log age
LOOK = SimpleNamespace(faces=None)


def face(alike, sex=0.0, age=0.0):
    """(16,) of a face so alike to Ann that reads so much more like a man, and so much older."""
    rest = np.sqrt(max(1 - alike**2 - sex**2 - age**2, 0))
    return np.float32([alike, sex, age, rest, *np.zeros(WIDTH - 4)])


def read(weights):
    """Of three rows of weights; the fifth feature tells of the only ancestry."""
    ancestry = np.eye(WIDTH + 1, dtype=np.float32)[:, 4:5]
    return Attributes(np.zeros(WIDTH, np.float32), *weights, ancestry)


@pytest.fixture
def worn(monkeypatch):
    """(faces, kept) -> the number of the face that Ann wears; whether sex and age are to stay."""

    def choose(faces, kept=True, others=(), expected=None, cores=1, shared=False):
        weights = np.zeros((3, WIDTH + 1), np.float32)
        weights[0, 1], weights[1, 2] = 40, 1
        weights[0, -1], weights[1, -1] = -4, 3
        drawing = SimpleNamespace(
            mean=np.zeros(WIDTH, np.float32),
            thresholds=Thresholds(unlike=0.1, same_person=0.7),
            kind=Kind(read(weights), Wish()) if kept else None,
            expected=expected,
            concurrent=cores > 1,
            extractor=SimpleNamespace(extract=lambda picture, _: picture, concurrent=shared),
        )
        choose.tried = []

        def drawn(person, look, donors, drawing):
            choose.tried.append(int(donors[0]))
            return faces[donors[0]][None]

        monkeypatch.setattr(trial, "worn", drawn)
        monkeypatch.setattr(networks, "cores", lambda: cores)
        shape = nobody().shape
        ann = Person(ANN, np.full(3, np.nan, np.float32), shape)
        draws = iter([np.int64([row]) for row in range(len(faces))])
        donors, features = trial.least_alike([(ann, LOOK)], draws, drawing, others)
        assert np.array_equal(features, faces[donors[0]])
        return int(donors[0]), len(list(draws))

    return choose


@pytest.mark.parametrize(
    ("faces", "kept", "number", "untried"),
    [
        ([face(0.0), face(-0.5)], True, 0, 1),  # the first that will do
        ([face(0.3), face(0.05), face(0.0)], True, 1, 1),
        ([face(0.3), face(0.2)], True, 1, 0),  # the least alike where none will do
        ([face(0.26, age=0.9), face(0.29)], True, 1, 0),  # hardly more alike, and of her age
        ([face(0.0, sex=0.2), face(0.05)], True, 1, 0),
        ([face(0.0, age=0.9), face(0.05)], True, 1, 0),
        ([face(0.0, age=0.3), face(-0.3)], True, 0, 1),  # a little older will do
        ([face(0.0, sex=0.2), face(0.18)], True, 1, 0),  # rather a little alike than a man
        ([face(0.0, sex=0.2), face(0.3)], True, 1, 0),
        ([face(0.0, sex=0.2), face(0.4)], True, 0, 0),  # but not one who resembles her
        ([face(0.0, age=3), face(0.25)], True, 0, 0),
        ([face(np.nan), face(0.6), face(0.5)], True, 2, 0),  # nobody knows whom it resembles
        ([face(0.0, sex=0.2), face(0.05)], False, 0, 1),  # where sex need not stay
    ],
)
def test_a_stranger_of_the_persons_kind_is_worn(worn, faces, kept, number, untried):
    assert worn(faces, kept) == (number, untried)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("cores", [2, 3, 8])
def test_what_is_worn_does_not_depend_on_the_cores(worn, cores, shared):
    faces = [face(0.3), face(0.2), face(0.25), face(0.05), face(-0.5)]
    assert worn(faces, cores=cores, shared=shared)[0] == worn(faces)[0] == 3


@pytest.mark.parametrize("shared", [False, True])
def test_a_recogniser_is_asked_from_several_threads_only_where_it_says_so(monkeypatch, shared):
    threads, both = [], threading.Barrier(2, timeout=60)

    def extract(picture, _):
        threads.append(threading.current_thread().name)
        if shared:
            both.wait()
        return face(0.5)[None]

    drawing = SimpleNamespace(
        extractor=SimpleNamespace(extract=extract, concurrent=shared), concurrent=True
    )
    monkeypatch.setattr(trial, "worn", lambda *_: None)
    monkeypatch.setattr(networks, "cores", lambda: 2)
    mixes = [np.int64([row]) for row in range(2)]
    tried = list(trial._tried_on(mixes, [(nobody(), LOOK)], drawing))
    assert [mix[0] for mix, _ in tried] == [0, 1]
    assert len(set(threads)) == 1 + shared


def test_nobody_wears_a_double_of_anothers_surrogate(worn):
    faces = [face(0.0), face(-0.6)]
    assert worn(faces, others=[faces[0]]) == (1, 0)


@pytest.mark.parametrize(("width", "drawn"), [(40, 40), (75, 75), (300, 75), (2000, 75)])
def test_large_faces_are_tried_on_with_a_texture_for_small_ones(monkeypatch, width, drawn):
    """A quick one, on a mesh of the face's own size."""
    mesh = np.linspace(0, width, 3 * 468, dtype=np.float32).reshape(468, 3)
    asked, worn_on = [], []

    def wear(picture, mesh, who, job):
        worn_on.append(mesh)
        return None, Patch(np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), np.float32), (0, 0))

    monkeypatch.setattr(trial, "wear", wear)
    generator = SimpleNamespace(generate=lambda _, __, mesh: asked.append(mesh))
    look = SimpleNamespace(
        crop=np.full((4, 4, 3), 9, np.uint8), faces=SimpleNamespace(mesh=mesh[None])
    )
    shown = trial.worn(nobody(), look, np.int64([0]), SimpleNamespace(generator=generator))
    assert np.ptp(asked[0][:, :2], axis=0).max() == pytest.approx(drawn, rel=0.01)
    assert np.array_equal(worn_on[0], mesh)
    assert shown[0, 0].max() == 0


def test_of_a_group_the_mean_counts():
    weights = np.zeros((3, WIDTH + 1), np.float32)
    weights[1, 2] = 1
    drawing = SimpleNamespace(kind=Kind(read(weights), Wish()))
    people = np.stack([face(0, age=0), face(0, age=0.7)])
    apart = trial.of_other_kind(np.stack([face(0)] * 2), people, drawing)
    assert apart == pytest.approx(1.0)


def test_where_nobody_is_known_the_first_is_worn():
    first, drawing = np.int64([3]), SimpleNamespace(mean=np.zeros(WIDTH, np.float32))
    donors, features = trial.least_alike([(nobody(), LOOK)], iter([first]), drawing)
    assert donors is first
    assert features is None


def promising(count):
    """Faces that resemble Ann, but for the last, and what is expected of them."""
    faces = [face(0.3 + 0.01 * i) for i in range(count - 1)] + [face(0.0)]
    return faces, lambda mixes: np.stack([faces[mix[0]] for mix in mixes])


def test_where_faces_are_expected_only_the_most_promising_are_tried_on(worn):
    faces, expected = promising(trial.TRIES)
    assert worn(faces, expected=expected) == (trial.TRIES - 1, 0)
    assert worn.tried == [*range(trial._TRIED - 1), trial.TRIES - 1]


def test_those_expected_to_look_of_the_persons_sex_are_more_promising(worn):
    """Of many half are expected to look like men, and a little less like Ann."""
    faces = [face(0.3 - 0.01 * (row % 2), sex=0.2 * (row % 2)) for row in range(trial.TRIES)]
    worn(faces, expected=lambda mixes: np.stack([faces[mix[0]] for mix in mixes]))
    assert worn.tried == list(range(0, 2 * trial._TRIED, 2))


def test_what_was_expected_is_not_what_counts(worn):
    faces, expected = promising(trial.TRIES)
    assert worn([*faces[:-1], face(0.9)], expected=expected)[0] == 0


def test_what_is_tried_on_keeps_its_order(worn):
    """Else the same few would be worn whatever was drawn."""
    faces = [face(-0.1), face(-0.5), face(0.4)]
    assert worn(faces, expected=lambda mixes: np.stack([faces[m[0]] for m in mixes]))[0] == 0


def test_where_nothing_is_expected_fewer_are_drawn_but_all_tried_on(worn):
    faces, _ = promising(32)
    assert worn(faces, expected=lambda mixes: None) == (31, 0)
    assert worn([*faces[:-1], face(0.3), face(-0.5)], expected=lambda mixes: None)[0] == 0


def test_faces_are_expected_about_as_they_are_drawn(drawing, donors, face, astronaut):
    """Closer than those of other mixes are."""
    person, look = nobody(), SimpleNamespace(crop=astronaut, faces=face)
    mixes = [donors.rows.rows[i : i + 4] for i in range(0, 80, 10)]
    expected = drawing.expected(mixes)
    pictures = [trial.worn(person, look, mix, drawing) for mix in mixes]
    faces = np.concatenate([drawing.extractor.extract(p, face) for p in pictures])
    alike = similarity(expected, faces, drawing.mean)
    rest = alike[~np.eye(len(mixes), dtype=bool)]
    assert np.diag(alike).mean() > rest.mean() + 0.25
