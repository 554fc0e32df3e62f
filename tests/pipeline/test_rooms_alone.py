"""Edges of the commands for single rooms; that they work is shown by test_docs.py."""

import json
import shutil

import cv2
import numpy as np
import pytest

from pipeline import cli, portraits, room_files, room_pictures
from pipeline.contract import Surrogate
from pipeline.geometry import overlap
from tests.e2e.conftest import write_clip

pytestmark = pytest.mark.usefixtures("unchanged_process")


@pytest.fixture(scope="module")
def photo(tmp_path_factory, astronaut):
    path = tmp_path_factory.mktemp("rooms") / "one.png"
    cv2.imwrite(str(path), astronaut[..., ::-1])
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory, astronaut):
    """A photo of two faces side by side."""
    path = tmp_path_factory.mktemp("rooms") / "two.png"
    cv2.imwrite(str(path), np.hstack([astronaut, astronaut[:, ::-1]])[..., ::-1])
    return path


@pytest.fixture(scope="module")
def document(photo):
    """What `detect` says of the photo."""
    cli.main(["detect", str(photo), "--out", str(photo.parent / "d"), "-q"])
    return photo.parent / "d" / "one.json"


@pytest.fixture
def call(tmp_path, capsys):
    """Run a command with its output below tmp_path/out; exit code and lines on stderr."""

    def run(*arguments):
        try:
            code = cli.main([*map(str, arguments), "--out", str(tmp_path / "out")])
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr().err.splitlines()

    return run


def faces_of(path):
    return [
        face for picture in json.loads(path.read_text())["pictures"] for face in picture["faces"]
    ]


def read(path):
    return np.asarray(cv2.imread(str(path))[..., ::-1])


def test_a_document_holds_what_a_run_would_see(document, face):
    (one,) = faces_of(document)
    assert overlap(np.float32([one["box"]]), face.boxes)[0, 0] > 0.95
    assert np.abs(np.float32(one["mesh"]) - face.mesh[0]).max() < 3
    assert one["mesh_score"] > 0.9


def test_a_document_read_back_is_the_same(document, tmp_path):
    rows = room_files.load(document)
    shutil.copy(document, tmp_path / "a.json")
    room_files.save(tmp_path / "b.json", rows)
    again = room_files.load(tmp_path / "b.json")
    assert again[0].file.resolve() == rows[0].file.resolve()
    assert np.array_equal(again[0].faces.mesh, rows[0].faces.mesh)
    assert again[0].said == rows[0].said


def test_a_video_is_looked_at_in_every_nth_frame(tmp_path, call, moving):
    clip = write_clip(tmp_path / "clip.mp4", moving[:6])
    assert call("detect", clip, "--every", 3, "-q") == (0, [])
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["clip-000003.png", "clip.json", "clip.png"]
    rows = room_files.load(tmp_path / "out" / "clip.json")
    assert [row.frame for row in rows] == [0, 3]
    assert [len(row.faces) for row in rows] == [1, 1]


def test_the_document_of_a_video_is_read_from_its_frames(tmp_path, call, moving):
    clip = write_clip(tmp_path / "clip.mp4", moving[:4])
    cli.main(["detect", str(clip), "--every", "3", "--out", str(tmp_path / "d"), "-q"])
    assert call("extract", tmp_path / "d" / "clip.json", "-q") == (0, [])
    table = json.loads((tmp_path / "out" / "similarity.json").read_text())
    assert table["faces"] == ["clip.mp4, frame 0, face 0", "clip.mp4, frame 3, face 0"]
    assert table["centred cosine"][0][1] > 0.8


def test_nothing_is_overwritten_unless_asked(tmp_path, call, document):
    target = tmp_path / "out" / "one.json"
    target.parent.mkdir()
    target.write_text("mine")
    code, said = call("extract", document, "-q")
    assert code == 1
    assert said == [f"{target} is there already; add --overwrite or name another --out"]
    assert target.read_text() == "mine"
    assert call("extract", document, "-q", "--overwrite")[0] == 0
    assert len(faces_of(target)) == 1


def test_two_files_of_one_name_are_refused_before_any_work(tmp_path, call, photo):
    shutil.copy(photo, tmp_path / "one.png")
    code, said = call("detect", photo, tmp_path / "one.png", "-q")
    assert code == 1
    assert "another file has" in said[0]
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("room", ["detect", "extract", "match", "replace"])
def test_a_file_that_is_not_there_is_one_line(tmp_path, call, room):
    assert call(room, tmp_path / "gone.png", "-q") == (
        1,
        [f"{tmp_path / 'gone.png'}: no such file"],
    )


def broken(document, change):
    """The text of a document in which one thing is not as it should be."""
    whole = json.loads(document.read_text())
    picture = whole["pictures"][0]
    picture["file"] = str(document.parent / picture["file"])
    change(whole, picture, picture["faces"][0])
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w, p, f: w.update(format="x"), "its format is 'x'"),
        (lambda w, p, f: w.pop("format"), "'format' is missing"),
        (lambda w, p, f: f.pop("box"), "'box' is missing"),
        (lambda w, p, f: f.update(box=[1, 2, 3]), "is no document of faces"),
        (lambda w, p, f: f.update(box=[5, 5, 1, 1]), "a box must be x1, y1, x2, y2"),
        (lambda w, p, f: f.update(mesh=[[1, 2, 3]]), "is no document of faces"),
        (lambda w, p, f: f.update(mesh="x"), "is no document of faces"),
        (lambda w, p, f: p.update(sha256="00"), "is not the file that"),
        (lambda w, p, f: p.update(file="gone.png"), "cannot be read"),
        (lambda w, p, f: p.update(frame=7), "has no frame 7"),
        (lambda w, p, f: f.update(features=[1.0, 2.0]), "must give 128 features a face"),
        (lambda w, p, f: f.update(donors=[99999]), "donors must be numbers in 0.."),
        (lambda w, p, f: f.update(donors=[1, 1]), "donors must be different"),
        (lambda w, p, f: f.update(donors="all"), "donors must be numbers in 0.."),
        (lambda w, p, f: f.update(donors=[1], generator="x"), "are those of --generator x"),
        (lambda w, p, f: f.update(surrogate="gone.npz"), "is no surrogate"),
    ],
)
def test_a_document_that_is_not_as_it_should_be_is_one_line_and_no_output(
    tmp_path, call, document, change, words
):
    path = tmp_path / "bad.json"
    path.write_text(broken(document, change))
    code, said = call("replace", path, "-q")
    assert code == 1
    assert len(said) == 1
    assert words in said[0]
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_file_that_is_no_document_is_one_line(tmp_path, call, content):
    (tmp_path / "bad.json").write_bytes(content)
    code, said = call("match", tmp_path / "bad.json", "-q")
    assert (code, len(said)) == (1, 1)
    assert "is no document of faces" in said[0]


@pytest.fixture
def half(pair, tmp_path):
    """A document that names only the left one of two faces."""
    cli.main(["detect", str(pair), "--out", str(tmp_path / "d"), "-q"])
    rows = room_files.load(tmp_path / "d" / "two.json")
    left = int(rows[0].faces.boxes[:, 0].argmin())
    rows[0].faces, rows[0].said = rows[0].faces[[left]], [{}]
    room_files.save(tmp_path / "d" / "half.json", rows)
    return tmp_path / "d" / "half.json"


def test_a_face_that_the_document_does_not_name_is_covered(tmp_path, call, half, pair, judge):
    assert call("replace", half, "-q", "--salt", "a") == (0, [])
    before, after = read(pair), read(tmp_path / "out" / "two-deid.png")
    for box in judge.faces(before).boxes:
        assert judge.remains(before, after, box) < 0.5


def test_only_leaves_the_others_as_they_are(tmp_path, call, half, pair):
    assert call("replace", half, "-q", "--only") == (0, [])
    before, after = read(pair), read(tmp_path / "out" / "two-deid.png")
    middle = before.shape[1] // 2
    assert np.array_equal(before[:, middle:], after[:, middle:])
    assert not np.array_equal(before[:, :middle], after[:, :middle])


def test_a_document_whose_box_was_moved_away_does_not_show_the_face(
    tmp_path, call, document, photo, face, judge
):
    path = tmp_path / "moved.json"
    path.write_text(
        broken(
            document, lambda w, p, f: f.update(box=[380, 380, 440, 460], mesh=None, landmarks=None)
        )
    )
    assert call("replace", path, "-q")[0] == 0
    before, after = read(photo), read(tmp_path / "out" / "one-deid.png")
    assert judge.remains(before, after, face.boxes[0]) < 0.5


@pytest.mark.parametrize("side", [16, 64, 700])
def test_a_texture_from_elsewhere_is_laid_over_the_face(tmp_path, call, photo, face, judge, side):
    chess = (np.indices((side, side)).sum(axis=0) // max(side // 16, 1) % 2 * 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "flat.png"), chess)
    assert call("replace", photo, "--surrogate", tmp_path / "flat.png", "-q")[0] == 0
    before, after = read(photo), read(tmp_path / "out" / "one-deid.png")
    assert judge.remains(before, after, face.boxes[0]) < 0.5


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.png", b"no picture", "is no picture of a texture"),
        ("a.npz", b"no arrays", "is no surrogate"),
        ("gone.npz", None, "is no surrogate"),
        ("gone.png", None, "is no picture of a texture"),
    ],
)
def test_a_surrogate_that_is_none_is_one_line(tmp_path, call, photo, name, content, words):
    if content:
        (tmp_path / name).write_bytes(content)
    code, said = call("replace", photo, "--surrogate", tmp_path / name, "-q")
    assert (code, len(said)) == (1, 1)
    assert words in said[0]
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("size", [(64, 32), (8, 8)])
def test_a_texture_must_be_a_square_of_a_useful_size(tmp_path, call, photo, size):
    cv2.imwrite(str(tmp_path / "flat.png"), np.zeros((*size, 3), np.uint8))
    code, said = call("replace", photo, "--surrogate", tmp_path / "flat.png", "-q")
    assert code == 1
    assert f"a texture must be a square of 16..4096 px, got {size[1]}x{size[0]}" in said[0]


def test_a_surrogate_keeps_its_arrays_in_a_file(tmp_path, drawing, donors, face):
    drawn = drawing.generator.generate(donors.rows.rows[:4], portraits.nobody(), face.mesh[0])
    portraits.save_surrogate(tmp_path / "a.npz", drawn)
    again = portraits.load_surrogate(tmp_path / "a.npz")
    assert isinstance(again, Surrogate)
    assert np.array_equal(again.texture, drawn.texture)
    assert np.array_equal(again.shape, drawn.shape)


def test_replace_takes_no_video(tmp_path, call, moving):
    clip = write_clip(tmp_path / "clip.mp4", moving[:2])
    code, said = call("replace", clip, "-q")
    assert code == 1
    assert "is no photo; `facesurrogate run` takes videos" in said[-1]
    assert not list((tmp_path / "out").glob("*"))


def test_a_photo_without_a_face_passes_through_every_room(tmp_path, call):
    plain = tmp_path / "plain.png"
    cv2.imwrite(str(plain), np.full((90, 120, 3), 200, np.uint8))
    for room in ("detect", "extract", "match", "replace"):
        assert call(room, plain, "-q", "--overwrite") == (0, [])
    assert np.array_equal(read(plain), read(tmp_path / "out" / "plain-deid.png"))


@pytest.mark.parametrize(
    ("box", "ground"),
    [([-50, -50, 20, 20], True), ([900, 900, 950, 950], True), ([110, 110, 160, 160], False)],
)
def test_a_crop_that_hangs_over_the_border_is_plain_there(astronaut, box, ground):
    tile = room_pictures.crop(astronaut, np.float32(box), 64)
    assert tile.shape == (64, 64, 3)
    assert (tile[0, 0] == room_pictures.GROUND).all() == ground


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_heat_map_has_a_cell_for_each_pair(count):
    table = np.eye(count, dtype=np.float32)
    table[-1, 0] = np.nan
    assert room_pictures.heat_map(table).shape == (56 * count, 56 * count, 3)


@pytest.mark.parametrize("k", [1, 4, 30])
def test_random_mixes_are_of_donors_who_look_alike(donors, k):
    rows = donors.rows
    mixes = portraits.random_mixes(50, k, rows, np.random.default_rng(3))
    assert all(len(mix) == k and set(mix) <= set(rows.rows.tolist()) for mix in mixes)
    assert len({tuple(mix) for mix in mixes}) > 45
    where = {row: place for place, row in enumerate(rows.rows.tolist())}
    spread = [np.std(rows.likeness[[where[row] for row in mix], 1]) for mix in mixes]
    assert np.mean(spread) < 0.6 * np.std(rows.likeness[:, 1])
