"""Whole runs over clips and photos that are made here, judged by detector and recogniser."""

import logging
from itertools import combinations

import cv2
import numpy as np
import pytest

from matcher.cosine import similarity
from pipeline import cli, options
from pipeline.contract import Image
from pipeline.geometry import overlap, pixels, scaled
from pipeline.rooms import furnish
from pipeline.settings import MODES, Settings
from tests.conftest import RECOGNISED, drawn_background
from tests.e2e.conftest import read_clip, write_clip

UNTOUCHED = 0.75  # correlation of fine detail from which a face was hardly changed
MOVED = 0.35
SELF = 0.85  # centred dlib cosine of two frames of one surrogate, at least


def outside(before: Image, after: Image, boxes: np.ndarray) -> Image:
    """How much each pixel differs that does not belong to a face or its margin."""
    difference = np.abs(before.astype(np.int16) - after).max(axis=2).astype(np.uint8)
    for box in boxes:
        x1, y1, x2, y2 = pixels(scaled(box, 1.6), before.shape[1::-1])
        difference[y1:y2, x1:x2] = 0
    return difference


@pytest.fixture(scope="module")
def result(demo_clip, tmp_path_factory, deidentify):
    target = tmp_path_factory.mktemp("out") / "demo-deid.mp4"
    report = deidentify(demo_clip, target)
    return read_clip(demo_clip), read_clip(target), report, target


def test_every_frame_and_moment_and_sound_packet_of_a_clip_comes_out(result):
    before, after, report, _ = result
    assert len(after.frames) == len(before.frames) == report.frames
    assert after.moments == before.moments
    assert after.time_base == before.time_base
    assert before.audio
    assert after.audio == before.audio


def test_the_person_of_a_clip_is_no_longer_recognised_but_a_face_is_still_found_there(
    result, judge
):
    before, after, _, _ = result
    for number in range(0, len(before.frames), 6):
        old, new = before.frames[number], after.frames[number]
        box = judge.faces(old).boxes[0]
        found = judge.faces(new)
        assert len(found) == 1
        assert overlap(box[None], found.boxes)[0, 0] > 0.5
        assert judge.alike(judge.features(old, box), judge.features(new, box)) < RECOGNISED
        assert judge.remains(old, new, box) < UNTOUCHED


def test_every_frame_of_a_clip_is_changed_where_the_face_is(result, judge):
    before, after, report, _ = result
    for old, new in zip(before.frames, after.frames, strict=True):
        assert judge.remains(old, new, judge.faces(old).boxes[0]) < UNTOUCHED
    assert report.surrogates + report.fallbacks >= len(before.frames)


def test_pixels_outside_the_faces_of_a_clip_hardly_change(result, judge):
    before, after, _, _ = result
    for old, new in list(zip(before.frames, after.frames, strict=True))[::9]:
        rest = outside(old, new, judge.faces(old).boxes)
        assert rest.mean() < 2
        assert rest.max() < 24


def test_one_person_of_a_clip_keeps_one_surrogate(result, judge):
    _, after, report, _ = result
    assert (report.tracks, report.persons) == (1, 1)
    features = [judge.features(frame) for frame in after.frames[::9]]
    assert min(judge.alike(features[0], other) for other in features[1:]) > RECOGNISED


def test_the_same_salt_gives_the_same_bytes(tmp_path, moving, deidentify):
    clip = write_clip(tmp_path / "short.mp4", moving[::6])
    outputs = [tmp_path / f"{name}.mp4" for name in ("one", "two")]
    for target in outputs:
        deidentify(clip, target)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_another_salt_gives_another_face(tmp_path, astronaut, face, deidentify, judge):
    """Donors are few: two salts may draw one face, so several are tried."""
    photo = tmp_path / "portrait.png"
    cv2.imwrite(str(photo), astronaut[..., ::-1])
    features = []
    for number in range(6):
        target = tmp_path / f"{number}.png"
        deidentify(photo, target, salt=bytes([number]))
        after = np.asarray(cv2.imread(str(target))[..., ::-1])
        features.append(judge.features(after, face.boxes[0]))
    alike = [judge.alike(a, b) for a, b in combinations(features, 2)]
    assert sum(value < 0.95 for value in alike) > len(alike) / 2
    assert min(alike) < 0.8  # hair and light are the same, and so are the attributes kept


def test_the_salt_reaches_neither_output_nor_log(
    tmp_path, moving, monkeypatch, caplog, capfd, unchanged_process
):
    """Even at the highest verbosity, given by option, by variable or by file."""
    clip = write_clip(tmp_path / "short.mp4", moving[:3])
    secret = "hunter2-a-long-secret"
    (tmp_path / "salt").write_text(f"{secret}\n")
    monkeypatch.setenv(options.SALT_VARIABLE, secret)
    common = ["run", str(clip), "--overwrite", "-vv", "--preset", "ultrafast"]
    written = []
    for number, way in enumerate(([], ["--salt", secret], ["--salt-file", str(tmp_path / "salt")])):
        out = tmp_path / f"out{number}"
        assert cli.main([*common, "--out", str(out), *way]) == 0
        written.append((out / "short-deid.mp4").read_bytes())
    said = "".join([*capfd.readouterr(), caplog.text])
    assert "short" in said
    assert secret not in said
    assert all(secret.encode() not in output for output in written)
    assert written[0] == written[1] == written[2]
    assert logging.getLogger("pipeline").level == logging.DEBUG


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_hides_the_face_in_every_frame(tmp_path, moving, deidentify, judge, mode):
    clip = write_clip(tmp_path / "short.mp4", moving[::6])
    report = deidentify(clip, tmp_path / "out.mp4", furnish(Settings(mode=mode)), mode=mode)
    before, after = read_clip(clip), read_clip(tmp_path / "out.mp4")
    assert (report.surrogates > 0) == (mode == "surrogate")
    for old, new in zip(before.frames, after.frames, strict=True):
        box = judge.faces(old).boxes[0]
        assert judge.remains(old, new, box) < UNTOUCHED
        assert judge.alike(judge.features(old, box), judge.features(new, box)) < RECOGNISED


def test_the_first_detector_of_the_paper_serves_as_well(tmp_path, moving, deidentify, judge):
    clip = write_clip(tmp_path / "short.mp4", moving[:10])
    rooms = furnish(Settings(detector="haar"))
    report = deidentify(clip, tmp_path / "out.mp4", rooms, detector="haar")
    before, after = read_clip(clip), read_clip(tmp_path / "out.mp4")
    assert report.frames == 10
    for old, new in zip(before.frames, after.frames, strict=True):
        assert judge.remains(old, new, judge.faces(old).boxes[0]) < UNTOUCHED


def test_a_cut_ends_a_track_and_no_face_shows_on_either_side(
    tmp_path, moving, render, donors, deidentify, judge
):
    rows = donors.rows.rows
    other = cv2.resize(render([int(rows[3])], 480)[:, :480], (640, 480))
    clip = write_clip(tmp_path / "cut.mp4", [*moving[:6], *[other] * 6, *moving[6:9]])
    report = deidentify(clip, tmp_path / "out.mp4")
    before, after = read_clip(clip), read_clip(tmp_path / "out.mp4")
    assert report.tracks == 3
    assert report.persons == 2
    for old, new in zip(before.frames, after.frames, strict=True):
        assert judge.remains(old, new, judge.faces(old).boxes[0]) < UNTOUCHED
    first, again = (judge.features(after.frames[number]) for number in (2, 13))
    assert judge.alike(first, again) > RECOGNISED


def test_a_face_that_leaves_and_returns_is_covered_whenever_it_is_there(
    tmp_path, astronaut, deidentify, judge
):
    """It slides out of the frame and back: half faces at the border too."""
    wide = drawn_background(640, 320)
    portrait = cv2.resize(astronaut[20:260, 100:340], (240, 240))
    pictures = []
    for number in range(40):
        x = round(200 + 470 * np.sin(np.pi * number / 39))
        picture = wide.copy()
        shown = portrait[:, : max(0, 640 - x)]
        picture[40:280, x : x + shown.shape[1]] = shown
        pictures.append(picture)
    clip = write_clip(tmp_path / "away.mp4", pictures)
    report = deidentify(clip, tmp_path / "out.mp4")
    before, after = read_clip(clip), read_clip(tmp_path / "out.mp4")
    assert report.frames == 40
    assert report.persons == 1
    looked = [
        (old, new, judge.faces(old)) for old, new in zip(before.frames, after.frames, strict=True)
    ]
    seen = [(old, new, faces.boxes[0]) for old, new, faces in looked if len(faces)]
    assert len(seen) < 40
    for old, new, box in seen:
        assert judge.remains(old, new, box) < UNTOUCHED


def test_two_people_get_two_surrogates(tmp_path, render, donors, deidentify, judge):
    """Pairs of men unlike each other; heads that are drawn without hair tend to be found alike, and
    of these pairs one may be, but never as one surrogate is like itself.
    """
    table = donors.rows
    men = np.flatnonzero((table.likeness[:, 0] > 0.8) & (np.exp(table.likeness[:, 1]) > 26))
    alike = similarity(table.features[men], table.features[men], table.attributes.mean)
    found = []
    for _ in range(3):
        pair = list(np.unravel_index(alike.argmin(), alike.shape))
        alike[pair], alike[:, pair] = np.inf, np.inf
        picture = np.hstack([render([int(row)], 240) for row in table.rows[men[pair]]])
        clip = write_clip(tmp_path / f"two{len(found)}.mp4", [picture] * 5)
        report = deidentify(clip, out := tmp_path / f"out{len(found)}.mp4")
        after = read_clip(out).frames[2]
        assert (report.tracks, report.persons) == (2, 2)
        for box in judge.faces(picture).boxes:
            assert (
                judge.alike(judge.features(picture, box), judge.features(after, box)) < RECOGNISED
            )
        left, right = sorted(judge.faces(after)[:2].boxes, key=lambda box: box[0])
        found.append(judge.alike(judge.features(after, left), judge.features(after, right)))
    assert sorted(found)[1] < RECOGNISED
    assert max(found) < SELF


def test_a_still_photo_keeps_every_bit_outside_the_face(
    tmp_path, astronaut, face, deidentify, judge
):
    photo, target = tmp_path / "portrait.png", tmp_path / "out.png"
    cv2.imwrite(str(photo), astronaut[..., ::-1])
    report = deidentify(photo, target)
    after = np.asarray(cv2.imread(str(target))[..., ::-1])
    assert (report.frames, report.persons, report.faults.count) == (1, 1, 0)
    assert outside(astronaut, after, face.boxes).max() == 0
    box = face.boxes[0]
    assert judge.remains(astronaut, after, box) < UNTOUCHED
    assert judge.alike(judge.features(astronaut, box), judge.features(after, box)) < RECOGNISED
    assert len(judge.faces(after)) == 1


def test_a_photo_without_a_face_comes_out_bit_by_bit(tmp_path, deidentify):
    picture = drawn_background(300, 200)
    cv2.imwrite(str(tmp_path / "empty.png"), picture)
    report = deidentify(tmp_path / "empty.png", tmp_path / "out.png")
    assert report.tracks == 0
    assert np.array_equal(cv2.imread(str(tmp_path / "out.png")), picture)


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 40), (6000, 12)])
def test_pictures_of_odd_sizes_are_processed(tmp_path, deidentify, size):
    picture = drawn_background(*size)
    cv2.imwrite(str(tmp_path / "odd.png"), picture)
    assert deidentify(tmp_path / "odd.png", tmp_path / "out.png").frames == 1
    assert cv2.imread(str(tmp_path / "out.png")).shape == picture.shape


@pytest.mark.parametrize("side", [12, 18, 30, 60, 120])
def test_small_faces_are_hidden_too(tmp_path, astronaut, face, deidentify, judge, side):
    """`side` is the width of the face in the picture, px."""
    factor = side / float(face.boxes[0, 2] - face.boxes[0, 0])
    small = cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    picture = drawn_background(320, 240)
    height, width = min(small.shape[0], 240), min(small.shape[1], 320)
    picture[:height, :width] = small[:height, :width]
    cv2.imwrite(str(tmp_path / "small.png"), picture[..., ::-1])
    deidentify(tmp_path / "small.png", tmp_path / "out.png", detect_threshold=0.2)
    after = np.asarray(cv2.imread(str(tmp_path / "out.png"))[..., ::-1])
    box = face.boxes[0] * factor
    # Of six pixels from eye to eye little is left to differ in.
    assert judge.remains(picture, after, box) < (UNTOUCHED if side > 15 else 0.9)
    if side >= 30:
        assert judge.alike(judge.features(picture, box), judge.features(after, box)) < RECOGNISED


def test_a_face_at_each_border_is_hidden(tmp_path, astronaut, face, deidentify, judge):
    x1, y1, x2, y2 = face.boxes[0].round().astype(int)
    middle = (x1 + x2) // 2, (y1 + y2) // 2
    views = {
        "left": np.s_[:, x1 + 12 :],
        "right": np.s_[:, : x2 - 12],
        "top": np.s_[y1 + 12 :],
        "bottom": np.s_[: y2 - 12],
        "half": np.s_[:, : middle[0] + 8],
    }
    for name, view in views.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), astronaut[view][..., ::-1])
        report = deidentify(tmp_path / f"{name}.png", tmp_path / f"{name}-out.png")
        before, after = (
            np.asarray(cv2.imread(str(tmp_path / f"{name}{end}.png"))[..., ::-1])
            for end in ("", "-out")
        )
        for box in judge.faces(before).boxes:
            assert judge.remains(before, after, box) < UNTOUCHED, name
        assert report.tracks == len(judge.faces(before)), name
