import cv2
import numpy as np
import pytest

from pipeline import measuring
from pipeline.layouts import Picture


def picture(path):
    return Picture(path, path.name, path.stem)


@pytest.fixture
def pictures(tmp_path, render, donors):
    """A face, a wall, a broken file, and the same face again."""
    face = render([int(row) for row in donors.rows.rows[:2]], 320)
    wall = np.full((90, 90, 3), 128, np.uint8)
    for name, image in (("a", face), ("b", wall), ("d", face)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image[..., ::-1])
    (tmp_path / "c.png").write_bytes(b"torn")
    return [picture(tmp_path / f"{name}.png") for name in "abcd"]


def test_faces_are_found_and_the_others_listed_with_the_reason(tmp_path, pictures):
    found = measuring.faces(pictures, tmp_path / "work")
    assert [p.name for p in found.pictures] == ["a.png", "d.png"]
    assert found.meshes.shape == (2, 468, 3)
    assert {u.name: u.reason.split(":")[0] for u in found.unusable} == {
        "b.png": "no face found",
        "c.png": "cannot be read",
    }


def test_rows_count_on_from_piece_to_piece(tmp_path, pictures, monkeypatch):
    whole = measuring.faces(pictures, tmp_path / "whole")
    monkeypatch.setattr(measuring, "_PIECE", 1)
    found = measuring.faces(pictures, tmp_path / "pieces")
    assert found.pictures == whole.pictures
    assert found.unusable == whole.unusable
    assert (found.meshes == whole.meshes).all()
    features = measuring.features(found, "dlib_resnet", tmp_path / "pieces")
    assert np.linalg.norm(features, axis=1) == pytest.approx([1, 1], abs=1e-4)


def test_a_killed_run_measures_only_what_is_missing(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(measuring, "_PIECE", 2)
    before = measuring.faces(pictures, tmp_path / "work")
    (tmp_path / "work" / "faces-000002.npz").unlink()
    seen = []
    read = measuring.stills.read
    monkeypatch.setattr(measuring.stills, "read", lambda path: seen.append(path.name) or read(path))
    again = measuring.faces(pictures, tmp_path / "work")
    assert seen == ["c.png", "d.png"]
    assert (again.meshes == before.meshes).all()


def test_a_folder_without_any_face_gives_no_rows(tmp_path, pictures):
    found = measuring.faces([pictures[1]], tmp_path / "work")
    assert found.pictures == []
    assert measuring.features(found, "dlib_resnet", tmp_path / "work").shape[0] == 0


@pytest.mark.parametrize(
    ("points", "most", "rows"),
    [
        ([[0.0], [1.0], [10.0], [5.0]], 3, [0, 2, 3]),
        ([[0.0], [1.0]], 5, [0, 1]),
        ([[2.0], [2.0], [2.0]], 3, [0]),
        ([[2.0]], 1, [0]),
    ],
)
def test_diverse_takes_those_that_differ_most(points, most, rows):
    assert measuring.diverse(np.array(points), most) == rows
