"""The commands that docs/rooms.md shows are run as they stand there, one after the other."""

import json
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline import cli

ROOT = Path(__file__).resolve().parents[2]
SHOWN = re.findall(r"^    facesurrogate (.*)$", (ROOT / "docs/rooms.md").read_text("utf-8"), re.M)

pytestmark = pytest.mark.usefixtures("unchanged_process")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut):
    """Where the commands run: a photo of one person, and the outputs of the commands before."""
    path = tmp_path_factory.mktemp("docs")
    cv2.imwrite(str(path / "portrait.png"), astronaut[..., ::-1])
    return path


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_of_the_docs_runs_as_shown(folder, monkeypatch, line):
    monkeypatch.chdir(folder)
    command, _, comment = line.partition(" # ")
    assert cli.main([*shlex.split(command), "-q"]) == 0
    for name in re.findall(r"\b\w/[\w-]+\.\w+", comment):
        assert (folder / name).is_file(), name


def test_the_docs_show_every_room():
    assert {line.split()[0] for line in SHOWN} == {
        "detect", "extract", "match", "generate", "replace", "run"
    }  # fmt: skip


def test_the_chain_by_hand_hides_the_face(folder, judge, astronaut, face):
    """What the commands above left: the last file of the chain shows somebody else."""
    result = folder / "r" / "portrait-deid.png"
    if not result.is_file():
        pytest.skip("the commands of the docs did not run in this process")
    after = np.asarray(cv2.imread(str(result))[..., ::-1])
    assert after.shape == astronaut.shape
    assert judge.remains(astronaut, after, face.boxes[0]) < 0.5
    own = judge.features(astronaut, face.boxes[0])
    assert judge.alike(own, judge.features(after, face.boxes[0])) < 0.65


def test_every_room_adds_its_part_to_the_document(folder):
    if not (folder / "g" / "portrait.json").is_file():
        pytest.skip("the commands of the docs did not run in this process")
    expected = [
        ("d", {"box", "score", "landmarks", "mesh", "mesh_score", "gaze"}),
        ("e", {"features", "extractor"}),
        ("m", {"donors", "centred cosine", "sex", "age", "skin", "typology angle", "generator"}),
        ("g", {"surrogate"}),
    ]
    seen: set[str] = set()
    for room, names in expected:
        (picture,) = json.loads((folder / room / "portrait.json").read_text())["pictures"]
        (one,) = picture["faces"]
        assert set(one) - seen == names
        seen |= names
