"""Model files are found, verified, and reported by name when something is wrong with them."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import weights
from pipeline.errors import WeightsError

ROW = """
[toy]
file = "DB/toy.bin"
sha256 = "{sha256}"
bytes = 3
source = "none"
licence = "CC0-1.0"
purpose = "a test"
"""


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A DB folder whose manifest has one row, `toy`, and its file."""
    folder = tmp_path / "DB"
    folder.mkdir()
    (folder / "toy.bin").write_bytes(b"abc")
    row = ROW.format(sha256=hashlib.sha256(b"abc").hexdigest())
    (folder / "weights.toml").write_text(row, encoding="utf-8")
    return folder


SHIPPED = [name for name, row in weights.manifest().items() if not row.url]
FETCHED = [name for name, row in weights.manifest().items() if row.url]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_file_is_there_and_whole(name: str) -> None:
    assert weights.locate(name).stat().st_size == weights.manifest()[name].bytes


@pytest.mark.parametrize("name", weights.manifest())
def test_every_row_says_where_it_comes_from_and_what_it_allows(name: str) -> None:
    row = weights.manifest()[name]
    assert row.source
    assert row.licence
    assert row.purpose
    assert re.fullmatch("[0-9a-f]{64}", row.sha256) or (row.url and not row.sha256)


@pytest.mark.parametrize("name", FETCHED)
def test_a_file_that_has_to_be_fetched_says_how(name: str) -> None:
    with pytest.raises(WeightsError, match=f"not shipped; `facesurrogate fetch {name}` brings it"):
        weights.locate(name)
    assert weights.manifest()[name].url.startswith("https://")
    assert weights.manifest()[name].url.endswith("/" + weights.manifest()[name].file)


def test_a_file_of_the_repository_is_found_beside_its_manifest(db: Path) -> None:
    assert weights.locate("toy", db) == (db / "toy.bin").resolve()


def test_an_unknown_name_lists_the_known_ones(db: Path) -> None:
    with pytest.raises(WeightsError, match="no model file called 'yolo'; known: toy"):
        weights.locate("yolo", db)


def test_a_missing_file_is_named_with_the_way_out(db: Path) -> None:
    (db / "toy.bin").unlink()
    with pytest.raises(WeightsError, match=r"toy\.bin cannot be read .*git restore"):
        weights.locate("toy", db)


@pytest.mark.parametrize("content", [b"", b"abd", b"abcd"])
def test_an_altered_file_tells_both_hashes_in_one_line(db: Path, content: bytes) -> None:
    (db / "toy.bin").write_bytes(content)
    with pytest.raises(WeightsError, match="is altered") as caught:
        weights.locate("toy", db)
    message = str(caught.value)
    assert hashlib.sha256(b"abc").hexdigest()[:12] in message
    assert hashlib.sha256(content).hexdigest()[:12] in message
    assert "\n" not in message


def test_a_missing_package_is_named_with_the_way_out(db: Path) -> None:
    manifest = db / "weights.toml"
    text = manifest.read_text(encoding="utf-8") + 'package = "no_such_package"\n'
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"no package no_such_package .*generate\.sh"):
        weights.locate("toy", db)


@pytest.mark.parametrize(
    "text",
    [
        "[toy",
        "[toy]\nfile = 'x'",
        "toy = 1",
        "[toy]\nfile = 'x'\nsource = ''\nlicence = ''\npurpose = ''",
    ],
)
def test_a_broken_manifest_is_named(db: Path, text: str) -> None:
    (db / "weights.toml").write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"weights\.toml cannot be used"):
        weights.locate("toy", db)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"weights\.toml cannot be used"):
        weights.locate("toy", tmp_path)


def test_locating_imports_no_package_that_carries_files() -> None:
    code = (
        "import sys\n"
        "from pipeline import weights\n"
        "for name, row in weights.manifest().items(): row.url or weights.locate(name)\n"
        "packages = {row.package for row in weights.manifest().values()} - {''}\n"
        "sys.exit(', '.join(packages & set(sys.modules)) or None)\n"
    )
    root = Path(weights.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_restricted_landmark_predictor_is_not_installed() -> None:
    models = weights.locate("dlib_5_points").parent
    assert not list(models.glob("shape_predictor_68*"))
