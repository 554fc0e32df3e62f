from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline import analysis, chain, planning
from pipeline.chain import Report
from pipeline.contract import Frame
from pipeline.settings import Settings
from pipeline.tracks import Sighting, Track
from replacer.occlusion import Own

THING = (30, 60, 170)
FRAMES = 13


@pytest.fixture(scope="module")
def planned(astronaut, face, rooms):
    """What is planned for the portrait, seen in many frames alike."""
    track = Track(0, 0, [Sighting.detected(0, face, 0)])
    known = analysis.of_faces([track], Frame((astronaut,), "rgb24"), b"portrait", rooms)
    plan = planning.plan(known, rooms, Settings(), b"salt")
    for frame in range(1, FRAMES):
        plan.at.add(frame, 0, 0)
    return plan


def with_thing(picture, mesh):
    """Something blue over the chin, and where it lies."""
    chin, reach = np.rint(mesh[152, :2]).astype(int), round(0.16 * float(np.ptp(mesh[:, 0])))
    changed, place = picture.copy(), np.zeros(picture.shape[:2], np.uint8)
    cv2.circle(changed, (int(chin[0]), int(chin[1])), reach, THING, -1)
    cv2.circle(place, (int(chin[0]), int(chin[1])), round(0.7 * reach), 1, -1)
    return changed, place > 0


def shown(planned, rooms, pictures, own=None):
    """The last of the pictures, which follow each other, as the chain writes it; its report."""
    report = Report()
    for number, picture in enumerate(pictures):
        frame = Frame((picture,), "rgb24", number)
        result = chain.covered(frame, planned, rooms, report, own).planes[0]
    return result, report


def with_occlusion(rooms, occlusion):
    return replace(rooms, drawing=replace(rooms.drawing, occlusion=occlusion))


def test_a_thing_before_the_face_stays_and_the_face_goes(planned, rooms, astronaut, face, judge):
    changed, place = with_thing(astronaut, face.mesh[0])
    result, report = shown(planned, rooms, [astronaut] * 9 + [changed] * 4, {})
    assert np.abs(result[place].astype(int) - THING).mean() < 12
    assert judge.remains(astronaut, result, face.boxes[0]) < 0.5
    assert report.surrogates == FRAMES


def test_asked_to_cover_nothing_stays_in_front(planned, rooms, astronaut, face):
    changed, place = with_thing(astronaut, face.mesh[0])
    covering = with_occlusion(rooms, None)
    result, _ = shown(planned, covering, [astronaut] * 9 + [changed] * 4, {})
    inside = place & (np.arange(len(place))[:, None] < face.mesh[0][152, 1] - 8)
    assert np.abs(result[inside].astype(int) - THING).mean() > 40


class Everything:
    """Takes all of the face for a thing in front of it."""

    def over(self, image, mesh, own=None):
        return np.ones(image.shape[:2], np.float32)


class Broken:
    def over(self, image, mesh, own=None):
        raise RuntimeError("no matte")


class Odd:
    def over(self, image, mesh, own=None):
        return np.ones((3, 3), np.float32)


@pytest.mark.parametrize("occlusion", [Everything(), Broken(), Odd()])
def test_no_matte_opens_the_face(planned, rooms, astronaut, face, judge, occlusion):
    result, report = shown(planned, with_occlusion(rooms, occlusion), [astronaut])
    assert judge.remains(astronaut, result, face.boxes[0]) < 0.5
    assert report.surrogates + report.fallbacks == 1
    assert report.faults.count == (0 if isinstance(occlusion, Everything) else 1)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
def test_surrogate_and_cover_share_a_frame_without_the_face(
    planned, rooms, astronaut, face, judge, share
):
    """While one fades into the other neither of them lets the original through."""
    track = planned.tracks[0]
    fading = replace(planned, tracks=[replace(track, mix=[share])])
    result, _ = shown(fading, rooms, [astronaut])
    assert judge.remains(astronaut, result, face.boxes[0]) < 0.5
    plain, _ = shown(planned, rooms, [astronaut])
    cover, _ = shown(replace(planned, tracks=[replace(track, mix=[0.0])]), rooms, [astronaut])
    x1, y1, x2, y2 = np.rint(face.boxes[0]).astype(int)
    middle = np.s_[(3 * y1 + y2) // 4 : (y1 + 3 * y2) // 4, (3 * x1 + x2) // 4 : (x1 + 3 * x2) // 4]
    mixed = share * plain[middle] + (1 - share) * cover[middle].astype(float)
    assert np.abs(result[middle] - mixed).mean() < 3


def test_what_is_known_of_a_face_is_forgotten_when_its_track_ends(planned, rooms, astronaut):
    own = {}
    shown(planned, rooms, [astronaut], own)
    assert isinstance(own[0], Own)
    chain.covered(Frame((astronaut,), "rgb24", FRAMES), planned, rooms, Report(), own)
    assert own == {}
