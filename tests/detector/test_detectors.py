import cv2
import numpy as np
import pytest

from detector.centerface import CenterFace
from detector.haar import Haar
from pipeline import registry
from pipeline.errors import WeightsError
from pipeline.geometry import overlap
from pipeline.networks import Network
from pipeline.settings import Settings
from pipeline.weights import locate


@pytest.fixture(scope="module")
def centerface():
    return CenterFace(locate("centerface"))


def test_landmarks_lie_where_the_mesh_has_eyes_nose_and_mouth(centerface, astronaut, face):
    found = centerface.detect(astronaut)
    left, right, nose, *corners = found.landmarks[0]
    assert left[0] < right[0]
    assert corners[0][0] < corners[1][0]
    assert left[1] < nose[1] < corners[0][1]
    assert np.linalg.norm(nose - face.mesh[0, 4, :2]) < 0.15 * np.ptp(face.mesh[0, :, 0])


def test_one_face_is_found_once(centerface, astronaut):
    assert len(centerface.detect(astronaut)) == 1


def test_every_face_of_a_row_is_found_best_first(centerface, astronaut):
    portrait = cv2.resize(astronaut[20:260, 100:340], (120, 120))
    found = centerface.detect(np.hstack([portrait] * 5))
    assert len(found) == 5
    assert (np.diff(found.scores) <= 1e-6).all()


@pytest.mark.parametrize("width", [14, 24, 60, 130])
def test_small_faces_are_found(centerface, astronaut, face, width):
    factor = width / float(face.boxes[0, 2] - face.boxes[0, 0])
    small = cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    found = centerface.detect(small)
    assert overlap(found.boxes, face.boxes * factor).max() > 0.4


@pytest.mark.parametrize("cut", [25, 45])
def test_a_face_cut_by_the_border_is_found(centerface, astronaut, face, cut):
    """`cut` is how many of its px are outside."""
    x1 = round(float(face.boxes[0, 0])) + cut
    assert len(centerface.detect(np.ascontiguousarray(astronaut[:, x1:]))) == 1


def test_a_higher_threshold_finds_no_more(astronaut):
    loose, strict = (CenterFace(locate("centerface"), 1280, t) for t in (0.1, 0.6))
    assert len(loose.detect(astronaut)) >= len(strict.detect(astronaut)) > 0
    assert strict.detect(astronaut).scores.min() > 0.6


def test_a_file_that_is_no_cascade_is_told(tmp_path):
    (tmp_path / "cascade.xml").write_text(
        '<?xml version="1.0"?>\n<opencv_storage></opencv_storage>\n'
    )
    with pytest.raises(WeightsError, match="no cascade"):
        Haar(tmp_path / "cascade.xml", tmp_path / "cascade.xml")


def test_what_was_prepared_is_not_made_again(astronaut, monkeypatch):
    detector = CenterFace(locate("centerface"))
    detector.prepare((320, 320), (640, 384))

    def again(*_):
        raise AssertionError("made anew")

    monkeypatch.setattr(Network, "_made", again)
    part = np.ascontiguousarray(astronaut[:320, :320])
    assert len(detector.detect(part)) == 1
    with pytest.raises(AssertionError, match="made anew"):
        detector.detect(astronaut)


@pytest.mark.parametrize("side", [320, 512, 1200])
def test_short_numbers_find_the_same_face(astronaut, side):
    exact = registry.detector(Settings())
    picture = cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA)
    found, known = exact.quick.detect(picture), exact.detect(picture)
    assert len(found) == len(known) == 1
    assert overlap(found.boxes, known.boxes)[0, 0] > 0.9


def test_without_a_second_network_a_detector_is_its_own_quick_one(centerface):
    assert centerface.quick is centerface


def test_a_device_without_short_numbers_keeps_the_exact_network(monkeypatch):
    monkeypatch.setattr("pipeline.networks.short", lambda: False)
    exact = registry.detector(Settings())
    assert exact.quick is exact
