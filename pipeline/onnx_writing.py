"""OpenVINO's models written as ONNX, for devices that only ONNX Runtime reaches.

OpenVINO reads every form that our networks have (TensorFlow Lite, its own, ONNX, dlib's). So only
its operations need a translation, and only those that our networks are made of have one here; any
other is refused. What follows from sizes alone is computed beforehand and written as a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from pipeline.onnx_graph import Graph, key, kind, lengths

Translate = Callable[[Graph, Any], None]  # an operation of OpenVINO into the graph


def written(model: Any, network: str) -> bytes:
    """The content of an ONNX file that computes what the openvino.Model does.

    Inputs and outputs keep their order, types and sizes. The model itself is simplified on the
    way. Raises WeightsError, which calls it `network`, where it holds an operation that has no
    translation here.
    """
    _simplify(model)
    graph = Graph(network)
    for op in model.get_ordered_ops():
        name = op.get_type_name()
        if name == "Constant":
            graph.hold(op)
        elif name == "Parameter":
            graph.await_input(op)
        elif name in _TRANSLATIONS:
            _TRANSLATIONS[name](graph, op)
        elif name != "Result":
            raise graph.refusal(op, "has no translation here")
    return graph.file(model)


def _simplify(model: Any) -> None:
    """Compute what depends on constants only, and shapes of which one side is free at most."""
    from openvino import opset1
    from openvino.passes import ConstantFolding, Manager

    for op in model.get_ordered_ops():
        if op.get_type_name() == "Reshape":
            shape = lengths(op.output(0))
            if shape.count(-1) <= 1:
                known = opset1.constant(np.array(shape, np.int64))
                op.input(1).replace_source_output(known.output(0))
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)


def _same(operator: str) -> Translate:
    """What ONNX has too, under the name `operator`."""
    return lambda graph, op: graph.put(op, operator, graph.inputs(op))


def _paired(operator: str) -> Translate:
    """Arithmetic of two arrays, the smaller repeated as NumPy does it."""

    def translate(graph: Graph, op: Any) -> None:
        graph.expect(op, auto_broadcast="numpy")
        graph.put(op, operator, graph.inputs(op))

    return translate


def _cast(graph: Graph, op: Any) -> None:
    graph.put(op, "Cast", [graph.input(op, 0)], to=kind(op.output(0)))


def _sloped(graph: Graph, op: Any) -> None:
    slope = graph.value(op, 1)
    if slope.ndim == 1:  # one for each channel, which is the second side
        slope = slope.reshape(-1, *[1] * (len(lengths(op.output(0))) - 2))
    name = graph.constant(f"{key(op.output(0))} slope", slope)
    graph.put(op, "PRelu", [graph.input(op, 0), name])


def _normalised(graph: Graph, op: Any) -> None:
    if op.get_type_info().version_id == "opset1":  # its inputs come in another order
        raise graph.refusal(op, "is of an old kind")
    epsilon = op.get_attributes()["epsilon"]
    graph.put(op, "BatchNormalization", graph.inputs(op), epsilon=epsilon)


def _multiplied(graph: Graph, op: Any) -> None:
    graph.expect(op, transpose_a=False, transpose_b=False)
    graph.put(op, "MatMul", graph.inputs(op))


def _convolved(graph: Graph, op: Any) -> None:
    window = _window(graph, op, lengths(op.input_value(1))[2:])
    graph.put(op, "Conv", graph.inputs(op), **window)


def _convolved_in_groups(graph: Graph, op: Any) -> None:
    """The groups are the first side of OpenVINO's kernel; in ONNX they are part of the next."""
    kernel = graph.value(op, 1)
    groups, sides = kernel.shape[0], list(kernel.shape[3:])
    name = graph.constant(f"{key(op.output(0))} kernel", kernel.reshape(-1, *kernel.shape[2:]))
    window = _window(graph, op, sides)
    graph.put(op, "Conv", [graph.input(op, 0), name], group=groups, **window)


def _convolved_back(graph: Graph, op: Any) -> None:
    """The size that is wanted, a third input, has become a part of the padding."""
    more = list(op.get_attributes()["output_padding"])
    window = _window(graph, op, lengths(op.input_value(1))[2:], back=more)
    inputs = [graph.input(op, place) for place in (0, 1)]
    graph.put(op, "ConvTranspose", inputs, output_padding=more, **window)


def _largest(graph: Graph, op: Any) -> None:
    """Only the values, not where they were."""
    window = _window(graph, op, list(op.get_attributes()["kernel"]))
    graph.put(op, "MaxPool", [graph.input(op, 0)], **window)


def _averaged(graph: Graph, op: Any) -> None:
    told = op.get_attributes()
    window = _window(graph, op, list(told["kernel"]))
    if set(window.pop("dilations")) != {1}:  # they came to ONNX later
        raise graph.refusal(op, "has dilations")
    counted = int(not told["exclude-pad"])
    graph.put(op, "AveragePool", [graph.input(op, 0)], count_include_pad=counted, **window)


def _window(
    graph: Graph, op: Any, kernel: list[int], back: list[int] | None = None
) -> dict[str, list[int]]:
    """ONNX's attributes of a window that slides over pictures.

    OpenVINO has computed the padding, whatever rule it was given. Refused where that does not
    lead to its sizes. `back` is what a transposed convolution adds at the ends.
    """
    told, count = op.get_attributes(), len(kernel)
    steps, begin, end = (list(told[name]) for name in ("strides", "pads_begin", "pads_end"))
    gaps = list(told.get("dilations", [1] * count))
    before, after = (lengths(port)[2:] for port in (op.input_value(0), op.output(0)))
    for axis in range(count):
        wide = gaps[axis] * (kernel[axis] - 1) + 1 - begin[axis] - end[axis]
        if back is None:
            size = (before[axis] - wide) // steps[axis] + 1
        else:
            size = (before[axis] - 1) * steps[axis] + wide + back[axis]
        if before[axis] < 0 or size != after[axis]:
            raise graph.refusal(op, "has sizes that do not follow from its padding")
    return {
        "kernel_shape": kernel,
        "strides": steps,
        "dilations": gaps,
        "pads": [*begin, *end],
    }


def _filled_up(graph: Graph, op: Any) -> None:
    graph.expect(op, pad_mode="constant")
    pads = np.concatenate([graph.value(op, 1), graph.value(op, 2)]).astype(np.int64)
    name = graph.constant(f"{key(op.output(0))} pads", pads)
    filling = graph.inputs(op)[3:]  # 0 where none is told, in both
    graph.put(op, "Pad", [graph.input(op, 0), name, *filling])


def _averaged_over(graph: Graph, op: Any) -> None:
    axes = [int(axis) for axis in graph.value(op, 1).ravel()]
    keep = int(op.get_attributes()["keep_dims"])
    graph.put(op, "ReduceMean", [graph.input(op, 0)], axes=axes, keepdims=keep)


def _transposed(graph: Graph, op: Any) -> None:
    order = [int(axis) for axis in graph.value(op, 1)]
    graph.put(op, "Transpose", [graph.input(op, 0)], perm=order)


def _joined(graph: Graph, op: Any) -> None:
    graph.put(op, "Concat", graph.inputs(op), axis=op.get_attributes()["axis"])


def _reshaped(graph: Graph, op: Any) -> None:
    graph.expect(op, special_zero=False)
    graph.put(op, "Reshape", [graph.input(op, 0), graph.integers(op, 1)])


def _sized(graph: Graph, op: Any) -> None:
    sides = graph.add("Shape", [graph.input(op, 0)], f"{key(op.output(0))} sides")
    graph.put(op, "Cast", [sides], to=kind(op.output(0)))


def _picked(graph: Graph, op: Any) -> None:
    graph.expect(op, batch_dims=0)
    axis = int(graph.value(op, 2).item())
    graph.put(op, "Gather", [graph.input(op, 0), graph.input(op, 1)], axis=axis)


def _repeated(graph: Graph, op: Any) -> None:
    graph.expect(op, mode="numpy")
    graph.put(op, "Expand", [graph.input(op, 0), graph.integers(op, 1)])


def _reversed(graph: Graph, op: Any) -> None:
    told = op.get_attributes()
    inputs = [graph.input(op, 0), graph.integers(op, 1)]
    axes = {"batch_axis": told["batch_axis"], "time_axis": told["seq_axis"]}
    graph.put(op, "ReverseSequence", inputs, **axes)


_TRANSLATIONS: Final[dict[str, Translate]] = {
    "Add": _paired("Add"),
    "AvgPool": _averaged,
    "BatchNormInference": _normalised,
    "Broadcast": _repeated,
    "Concat": _joined,
    "Convert": _cast,
    "Convolution": _convolved,
    "ConvolutionBackpropData": _convolved_back,
    "Gather": _picked,
    "GroupConvolution": _convolved_in_groups,
    "MatMul": _multiplied,
    "MaxPool": _largest,
    "Multiply": _paired("Mul"),
    "PRelu": _sloped,
    "Pad": _filled_up,
    "ReduceMean": _averaged_over,
    "Relu": _same("Relu"),
    "Reshape": _reshaped,
    "ReverseSequence": _reversed,
    "ShapeOf": _sized,
    "Sigmoid": _same("Sigmoid"),
    "Subtract": _paired("Sub"),
    "Tanh": _same("Tanh"),
    "Transpose": _transposed,
}
