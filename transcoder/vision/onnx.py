"""Networks in ONNX files, read and written as far as it takes to rebuild one before it is run.

The format is protocol buffers (github.com/onnx/onnx, ``onnx.proto``); the messages are declared here, as far as a
plain chain of layers needs them: nodes, weights, names of inputs and outputs. Shapes are left to whoever runs the
network, so a rebuilt one takes pictures of any size. Attributes that are not declared go through as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Message = Any
"""One of ``_MESSAGES``; protobuf makes their classes when they are first wanted."""

_TYPES: Mapping[int, type[np.generic]] = {1: np.float32, 3: np.int8, 7: np.int64}
"""TensorProto.DataType."""
_FLOAT, _INT, _INTS = 1, 2, 7
"""TensorProto.FLOAT; AttributeProto.INT and INTS."""
_IR_VERSION = 8
_MESSAGES: Mapping[str, Mapping[int, tuple[str, str]]] = {
    "Attribute": {1: ("name", "string"), 3: ("i", "int64"), 8: ("ints", "int64*"), 20: ("type", "int32")},
    "Node": {
        1: ("input", "string*"), 2: ("output", "string*"), 4: ("op_type", "string"), 5: ("attribute", "Attribute*"),
    },
    "Tensor": {1: ("dims", "int64*"), 2: ("data_type", "int32"), 8: ("name", "string"), 9: ("raw_data", "bytes")},
    "Dimension": {2: ("dim_param", "string")},
    "Shape": {1: ("dim", "Dimension*")},
    "TensorType": {1: ("elem_type", "int32"), 2: ("shape", "Shape")},
    "Type": {1: ("tensor_type", "TensorType")},
    "ValueInfo": {1: ("name", "string"), 2: ("type", "Type")},
    "Graph": {
        1: ("node", "Node*"), 2: ("name", "string"), 5: ("initializer", "Tensor*"), 11: ("input", "ValueInfo*"),
        12: ("output", "ValueInfo*"),
    },
    "OperatorSet": {2: ("version", "int64")},
    "Model": {1: ("ir_version", "int64"), 7: ("graph", "Graph"), 8: ("opset_import", "OperatorSet*")},
}  # fmt: skip
"""Number, name and type of the fields; a star means any number of them."""


@dataclass(frozen=True, slots=True)
class Node:
    """One layer."""

    operation: str
    inputs: tuple[str, ...]
    output: str
    attributes: tuple[bytes, ...] = ()
    """As they are written, see ``number`` and ``numbers``."""

    def number(self, name: str, otherwise: int) -> int:
        """The whole number that an attribute is."""
        found = (_message("Attribute").FromString(raw) for raw in self.attributes)
        return next((int(attribute.i) for attribute in found if attribute.name == name), otherwise)


@dataclass(frozen=True, slots=True)
class Network:
    """A graph of one output for each node."""

    nodes: tuple[Node, ...]
    weights: Mapping[str, Array]
    inputs: tuple[str, ...]
    """Of the pictures; all are float32 of four dimensions."""
    outputs: tuple[str, ...]
    opset: int


def read(model: bytes) -> Network:
    """Take a file apart.

    :raises ValueError: where it is no network, or holds what is not known here.
    """
    from google.protobuf.message import DecodeError

    try:
        found = _message("Model").FromString(model)
    except DecodeError as error:
        raise ValueError(f"not a network ({error})") from None
    graph = found.graph
    if not graph.node or len(found.opset_import) != 1:
        raise ValueError("not a network of one set of operators")
    weights = {tensor.name: _values(tensor) for tensor in graph.initializer}
    return Network(
        nodes=tuple(_node(node) for node in graph.node),
        weights=weights,
        inputs=tuple(info.name for info in graph.input if info.name not in weights),
        outputs=tuple(info.name for info in graph.output),
        opset=int(found.opset_import[0].version),
    )


def write(network: Network) -> bytes:
    """The file that a network is; weights nobody uses are left out."""
    used = {name for node in network.nodes for name in node.inputs}
    model = _message("Model")(ir_version=_IR_VERSION)
    model.opset_import.add(version=network.opset)
    model.graph.name = "network"
    for node in network.nodes:
        written = model.graph.node.add(op_type=node.operation, input=node.inputs, output=[node.output])
        for raw in node.attributes:
            written.attribute.add().ParseFromString(raw)
    for name, value in network.weights.items():
        if name in used:
            (kind,) = (number for number, known in _TYPES.items() if value.dtype == known)
            data = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()
            model.graph.initializer.add(name=name, dims=value.shape, data_type=kind, raw_data=data)
    for name in network.inputs:
        picture = model.graph.input.add(name=name).type.tensor_type
        picture.elem_type = _FLOAT
        for side in ("pictures", "channels", "height", "width"):  # told when the network runs
            picture.shape.dim.add(dim_param=side)
    for name in network.outputs:
        model.graph.output.add(name=name).type.tensor_type.elem_type = _FLOAT
    return bytes(model.SerializeToString(deterministic=True))


def number(name: str, value: int) -> bytes:
    """An attribute that is a whole number."""
    return bytes(_message("Attribute")(name=name, i=value, type=_INT).SerializeToString())


def numbers(name: str, values: Sequence[int]) -> bytes:
    """An attribute that is a list of whole numbers."""
    return bytes(_message("Attribute")(name=name, ints=values, type=_INTS).SerializeToString())


def _node(node: Message) -> Node:
    (output,) = node.output
    attributes = tuple(attribute.SerializeToString() for attribute in node.attribute)
    return Node(node.op_type, tuple(node.input), output, attributes)


def _values(tensor: Message) -> Array:
    if tensor.data_type not in _TYPES:
        raise ValueError(f"weights of type {tensor.data_type}")
    kind = np.dtype(_TYPES[tensor.data_type]).newbyteorder("<")
    return np.frombuffer(tensor.raw_data, kind).reshape(tuple(tensor.dims))


def _message(name: str) -> Message:
    return _classes()[name]


@lru_cache(maxsize=1)
def _classes() -> Mapping[str, Message]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="network.proto", package="network", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for place, (label, declared) in fields.items():
            kind, many = declared.removesuffix("*"), declared.endswith("*")
            field = message.field.add(name=label, number=place)
            field.label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
            if kind in _MESSAGES:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".network.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"network.{name}")) for name in _MESSAGES}
