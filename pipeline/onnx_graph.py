"""An ONNX graph in the making, out of operations of OpenVINO."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import WeightsError

OPSET: Final = 17  # every maker of devices knows it by now
_FILE_FORMAT: Final = 8  # as old as the opset

Array = NDArray[Any]


class Graph:
    """Nodes and constants; results keep the names that `key` gives to OpenVINO's ports."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._nodes: list[Any] = []
        self._written: dict[str, Any] = {}
        self._held: dict[str, Array] = {}
        self._made: set[str] = set()

    def hold(self, op: Any) -> None:
        """Keep a constant, which is written when somebody asks for it."""
        self._held[key(op.output(0))] = op.data

    def await_input(self, op: Any) -> None:
        """What the network is given."""
        self._made.add(key(op.output(0)))

    def input(self, op: Any, place: int) -> str:
        """The name of what goes into an operation there."""
        source = op.input_value(place)
        name = key(source)
        if name in self._held:
            return self.constant(name, self._held[name])
        if name not in self._made:
            raise self.refusal(source.get_node(), f"is asked for its output {source.get_index()}")
        return name

    def inputs(self, op: Any) -> list[str]:
        """The names of all that goes into an operation."""
        return [self.input(op, place) for place in range(op.get_input_size())]

    def integers(self, op: Any, place: int) -> str:
        """The name of what goes in there, as the 64-bit integers that ONNX has for sizes."""
        name = f"{key(op.output(0))} input {place}"
        return self.add("Cast", [self.input(op, place)], name, to=kind(np.int64))

    def value(self, op: Any, place: int) -> Array:
        """The constant that goes in there; refused where it is none."""
        name = key(op.input_value(place))
        if name not in self._held:
            raise self.refusal(op, f"computes its input {place}")
        return self._held[name]

    def constant(self, name: str, value: Array) -> str:
        """Write a constant, once."""
        from onnx import numpy_helper

        if name not in self._written:
            self._written[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node with one output, whose name is handed back."""
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        self._made.add(output)
        return output

    def put(self, op: Any, operator: str, inputs: list[str], **attributes: Any) -> None:
        """The node that gives what the operation's first output does."""
        self.add(operator, inputs, key(op.output(0)), **attributes)

    def expect(self, op: Any, **attributes: Any) -> None:
        """Refuse the operation unless it has these attributes."""
        told = op.get_attributes()
        for name, wanted in attributes.items():
            if told.get(name) != wanted:
                raise self.refusal(op, f"has {name} = {told.get(name)!r}")

    def refusal(self, op: Any, why: str) -> WeightsError:
        """What a user is told of an operation."""
        return WeightsError(
            f"{self._network} cannot be written in ONNX: its operation {op.get_type_name()} "
            f"({op.get_type_info().version_id}) {why}; use --device cpu"
        )

    def file(self, model: Any) -> bytes:
        """The content of an ONNX file with the inputs and outputs of the openvino.Model."""
        from onnx import helper

        ends = [f"output {number}" for number in range(len(model.outputs))]
        for result, end in zip(model.get_results(), ends, strict=True):
            self.add("Identity", [self.input(result, 0)], end)
        graph = helper.make_graph(
            self._nodes,
            "network",
            [_described(port, key(port)) for port in model.inputs],
            [_described(port, end) for port, end in zip(model.outputs, ends, strict=True)],
            list(self._written.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        whole = helper.make_model(graph, opset_imports=opsets, ir_version=_FILE_FORMAT)
        content: bytes = whole.SerializeToString()
        return content


def key(port: Any) -> str:
    """A name for an output of one of OpenVINO's operations."""
    return f"{port.get_node().get_name()}:{port.get_index()}"


def lengths(port: Any) -> list[int]:
    """Of its sides, -1 where one is free."""
    return [side.get_length() if side.is_static else -1 for side in port.get_partial_shape()]


def kind(of: Any) -> int:
    """ONNX's number of a dtype, or of that of one of OpenVINO's ports."""
    from onnx import helper

    dtype = of if isinstance(of, type) else of.get_element_type().to_dtype()
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _described(port: Any, name: str) -> Any:
    from onnx import helper

    shape = [None if side < 0 else side for side in lengths(port)]
    return helper.make_tensor_value_info(name, kind(port), shape)
