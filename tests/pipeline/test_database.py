import shutil

import numpy as np
import pytest

from matcher.donors import Opposite
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


def as_described_by(folder, extractor, count):
    """A further extractor's arrays, sealed with the rest."""
    with np.load(folder / database.DONORS) as donors:
        rows = len(donors["identity"])
    np.savez(
        folder / database.features_file(extractor),
        features=np.full((rows, count), 0.5, np.float32),
        mean=np.zeros(count, np.float32),
        sex_weights=np.zeros(count + 1, np.float32),
        age_weights=np.zeros(count + 1, np.float32),
        likeness=np.zeros((rows, 2), np.float32),
        extractor=np.array(extractor),
    )
    database.seal(folder)


def test_donors_are_described_by_the_extractor_asked_for(home, folder):
    as_described_by(folder, "nose", 7)
    plain, nose = database.load("", home), database.load("", home, "nose")
    assert (plain.rows.extractor, nose.rows.extractor) == ("dlib_resnet", "nose")
    assert nose.rows.features.shape == (len(plain.rows.rows), 7)
    assert (nose.rows.rows == plain.rows.rows).all()
    assert not nose.faces.likeness.any()
    one = np.zeros((1, 7), np.float32)
    assert nose.rows.attributes.ancestry(one).shape == (1, 0)  # made before anybody told any
    with np.load(folder / database.DONORS) as donors:
        ancestry = donors["ancestry"]
    assert np.abs(nose.faces.steps @ ancestry).max() < 1e-4  # known from the first extractor


def test_a_db_of_older_make_knows_no_ancestries(home, folder):
    with np.load(folder / database.DONORS) as donors:
        kept = {name: donors[name] for name in donors.files if not name.startswith("ancestry")}
        ancestry = donors["ancestry"]
    np.savez(folder / database.DONORS, **kept)
    database.seal(folder)
    old = database.load("", home)
    assert np.abs(old.faces.steps @ ancestry).max() > 0.1
    assert old.rows.attributes.ancestry(old.rows.features).shape == (len(old.rows.rows), 0)


def test_the_shipped_donors_look_of_what_their_labels_name(donors):
    """Of no ancestry there are fewer than a twentieth."""
    told = donors.rows.attributes.ancestry(donors.rows.features)
    assert told.sum(axis=1) == pytest.approx(np.ones(len(told)), abs=0.02)
    share = np.bincount(told.argmax(axis=1), minlength=4) / len(told)
    assert share.min() > 0.05
    dark = donors.rows.attributes.dark(donors.rows.features)
    assert dark[told.argmax(axis=1) == 2].mean() > dark[told.argmax(axis=1) != 2].mean() + 0.3


@pytest.mark.parametrize("extractor", ["", "dlib_resnet", "unheard_of", "module:Class"])
def test_donors_keep_their_default_description_else(home, extractor):
    assert database.load("", home, extractor).rows.extractor == "dlib_resnet"


def test_the_matcher_names_both_extractors_where_the_db_lacks_one(home):
    donors = database.load("", home, "unheard_of")
    with pytest.raises(WeightsError, match=r"made with .*'dlib_resnet'.*not 'unheard_of'"):
        Opposite(donors.rows, "unheard_of")


@pytest.mark.parametrize("how", ["altered", "unsealed"])
def test_a_further_description_must_be_as_sealed(home, folder, how):
    as_described_by(folder, "nose", 7)
    if how == "altered":
        with (folder / database.features_file("nose")).open("ab") as file:
            file.write(b"x")
    else:
        shutil.copy(folder / "features-nose.npz", folder / "features-ear.npz")
    with pytest.raises(WeightsError, match=r"features-\w+\.npz was altered"):
        database.load("", home)
