"""What OpenVINO computes, ONNX Runtime computes too, once it is written in ONNX."""

import re

import numpy as np
import onnx
import openvino as ov
import pytest
from openvino import opset1, opset4, opset5, opset8

from extractor.export import export
from pipeline.errors import WeightsError
from pipeline.networks import Network
from pipeline.onnx_runtime import Session
from pipeline.onnx_writing import written

CLOSE = 1e-4  # of the largest value; the detector's sums are long, others are within 2e-6

NETWORKS = {
    "detector": lambda rooms: rooms.detector._model(224, 320),
    "mesh": lambda rooms: rooms.mesh._model,
    "iris": lambda rooms: rooms.eyes._model,
    "recogniser": lambda rooms: rooms.drawing.extractor._network._network,
    "glasses": lambda rooms: rooms.drawing.glasses._finder._model,
    "generator, large": lambda rooms: rooms.drawing.generator._heads[0].draw.network,
    "generator, middle": lambda rooms: rooms.drawing.generator._heads[1].draw.network,
    "generator, small": lambda rooms: rooms.drawing.generator._heads[2].draw.network,
}


def inputs_of(model, batch=1):
    """Random arrays for every input; sides that are free are `batch` long."""
    rng = np.random.default_rng(7)
    result = []
    for port in model.inputs:
        shape = [s.get_length() if s.is_static else batch for s in port.get_partial_shape()]
        whole = port.get_element_type().to_dtype() == np.uint8
        drawn = rng.integers(0, 256, shape) if whole else rng.random(shape)
        result.append(drawn.astype(port.get_element_type().to_dtype()))
    return result


def by_openvino(model, inputs):
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    return list(ov.Core().compile_model(model, "CPU", exact)(inputs).to_tuple())


def assert_the_same(made, batches=(1,)):
    """`made` gives a new openvino.Model at each call."""
    content = written(made(), "a.xml")
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = Session(content, "onnx", exact=True)
    for batch in batches:
        inputs = inputs_of(made(), batch)
        for mine, true in zip(session(inputs), by_openvino(made(), inputs), strict=True):
            assert mine.shape == true.shape
            assert mine.dtype == true.dtype
            assert np.abs(mine - true).max() <= CLOSE * np.abs(true).max()
            assert np.abs(true).max() > 0
    return session


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_ours_answers_as_by_openvino(name, rooms):
    network = NETWORKS[name](rooms)
    model = network._model(ov.Core())
    session = assert_the_same(lambda: network._model(ov.Core()))
    assert session.sizes() == network.sizes()
    assert len(model.inputs) == 1


def test_no_network_of_ours_is_left_out(rooms, monkeypatch):
    """A whole run makes no network that the table above does not name."""
    from pipeline.rooms import furnish
    from pipeline.settings import Settings

    made, real = [], Network.__init__
    monkeypatch.setattr(
        Network, "__init__", lambda self, *a, **k: made.append(a[0].name) or real(self, *a, **k)
    )
    furnish(Settings()).detector._model(32, 32)
    assert sorted(made) == sorted(NETWORKS[name](rooms)._file.name for name in NETWORKS)


def test_several_mixes_are_drawn_at_once_as_by_openvino(rooms):
    network = NETWORKS["generator, small"](rooms)
    assert_the_same(lambda: network._model(ov.Core()), batches=(1, 3))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning:keras.*")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["vgg16", "trained here"])
def test_recognisers_that_were_converted_answer_as_by_openvino(kind, tmp_path):
    """Small ones with random weights, from the same code and through the same files."""
    keras = pytest.importorskip("keras", reason="needs Keras")
    from extractor import train, vggface

    if kind == "trained here":
        network = train._embedding(train.small(64), 16)
    else:
        body = vggface.build(kind, vggface.Sizes(shrink=16, side=64))
        rgb = keras.Input((64, 64, 3), name="rgb")
        network = keras.Model(rgb, body(vggface.preprocess(rgb, 1)))
    export(network, tmp_path / "network.xml")
    assert_the_same(lambda: ov.Core().read_model(tmp_path / "network.xml"), batches=(1, 2))


def picture(*shape, kind=np.float32):
    return opset1.parameter(list(shape), kind)


def kernel(*shape):
    return opset1.constant(np.random.default_rng(3).normal(size=shape).astype(np.float32))


def convolved(x, *, size=3, step=1, gap=1, pads=((0, 0), (0, 0)), rule="explicit"):
    return opset1.convolution(x, kernel(4, 3, size, size), [step] * 2, *pads, [gap] * 2, rule)


def widened(x, *, size, step, rule, wanted=None, pads=((0, 0), (0, 0)), more=(0, 0)):
    """A transposed convolution, to a `wanted` size where one is told."""
    weights = kernel(3, 4, size, size)
    told = dict(dilations=[1, 1], auto_pad=rule, output_padding=list(more))
    if wanted is None:
        return opset1.convolution_backprop_data(
            x, weights, [step] * 2, None, *map(list, pads), **told
        )
    aim = opset1.constant(np.array(wanted, np.int64))
    return opset1.convolution_backprop_data(x, weights, [step] * 2, aim, **told)


def pooled(x, *, pads=((0, 0), (0, 0)), left_out=True, rounding="floor"):
    return opset1.avg_pool(x, [2, 2], *map(list, pads), [3, 3], left_out, rounding)


def turned(x):
    """RGB to BGR as TensorFlow's converter writes it, for any number of pictures."""
    count = opset8.gather(opset4.shape_of(x, "i32"), np.array([0]), np.array(0))
    side = opset1.constant(np.array(3, np.int32))
    return opset1.reverse_sequence(x, opset1.broadcast(side, count), 0, 1)


OPERATIONS = {
    "a window that takes an odd border at the end": lambda x: convolved(
        x, step=2, rule="same_upper"
    ),
    "a window that takes it at the beginning": lambda x: convolved(x, step=2, rule="same_lower"),
    "a window with gaps": lambda x: convolved(x, gap=2, pads=((1, 0), (0, 2))),
    "a window that leaves a rest": lambda x: convolved(x, size=2, step=3, rule="valid"),
    "a convolution for each channel": lambda x: opset1.group_convolution(
        x, kernel(3, 2, 1, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1]
    ),
    "back to twice the size": lambda x: widened(
        x, size=4, step=2, rule="same_lower", wanted=(18, 22)
    ),
    "back to an odd size": lambda x: widened(x, size=3, step=2, rule="same_upper", wanted=(17, 22)),
    "back with padding": lambda x: widened(
        x, size=3, step=2, rule="explicit", pads=((1, 0), (0, 1)), more=(1, 0)
    ),
    "a mean that leaves the border out": lambda x: pooled(x, pads=((1, 1), (0, 1))),
    "a mean that counts the border": lambda x: pooled(x, pads=((1, 1), (1, 0)), left_out=False),
    "a maximum with a border": lambda x: opset8.max_pool(
        x, [2, 2], [1, 1], [1, 0], [0, 1], [3, 3]
    ).output(0),
    "a slope for each channel, in a row": lambda x: opset1.prelu(
        opset1.subtract(x, np.float32(0.5)), np.array([0.1, 0.5, -2], np.float32)
    ),
    "one slope for all": lambda x: opset1.prelu(
        opset1.subtract(x, np.float32(0.5)), np.array([0.25], np.float32)
    ),
    "normalised": lambda x: opset5.batch_norm_inference(
        x, *np.array([[1, 2, 3], [0, 1, 0], [0.1, 0.2, 0.3], [1, 2, 4]], np.float32), 1e-3
    ),
    "filled up with a number": lambda x: opset1.pad(
        x, np.array([0, 1, 0, 2]), np.array([0, 0, 3, 0]), "constant", np.float32(5)
    ),
    "filled up with nothing told": lambda x: opset1.pad(
        x, np.array([0, 1, 0, 2]), np.array([0, 0, 3, 0]), "constant"
    ),
    "means of each channel, sides kept": lambda x: opset1.reduce_mean(x, np.array([2, -1]), True),
    "weighed by what each channel says": lambda x: opset1.multiply(
        x, opset1.sigmoid(opset1.reduce_mean(x, np.array([2, 3]), True))
    ),
    "means of each channel": lambda x: opset1.reduce_mean(x, np.array([2, 3]), False),
    "channels turned round": turned,
    "laid flat": lambda x: opset1.reshape(x, np.array([-1, 3 * 9 * 11]), False),
    "as many rows as there are": lambda x: opset1.reshape(
        x,
        opset1.concat(
            [
                opset8.gather(opset4.shape_of(x, "i64"), np.array([0]), np.array(0)),
                opset1.constant(np.array([11, 27])),
            ],
            0,
        ),
        False,
    ),
    "numbers of half length": lambda x: opset1.add(
        x, opset1.convert(opset1.constant(np.array([0.1], np.float16)), "f32")
    ),
    "side by side": lambda x: opset1.concat([x, opset1.tanh(x), opset1.sigmoid(x)], -1),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("free", [False, True], ids=["one picture", "any number of pictures"])
def test_an_operation_answers_as_by_openvino(name, free):
    def made():
        x = picture(-1 if free else 1, 3, 9, 11)
        return ov.Model([OPERATIONS[name](x)], [x], "small")

    assert_the_same(made, batches=(1, 3) if free else (1,))


def test_bytes_stay_bytes():
    def made():
        x = picture(1, 5, 6, 3, kind=np.uint8)
        turned = opset1.transpose(x, np.array([0, 3, 1, 2]))
        return ov.Model([opset1.relu(opset1.convert(turned, "f32"))], [x], "bytes")

    assert_the_same(made)


REFUSED = {
    "Elu": (lambda x: opset1.elu(x, 1.0), "has no translation"),
    "Pad": (
        lambda x: opset1.pad(x, np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]), "reflect"),
        "pad_mode",
    ),
    "MatMul": (lambda x: opset1.matmul(x, kernel(4, 11), False, True), "transpose_b"),
    "AvgPool": (lambda x: pooled(x, pads=((0, 0), (1, 1)), rounding="ceil"), "sizes"),
    "MaxPool": (
        lambda x: opset1.convert(
            opset8.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(1), "f32"
        ),
        "output 1",
    ),
    "PRelu": (lambda x: opset1.prelu(x, opset1.reduce_mean(x, np.array([0, 2, 3]))), "computes"),
    "BatchNormInference": (
        lambda x: opset1.batch_norm_inference(x, *np.ones((4, 3), np.float32), 1e-3),
        "old kind",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_translation_is_told_with_its_network(kind):
    x = picture(1, 3, 9, 11)
    operation, why = REFUSED[kind]
    with pytest.raises(WeightsError) as caught:
        written(ov.Model([operation(x)], [x], "small"), "own.xml")
    told = str(caught.value)
    assert re.match(rf"own\.xml cannot be written in ONNX: its operation {kind} \(opset", told)
    assert why in told
    assert told.endswith("use --device cpu")
    assert "\n" not in told


def test_pictures_of_any_size_are_refused():
    """Their padding would follow from a size that nobody knows yet."""
    x = picture(1, 3, -1, -1)
    with pytest.raises(WeightsError, match=r"operation Convolution .* has sizes"):
        written(ov.Model([convolved(x, rule="same_upper")], [x], "small"), "own.xml")
