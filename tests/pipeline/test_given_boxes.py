"""Boxes that a run is given: to which input they belong, and that each of them is covered."""

import json
import logging
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline import chain
from pipeline.analysis import Analysis, Analyst
from pipeline.boxes import Boxes
from pipeline.chain import Report
from pipeline.contract import Faces, Frame
from pipeline.errors import BoxesError
from pipeline.given_boxes import FileBoxes, GivenBoxes, Reading, united
from pipeline.planning import plan
from pipeline.rooms import Rooms
from pipeline.settings import Settings
from replacer.fill import Fill
from tests.pipeline.test_stream import NoMesh

SIZE = WIDTH, HEIGHT = 200, 120
SETTINGS = Settings(mode="solid")


class Blind:
    """A detector that finds nothing, and counts how often it was asked."""

    def __init__(self):
        self.asked = 0

    def detect(self, image):
        self.asked += 1
        return Faces.of([])


@pytest.fixture
def blind():
    return Rooms(Blind(), NoMesh(), Fill("solid"), None)


def given(rows, every=1, count=1, **more):
    """Boxes from (frame, box); every `every`-th frame was looked at, of `count` or more."""
    frames = np.array([frame for frame, _ in rows], np.int64)
    boxes = np.array([box for _, box in rows], np.float32).reshape(-1, 4)
    pictures = np.arange(0, max(count, 1 + max(frames.tolist(), default=0)), every)
    places = np.arange(len(rows))
    return Boxes.of(Path("b.txt"), "line {}", (places, frames, boxes), pictures, **more)


def frames(pictures):
    for number, picture in enumerate(pictures):
        yield Frame((picture,), "rgb24", number, number, Fraction(1, 25), "bt601", True)


def noise(count, seed=0, speed=2):
    """Pictures of a texture that moves, in which nothing is a face."""
    rng = np.random.default_rng(seed)
    wide = rng.integers(60, 200, (HEIGHT // 8, (WIDTH + speed * count) // 8 + 1, 3), np.uint8)
    wide = cv2.resize(wide, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(wide[:, speed * n : speed * n + WIDTH]) for n in range(count)]


def covered(rooms, pictures, boxes, settings=SETTINGS, alone=False):
    """The pictures as a run with these boxes would show them."""
    analyst = Analyst(Analysis(b""), rooms, settings, FileBoxes([boxes], alone))
    some = list(frames(pictures))
    for frame in some:
        analyst.step(frame)
    analyst.finish()
    todo = plan(analyst.result, rooms, settings, b"salt")
    return [chain.covered(frame, todo, rooms, Report()).planes[0] for frame in some]


def untouched(before, after, box):
    """The share of the pixels under the inner half of a box that stayed as they were."""
    x1, y1, x2, y2 = box
    middle, half = np.array([x1 + x2, y1 + y2]) / 2, np.array([x2 - x1, y2 - y1]) / 4
    low = np.clip(np.floor(middle - half), 0, np.array(SIZE) - 1).astype(int)
    high = np.clip(np.ceil(middle + half), low + 1, SIZE).astype(int)
    part = np.s_[low[1] : high[1], low[0] : high[0]]
    return float((before[part] == after[part]).all(axis=2).mean())


def uncovered(pictures, shown, boxes):
    """The frames and boxes under which the original still shows."""
    rows = zip(boxes.frames.tolist(), boxes.boxes.tolist(), strict=True)
    return [(f, box) for f, box in rows if untouched(pictures[f], shown[f], box) > 0.05]


def scattered(seed, count, frames):
    """Boxes anywhere and of any size, over the border too."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        size = rng.uniform(3, 110, 2)
        corner = rng.uniform(-0.4 * size, np.array(SIZE) - 0.6 * size)
        rows.append((int(rng.integers(frames)), [*corner, *(corner + size)]))
    return given(rows, count=frames)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("every", [1, 4, "auto"])
@pytest.mark.parametrize("seed", range(2))
def test_every_box_is_covered_in_its_frame_though_nobody_confirms_it(blind, seed, every, alone):
    pictures, boxes = noise(20, seed), scattered(seed, 50, 20)
    shown = covered(blind, pictures, boxes, replace(SETTINGS, detect_every=every), alone)
    assert uncovered(pictures, shown, boxes) == []


def test_also_over_cuts_and_dissolves(blind):
    one, other = noise(40, 1), [255 - picture for picture in noise(40, 2)]
    mixed = [
        cv2.addWeighted(a, 1 - share, b, share, 0)
        for a, b, share in zip(one[:20], other[:20], np.clip(np.arange(-5, 15) / 10, 0, 1),
                               strict=True)
    ]  # fmt: skip
    pictures, boxes = [*mixed, *one[20:]], scattered(7, 120, 40)
    assert uncovered(pictures, covered(blind, pictures, boxes), boxes) == []


def test_also_with_the_real_mesh_and_surrogates(rooms):
    pictures, boxes = noise(6, 3), scattered(3, 15, 6)
    settings = Settings()
    shown = covered(replace(rooms, detector=Blind()), pictures, boxes, settings)
    assert uncovered(pictures, shown, boxes) == []


@pytest.mark.parametrize("threshold", [0.05, 0.95])
def test_whatever_the_threshold_of_our_own_detector_is(blind, threshold):
    pictures, boxes = noise(20), scattered(5, 30, 20)
    settings = replace(SETTINGS, detect_threshold=threshold)
    assert uncovered(pictures, covered(blind, pictures, boxes, settings), boxes) == []


def test_doubtful_finds_of_our_own_do_not_outvote_a_box(blind):
    class Doubts(Blind):
        def detect(self, image):
            return Faces.of([[20, 30, 60, 80]], scores=[0.5])

    pictures, boxes = noise(40, speed=0), given([(20, [20, 30, 60, 80])])
    settings = replace(SETTINGS, detect_threshold=0.95)
    shown = covered(replace(blind, detector=Doubts()), pictures, boxes, settings)
    assert uncovered(pictures, shown, boxes) == []
    alone = covered(replace(blind, detector=Doubts()), pictures, given([]), settings)
    assert len(uncovered(pictures, alone, boxes)) == 1


def test_a_face_is_covered_in_the_frames_that_nobody_looked_at_too(blind):
    """Of a still picture every fifth frame was looked at; the box moves on in between."""
    pictures = noise(41, speed=0)
    path = [[20 + 2 * n, 30, 60 + 2 * n, 80] for n in range(41)]
    boxes = given([(n, path[n]) for n in range(0, 41, 5)], every=5)
    shown = covered(blind, pictures, boxes, alone=True)
    assert uncovered(pictures, shown, given(list(enumerate(path)))) == []


def test_a_face_that_has_gone_is_not_covered_for_long(blind):
    pictures = noise(80, speed=8)
    boxes = given([(n, [20, 30, 60, 80]) for n in range(10)] + [(79, [120, 30, 160, 80])])
    shown = covered(blind, pictures, boxes, alone=True)
    changed = [n for n in range(80) if (pictures[n] != shown[n]).any()]
    assert {*range(13), *range(77, 80)} <= set(changed)
    assert not set(changed).intersection(range(25, 60))


def test_with_boxes_only_the_detector_is_not_asked(blind):
    covered(blind, noise(8), scattered(1, 5, 8), alone=True)
    assert blind.detector.asked == 0
    covered(blind, noise(8), scattered(1, 5, 8))
    assert blind.detector.asked > 0


def test_what_the_detector_finds_is_covered_beside_the_boxes(blind):
    class Finds(Blind):
        def detect(self, image):
            return Faces.of([[130, 40, 170, 90]], scores=[0.9])

    pictures, boxes = noise(10), given([(n, [20, 30, 60, 80]) for n in range(10)])
    own = given([(n, [130, 40, 170, 90]) for n in range(10)])
    shown = covered(replace(blind, detector=Finds()), pictures, boxes)
    assert uncovered(pictures, shown, boxes) == uncovered(pictures, shown, own) == []


def test_no_boxes_at_all_leave_the_pictures_as_they_are(blind):
    pictures = noise(5)
    shown = covered(blind, pictures, given([], count=5))
    assert all(np.array_equal(a, b) for a, b in zip(pictures, shown, strict=True))


def test_no_boxes_at_all_are_refused_where_nobody_else_looks(blind):
    """A detector that failed leaves an empty file."""
    with pytest.raises(BoxesError, match=r"b.txt: holds no box, and --boxes-only"):
        covered(blind, noise(5), given([], count=5), alone=True)


@pytest.mark.parametrize(("first", "last"), [(0, 5), (3, 8)])
def test_boxes_of_a_part_of_the_clip_are_refused_where_nobody_else_looks(blind, first, last):
    frames = np.arange(first, last)
    rows = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
    part = Boxes.of(Path("b.json"), "box {}", rows, frames)
    covered(blind, noise(8), part)
    with pytest.raises(BoxesError, match=r"b.json: lists pictures of the frames .* of 8"):
        covered(blind, noise(8), part, alone=True)


def test_boxes_of_a_longer_clip_are_refused(blind):
    with pytest.raises(BoxesError, match=r"frame 9 .* beyond the 8 of this file"):
        covered(blind, noise(8), given([(9, [10, 10, 30, 30])]))


def test_boxes_of_another_size_are_refused_before_anything_is_looked_at(blind):
    with pytest.raises(BoxesError, match="made for pictures of 400x240, and this one is 200x120"):
        covered(blind, noise(3), given([(0, [10, 10, 30, 30])], size=(400, 240)))
    assert blind.detector.asked == 0


OWN = Faces.of([[0, 0, 20, 20], [50, 50, 70, 70]], np.ones((2, 5, 2)), [0.3, 0.8])


def test_a_box_over_a_face_of_ours_makes_it_larger_and_sure_and_its_landmarks_stay():
    faces = united(OWN, Faces.of([[2, 2, 22, 22]]))
    assert faces.boxes.tolist() == [[0, 0, 22, 22], [50, 50, 70, 70]]
    assert faces.scores.tolist() == pytest.approx([1, 0.8])
    assert np.isfinite(faces.landmarks).all()


def test_a_box_around_several_faces_of_ours_swallows_none():
    faces = united(OWN, Faces.of([[0, 0, 80, 80]]))
    assert faces.boxes.tolist() == [[0, 0, 20, 20], [50, 50, 70, 70], [0, 0, 80, 80]]
    assert np.isnan(faces.landmarks[2]).all()


def test_many_boxes_of_one_face_become_one_around_all():
    many = [[10 + n, 10, 40 + n, 40] for n in range(6)]
    assert united(Faces.of([]), Faces.of(many)).boxes.tolist() == [[10, 10, 45, 40]]


@pytest.mark.parametrize("count", [0, 2])
def test_without_boxes_our_faces_stay_as_they_are(count):
    assert united(OWN[:count], Faces.of([])).boxes.tolist() == OWN.boxes[:count].tolist()


CLIP, OTHER, PHOTO = Path("in/clip.mp4"), Path("in/other.mov"), Path("in/photo.jpg")
ROW = "1,1,{},5,9,9,1\n"


@pytest.fixture
def folder(tmp_path):
    """Write files of boxes: name=left edge of the box of the first frame."""

    def write(**files):
        for name, left in files.items():
            path = tmp_path / name.replace("__", ".")
            image = {"id": 1, "file_name": f"{path.name.split('.')[0]}/000001.jpg"}
            box = {"image_id": 1, "category_id": 1, "bbox": [left - 1, 5, 9, 9]}
            plain = {"images": [image], "annotations": [box]}
            text = json.dumps(plain) if path.suffix == ".json" else ROW.format(left)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def lefts(boxes, path):
    frame = Frame((np.zeros((50, 100, 3), np.uint8),), "rgb24")
    return boxes.of(path).faces(frame).boxes[:, 0].tolist()


@pytest.mark.parametrize(
    "name",
    ["clip__txt", "clip__mot__txt", "clip__csv", "clip__json", "clip__coco__json",
     "clip__mp4__txt", "clip_mp4__mot__txt"],
)  # fmt: skip
def test_in_a_folder_files_are_found_by_the_name_of_the_input(folder, name):
    boxes = GivenBoxes([folder(**{name: 5, "third__txt": 60})], [CLIP, PHOTO], Reading())
    assert lefts(boxes, CLIP) == [4]


def test_several_files_of_one_input_count_together(folder):
    boxes = GivenBoxes([folder(clip__txt=5, clip__json=40)], [CLIP], Reading())
    assert lefts(boxes, CLIP) == [4, 39]


def test_a_file_alone_is_of_the_only_input_whatever_its_name(folder):
    path = folder(gt__txt=5) / "gt.txt"
    assert lefts(GivenBoxes([path], [CLIP], Reading()), CLIP) == [4]


def test_named_files_are_of_the_inputs_that_are_called_so(folder):
    place = folder(clip__txt=5, other__json=40)
    boxes = GivenBoxes([place / "clip.txt", place / "other.json"], [CLIP, OTHER], Reading())
    assert (lefts(boxes, CLIP), lefts(boxes, OTHER)) == ([4], [39])


@pytest.mark.parametrize("name", ["gt.txt", "gt.json"])
def test_a_file_that_is_of_no_input_is_refused(folder, name):
    path = folder(**{name.replace(".", "__"): 5}) / name
    with pytest.raises(BoxesError, match=f"{re.escape(name)}: is of none of the inputs"):
        GivenBoxes([path], [CLIP, OTHER], Reading())


@pytest.mark.parametrize("name", ["none.txt", "none.json"])
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(BoxesError, match=r"[nN]o such file"):
        GivenBoxes([tmp_path / name], [CLIP, OTHER], Reading())


@pytest.mark.parametrize("name", ["clip__txt", "clip__json"])
@pytest.mark.parametrize("by_name", [True, False])
def test_two_inputs_of_one_name_are_not_guessed(folder, name, by_name):
    place = folder(**{name: 5})
    place = place / name.replace("__", ".") if by_name else place
    with pytest.raises(BoxesError, match=r"may be of a/clip\.mp4 and of b/clip\.mp4"):
        GivenBoxes([place], [Path("a/clip.mp4"), Path("b/clip.mp4")], Reading())


def test_in_a_folder_a_document_of_other_pictures_is_refused(folder):
    place = folder()
    images = [{"id": n, "file_name": f"{name}/1.jpg"} for n, name in enumerate("ab")]
    (place / "clip.json").write_text(json.dumps({"images": images, "annotations": []}))
    with pytest.raises(BoxesError, match=r"clip\.json: none of its pictures is of in/clip\.mp4"):
        GivenBoxes([place], [CLIP], Reading())


def test_an_input_without_boxes_is_named_and_left_to_the_detector(folder, caplog):
    boxes = GivenBoxes([folder(clip__txt=5)], [CLIP, OTHER], Reading())
    with caplog.at_level(logging.WARNING):
        assert boxes.of(OTHER) is None
    assert "in/other.mov: --boxes has none for it" in caplog.text


def test_an_input_without_boxes_is_refused_where_nobody_else_looks(folder):
    boxes = GivenBoxes([folder(clip__txt=5)], [CLIP, OTHER], Reading(), alone=True)
    with pytest.raises(BoxesError, match="--boxes-only lets nobody else look"):
        boxes.of(OTHER)


def test_how_files_are_read_is_told_to_both_formats(folder):
    place = folder(clip__txt=5)
    (place / "clip.txt").write_text("0,1,5,5,9,9,0.4\n0,1,30,5,9,9,0.6\n")
    boxes = GivenBoxes([place], [CLIP], Reading(first=0, least=0.5))
    assert lefts(boxes, CLIP) == [29]


def test_photos_in_one_document_find_their_own_boxes(tmp_path):
    images = [{"id": n, "file_name": f"{name}.jpg"} for n, name in enumerate("abc")]
    annotations = [{"image_id": n, "category_id": 1, "bbox": [10 * n, 5, 9, 9]} for n in range(3)]
    path = tmp_path / "all.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    inputs = [Path(f"in/{name}.jpg") for name in "abc"]
    boxes = GivenBoxes([path], inputs, Reading())
    assert [lefts(boxes, one) for one in inputs] == [[0], [10], [20]]
