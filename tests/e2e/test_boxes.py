"""`run --boxes`: faces that our own detector cannot find are covered where another one saw them."""

import json
import re

import cv2
import numpy as np
import pytest

from pipeline import cli, record
from pipeline.contract import Faces
from tests.conftest import drawn_background
from tests.e2e.conftest import read_clip, write_clip

pytestmark = pytest.mark.usefixtures("unchanged_process")

SIDE, FRAMES = 150, 10
SIZE = 420, 180
UNTOUCHED = 0.8
BLIND = "tests.e2e.test_boxes:Blind"


class Blind:
    """A detector that finds nothing."""

    def __init__(self, size, threshold):
        pass

    def detect(self, image):
        return Faces.of([])


def place(head, frame):
    """Where the inner face of a head is: x1 y1 x2 y2."""
    x, y = [(30 + 3 * frame, 15), (380 - SIDE - 3 * frame // 2, 20)][head]
    middle, half = np.array([x, y]) + SIDE / 2, np.array([0.25, 0.34]) * SIDE
    return np.concatenate([middle - half, middle + half])


@pytest.fixture(scope="module")
def clip(tmp_path_factory, render):
    """Two heads that move towards each other."""
    heads = [render(mix, SIDE) for mix in ([0, 1, 2, 3], [60, 61, 62, 63])]
    pictures = []
    for frame in range(FRAMES):
        picture = drawn_background(*SIZE)
        for number, head in enumerate(heads):
            x, y = (place(number, frame)[:2] - np.array([0.25, 0.16]) * SIDE).round().astype(int)
            picture[y : y + SIDE, x : x + SIDE] = head
        pictures.append(picture)
    return write_clip(tmp_path_factory.mktemp("clip") / "two.mp4", pictures, sound=False)


def mot(frames=range(FRAMES)):
    rows = [(frame, head) for frame in frames for head in (0, 1)]
    corners = [(frame + 1, *(place(head, frame)[:2] + 1)) for frame, head in rows]
    size = f"{0.5 * SIDE},{0.68 * SIDE}"
    return "".join(f"{n},-1,{left},{top},{size},0.9,-1,-1,-1\n" for n, left, top in corners)


def coco(frames=range(FRAMES)):
    images = [{"id": n, "file_name": f"{n}.jpg", "frame_id": n, "video_id": 1, "width": SIZE[0],
               "height": SIZE[1]} for n in frames]  # fmt: skip
    annotations = [
        {"image_id": n, "category_id": 1, "bbox": [*place(head, n)[:2], 0.5 * SIDE, 0.68 * SIDE]}
        for n in frames
        for head in (0, 1)
    ]
    more = {"videos": [{"id": 1, "name": "two"}], "categories": [{"id": 1, "name": "face"}]}
    return json.dumps({"images": images, "annotations": annotations, **more})


@pytest.fixture
def run(tmp_path, clip):
    """The exit code of a run over the clip; its output is then in tmp_path / "out"."""

    def call(*options, inputs=(clip,)):
        return cli.main(
            ["run", *map(str, inputs), "--out", str(tmp_path / "out"), "--preset", "ultrafast",
             "--crf", "8", "-q", *map(str, options)]
        )  # fmt: skip

    return call


def untouched(judge, clip, target):
    """Frames and heads that still show the original."""
    before, after = read_clip(clip).frames, read_clip(target).frames
    assert len(before) == len(after) == FRAMES
    return [
        (frame, head)
        for frame in range(FRAMES)
        for head in (0, 1)
        if judge.remains(before[frame], after[frame], place(head, frame)) >= UNTOUCHED
    ]


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("two.txt", mot(), ["--detector", BLIND]),
        ("two.txt", mot(), ["--detector", BLIND, "--detect-every", 4]),
        ("two.json", coco(), ["--boxes-only"]),
        ("two.json", coco(range(0, FRAMES, 3)), ["--boxes-only"]),
    ],
    ids=["mot", "mot, our own asked every fourth frame", "coco", "coco of every third frame"],
)
def test_faces_that_our_detector_does_not_find_are_replaced_where_boxes_are_given(
    run, judge, clip, tmp_path, name, text, options
):
    (tmp_path / name).write_text(text)
    assert run("--boxes", tmp_path / name, *options) == 0
    assert untouched(judge, clip, tmp_path / "out" / "two-deid.mp4") == []


def test_without_the_boxes_a_blind_detector_leaves_them(run, judge, clip, tmp_path):
    assert run("--detector", BLIND) == 0
    every = [(frame, head) for frame in range(FRAMES) for head in (0, 1)]
    assert untouched(judge, clip, tmp_path / "out" / "two-deid.mp4") == every


@pytest.fixture(scope="module")
def first(tmp_path_factory, clip):
    """The record of a run in which our own detector looked."""
    home = tmp_path_factory.mktemp("first")
    code = cli.main(["run", str(clip), "--out", str(home / "out"), "--record", str(home / "rec"),
                     "--mode", "solid", "-q"])  # fmt: skip
    assert code == 0
    return home / "rec" / "two.faces.json"


@pytest.mark.parametrize("form", ["mot", "coco"])
def test_our_own_boxes_given_back_cover_the_same(run, judge, clip, tmp_path, form, first):
    assert cli.main(["boxes", str(first), "--format", form, "--out", str(tmp_path), "-q"]) == 0
    path = tmp_path / f"two.{'mot.txt' if form == 'mot' else 'coco.json'}"
    again = ["--detector", BLIND, "--boxes", path, "--record", tmp_path / "second"]
    assert run(*again, "--mode", "solid") == 0
    assert untouched(judge, clip, tmp_path / "out" / "two-deid.mp4") == []
    boxes, others = (
        {
            (frame, tuple(box))
            for track in record.read(path).tracks
            for frame, box in enumerate(track.boxes, track.first)
        }
        for path in (first, tmp_path / "second" / "two.faces.json")
    )
    assert len(boxes) == 2 * FRAMES
    for frame, box in boxes:
        near = [other for number, other in others if number == frame]
        assert np.abs(np.array(near) - box).max(axis=1).min() <= 1


def test_photos_take_their_boxes_from_one_document(run, judge, clip, tmp_path):
    pictures = read_clip(clip).frames[:2]
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"photo{number}.png"), picture[..., ::-1])
    plain = json.loads(coco(range(2)))
    for image in plain["images"]:
        image["file_name"] = f"photo{image['id']}.png"
        del image["frame_id"], image["video_id"]
    (tmp_path / "all.json").write_text(json.dumps(plain))
    inputs = [tmp_path / f"photo{number}.png" for number in (0, 1)]
    assert run("--boxes", tmp_path / "all.json", "--boxes-only", inputs=inputs) == 0
    for number, picture in enumerate(pictures):
        after = cv2.imread(str(tmp_path / "out" / f"photo{number}-deid.png"))[..., ::-1]
        for head in (0, 1):
            assert judge.remains(picture, after, place(head, number)) < UNTOUCHED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1,1,5,5,9\n", "two.mp4: .*two.txt: line 1: must have 7 to 10 columns"),
        (mot() + "40,1,5,5,9,9,1,1,1,1\n", "line 21: frame 39 .* is beyond the 10 of this file"),
        (mot() + "2,1,900,5,9,9,1,1,1,1\n", "line 21: the box .* outside of the 420x180 picture"),
    ],
)
def test_boxes_that_do_not_fit_leave_no_output(run, tmp_path, capsys, text, why):
    (tmp_path / "two.txt").write_text(text)
    assert run("--boxes", tmp_path / "two.txt", "--mode", "solid") == 1
    told = " ".join(capsys.readouterr().err.split())
    assert re.search(why, told), told
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_with_boxes_only_an_input_without_boxes_fails_and_the_others_go_on(
    run, clip, tmp_path, capsys
):
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes())
    (tmp_path / "two.txt").write_text(mot())
    code = run("--boxes", tmp_path, "--boxes-only", "--mode", "solid", inputs=[clip, other])
    assert code == 1
    assert "other.mp4: --boxes has none for it" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["two-deid.mp4"]
