"""The network as OpenVINO runs it gives what dlib gives."""

import dlib
import numpy as np
import pytest

from extractor.dlib_network import FEATURES, SIDE, DlibNetwork, model
from pipeline.weights import locate


@pytest.fixture(scope="module")
def weights():
    return locate("dlib_resnet")


@pytest.fixture(scope="module")
def network(weights):
    return DlibNetwork(weights)


@pytest.fixture(scope="module")
def chips(astronaut, face):
    x1, y1, x2, y2 = face.boxes[0].astype(int)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    steps = max((x2 - x1) // SIDE, 1), max((y2 - y1) // SIDE, 1)
    part = astronaut[y1 : y1 + SIDE * steps[1] : steps[1], x1 : x1 + SIDE * steps[0] : steps[0]]
    return np.stack([noise, part, np.zeros_like(noise), np.full_like(noise, 255)])


def test_features_are_those_of_dlib(network, weights, chips):
    own = dlib.face_recognition_model_v1(str(weights))
    expected = np.stack([np.array(own.compute_face_descriptor(chip)) for chip in chips])
    assert np.abs(network(chips) - expected).max() < 1e-4
    assert np.abs(expected[0] - expected[1]).max() > 0.05  # they tell pictures apart


def test_a_face_is_cut_out_as_dlib_does(network, weights, astronaut, face):
    own = dlib.face_recognition_model_v1(str(weights))
    predictor = dlib.shape_predictor(str(locate("dlib_5_points")))
    points = predictor(astronaut, dlib.rectangle(*face.boxes[0].astype(int).tolist()))
    expected = np.array(own.compute_face_descriptor(astronaut, points))
    chip = dlib.get_face_chip(astronaut, points, SIDE, 0.25)
    assert np.abs(network(chip[None])[0] - expected).max() < 1e-4


def test_no_faces_give_no_rows(network):
    assert network(np.zeros((0, SIDE, SIDE, 3), np.uint8)).shape == (0, FEATURES)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"con_4", b"con_9"),
        lambda content: content.replace(
            b"\x05con_4\x01\x02\x02\x80\x12", b"\x05con_4\x01\x02\x01\x12"
        ),
        lambda content: b"",
    ],
    ids=["cut", "renamed", "another size", "empty"],
)
def test_another_network_is_refused(weights, damage):
    with pytest.raises(ValueError):  # noqa: PT011
        model(damage(weights.read_bytes()))
