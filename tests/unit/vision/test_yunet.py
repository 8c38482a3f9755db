"""The rebuilt network says what OpenCV's own class says, whatever the picture's size."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers import scenes
from transcoder.vision import faces, onnx, opencv, weights, yunet
from transcoder.vision.weights import ModelUnavailable
from transcoder.vision.yunet import YuNet

Pixels = NDArray[np.uint8]
PATH = weights.find(faces.PACKAGE, faces.YUNET_FILE)


@pytest.fixture(scope="module")
def network() -> YuNet:
    return YuNet(PATH, confidence=0.7, overlap=0.3)


@pytest.fixture(scope="module")
def reference() -> Callable[[Pixels], NDArray[np.float32]]:
    cv2 = pytest.importorskip("cv2")
    with opencv.quiet():
        detector = cv2.FaceDetectorYN.create(str(PATH), "", (320, 320), 0.7, 0.3, 1000)

    def look(picture: Pixels) -> NDArray[np.float32]:
        detector.setInputSize((picture.shape[1], picture.shape[0]))
        rows = detector.detect(np.ascontiguousarray(picture))[1]
        return np.zeros((0, 15), np.float32) if rows is None else np.asarray(rows)

    return look


@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize("step", [1, 2, 5])
def test_the_same_faces_as_opencv(
    network: YuNet, reference: Callable[[Pixels], NDArray[np.float32]], portrait: Pixels, step: int, copies: int
) -> None:
    picture = np.tile(portrait[:-13:step, ::step], (1, copies, 1))
    expected, found = reference(picture), network.look(picture)
    assert len(found) >= copies
    assert found.shape == expected.shape
    np.testing.assert_allclose(found[:, :14], expected[:, :14], atol=0.01)
    np.testing.assert_allclose(found[:, 14], expected[:, 14], atol=1e-5)


def test_nothing_where_opencv_finds_nothing(network: YuNet) -> None:
    assert network.look(scenes.noise(200, 133)).shape == (0, 15)


def test_several_threads_may_look_at_once(network: YuNet, portrait: Pixels) -> None:
    pictures = [portrait[: 512 - 7 * number] for number in range(8)]
    alone = [network.look(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network.look, pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelUnavailable, match="does not load") as raised:
        YuNet(PATH, confidence=0.7, overlap=0.3)
    assert "\n" not in str(raised.value)


def test_rebuilding_leaves_plain_layers_of_any_size() -> None:
    before = onnx.read(PATH.read_bytes())
    after = yunet.rebuilt(before)
    assert {node.operation for node in before.nodes} >= {"DequantizeLinear", "Transpose", "Sigmoid"}
    assert {node.operation for node in after.nodes} == {"Conv", "Relu", "MaxPool", "Resize", "Add"}
    assert after.inputs == before.inputs
    assert len(after.outputs) == 3


def test_what_is_written_reads_the_same() -> None:
    network = yunet.rebuilt(onnx.read(PATH.read_bytes()))
    again = onnx.read(onnx.write(network))
    assert replace(again, weights={}) == replace(network, weights={})
    for name, value in again.weights.items():
        np.testing.assert_array_equal(value, network.weights[name])
    assert onnx.write(again) == onnx.write(network)


def test_a_network_built_otherwise_is_refused() -> None:
    network = onnx.read(PATH.read_bytes())
    nodes = tuple(replace(node, operation="Relu") if node.operation == "Sigmoid" else node for node in network.nodes)
    with pytest.raises(ValueError, match="is not made as it was"):
        yunet.rebuilt(replace(network, nodes=nodes))


@pytest.mark.parametrize("length", [0, 1, 7, 100, 60_000])
def test_a_file_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="network"):
        onnx.read(PATH.read_bytes()[:length])
