"""Faces whose boxes are known are found again, and boxes that people drew are followed."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from pipeline.analysis import Faults
from pipeline.contract import Faces, Frame
from pipeline.coverage import Rung, rung
from pipeline.edits import ADDED
from pipeline.geometry import bounds, overlap
from pipeline.record import IGNORE, REPLACE, Rendered, TrackEntry
from pipeline.replanning import Draft
from pipeline.retracing import Retracer
from pipeline.tracks import Seen
from tests.conftest import drawn_background
from tests.pipeline.test_edits import a_record

SIDE = 120


@dataclass
class Pictures:
    """A source of RGB pictures that counts how many of them are read."""

    pictures: list
    read: int = 0

    def frames(self):
        for index, picture in enumerate(self.pictures):
            self.read += 1
            yield Frame((picture,), "rgb24", index, index)


@pytest.fixture(scope="module")
def one(render):
    return render([0, 1, 2, 3], SIDE)


def box_at(x, y, side=SIDE):
    """Where the face of a head drawn at x, y lies."""
    return [round(x + 0.27 * side), round(y + 0.18 * side),
        round(x + 0.73 * side), round(y + 0.82 * side)]  # fmt: skip


def scene(*heads):
    """A picture with (head, x, y) in it."""
    picture = drawn_background(400, 200)
    for head, x, y in heads:
        picture[y : y + len(head), x : x + len(head)] = head
    return picture


def added(box, first, last):
    count = last - first + 1
    return TrackEntry(
        1, 1, REPLACE, ADDED, first, [box] * count, [None] * count, [], Rendered(IGNORE, 1)
    )


def followed(rooms, pictures, entry, others=()):
    retracer = Retracer(rooms, Faults())
    source = Pictures(pictures)
    assert list(retracer.follow(source, {0: entry}, list(others)))[-1] == entry.last + 1
    assert source.read == entry.last + 1  # no frame after the last is decoded
    assert [s.frame for s in retracer.tracks[0].sightings] == [*range(entry.first, entry.last + 1)]
    return list(retracer.tracks[0].sightings)


def test_a_box_is_followed_by_the_mesh_of_its_face(rooms, one):
    pictures = [scene((one, 20 + 6 * frame, 30)) for frame in range(8)]
    entry = added(box_at(20 + 12, 30), 2, 6)
    seen = followed(rooms, pictures, entry)
    assert all(s.seen <= Seen.FOLLOWED and s.mesh_score > 0.5 for s in seen)
    for frame in range(2, 7):
        true = np.float32(box_at(20 + 6 * frame, 30))
        assert overlap(np.float32([entry.boxes[frame - 2]]), true[None])[0, 0] > 0.5


def test_what_has_no_mesh_is_followed_by_its_looks(rooms):
    rng = np.random.default_rng(1)
    thing = np.kron(rng.integers(0, 255, (6, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    pictures = [scene((thing, 40 + 5 * frame, 50)) for frame in range(6)]
    entry = added([40, 50, 88, 98], 0, 5)
    seen = followed(rooms, pictures, entry)
    assert {s.seen for s in seen} == {Seen.SOUGHT}
    assert abs(entry.boxes[5][0] - 65) <= 6


def test_a_face_that_is_lost_stays_covered_where_it_was_last(rooms, one):
    pictures = [scene((one, 20, 30)), scene((one, 26, 30)), *[scene()] * 4]
    entry = added(box_at(20, 30), 0, 5)
    seen = followed(rooms, pictures, entry)
    assert [s.seen for s in seen[2:]] == [Seen.PREDICTED] * 4
    assert all(rung(s, rooms.drawing) == Rung.COVER for s in seen[2:])
    assert all(overlap(s.box[None], seen[1].box[None])[0, 0] > 0.6 for s in seen[2:])
    assert (seen[5].box[2:] - seen[5].box[:2] >= seen[1].box[2:] - seen[1].box[:2]).all()


def test_a_face_that_returns_is_followed_again(rooms, one):
    pictures = [scene((one, 20, 30)), scene(), scene(), scene((one, 22, 31)), scene((one, 24, 31))]
    seen = followed(rooms, pictures, added(box_at(20, 30), 0, 4))
    assert [s.seen <= Seen.FOLLOWED for s in seen] == [True, False, False, True, True]


def test_a_box_does_not_go_over_to_a_face_that_is_known(rooms, one, render):
    """The face vanishes where somebody else passes: the other is no reason to leave the place."""
    other = render([60, 61, 62, 63], SIDE)
    pictures = [scene((one, 20, 30), (other, 200, 30))]
    pictures += [scene((other, 30, 34)) for _ in range(3)]
    known = replace_boxes(added(box_at(200, 30), 0, 3), [box_at(30, 34)] * 3)
    entry = added(box_at(20, 30), 0, 3)
    seen = followed(rooms, pictures, entry, [known])
    assert {s.seen for s in seen[1:]} == {Seen.PREDICTED}
    assert {s.seen for s in followed(rooms, pictures, added(box_at(20, 30), 0, 3))[1:]} != {
        Seen.PREDICTED
    }


def replace_boxes(entry, later):
    return replace(entry, boxes=[entry.boxes[0], *later])


def studied(rooms, pictures, boxes, wanted, coverage=()):
    entry = TrackEntry(
        1, 1, REPLACE, "", 0, boxes, [None] * len(boxes), list(coverage), Rendered(REPLACE, 1)
    )
    draft = Draft(a_record([entry]), [entry], {0: sorted(wanted)})
    retracer, source = Retracer(rooms, Faults()), Pictures(pictures)
    list(retracer.study(source, draft, {0: set(wanted)}))
    return list(retracer.tracks[0].sightings), retracer.tracks[0], source


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_mesh_is_fitted_to_a_box_whichever_way_the_head_is_turned(rooms, one, turns):
    turned = np.ascontiguousarray(np.rot90(one, turns))
    face = np.float32(box_at(40, 30)) if turns % 2 == 0 else np.float32([62, 62, 138, 118])
    seen, track, _ = studied(rooms, [scene((turned, 40, 30))], [face.astype(int).tolist()], [0])
    assert rung(seen[0], rooms.drawing) == Rung.SURROGATE
    assert overlap(bounds(seen[0].mesh)[None], face[None])[0, 0] > 0.5
    assert (seen[0].box == np.floor(face)).all()  # boxes stay as recorded
    assert len(track.samples) == 1


def test_only_the_frames_that_are_wanted_are_looked_at(rooms, one):
    pictures = [scene((one, 20, 30))] * 6
    seen, _, source = studied(rooms, pictures, [box_at(20, 30)] * 6, [1, 3])
    assert [s.frame for s in seen] == [1, 3]
    assert source.read == 4


def test_where_no_mesh_was_found_before_none_is_sought(rooms, one):
    boxes, fallback = [box_at(20, 30)] * 2, [["fallback", 0, 0], ["surrogate", 1, 1]]
    seen, _, _ = studied(rooms, [scene((one, 20, 30))] * 2, boxes, [0, 1], fallback)
    assert [s.seen for s in seen] == [Seen.SOUGHT, Seen.DETECTED]


def test_a_box_in_which_nothing_is_found_is_left_to_the_cover(rooms):
    seen, _, _ = studied(rooms, [scene()], [[300, 100, 350, 160]], [0])
    assert rung(seen[0], rooms.drawing) == Rung.COVER
    assert seen[0].box.tolist() == [300, 100, 350, 160]


def test_a_small_face_is_drawn_along_its_landmarks(rooms, render):
    small = cv2.resize(render([0, 1, 2, 3], SIDE), (21, 21), interpolation=cv2.INTER_AREA)
    seen, _, _ = studied(rooms, [scene((small, 50, 50))], [box_at(50, 50, 21)], [0])
    assert rung(seen[0], rooms.drawing) == Rung.PASTED
    assert np.isfinite(seen[0].landmarks).all()


def test_a_box_drawn_too_large_closes_around_the_face(rooms, one):
    x1, y1, x2, y2 = box_at(60, 40)
    entry = added([x1 - 12, y1 - 14, x2 + 14, y2 + 12], 0, 2)
    seen = followed(rooms, [scene((one, 60 + 4 * frame, 40)) for frame in range(3)], entry)
    true = np.float32(box_at(68, 40))
    assert overlap(seen[-1].box[None], true[None])[0, 0] > 0.6


def test_a_box_that_only_the_mesh_follows_keeps_its_size(rooms, one):
    class Blind:
        def detect(self, _):
            return Faces.of([])

    pictures = [scene((one, 20 + 5 * frame, 30)) for frame in range(6)]
    entry = added(box_at(20, 30), 0, 5)
    seen = followed(replace(rooms, detector=Blind()), pictures, entry)
    assert {s.seen for s in seen[1:]} == {Seen.FOLLOWED}
    sizes = np.stack([s.box[2:] - s.box[:2] for s in seen])
    assert np.abs(sizes - sizes[0]).max() < 0.01
    assert overlap(seen[-1].box[None], np.float32([box_at(45, 30)]))[0, 0] > 0.6


def test_faults_of_the_mesh_are_counted_and_leave_the_box(rooms, one):
    class Broken:
        def fit(self, *_):
            raise ValueError("no")

        follow = fit

    retracer = Retracer(replace(rooms, mesh=Broken()), Faults())
    entry = added(box_at(20, 30), 0, 1)
    list(retracer.follow(Pictures([scene((one, 20, 30))] * 2), {0: entry}, []))
    assert retracer.faults.count > 0
    assert [s.frame for s in retracer.tracks[0].sightings] == [0, 1]


def test_added_boxes_without_a_span_are_nothing(rooms):
    assert not list(Retracer(rooms, Faults()).follow(Pictures([]), {}, []))
