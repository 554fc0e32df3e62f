import shutil

import numpy as np
import pytest

from pipeline import database
from pipeline.errors import SettingsError, WeightsError

FILES = (database.NETWORK, database.WEIGHTS, database.DONORS)


@pytest.fixture
def home(tmp_path):
    shutil.copytree(database.HOME / "generators", tmp_path / "generators")
    return tmp_path


@pytest.fixture
def folder(home):
    name = (home / "generators" / database.POINTER).read_text().strip()
    return home / "generators" / name


def test_the_one_in_use_is_whole(donors):
    count = len(donors.faces.codes)
    assert donors.faces.shapes.shape == (count, 468, 3)
    assert donors.faces.likeness.shape == (count, 2)
    assert donors.rows.rows.max() < count
    assert len(donors.rows.rows) > 200
    assert np.linalg.norm(donors.rows.features, axis=1) == pytest.approx(
        np.ones(len(donors.rows.rows)), abs=1e-3
    )


def test_every_triangle_of_the_canonical_face_names_points_of_it(donors):
    assert donors.canonical.triangles.min() == 0
    assert donors.canonical.triangles.max() == 467


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_with_the_way_out(home, folder, name):
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=rf"{name} is missing: .*git checkout DB.*train_once"):
        database.load("", home)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["a byte", "cut", "emptied"])
def test_an_altered_file_is_refused(home, folder, name, how):
    content = bytearray((folder / name).read_bytes())
    if how == "a byte":
        content[len(content) // 2] ^= 1
    (folder / name).write_bytes(
        {"a byte": bytes(content), "cut": bytes(content[:-9]), "emptied": b""}[how]
    )
    with pytest.raises(WeightsError, match=f"{name} was altered"):
        database.load("", home)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"network.xml": 3}'])
def test_a_broken_seal_is_refused(home, folder, text):
    (folder / database.SEAL).write_text(text)
    with pytest.raises(WeightsError):
        database.load("", home)


def test_a_missing_pointer_is_named(home):
    (home / "generators" / database.POINTER).unlink()
    with pytest.raises(WeightsError, match="current is missing"):
        database.load("", home)


@pytest.mark.parametrize("name", ["nobody", "..", "../generators"])
def test_an_unknown_generator_lists_the_known_ones(home, folder, name):
    with pytest.raises(SettingsError, match=f"known: .*{folder.name}"):
        database.load(name, home)


def test_an_empty_home_is_told(tmp_path):
    with pytest.raises(SettingsError, match="known: none"):
        database.load("deconv", tmp_path)


def test_a_seal_fits_what_it_was_made_for(home, folder):
    (folder / database.DONORS).write_bytes((folder / database.DONORS).read_bytes())
    database.seal(folder)
    assert database.load("", home).name == folder.name
