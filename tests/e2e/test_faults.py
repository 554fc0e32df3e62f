"""Rooms that fail: a face is covered or there is no output, and never the original.

Each room is broken in turn, by an exception, by numbers that are none and by arrays of the wrong
shape or place. Whatever comes out is compared with what went in, frame by frame.
"""

import errno
import importlib
import os
import zlib
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Canvas

from pipeline import chain, cli, planes
from pipeline import rooms as furniture
from pipeline.analysis import Faults
from pipeline.contract import Faces, Matches, Patch, Surrogate
from pipeline.errors import ContractError, DeidError
from pipeline.media import open_source
from pipeline.rooms import furnish
from pipeline.settings import Settings
from tests.conftest import RECOGNISED
from tests.e2e.conftest import QUICK, read_clip, write_clip

UNTOUCHED = 0.75
COUNT = 8


@pytest.fixture(scope="module")
def clip(tmp_path_factory, moving):
    small = [cv2.resize(picture, (400, 300)) for picture in moving[: 2 * COUNT : 2]]
    return write_clip(tmp_path_factory.mktemp("faults") / "clip.mp4", small)


@pytest.fixture(scope="module")
def before(clip):
    return read_clip(clip).frames


@pytest.fixture(scope="module")
def hidden(before, judge):
    """Assert that no frame of an output shows the face of the input."""
    boxes = [judge.faces(picture).boxes[0] for picture in before]
    middle = COUNT // 2
    known = judge.features(before[middle], boxes[middle])

    def check(target):
        after = read_clip(target).frames
        assert len(after) == len(before)
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            assert judge.remains(old, new, boxes[number]) < UNTOUCHED, number
        alike = judge.alike(known, judge.features(after[middle], boxes[middle]))
        assert alike < RECOGNISED

    return check


class Broken:
    """A room whose `verb` gives something else from the n-th call on, or at that call only.

    Of a detector that has a quick one, clips ask that: it is the one that is broken.
    """

    def __init__(self, room, verb, fault, first, only=False):
        room = getattr(room, "quick", room)
        self.quick = self
        self._room, self._calls = room, 0

        def call(*arguments):
            self._calls += 1
            ill = self._calls == first if only else self._calls >= first
            return fault(room, verb, arguments) if ill else getattr(room, verb)(*arguments)

        setattr(self, verb, call)

    def __getattr__(self, name):
        return getattr(self._room, name)


def raising(room, verb, arguments):
    raise ValueError("this room is broken\nas libraries say it,\nin several lines\n")


def exhausted(room, verb, arguments):
    raise MemoryError("Unable to allocate 42.0 GiB")


def with_broken(rooms, place, verb, fault, first=1, only=False):
    """Rooms in which one is broken; `place` is its name."""
    drawing = rooms.drawing
    if hasattr(rooms, place):
        return replace(rooms, **{place: Broken(getattr(rooms, place), verb, fault, first, only)})
    room = Broken(getattr(drawing, place), verb, fault, first, only)
    return replace(rooms, drawing=replace(drawing, **{place: room}))


def not_numbers(room, verb, arguments):
    """What the room gives, with NaN in place of every number where NaN can be."""
    return _altered(getattr(room, verb)(*arguments), lambda a: np.full_like(a, np.nan))


def _altered(value, change):
    if isinstance(value, tuple):
        return tuple(_altered(part, change) for part in value)
    if isinstance(value, float):
        return float("nan")
    if isinstance(value, np.ndarray):
        return change(value) if value.dtype.kind == "f" else value
    if isinstance(value, Faces):
        names = ("boxes", "landmarks", "scores", "mesh", "mesh_scores")
        return Faces(**{name: change(getattr(value, name)) for name in names})
    if isinstance(value, Surrogate):
        return Surrogate(value.texture, change(value.shape))
    if isinstance(value, Patch):
        return Patch(value.rgb, change(value.alpha), value.corner)
    assert isinstance(value, Matches)
    return Matches(value.identities, change(value.similarity))


def nothing(room, verb, arguments):
    return None


def misshapen(room, verb, arguments):
    value = getattr(room, verb)(*arguments)
    if isinstance(value, np.ndarray):
        return value[:, :-5]
    if isinstance(value, tuple):
        return value[0][:-5], value[1][:-1] if verb == "look" else value[1]
    if isinstance(value, Faces):
        return Faces.of(value.boxes[:, :2])
    if isinstance(value, Surrogate):
        return Surrogate(value.texture[:-5], value.shape)
    if isinstance(value, Patch):
        return Patch(value.rgb[:-5], value.alpha, value.corner)
    assert isinstance(value, Matches)
    return Matches(value.identities[0], value.similarity)


def one_line_and_no_output(error, folder):
    assert "\n" not in str(error)
    assert list(folder.iterdir()) == []


# Rooms that work on one face: their failure is covered, counted and told.
ONE_FACE = [
    ("mesh", "fit"),
    ("mesh", "follow"),
    ("eyes", "look"),
    ("extractor", "extract"),
    ("matcher", "match"),
    ("generator", "generate"),
    ("replacer", "replace"),
]
FAULTS = [raising, not_numbers, nothing, misshapen]


def moment(*names):
    """A call that is drawn at random, but the same in every run."""
    seed = zlib.crc32("/".join(names).encode())
    return int(np.random.default_rng(seed).integers(1, COUNT))


ONCE = [not_numbers, exhausted]


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize(
    ("fault", "only"), [*((f, False) for f in FAULTS), *((f, True) for f in ONCE)]
)
@pytest.mark.parametrize(("place", "verb"), ONE_FACE)
def test_a_room_that_breaks_shows_no_face(
    tmp_path, clip, rooms, deidentify, hidden, place, verb, fault, only
):
    """Either a whole output in which every face-frame is covered, or none and one line why."""
    rare = place in {"extractor", "matcher"} or verb == "fit"  # once a face
    first = 1 if rare else moment(place, verb, fault.__name__)
    detect_every = 4 if verb == "follow" else 1
    broken = with_broken(rooms, place, verb, fault, first, only)
    target = tmp_path / "out.mp4"
    try:
        report = deidentify(clip, target, broken, detect_every=detect_every)
    except DeidError as error:
        one_line_and_no_output(error, tmp_path)
        assert fault in {not_numbers, misshapen}
    else:
        hidden(target)
        assert report.surrogates + report.fallbacks >= COUNT
        assert report.faults.count > 0 or fault not in {raising, exhausted}


@pytest.mark.parametrize("place", ["generator", "replacer", "matcher"])
def test_without_a_surrogate_every_face_frame_falls_back(
    tmp_path, clip, rooms, deidentify, hidden, place
):
    verb = {"generator": "generate", "replacer": "replace", "matcher": "match"}[place]
    report = deidentify(clip, tmp_path / "out.mp4", with_broken(rooms, place, verb, raising))
    assert report.surrogates == 0
    assert report.fallbacks == COUNT
    hidden(tmp_path / "out.mp4")


def empty_patch(room, verb, arguments):
    return Patch(np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.float32), (0, 0))


def clear_patch(room, verb, arguments):
    patch = getattr(room, verb)(*arguments)
    return Patch(patch.rgb, np.zeros_like(patch.alpha), patch.corner)


def misplaced_patch(room, verb, arguments):
    patch = getattr(room, verb)(*arguments)
    return Patch(patch.rgb, patch.alpha, (patch.corner[0] + 150, patch.corner[1] + 10))


@pytest.mark.parametrize("fault", [empty_patch, clear_patch, misplaced_patch])
def test_a_surrogate_that_does_not_lie_on_the_face_is_no_cover(
    tmp_path, clip, rooms, deidentify, hidden, fault
):
    broken = with_broken(rooms, "replacer", "replace", fault, 3)
    deidentify(clip, tmp_path / "out.mp4", broken)
    hidden(tmp_path / "out.mp4")


def elsewhere(room, verb, arguments):
    """A mesh that slipped off the face, of which its network is certain."""
    faces = getattr(room, verb)(*arguments)
    mesh = faces.mesh + np.float32([90, 0, 0])
    return Faces.of(faces.boxes, faces.landmarks, faces.scores, mesh, np.ones(len(faces)))


def strewn(room, verb, arguments):
    """A mesh that the network itself does not believe, and landmarks beside the face."""
    faces = getattr(room, verb)(*arguments)
    landmarks = faces.landmarks + np.float32(90)
    return Faces.of(faces.boxes, landmarks, faces.scores, faces.mesh, np.full(len(faces), 0.1))


def point(room, verb, arguments):
    """A mesh shrunk to a point in the middle of the face."""
    faces = getattr(room, verb)(*arguments)
    centre = faces.mesh.mean(axis=1, keepdims=True)
    mesh = centre + 1e-3 * (faces.mesh - centre)
    return Faces.of(faces.boxes, faces.landmarks, faces.scores, mesh, np.ones(len(faces)))


def unsure(room, verb, arguments):
    faces = getattr(room, verb)(*arguments)
    return Faces.of(faces.boxes, faces.landmarks, faces.scores, faces.mesh, np.zeros(len(faces)))


def infinite(room, verb, arguments):
    faces = getattr(room, verb)(*arguments)
    mesh = np.full_like(faces.mesh, np.inf)
    return Faces.of(faces.boxes, faces.landmarks, faces.scores, mesh, np.ones(len(faces)))


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("fault", [elsewhere, strewn, point, unsure, infinite])
@pytest.mark.parametrize("only", [False, True], ids=["always", "once"])
def test_a_mesh_that_does_not_fit_leaves_no_face_bare(
    tmp_path, clip, rooms, deidentify, hidden, fault, only
):
    first = 4 if only else 1
    deidentify(clip, tmp_path / "out.mp4", with_broken(rooms, "mesh", "fit", fault, first, only))
    hidden(tmp_path / "out.mp4")


@pytest.mark.parametrize("fault", [*FAULTS, exhausted])
@pytest.mark.parametrize("only", [False, True], ids=["from then on", "once"])
def test_a_detector_that_fails_stops_the_file(tmp_path, clip, rooms, deidentify, fault, only):
    first = moment("detector", fault.__name__)
    broken = with_broken(rooms, "detector", "detect", fault, first, only)
    with pytest.raises(DeidError) as caught:
        deidentify(clip, tmp_path / "out.mp4", broken)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def crowded(room, verb, arguments):
    """Faces without end: the real one last, and a hundred and fifty that are none."""
    real = getattr(room, verb)(*arguments)
    rng = np.random.default_rng(7)
    corner = rng.uniform(0, 260, (150, 2))
    boxes = np.vstack([np.hstack([corner, corner + 24]), real.boxes[:1]])
    scores = np.append(np.full(150, 0.99), 0.5)
    return Faces.of(boxes, None, scores)


def test_a_detector_that_finds_faces_without_end_leaves_the_real_one_covered(
    tmp_path, clip, deidentify, hidden
):
    mosaic = furnish(Settings(mode="mosaic"))
    broken = with_broken(mosaic, "mesh", "fit", raising)
    broken = with_broken(broken, "detector", "detect", crowded)
    deidentify(clip, tmp_path / "out.mp4", broken, mode="mosaic")
    hidden(tmp_path / "out.mp4")


def blind(room, verb, arguments):
    return Faces.of([])


@pytest.mark.parametrize("fault", [raising, nothing])
def test_a_detector_that_misses_some_frames_leaves_no_face_bare(
    tmp_path, clip, rooms, deidentify, hidden, fault
):
    """A face is followed by its mesh; where that fails too, the gap is filled from both ends."""
    broken = rooms
    for first in (3, 4, 6):
        broken = with_broken(broken, "detector", "detect", blind, first, only=True)
    broken = with_broken(broken, "mesh", "follow", fault)
    deidentify(clip, tmp_path / "out.mp4", broken)
    hidden(tmp_path / "out.mp4")


@pytest.mark.parametrize("every", [1, 4, 12])
def test_a_face_that_is_only_ever_detected_is_covered_between_detections(
    tmp_path, clip, rooms, deidentify, hidden, every
):
    """Without any mesh, from the first frame to the last."""
    broken = with_broken(rooms, "mesh", "fit", raising)
    deidentify(clip, tmp_path / "out.mp4", broken, detect_every=every)
    hidden(tmp_path / "out.mp4")


@pytest.mark.parametrize("fault", [*FAULTS, exhausted])
def test_a_cover_that_fails_stops_the_file(tmp_path, clip, deidentify, fault):
    mosaic = furnish(Settings(mode="mosaic"))
    broken = with_broken(mosaic, "fallback", "cover", fault, moment("cover", fault.__name__))
    with pytest.raises(DeidError) as caught:
        deidentify(clip, tmp_path / "out.mp4", broken, mode="mosaic")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_a_wrong_shape_stop_the_file(tmp_path, clip, rooms, deidentify):
    def wrong(room, verb, arguments):
        raise ContractError("Patch.alpha must have shape (2, 2)")

    with pytest.raises(ContractError):
        deidentify(clip, tmp_path / "out.mp4", with_broken(rooms, "replacer", "replace", wrong))
    assert list(tmp_path.iterdir()) == []


class Growing:
    """A source that has one frame more when it is read again."""

    def __init__(self, source):
        self._source, self._passes = source, 0

    def __getattr__(self, name):
        return getattr(self._source, name)

    def frames(self):
        self._passes += 1
        frames = list(self._source.frames())
        yield from frames[:-1] if self._passes == 1 else frames


def test_a_file_that_grows_between_the_passes_gets_no_output(tmp_path, clip, rooms):
    """Frames that were not looked at must not be shown."""
    settings = Settings(**QUICK)
    source = Growing(open_source(clip, settings))
    with pytest.raises(DeidError):
        list(chain.run(source, tmp_path / "out.mp4", rooms, settings, b"", chain.Report()))
    assert list(tmp_path.iterdir()) == []


def test_features_of_a_wrong_length_stop_the_file(tmp_path, render, donors, rooms, deidentify):
    """Two people, so that their features would have to be compared."""
    rows = [int(row) for row in donors.rows.rows[[3, 40]]]
    two = write_clip(tmp_path / "two.mp4", [np.hstack([render([row], 200) for row in rows])] * 2)
    with pytest.raises(DeidError):
        deidentify(two, tmp_path / "out.mp4", with_broken(rooms, "extractor", "extract", misshapen))
    assert [path.name for path in tmp_path.iterdir()] == ["two.mp4"]


def test_our_own_errors_pass_the_guard_and_others_are_counted():
    faults = Faults()
    assert faults.guarded(lambda: 1 // 0, 7) == 7
    assert faults.guarded(lambda: 3, 7) == 3
    with pytest.raises(ContractError):
        faults.guarded(lambda: Faces.of([[0, 0, 1, 1]])[[0]].moved(1) and _fail(), None)
    assert faults.count == 1


def _fail():
    raise ContractError("wrong shape")


@pytest.fixture
def command(tmp_path, clip, monkeypatch, unchanged_process):
    """Run the command over two files with rooms that are given."""

    def run(furnished, *options):
        monkeypatch.setattr(furniture, "furnish", lambda *_: furnished)
        inputs = tmp_path / "inputs"
        inputs.mkdir(exist_ok=True)
        for name in ("a.mp4", "b.mp4"):
            (inputs / name).write_bytes(clip.read_bytes())
        out = tmp_path / "out"
        return cli.main(["run", str(inputs), "--out", str(out), "--preset=ultrafast", *options])

    return run


def test_faults_are_told_and_the_exit_code_is_0(tmp_path, rooms, command, capsys):
    code = command(with_broken(rooms, "generator", "generate", raising, 3, only=True), "-q")
    said = capsys.readouterr().err.splitlines()
    assert code == 0
    assert len(said) == 1
    assert "a.mp4" in said[0]
    assert "1 times a room failed on one face; it was covered" in said[0]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-deid.mp4", "b-deid.mp4"]


def test_a_broken_detector_is_one_line_and_the_other_files_still_run(
    tmp_path, rooms, command, capsys
):
    code = command(with_broken(rooms, "detector", "detect", raising, 1, only=True), "-q")
    said = capsys.readouterr().err.splitlines()
    assert code == 1
    assert len(said) == 1
    assert "the detector failed on frame 0" in said[0]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b-deid.mp4"]


def test_a_broken_cover_is_one_line_and_the_other_files_still_run(tmp_path, command, capsys):
    mosaic = furnish(Settings(mode="mosaic"))
    code = command(with_broken(mosaic, "fallback", "cover", raising, 3, only=True), "-q")
    said = capsys.readouterr().err.splitlines()
    assert code == 1
    assert len(said) == 1
    assert "a.mp4" in said[0]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b-deid.mp4"]


# What has no room of its own: reading, planning, pasting and writing whole frames.
MACHINERY = [
    ("pipeline.planes.picture", moment("picture")),
    ("pipeline.planes.region", moment("region")),
    ("pipeline.planes.paste", moment("paste")),
    ("pipeline.shots.Shots.cut", moment("cut")),
    ("pipeline.chain.plan", 1),
    ("pipeline.mux.VideoWriter.write", moment("write")),
    ("pipeline.mux.VideoWriter.finish", 1),
]


@pytest.mark.parametrize(("place", "call"), MACHINERY)
def test_a_fault_outside_the_rooms_is_one_line_and_no_output(
    tmp_path, command, capsys, monkeypatch, place, call
):
    """The file at work gets none; the next one is processed as if nothing had been."""
    owner, verb = _owner(place)
    kept, calls = getattr(owner, verb), []

    def broken(*arguments, **options):
        calls.append(1)
        if len(calls) == call:
            raise MemoryError("none left") if call % 2 else ValueError("broken")
        return kept(*arguments, **options)

    monkeypatch.setattr(owner, verb, broken)
    code = command(furnish(Settings(mode="mosaic")), "-q", "--mode=mosaic")
    said = capsys.readouterr().err.splitlines()
    assert len(calls) > call
    assert code == 1
    assert len(said) == 1
    assert "a.mp4" in said[0]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b-deid.mp4"]


def _owner(place):
    """The module or class of a dotted name, and the last part of that name."""
    path, verb = place.rsplit(".", 1)
    module, _, name = path.rpartition(".")
    if name[0].isupper():
        return getattr(importlib.import_module(module), name), verb
    return importlib.import_module(path), verb


def test_a_disk_that_is_full_is_one_line_and_leaves_nothing(
    tmp_path, clip, deidentify, monkeypatch
):
    """The kernel's own answer: every write to /dev/full fails for want of space."""
    opened = av.open

    def full(file, mode="r", **options):
        return opened("file:/dev/full" if mode == "w" else file, mode, **options)

    monkeypatch.setattr(av, "open", full)
    with pytest.raises(DeidError, match="the disk is full") as caught:
        deidentify(clip, tmp_path / "out.mp4", furnish(Settings(mode="mosaic")), mode="mosaic")
    one_line_and_no_output(caught.value, tmp_path)


@pytest.mark.parametrize("name", ["clip.mp4", "photo.png", "photo.gif"])
def test_a_disk_that_fills_up_at_the_last_moment_leaves_nothing(
    tmp_path, clip, before, monkeypatch, deidentify, name
):
    """All was written, but it did not reach the disk."""
    source = clip
    if name != clip.name:
        source = tmp_path / name
        Canvas.fromarray(before[0]).save(source)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(DeidError, match="the disk is full") as caught:
        deidentify(source, out / name, furnish(Settings(mode="mosaic")), mode="mosaic")
    one_line_and_no_output(caught.value, out)


def test_the_pixels_of_a_frame_are_never_written_in_place(clip):
    """Pasting works on a copy: the decoder's planes may be looked at again."""
    frame = next(iter(open_source(clip, Settings()).frames()))
    planes_before = [plane.copy() for plane in frame.planes]
    patch = Patch(np.zeros((20, 20, 3), np.uint8), np.ones((20, 20), np.float32), (5, 5))
    planes.paste(frame, [patch])
    assert all(
        np.array_equal(now, then) for now, then in zip(frame.planes, planes_before, strict=True)
    )
