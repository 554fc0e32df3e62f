"""The network that training measures by is dlib's."""

import cv2
import dlib
import keras
import numpy as np
import openvino as ov
import pytest

from extractor.dlib_keras import DEPTHS, DlibKeras, placed
from extractor.dlib_network import SIDE, DlibNetwork, model
from pipeline.weights import locate


@pytest.fixture(scope="module")
def weights():
    return locate("dlib_resnet")


@pytest.fixture(scope="module")
def network(weights):
    return DlibKeras(weights, 0.7)


@pytest.fixture
def chips():
    return np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)


def of_openvino(weights, chip):
    """Activations after each of DEPTHS blocks, (p, p, c): every block ends with its second ReLU."""
    whole = model(weights.read_bytes())
    nodes = whole.get_ordered_ops()
    ends = [node for node in nodes if node.get_type_name() == "Relu"][::2]
    pooled = next(node for node in nodes if node.get_type_name() == "MaxPool")
    wanted = [pooled.output(0), *(ends[depth].output(0) for depth in DEPTHS[1:])]
    part = ov.Core().compile_model(
        ov.Model(wanted, whole.get_parameters(), "part"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return [layer[0].transpose(1, 2, 0) for layer in part(chip[None]).to_tuple()]


def test_activations_are_those_of_the_network_that_recognises(weights, network, chips):
    drawn = chips.astype(np.float32) / 127.5 - 1
    answers = [keras.ops.convert_to_numpy(x) for x in network.perceive(drawn)]
    assert [x.shape[0] for x in answers] == [2] * len(DEPTHS)
    for row, chip in enumerate(chips):
        for mine, theirs in zip(answers, of_openvino(weights, chip), strict=True):
            assert mine[row] == pytest.approx(theirs, abs=1e-3 * float(np.abs(theirs).max()))


def test_smaller_pictures_are_seen_too(network):
    plain = np.zeros((1, 96, 96, 3), np.float32)
    sides = [x.shape[1] for x in network.perceive(plain)]
    assert sides == sorted(sides, reverse=True)


def test_features_are_those_of_the_recogniser(weights, network, chips):
    mine = keras.ops.convert_to_numpy(network.describe(chips.astype(np.float32) / 127.5 - 1))
    assert mine == pytest.approx(DlibNetwork(weights)(chips), abs=1e-3)


@pytest.mark.parametrize("turn", [-12.0, 0.0, 20.0])
def test_a_face_is_placed_as_dlib_crops_it(astronaut, turn):
    """The square that dlib cuts out, and the one that the map leads to, show the same."""
    height, width = astronaut.shape[:2]
    turned = cv2.getRotationMatrix2D((225.0, 120.0), turn, 1.0)
    picture = cv2.warpAffine(astronaut, turned, (width, height))
    predictor = dlib.shape_predictor(str(locate("dlib_5_points")))
    corner = [round(float(x)) for x in turned @ (225.0, 120.0, 1.0)]
    found = predictor(picture, dlib.rectangle(*(c - 60 for c in corner), *(c + 60 for c in corner)))
    theirs = dlib.get_face_chip(picture, found, SIDE, 0.25)
    points = np.array([(p.x, p.y) for p in found.parts()], np.float32)
    mine = cv2.warpAffine(picture, placed(points), (SIDE, SIDE))
    middle = np.s_[20:-20, 20:-20]
    assert np.abs(mine[middle].astype(int) - theirs[middle]).mean() < 6
