"""The layers that training measures by are those of dlib's network."""

import keras
import numpy as np
import openvino as ov
import pytest

from extractor.dlib_keras import DEPTHS, perception
from extractor.dlib_network import SIDE, model
from pipeline.weights import locate


@pytest.fixture(scope="module")
def weights():
    return locate("dlib_resnet")


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


def test_activations_are_those_of_the_network_that_recognises(weights, chips):
    drawn = chips.astype(np.float32) / 127.5 - 1
    answers = [keras.ops.convert_to_numpy(x) for x in perception(weights)(drawn)]
    assert [x.shape[0] for x in answers] == [2] * len(DEPTHS)
    for row, chip in enumerate(chips):
        for mine, theirs in zip(answers, of_openvino(weights, chip), strict=True):
            assert mine[row] == pytest.approx(theirs, abs=1e-3 * float(np.abs(theirs).max()))


def test_smaller_pictures_are_seen_too(weights):
    plain = np.zeros((1, 96, 96, 3), np.float32)
    sides = [x.shape[1] for x in perception(weights)(plain)]
    assert sides == sorted(sides, reverse=True)
