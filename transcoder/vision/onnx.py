"""Networks in ONNX files, read and written as far as it takes to rebuild one before it is run.

The format is protocol buffers (github.com/onnx/onnx, ``onnx.proto``). Only what a plain chain of layers needs is
kept: nodes, weights, names of inputs and outputs. Shapes are left to whoever runs the network, so a rebuilt one
takes pictures of any size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_TYPES: Mapping[int, type[np.generic]] = {1: np.float32, 3: np.int8, 7: np.int64}
"""TensorProto.DataType."""
_FLOAT, _INT, _INTS = 1, 2, 7
"""TensorProto.FLOAT; AttributeProto.INT and INTS."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


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
        for raw in self.attributes:
            fields = dict(_fields(raw))
            if fields[1] == name.encode():
                return int(fields[3])
        return otherwise


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

    :raises ValueError: where it holds what is not known here.
    """
    fields = list(_fields(model))
    (graph,) = (value for number, value in fields if number == 7)
    (opset,) = (dict(_fields(value)) for number, value in fields if number == 8)
    parts = list(_fields(graph))
    weights = dict(_tensor(value) for number, value in parts if number == 5)
    named = {which: tuple(_text(dict(_fields(value))[1]) for number, value in parts if number == which)
             for which in (11, 12)}  # fmt: skip
    return Network(
        nodes=tuple(_node(value) for number, value in parts if number == 1),
        weights=weights,
        inputs=tuple(name for name in named[11] if name not in weights),
        outputs=named[12],
        opset=int(opset[2]),
    )


def write(network: Network) -> bytes:
    """The file that a network is; weights nobody uses are left out."""
    used = {name for node in network.nodes for name in node.inputs}
    graph = b"".join(
        (
            *(_field(1, _node_bytes(node)) for node in network.nodes),
            _field(2, b"network"),
            *(_field(5, _tensor_bytes(name, value)) for name, value in network.weights.items() if name in used),
            *(_field(number, _field(1, name.encode()) + _field(2, _field(1, _varint_field(1, _FLOAT) + shape)))
              for number, names, shape in ((11, network.inputs, _OPEN), (12, network.outputs, b"")) for name in names),
        )
    )  # fmt: skip
    return _varint_field(1, 8) + _field(7, graph) + _field(8, _varint_field(2, network.opset))


def number(name: str, value: int) -> bytes:
    """An attribute that is a whole number."""
    return _field(1, name.encode()) + _varint_field(3, value) + _varint_field(20, _INT)


def numbers(name: str, values: Sequence[int]) -> bytes:
    """An attribute that is a list of whole numbers."""
    return _field(1, name.encode()) + b"".join(_varint_field(8, value) for value in values) + _varint_field(20, _INTS)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field: an int, or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(key & 7)
        if length is None:
            if key & 7 != _BYTES:
                raise ValueError(f"a field of type {key & 7}")
            length, at = _varint(message, at)
        if at + length > len(message):
            raise ValueError("it ends within a field")
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("a number does not end")
        byte = message[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def _text(raw: bytes) -> str:
    return raw.decode()


def _node(raw: bytes) -> Node:
    fields = list(_fields(raw))
    (operation,) = (_text(value) for number, value in fields if number == 4)
    (output,) = (_text(value) for number, value in fields if number == 2)
    inputs = tuple(_text(value) for number, value in fields if number == 1)
    return Node(operation, inputs, output, tuple(value for number, value in fields if number == 5))


def _tensor(raw: bytes) -> tuple[str, Array]:
    dims: list[int] = []
    kind, name, data = 0, "", b""
    for number, value in _fields(raw):
        if number == 1:
            dims += _packed(value) if isinstance(value, bytes) else [value]
        elif number == 2:
            kind = value
        elif number == 8:
            name = _text(value)
        elif number == 9:
            data = value
    if kind not in _TYPES:
        raise ValueError(f"weights of type {kind}")
    return name, np.frombuffer(data, np.dtype(_TYPES[kind]).newbyteorder("<")).reshape(dims)


def _packed(raw: bytes) -> list[int]:
    values, at = [], 0
    while at < len(raw):
        value, at = _varint(raw, at)
        values.append(value)
    return values


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _varint_field(number: int, value: int) -> bytes:
    return _varint_bytes(number << 3 | _VARINT) + _varint_bytes(value)


def _field(number: int, value: bytes) -> bytes:
    return _varint_bytes(number << 3 | _BYTES) + _varint_bytes(len(value)) + value


_OPEN = _field(2, b"".join(_field(1, _field(2, name)) for name in (b"pictures", b"channels", b"height", b"width")))
"""A shape of four dimensions that are told when the network runs."""


def _node_bytes(node: Node) -> bytes:
    return b"".join((
        *(_field(1, name.encode()) for name in node.inputs),
        _field(2, node.output.encode()),
        _field(4, node.operation.encode()),
        *(_field(5, raw) for raw in node.attributes),
    ))  # fmt: skip


def _tensor_bytes(name: str, value: Array) -> bytes:
    (kind,) = (number for number, known in _TYPES.items() if value.dtype == known)
    dims = b"".join(_varint_field(1, side) for side in value.shape)
    data = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()
    return dims + _varint_field(2, kind) + _field(8, name.encode()) + _field(9, data)
