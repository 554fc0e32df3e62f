"""What every generator promises: the one in use, the example of the docs, and a third of yours.

FACESURROGATE_GENERATOR=NAME FACESURROGATE_GENERATOR_CLASS=module:Class pytest this file
checks a generator of your own as well.
"""

import importlib
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from generator.canonical import codes
from pipeline import cli, database, registry
from pipeline.contract import MESH_POINTS, Person, Surrogate
from pipeline.errors import SettingsError, WeightsError
from pipeline.expressions import wearing
from pipeline.settings import Settings
from tests.conftest import unknown_person

ROOT = Path(__file__).resolve().parents[2]
YOURS = os.environ.get("FACESURROGATE_GENERATOR_CLASS")


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The DB that the example of docs/generators.md builds, with its class importable."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/generators.md").read_text(), re.S)
    folder, home = tmp_path_factory.mktemp("example"), tmp_path_factory.mktemp("db")
    (folder / "eigenfaces.py").write_text(code)
    generators = home / "generators"
    generators.mkdir()
    used = database.load("").folder
    (generators / used.name).symlink_to(used)
    (generators / database.POINTER).write_text(used.name)
    sys.path.insert(0, str(folder))
    importlib.import_module("eigenfaces").build("eigen", home)
    yield home
    sys.path.remove(str(folder))
    sys.modules.pop("eigenfaces")


@pytest.fixture(scope="module", params=["in use", "example", *(["yours"] if YOURS else [])])
def made(request):
    """A generator and its DB."""
    if request.param == "in use":
        donors, settings = database.load(""), Settings()
    elif request.param == "yours":
        donors = database.load(os.environ.get("FACESURROGATE_GENERATOR", ""))
        settings = Settings(generator_class=YOURS or "")
    else:
        donors = database.load("eigen", request.getfixturevalue("example"))
        settings = Settings(generator_class="eigenfaces:EigenFaces")
    return registry.generator(donors, settings), donors


def people(donors):
    """Somebody of whom nothing is known, and somebody of whom all is."""
    row = donors.rows
    known = Person(row.features[0], row.skin[0], donors.canonical.shape.copy())
    return [unknown_person(), known]


@pytest.mark.parametrize("k", [1, 4, 16])
@pytest.mark.parametrize("who", [0, 1])
def test_a_generator_draws_a_whole_face(made, face, k, who):
    generator, donors = made
    drawn = generator.generate(donors.rows.rows[:k], people(donors)[who], face.mesh[0])
    assert isinstance(drawn, Surrogate)
    assert drawn.texture.shape[0] >= 64
    assert drawn.shape.shape == (MESH_POINTS, 3)
    assert np.isfinite(drawn.shape).all()
    middle = drawn.texture[len(drawn.texture) // 3 : -len(drawn.texture) // 3]
    assert 30 < middle.mean() < 230
    assert middle.std() > 10


def test_a_generator_answers_the_same_again_and_changes_nothing_it_is_given(made, face):
    generator, donors = made
    rows, person = donors.rows.rows[:4].copy(), people(donors)[1]
    given = [rows, face.mesh, person.features, person.skin, person.shape]
    before = [array.tobytes() for array in given]
    first, second = (generator.generate(rows, person, face.mesh[0]) for _ in range(2))
    assert np.array_equal(first.texture, second.texture)
    assert np.array_equal(first.shape, second.shape)
    assert [array.tobytes() for array in given] == before


def test_other_donors_are_somebody_else(made, face):
    generator, donors = made
    rows, person = donors.rows.rows, unknown_person()
    a, b = (generator.generate(rows[i : i + 4], person, face.mesh[0]) for i in (0, 60))
    middle = np.s_[len(a.texture) // 3 : -len(a.texture) // 3]
    assert np.abs(a.texture[middle].astype(float) - b.texture[middle]).mean() > 4


def test_the_shape_follows_the_mesh_and_not_its_place_size_or_turn(made):
    generator, donors = made
    person, rows = people(donors)[1], donors.rows.rows[:4]
    turn = np.array([[0.87, 0, 0.5], [0, 1, 0], [-0.5, 0, 0.87]], np.float32)
    calm, wide = (wearing(e, donors.canonical) for e in ("neutral", "open-mouth"))
    shapes = [
        generator.generate(rows, person, mesh).shape
        for mesh in (calm, wide, wide * 300 + np.float32([40, 80, 0]), wide @ turn)
    ]
    openings = [float(codes(shape)[0]) for shape in shapes]
    assert openings[1] > openings[0] + 0.1
    assert openings[2:] == pytest.approx(openings[1:2] * 2, abs=0.02)


def test_the_example_of_the_docs_runs_from_the_command_line(
    example, tmp_path, astronaut, judge, face, unchanged_process
):
    import cv2

    photo = tmp_path / "a.png"
    cv2.imwrite(str(photo), astronaut[..., ::-1])
    how = ["--generator", "eigen", "--generator-class", "eigenfaces:EigenFaces", "-q"]
    how += ["--db", str(example)]
    assert cli.main(["run", str(photo), "--out", str(tmp_path / "out"), *how]) == 0
    after = np.asarray(cv2.imread(str(tmp_path / "out" / "a-deid.png"))[..., ::-1])
    assert judge.remains(astronaut, after, face.boxes[0]) < 0.5
    sheet = tmp_path / "sheet.png"
    assert cli.main(["generate", "--random", "4", "--out", str(sheet), *how]) == 0
    assert cv2.imread(str(sheet)).std() > 20


def test_a_folder_names_its_kind_by_one_word_of_the_table(example):
    donors = database.load("eigen", example)
    assert donors.kind == "eigenfaces"
    with pytest.raises(SettingsError, match="no generator called 'eigenfaces'; known: deconv"):
        registry.generator(donors)


@pytest.mark.parametrize("kind", ['"os:system"', '"a.b"', "3", "null", '"two words"'])
def test_a_folder_cannot_name_code_to_run(example, kind):
    path = example / "generators" / "eigen" / database.KIND
    before = path.read_text()
    path.write_text(f'{{"kind": {kind}}}')
    database.seal(path.parent)
    with pytest.raises(WeightsError, match=r"a kind is one word.*--generator-class"):
        database.load("eigen", example)
    path.write_text(before)
    database.seal(path.parent)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_broken_kind_is_one_line(example, text):
    path = example / "generators" / "eigen" / database.KIND
    before = path.read_text()
    path.write_text(text)
    with pytest.raises(WeightsError, match=r"generator\.json is not readable") as caught:
        database.load("eigen", example)
    assert "\n" not in str(caught.value)
    path.write_text(before)


def test_an_altered_file_of_another_generator_is_refused(example):
    path = example / "generators" / "eigen" / "eigenfaces.npz"
    before = path.read_bytes()
    path.write_bytes(before + b"x")
    with pytest.raises(WeightsError, match=r"eigenfaces\.npz was altered"):
        database.load("eigen", example)
    path.write_bytes(before)
