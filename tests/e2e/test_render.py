"""`render`: what was edited changes, everything else stays, and nothing is half written."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from pipeline import chain, cli, media, record, rerender
from pipeline.chain import Report
from pipeline.errors import RecordError
from pipeline.record import FALLBACK, IGNORE, KEEP, REPLACE, Added, Output
from pipeline.recording import Job, Recorder
from pipeline.rooms import furnish
from pipeline.settings import Settings
from tests.conftest import drawn_background, head
from tests.e2e.conftest import QUICK, SALT, read_clip, write_clip

pytestmark = pytest.mark.usefixtures("unchanged_process")

SIDE, FRAMES = 160, 10
PEOPLE = {"ann": [0, 1, 2, 3], "ben": [60, 61, 62, 63], "cid": [90, 91, 92, 93]}
STARTS = {"ann": 10, "ben": 230, "cid": 304}  # the faces of ben and cid nearly touch
CODEC = 2.5  # of 255, mean difference that encoding once more makes at most
HIDDEN = 0.8  # of what `remains` of a face, below which it is another


def place(name, frame):
    """Where the drawn face of somebody is, px."""
    x, y = STARTS[name] + 2 * frame, 20
    centre, half = (x + SIDE / 2, y + SIDE / 2), (0.2 * SIDE, 0.28 * SIDE)
    return [round(centre[0] - half[0]), round(centre[1] - half[1]),
        round(centre[0] + half[0]), round(centre[1] + half[1])]  # fmt: skip


def cut(picture, box):
    x1, y1, x2, y2 = box
    return picture[max(y1, 0) : y2, max(x1, 0) : x2].astype(np.float32)


def apart(a, b, box):
    """Mean difference of two pictures in a box."""
    return float(np.abs(cut(a, box) - cut(b, box)).mean())


class Run:
    """A folder with a clip, its first output and the record of it."""

    settings = Settings(**QUICK)

    def __init__(self, folder, rooms):
        self.rooms, self.source = rooms, folder / "clip.mp4"
        self.target, self.path = folder / "out.mp4", folder / "rec" / "clip.faces.json"

    def first(self):
        self.path.parent.mkdir()
        report = Report(recorder=Recorder(self.path, Job(self.settings, {})))
        source = media.open_source(self.source, self.settings)
        steps = chain.run(source, self.target, self.rooms, self.settings, SALT, report)
        assert list(steps)

    @property
    def record(self):
        return record.read(self.path)

    def track(self, name, told=None):
        """The track that lies on somebody in their first frame."""
        told = told or self.record
        x1, _, x2, _ = place(name, 0)
        middle = (x1 + x2) / 2
        (found,) = (t for t in told.tracks if t.boxes[0][0] < middle < t.boxes[0][2])
        return found

    def edited(self, change):
        """The record after `change`, written as a person would."""
        told = self.record
        change(told)
        record.write(told, self.path)
        return self

    def render(self, target="new.mp4", **others):
        """Render into a file of this folder; the report, and what is seen now."""
        told, target = self.record, self.source.with_name(target)
        before = rerender.usable(told, self.path.parent / told.output.path)
        order = rerender.Order(
            told, self.path, target, before, self.rooms, self.settings, {}, b"another salt"
        )
        report = Report()
        source = media.open_source(self.source, self.settings)
        for _ in rerender.run(source, replace(order, **others), report):
            pass
        return report, read_clip(target).frames


@pytest.fixture(scope="module")
def original(drawing):
    pictures = []
    for frame in range(FRAMES):
        picture = drawn_background(500, 200)
        for name, donors in PEOPLE.items():
            x = STARTS[name] + 2 * frame
            spot = picture[20 : 20 + SIDE, x : x + SIDE]
            spot[:] = head(drawing, donors, SIDE, spot)
        pictures.append(picture)
    return pictures


@pytest.fixture(scope="module")
def done(tmp_path_factory, original, rooms):
    folder = tmp_path_factory.mktemp("first")
    write_clip(folder / "clip.mp4", original)
    run = Run(folder, rooms)
    run.first()
    return run


@pytest.fixture
def run(done, tmp_path, rooms):
    """The same, for one test to edit."""
    shutil.copytree(done.source.parent, tmp_path / "own")
    return Run(tmp_path / "own", rooms)


@pytest.fixture(scope="module")
def shown(done):
    """The clip and the first output as they are decoded."""
    return read_clip(done.source).frames, read_clip(done.target).frames


def decide(run, name, decision):
    return run.edited(lambda told: setattr(run.track(name, told), "decision", decision))


def test_the_first_run_finds_the_three(run):
    told = run.record
    assert len(told.tracks) == len(told.persons) == 3
    ben, cid = (run.track(name, told).altered[0] for name in ("ben", "cid"))
    assert ben[2] > cid[0]  # their rectangles overlap


def test_unedited_the_output_stays_and_nobody_is_drawn(run, shown, monkeypatch):
    monkeypatch.setattr(rerender.chain, "covered", None)
    before = run.record
    _, seen = run.render()
    for was, now in zip(shown[1], seen, strict=True):
        assert apart(was, now, [0, 0, 500, 200]) < CODEC
    assert run.record.tracks == before.tracks
    assert run.record.output.path == "../new.mp4"


@pytest.mark.parametrize("decision", [KEEP, IGNORE])
def test_a_face_that_is_to_be_seen_shows_the_original_and_the_others_what_they_did(
    run, shown, judge, decision
):
    report, seen = decide(run, "ann", decision).render()
    clip, before = shown
    for frame in range(FRAMES):
        assert apart(clip[frame], seen[frame], place("ann", frame)) < CODEC
        for name in ("ben", "cid"):
            assert apart(before[frame], seen[frame], place(name, frame)) < CODEC
            assert judge.remains(clip[frame], seen[frame], np.float32(place(name, frame))) < HIDDEN
    ann = run.track("ann")
    assert ann.altered == [None] * len(ann.boxes)
    assert ann.coverage == [["original", 0, ann.last]]
    assert (ann.rendered.decision, ann.reason) == (decision, "decided by hand")
    assert (report.kept, report.surrogates) == (FRAMES, 2 * FRAMES)


def test_beside_a_kept_face_the_neighbour_stays_covered_and_no_surrogate_is_left(run, shown, judge):
    _, seen = decide(run, "ben", KEEP).render()
    clip, _ = shown
    hidden = run.track("cid").altered
    for frame in range(FRAMES):
        x1, y1, x2, y2 = place("ben", frame)
        free = [x1, y1, min(x2, hidden[frame][0]), y2]
        assert free[2] - free[0] > 0.8 * (x2 - x1)
        assert apart(clip[frame], seen[frame], free) < CODEC
        assert judge.remains(clip[frame], seen[frame], np.float32(place("cid", frame))) < HIDDEN


def test_a_kept_face_that_is_to_be_replaced_shows_nothing_of_the_original(run, shown, judge):
    decide(run, "ann", KEEP).render("kept.mp4")
    mixes = {p.number: p.donors for p in run.record.persons}
    _, seen = decide(run, "ann", REPLACE).render()
    clip, before = shown
    for frame in range(FRAMES):
        box = place("ann", frame)
        assert judge.remains(clip[frame], seen[frame], np.float32(box)) < HIDDEN
        assert apart(clip[frame], seen[frame], box) > 2 * CODEC
        assert apart(before[frame], seen[frame], place("cid", frame)) < CODEC
    assert {p.number: p.donors for p in run.record.persons} == mixes
    same = [
        judge.features(picture, np.float32(place("ann", 5))) for picture in (before[5], seen[5])
    ]
    assert judge.alike(*same) > 0.9  # the surrogate of before


def test_somebody_who_was_never_drawn_gets_donors_that_nobody_wears(run, judge):
    decide(run, "ann", KEEP).render("kept.mp4")
    number = run.track("ann").person
    run.edited(lambda told: setattr(told.person(number), "donors", None))
    decide(run, "ann", REPLACE).render()
    told = run.record
    own = set(told.person(number).donors)
    assert len(own) == Settings().k
    assert all(len(own & set(p.donors)) <= 2 for p in told.persons if p.number != number)


def test_merged_tracks_wear_one_surrogate(run, shown, judge):
    ann, cid = run.track("ann"), run.track("cid")
    run.edited(lambda told: setattr(run.track("cid", told), "person", ann.person))
    _, seen = run.render()
    told = run.record
    merged = run.track("cid", told)
    assert merged.person == merged.rendered.person == ann.person != cid.person
    assert told.person(ann.person).donors == done_donors(run, ann.person)
    for frame in (1, FRAMES - 1):
        assert apart(shown[1][frame], seen[frame], place("ann", frame)) < CODEC
        who = [judge.features(seen[frame], np.float32(place(n, frame))) for n in ("ann", "cid")]
        was = judge.features(shown[1][frame], np.float32(place("cid", frame)))
        assert judge.alike(*who) > judge.alike(was, who[1])


def done_donors(run, number):
    return record.read(run.path).person(number).donors


@pytest.fixture
def missed(run):
    """The same run, in which nobody has seen Ann."""
    decide(run, "ann", IGNORE).render("missed.mp4")
    number = run.track("ann").number

    def forget(told):
        told.tracks = [track for track in told.tracks if track.number != number]

    return run.edited(forget)


def test_an_added_box_is_followed_for_its_span_and_no_longer(missed, shown, judge):
    first, last = 2, 7
    missed.edited(lambda told: told.added.append(Added(place("ann", first), first, last)))
    _, seen = missed.render()
    clip, before = shown
    for frame in range(FRAMES):
        box = place("ann", frame)
        if first <= frame <= last:
            assert judge.remains(clip[frame], seen[frame], np.float32(box)) < HIDDEN
        else:
            assert apart(clip[frame], seen[frame], box) < CODEC
        assert apart(before[frame], seen[frame], place("ben", frame)) < CODEC
    told = missed.record
    assert not told.added
    (new,) = (track for track in told.tracks if track.reason == "added by hand")
    assert (new.first, new.last) == (first, last)
    assert not new.edited
    assert [p.number for p in told.persons] == [1, 2, 3, 4]
    assert told.persons[-1].donors
    for frame in range(first, last + 1):
        centre = np.array(new.boxes[frame - first]).reshape(2, 2).mean(axis=0)
        true = np.array(place("ann", frame)).reshape(2, 2).mean(axis=0)
        assert np.linalg.norm(centre - true) < 0.1 * SIDE


def test_an_added_box_may_be_somebody_of_the_record(missed):
    number = missed.track("cid").person
    missed.edited(lambda told: told.added.append(Added(place("ann", 0), 0, 4, number)))
    missed.render()
    told = missed.record
    assert [track.person for track in told.tracks].count(number) == 2
    assert len(told.persons) == 3


def test_where_nothing_can_be_followed_the_added_box_stays_covered(missed, shown):
    corner = [440, 150, 480, 190]  # nothing but background
    missed.edited(lambda told: told.added.append(Added(corner, 0, 9)))
    _, seen = missed.render()
    (new,) = (track for track in missed.record.tracks if track.reason == "added by hand")
    assert new.coverage == [["fallback", 0, 9]]
    for was, now in zip(shown[1], seen, strict=True):
        assert apart(was, now, corner) > 0.5


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"another")])
def test_without_the_output_before_all_are_drawn_with_their_donors(run, shown, judge, harm):
    harm(run.target)
    before = run.record
    report, seen = run.render()
    assert report.surrogates + report.fallbacks == 3 * FRAMES
    assert [p.donors for p in run.record.persons] == [p.donors for p in before.persons]
    clip, was = shown
    for name in PEOPLE:
        box = np.float32(place(name, 5))
        assert judge.remains(clip[5], seen[5], box) < HIDDEN
        assert judge.alike(judge.features(was[5], box), judge.features(seen[5], box)) > 0.85


def test_a_fault_on_a_face_that_is_drawn_covers_it(run, shown, judge):
    class Broken:
        def generate(self, *_):
            raise ValueError("no picture today")

    decide(run, "ann", KEEP).render("kept.mp4")
    broken = replace(run.rooms, drawing=replace(run.rooms.drawing, generator=Broken()))
    report, seen = decide(run, "ann", REPLACE).render(rooms=broken)
    assert report.faults.count >= FRAMES
    assert run.track("ann").coverage == [[FALLBACK, 0, run.track("ann").last]]
    assert {s.why for s in run.record.suspects if s.track == run.track("ann").number} >= {"fault"}
    for frame in range(FRAMES):
        box = np.float32(place("ann", frame))
        assert judge.remains(shown[0][frame], seen[frame], box) < HIDDEN


def test_a_crash_on_the_way_leaves_output_and_record_as_they_were(run, monkeypatch):
    decide(run, "ann", KEEP)
    before = {path: path.read_bytes() for path in (run.target, run.path)}
    covered = rerender.planes.copied

    def crashing(frame, *rest):
        if frame.index == 6:
            raise OSError("the disk is gone")
        return covered(frame, *rest)

    monkeypatch.setattr(rerender.planes, "copied", crashing)
    with pytest.raises(OSError, match="gone"):
        run.render("out.mp4")
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(p.name for p in run.source.parent.iterdir()) == ["clip.mp4", "out.mp4", "rec"]


def test_an_output_that_is_exchanged_meanwhile_is_not_copied(run, monkeypatch):
    """As a second program would that writes the same file."""
    decide(run, "ann", KEEP)
    told, pairs = run.path.read_bytes(), rerender._pairs

    def exchanging(source, order):
        run.target.unlink()
        shutil.copy(run.source, run.target)
        return pairs(source, order)

    monkeypatch.setattr(rerender, "_pairs", exchanging)
    with pytest.raises(RecordError, match="changed meanwhile"):
        run.render("new.mp4")
    assert not (run.source.parent / "new.mp4").exists()
    assert run.path.read_bytes() == told


def test_a_crash_before_the_record_is_noticed_and_all_are_drawn_anew(run, monkeypatch, shown):
    decide(run, "ann", KEEP)
    told = run.path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(rerender.records, "write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run.render("out.mp4")
    assert run.path.read_bytes() == told
    assert rerender.usable(run.record, run.target) is None
    _, seen = run.render("out.mp4")
    assert rerender.usable(run.record, run.target) == run.target
    assert apart(shown[0][4], seen[4], place("ann", 4)) < CODEC


@pytest.mark.parametrize("frames", [FRAMES - 1, FRAMES + 1])
def test_a_record_of_other_frames_is_refused_and_nothing_written(run, frames):
    def change(told):
        told.input.frames = frames
        for track in told.tracks:
            track.boxes, track.altered = track.boxes[:frames], track.altered[:frames]

    run.edited(change)
    with pytest.raises(record.RecordError, match="frames"):
        run.render()
    assert not run.source.with_name("new.mp4").exists()


def test_covers_without_surrogates_are_rendered_again_too(tmp_path, done, shown, judge):
    run = Run(tmp_path, furnish(Settings(mode="solid")))
    run.settings = Settings(mode="solid", **QUICK)
    shutil.copy(done.source, run.source)
    run.first()
    was = read_clip(run.target).frames[5]
    _, seen = decide(run, "ann", KEEP).render()
    assert apart(shown[0][5], seen[5], place("ann", 5)) < CODEC
    assert apart(was, seen[5], place("cid", 5)) < CODEC
    forgotten = run.track("ann").number

    def missed(told):
        told.tracks = [track for track in told.tracks if track.number != forgotten]
        told.added.append(Added(place("ann", 4), 4, 6))

    _, seen = run.edited(missed).render("again.mp4")
    assert apart(was, seen[5], place("ann", 5)) < 3 * CODEC
    assert apart(shown[0][3], seen[3], place("ann", 3)) < CODEC
    assert all(person.donors is None for person in run.record.persons)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".gif"])
def test_photos_and_gifs_are_rendered_again_too(tmp_path, rooms, original, judge, ending):
    run = Run(tmp_path, rooms)
    run.source, run.target = tmp_path / f"a{ending}", tmp_path / f"out{ending}"
    pictures = [PIL.Image.fromarray(picture) for picture in original[:2]]
    more = {"save_all": True, "append_images": pictures[1:]} if ending == ".gif" else {}
    pictures[0].save(run.source, **more)
    run.first()
    seen = {path: still(path) for path in (run.source, run.target)}
    told = run.record
    run.track("ann", told).decision = KEEP
    record.write(told, run.path)
    again = rerender_still(run, f"new{ending}")
    assert apart(seen[run.source], again, place("ann", 0)) < CODEC
    assert apart(seen[run.target], again, place("cid", 0)) < CODEC
    assert judge.remains(seen[run.source], again, np.float32(place("cid", 0))) < HIDDEN


def rerender_still(run, name):
    told, target = run.record, run.source.with_name(name)
    before = rerender.usable(told, run.target)
    assert before is not None
    order = rerender.Order(told, run.path, target, before, run.rooms, run.settings, {}, SALT)
    list(rerender.run(media.open_source(run.source, run.settings), order, Report()))
    return still(target)


def still(path):
    """The (first) picture of a file."""
    with PIL.Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


class TestCommandLine:
    """The command as people call it."""

    def call(self, run, *more, out="outputs"):
        folder = run.source.parent
        return cli.main([
            "render", str(run.source), "--record", str(run.path), "--out", str(folder / out), *more
        ])  # fmt: skip

    def test_it_writes_output_and_record_and_says_where(self, run, capfd):
        decide(run, "ann", KEEP)
        assert self.call(run, "--suffix=-v2") == 0
        target = run.source.parent / "outputs" / "clip-v2.mp4"
        told = run.record
        assert (run.path.parent / told.output.path).resolve() == target.resolve()
        assert rerender.usable(told, target) == target
        assert not any(track.edited for track in told.tracks)
        assert str(target) in capfd.readouterr().err
        assert run.path.stat().st_mode & 0o777 == 0o600

    def test_an_output_that_exists_is_not_overwritten_unless_told(self, run, capfd):
        (run.source.parent / "outputs").mkdir()
        target = run.source.parent / "outputs" / "clip-deid.mp4"
        target.write_bytes(b"precious")
        assert self.call(run) == 1
        assert "add --overwrite" in capfd.readouterr().err
        assert target.read_bytes() == b"precious"
        assert self.call(run, "--overwrite", "--quiet") == 0
        assert capfd.readouterr().err == ""
        assert target.read_bytes() != b"precious"

    def test_without_a_place_it_takes_that_of_the_output_before(self, run, capfd):
        decide(run, "ann", KEEP)
        before = (run.path.parent / run.record.output.path).resolve()
        content, command = before.read_bytes(), ["render", str(run.source), "--record"]
        assert cli.main([*command, str(run.path), "-q"]) == 1
        assert "add --overwrite" in capfd.readouterr().err
        assert before.read_bytes() == content
        assert cli.main([*command, str(run.path), "-q", "--overwrite"]) == 0
        assert before.read_bytes() != content

    def test_a_record_cannot_name_the_input_as_the_output_before(self, run, tmp_path):
        told = run.record
        told.output = Output("../clip.mp4", told.input.sha256)
        record.write(told, run.path)
        before = run.source.read_bytes()
        command = ["render", str(run.source), "--record", str(run.path), "-q", "--overwrite"]
        assert cli.main([*command, "--out", str(run.source.parent), "--suffix=-v"]) == 0
        shown = read_clip(run.source.parent / "clip-v.mp4").frames
        hidden = run.track("ben").altered[0]
        assert apart(read_clip(run.source).frames[0], shown[0], hidden) > 5
        assert run.source.read_bytes() == before

    def test_the_input_is_never_the_place_of_the_output(self, run, capfd, tmp_path):
        link = tmp_path / "linked"
        link.symlink_to(run.source.parent)
        (run.source.parent / "clip-deid.mp4").symlink_to(run.source)
        command = ["render", str(run.source), "--record", str(run.path), "--overwrite"]
        assert cli.main([*command, "--out", str(link)]) == 1
        assert "is the input" in capfd.readouterr().err

    def test_a_record_cannot_name_what_is_overwritten(self, run, tmp_path, capfd):
        precious = tmp_path / "precious.mp4"
        precious.write_bytes(b"precious")
        told = run.record
        told.output = Output(str(precious), told.output.sha256)
        record.write(told, run.path)
        command = ["render", str(run.source), "--record", str(run.path), "-q", "--overwrite"]
        assert cli.main(command) == 1
        assert "is not the output that the record tells of" in capfd.readouterr().err
        assert precious.read_bytes() == b"precious"

    def test_an_output_that_is_gone_is_written_where_it_was(self, run, capfd):
        run.target.unlink()
        assert cli.main(["render", str(run.source), "--record", str(run.path)]) == 0
        assert "all faces are drawn anew" in capfd.readouterr().err
        assert (run.source.parent / "clip-deid.mp4").is_file()

    @pytest.mark.parametrize(
        ("change", "line"),
        [
            (lambda told: told | {"input": told["input"] | {"sha256": "0" * 64}}, "another file"),
            (lambda told: told | {"version": 9}, "newer than"),
            (lambda told: told | {"wish": 1}, "wish"),
            (lambda told: told | {"kind": "letter"}, "is no record"),
            (lambda told: told | {"settings": {"colour": "red"}}, "there is no such option"),
            (lambda told: told | {"models": {"deconv192/donors.npz": "0" * 64}}, "was changed"),
        ],
    )
    def test_what_does_not_fit_is_refused_in_one_line(self, run, capfd, change, line):
        told = json.dumps(change(json.loads(run.path.read_text())))
        run.path.write_text(told)
        assert self.call(run) == 1
        said = capfd.readouterr().err.strip().splitlines()
        assert len(said) == 1
        assert line in said[0]
        assert run.path.read_text() == told
        assert not (run.source.parent / "outputs").exists()

    @pytest.mark.parametrize("name", ["clip.mp4", "rec/clip.faces.json"])
    def test_a_file_that_is_missing_is_told_in_one_line(self, run, capfd, name):
        (run.source.parent / name).unlink()
        assert self.call(run) == 1
        assert len(capfd.readouterr().err.strip().splitlines()) == 1

    def test_an_output_that_is_named_must_be_there(self, run, capfd):
        assert self.call(run, "--output", str(run.source.parent / "none.mp4")) == 1
        assert "there is no such file" in capfd.readouterr().err

    def test_from_a_run_over_an_edit_to_what_is_rendered(self, tmp_path, original, judge, capfd):
        photo, folder = tmp_path / "photo.png", str(tmp_path)
        PIL.Image.fromarray(original[0]).save(photo)
        places = ["--out", f"{folder}/out", "--quiet"]
        assert cli.main(["run", str(photo), "--record", f"{folder}/rec", *places]) == 0
        path = tmp_path / "rec" / "photo.faces.json"
        target, told = tmp_path / "out" / "photo-deid.png", json.loads(path.read_text())
        before = still(target)
        middle = sum(place("ben", 0)[::2]) / 2
        (ben,) = (t for t in told["tracks"] if t["boxes"][0][0] < middle < t["boxes"][0][2])
        ben["decision"] = "keep"
        path.write_text(json.dumps(told, indent=4))
        again = ["render", str(photo), "--record", str(path), "--overwrite", *places]
        assert cli.main(again) == 0
        assert capfd.readouterr().err == ""
        seen = still(target)
        x1, y1, x2, y2 = ben["boxes"][0]
        assert (cut(seen, [x1, y1, x2 - 20, y2]) == cut(original[0], [x1, y1, x2 - 20, y2])).all()
        assert (cut(seen, place("ann", 0)) == cut(before, place("ann", 0))).all()
        assert judge.remains(original[0], seen, np.float32(place("cid", 0))) < HIDDEN
        assert not any(track.edited for track in record.read(path).tracks)
