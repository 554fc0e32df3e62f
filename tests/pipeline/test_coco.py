"""Boxes as COCO has them: which are read, which pictures they belong to, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline import coco
from pipeline.errors import BoxesError

BOX = [10, 20, 30, 40]
FACE = {"id": 1, "name": "face"}
CLIP, PHOTO = Path("in/day 1/clip.mp4"), Path("in/day 1/photo.jpg")


def one(image_id=1, **more):
    return {"id": 1, "image_id": image_id, "category_id": 1, "bbox": BOX, **more}


def frames(numbers, **more):
    """Images that are frames of a video."""
    return [
        {"id": n + 1, "file_name": f"x/{n}.jpg", "frame_id": n, "video_id": 1, **more}
        for n in numbers
    ]


@pytest.fixture
def read(tmp_path):
    """Read what this JSON says."""

    def of(images, annotations=(), least=None, category="", **more):
        path = tmp_path / "boxes.json"
        plain = {"images": images, "annotations": list(annotations), "categories": [FACE], **more}
        path.write_text(json.dumps(plain), encoding="utf-8")
        return coco.read(path, least, category)

    return of


def found(document, path=CLIP, first=None, alone=False):
    """Frame and left edge of each box that belongs to an input; None where it is not known."""
    places = document.places(path, first, alone)
    if places is None:
        return None
    boxes = document.boxes(places)
    return list(zip(boxes.frames.tolist(), boxes.boxes[:, 0].tolist(), strict=True))


def test_a_box_is_left_top_width_height_from_0(read):
    document = read([{"id": 1, "file_name": "photo.jpg"}], [one()])
    assert document.boxes(document.places(PHOTO, None, True)).at(0).tolist() == [[10, 20, 40, 60]]


@pytest.mark.parametrize("key", ["frame_id", "frame_index"])
@pytest.mark.parametrize("name", ["clip", "clip.mp4", "day 1/clip", "in/day 1/clip.mov"])
def test_a_video_is_matched_by_its_name_and_frames_count_from_0(read, key, name):
    images = [{"id": 5, "file_name": "a/7.jpg", key: 3, "video_id": 2}]
    document = read(images, [one(5)], videos=[{"id": 2, "name": name}])
    assert found(document) == [(3, 10)]
    assert found(document, Path("in/other.mp4")) is None


@pytest.mark.parametrize(
    "name", ["clip/000004.jpg", "clip/img1/000004.jpg", "day 1\\clip\\f_4.png", "/data/clip/a4.jpg"]
)
def test_a_folder_that_is_called_as_the_clip_is_a_video(read, name):
    assert found(read([{"id": 1, "file_name": name}], [one()])) == [(3, 10)]


@pytest.mark.parametrize(
    ("numbers", "first", "expected"),
    [
        ([1, 2, 9], None, [0, 1, 8]),
        ([0, 1, 9], None, [0, 1, 9]),
        ([5], None, [4]),
        ([5], 0, [5]),
        ([1001, 1003], 1001, [0, 2]),
    ],
)
def test_numbers_at_the_end_of_names_count_from_1_unless_there_is_a_0(
    read, numbers, first, expected
):
    images = [{"id": n, "file_name": f"clip/{n:06d}.jpg"} for n in numbers]
    document = read(images, [one(n) for n in numbers])
    assert [frame for frame, _ in found(document, first=first)] == expected


def test_frame_ids_that_count_from_1_can_be_read(read):
    document = read(frames([1, 2]), [one(2), one(3)], videos=[{"id": 1, "name": "clip"}])
    assert found(document, first=1) == [(0, 10), (1, 10)]


def test_the_only_video_is_that_of_the_only_input(read):
    document = read(frames([0, 4]), [one(5)], videos=[{"id": 1, "name": "sequence-7"}])
    assert found(document, alone=True) == [(4, 10)]
    assert found(document, alone=False) is None


def test_of_several_videos_none_is_guessed(read):
    images = [{"id": n, "file_name": f"v{n}/1.jpg", "video_id": n} for n in (1, 2)]
    document = read(images, [one()], videos=[{"id": n, "name": f"v{n}"} for n in (1, 2)])
    assert found(document, alone=True) is None


def test_photos_are_matched_by_name_and_folder(read):
    names = ["day 1/photo.jpg", "day 2/photo.jpg", "other.jpg"]
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    document = read(images, [one(n, bbox=[n, 0, 5, 5]) for n in range(3)])
    assert found(document) is None
    assert found(document, PHOTO) == [(0, 0)]
    assert found(document, Path("in/day 2/photo.jpg")) == [(0, 1)]
    assert found(document, Path("elsewhere/other.jpg")) == [(0, 2)]
    assert found(document, Path("other.png")) is None


def test_photos_of_one_name_are_not_guessed(read):
    images = [{"id": n, "file_name": f"{n}/photo.jpg"} for n in (1, 2)]
    with pytest.raises(BoxesError, match=r"2 images are called 'photo\.jpg'"):
        read(images, [one()]).places(PHOTO, None, True)


def test_videos_of_one_name_are_not_guessed(read):
    images = [{"id": n, "file_name": f"{n}/clip/1.jpg"} for n in (1, 2)]
    with pytest.raises(BoxesError, match="1/clip and 2/clip may both be"):
        read(images, [one()]).places(CLIP, None, True)


def test_a_photo_is_no_video_of_its_name(read):
    document = read([{"id": 1, "file_name": "photo/3.jpg"}], [one()])
    assert found(document, PHOTO) is None
    assert found(document, PHOTO.with_suffix(".mp4")) == [(2, 10)]


def test_a_picture_without_a_box_belongs_to_its_input_too(read):
    assert found(read([{"id": 1, "file_name": "photo.jpg"}]), PHOTO) == []


def test_all_images_of_a_video_tell_in_which_frames_faces_were_sought(read):
    document = read(frames([0, 5, 10]), [one(6)], videos=[{"id": 1, "name": "clip"}])
    boxes = document.boxes(document.places(CLIP, None, False))
    assert [n for n in range(12) if boxes.sought(n)] == [0, 5, 10]
    boxes.check_frames(11)
    with pytest.raises(BoxesError, match=r"frame 10 .* beyond the 10 of this file"):
        boxes.check_frames(10)


@pytest.mark.parametrize("categories", [[], [FACE], [{"id": 1, "name": "head"}]])
def test_where_there_is_one_category_it_counts(read, categories):
    document = read([{"id": 1, "file_name": "photo.jpg"}], [one()], categories=categories)
    assert len(found(document, PHOTO)) == 1


@pytest.mark.parametrize(
    ("category", "left"), [("", [2]), ("car", [3]), ("Car", [3]), ("FACE", [2])]
)
def test_of_several_categories_faces_count_or_those_that_are_named(read, category, left):
    categories = [{"id": n, "name": name} for n, name in enumerate(["dog", "cat", "Face", "car"])]
    annotations = [one(category_id=n, bbox=[n, 0, 5, 5]) for n in range(4)]
    document = read([{"id": 1, "file_name": "photo.jpg"}], annotations, categories=categories,
                    category=category)  # fmt: skip
    assert [edge for _, edge in found(document, PHOTO)] == left


@pytest.mark.parametrize("category", ["", "bird"])
def test_without_a_category_of_that_name_all_are_listed(read, category):
    categories = [{"id": n, "name": name} for n, name in enumerate(["person", "cat"])]
    with pytest.raises(BoxesError, match=rf"called '{category or 'face'}'; .* one of cat, person"):
        read([], categories=categories, category=category)


@pytest.mark.parametrize(("least", "left"), [(None, 3), (0.5, 2), (0.95, 1)])
def test_weak_boxes_are_left_out_and_those_without_a_score_never(read, least, left):
    annotations = [one(score=0.2), one(score=0.9), one()]
    document = read([{"id": 1, "file_name": "photo.jpg"}], annotations, least)
    assert len(found(document, PHOTO)) == left


def test_a_crowd_is_covered_too(read):
    document = read([{"id": 1, "file_name": "photo.jpg"}], [one(iscrowd=1)])
    assert len(found(document, PHOTO)) == 1


IMAGE = {"id": 1, "file_name": "photo.jpg"}


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        ([one()], "is a list of results, which names no pictures"),
        ({"images": []}, "has no 'images' and 'annotations'"),
        ({"kind": "facesurrogate record"}, "`facesurrogate boxes` makes them"),
        ("no", "has no 'images'"),
        ({"images": {}, "annotations": []}, "'images' must be a list of objects"),
        ({"images": [], "annotations": [3]}, "'annotations' must be a list of objects"),
        ({"images": [{"id": 1}], "annotations": []}, r"images\[0\]: 'file_name' must be a name"),
        ({"images": [{"id": "1", "file_name": "a"}], "annotations": []}, "'id' must be a whole"),
        ({"images": [IMAGE, IMAGE], "annotations": []}, "two images have one id"),
        ({"images": [{**IMAGE, "video_id": 3}], "annotations": []}, "no video has the id 3"),
        ({"images": [{**IMAGE, "frame_id": 1e9}], "annotations": []}, "'frame_id' must be a whole"),
        (
            {"images": [{**IMAGE, "frame_id": 10**99}], "annotations": []},
            "'frame_id' must be a whole",
        ),
    ],
)
def test_what_is_no_document_of_coco_is_refused(tmp_path, plain, why):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(BoxesError, match=f"boxes.json: .*{why}"):
        coco.read(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bbox": [1, 2, 3]}, "'bbox' must be left, top, width, height"),
        ({"bbox": None}, "'bbox' must be left, top, width, height, got None"),
        ({"bbox": [1, 2, "3", 4]}, "'bbox' must be"),
        ({"bbox": [1, 2, True, 4]}, "'bbox' must be"),
        ({"bbox": [1, 2, 10**400, 4]}, "'bbox' must be"),
        ({"bbox": [1, 2, 0, 4]}, "width and a height above 0"),
        ({"bbox": [1, 2, 3, -4]}, "width and a height above 0"),
        ({"bbox": [float("nan"), 2, 3, 4]}, "must have four numbers"),
        ({"bbox": [1, 2, float("inf"), 4]}, "must have four numbers"),
        ({"bbox": [1, 2, 1e9, 4]}, "larger than any picture"),
        ({"image_id": 7}, "no image has the id 7"),
        ({"image_id": [1]}, "'image_id' must be a whole number"),
        ({"category_id": 2}, "no category has the id 2"),
        ({"category_id": None}, "'category_id' must be a whole number"),
        ({"score": float("nan")}, "'score' must be a number"),
        ({"score": "high"}, "'score' must be a number"),
    ],
)
def test_a_bad_annotation_is_refused_by_its_place(read, change, why):
    with pytest.raises(BoxesError, match=rf"boxes.json: annotations\[1\]: .*{why}"):
        read([IMAGE], [one(), {**one(), **change}])


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path, text):
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(BoxesError, match=r"boxes\.json: is no JSON"):
        coco.read(path)


def test_two_images_of_one_frame_are_refused(read):
    images = [{"id": n, "file_name": f"{name}_0001.jpg"} for n, name in enumerate("ab")]
    with pytest.raises(BoxesError, match=r"'a_0001\.jpg' and 'b_0001\.jpg' are both frame 1"):
        read(images).places(CLIP, None, True)


def test_an_image_that_names_no_frame_is_refused(read):
    images = [{"id": n, "file_name": f"clip/{name}.jpg"} for n, name in enumerate(["a1", "b"])]
    with pytest.raises(BoxesError, match=r"'clip/b\.jpg' names no frame"):
        read(images).places(CLIP, None, True)


def test_a_frame_before_the_first_is_refused(read):
    document = read(frames([0, 1]), videos=[{"id": 1, "name": "clip"}])
    with pytest.raises(BoxesError, match="is frame 0, but they count from 1"):
        document.places(CLIP, 1, True)


def test_a_picture_of_another_size_is_refused(read):
    document = read([{**IMAGE, "width": 640, "height": 480}], [one()])
    boxes = document.boxes(document.places(PHOTO, None, True))
    boxes.check_size((640, 480))
    with pytest.raises(BoxesError, match="made for pictures of 640x480, and this one is 1280x960"):
        boxes.check_size((1280, 960))


def test_the_annotation_is_named_whose_box_lies_outside(read):
    document = read([IMAGE], [one(), one(bbox=[700, 10, 20, 20])])
    boxes = document.boxes(document.places(PHOTO, None, True))
    with pytest.raises(BoxesError, match=r"annotations\[1\]: the box \(700, 10, 720, 30\)"):
        boxes.check_size((640, 480))


def test_rows_of_images_that_nobody_asked_for_stay_out(read):
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in range(50)]
    rng = np.random.default_rng(0)
    owners = rng.integers(0, 50, 400).tolist()
    document = read(images, [one(owner, bbox=[owner, 0, 5, 5]) for owner in owners])
    for n in range(50):
        assert found(document, Path(f"{n}.jpg")) == [(0, n)] * owners.count(n)
