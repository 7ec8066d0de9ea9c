"""Parameters and multiply-accumulates, against what a loop over the layer's definition does."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import onnx.parser
import pytest
from onnx import numpy_helper

from qlint.network.network import Network
from qlint.plan.metrics import Metrics
from qlint.session import read_network
from tests.network.lifting import lifted
from tests.rules.making import network

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def read(inputs: str, nodes: str, weights: dict[str, list[int]], **sizes: int) -> Network:
    """A network of nodes in ONNX's textual syntax, with weights of zeros of the given shapes."""
    text = f'<ir_version: 8, opset_import: ["": 17]> g ({inputs}) => (float y) {{ {nodes} }}'
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for name, shape in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(shape, np.float32), name))
    return lifted(model, bind=dict(sizes))


def counted(net: Network, type: str) -> tuple[int | None, int | None]:
    metrics = Metrics(net)
    layer = next(layer for layer in net if layer.type == type)
    return metrics.parameters(layer), metrics.macs(layer)


@pytest.mark.parametrize(
    ("groups", "stride", "pad", "kernel"),
    [(1, 1, 0, (3, 3)), (2, 1, 1, (3, 3)), (4, 2, 1, (3, 2)), (1, 2, 0, (1, 1))],
)
def test_convolutions_against_a_loop(groups: int, stride: int, pad: int, kernel: tuple[int, int]) -> None:
    channels, filters, height, width = 4, 8, 9, 11
    attributes = f"group = {groups}, strides = [{stride}, {stride}], pads = [{pad}, {pad}, {pad}, {pad}]"
    weights = {"w": [filters, channels // groups, *kernel], "b": [filters]}
    net = read(f"float[1, {channels}, {height}, {width}] x", f"y = Conv <{attributes}> (x, w, b)", weights)
    rows = range(0, height + 2 * pad - kernel[0] + 1, stride)
    columns = range(0, width + 2 * pad - kernel[1] + 1, stride)
    inner = product(range(filters), rows, columns, range(channels // groups), range(kernel[0]), range(kernel[1]))
    kind = "convolution2dLayer" if groups == 1 else "groupedConvolution2dLayer"
    parameters = filters * channels // groups * kernel[0] * kernel[1] + filters
    assert counted(net, kind) == (parameters, sum(1 for _ in inner))


def test_a_transposed_convolution_spreads_each_position_of_its_input() -> None:
    net = read("float[1, 3, 5, 4] x", "y = ConvTranspose <strides = [2, 2]> (x, w)", {"w": [3, 6, 2, 2]})
    spread = product(range(5), range(4), range(3), range(6), range(2), range(2))
    assert counted(net, "transposedConv2dLayer") == (72, sum(1 for _ in spread))


@pytest.mark.parametrize(("op", "gates", "type"), [("LSTM", 4, "lstmLayer"), ("GRU", 3, "gruLayer")])
def test_recurrent_layers_by_step_gate_and_unit(op: str, gates: int, type: str) -> None:
    steps, size, hidden = 7, 5, 6
    rows = gates * hidden
    weights = {"w": [1, rows, size], "r": [1, rows, hidden], "b": [1, 2 * rows]}
    net = read(f"float[{steps}, 1, {size}] x", f"y = {op} <hidden_size = {hidden}> (x, w, r, b)", weights)
    macs = sum(size + hidden for _ in product(range(steps), range(gates), range(hidden)))
    assert counted(net, type) == (rows * (size + hidden + 2), macs)


def test_both_directions_of_a_bilstm_count() -> None:
    net, _ = read_network(str(FIXTURES / "gru_bilstm.onnx"))
    assert counted(net, "bilstmLayer") == (2 * 8 * (4 + 2) + 32, 5 * 2 * 8 * (4 + 2))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("1, 8", 24), ("N, 8", 24), ("1, 10, 8", 240), ("N, 10, 8", 240), ("N, S, 8", None)],
)
def test_fully_connected_layers_by_position(shape: str, expected: int | None) -> None:
    net = read(f"float[{shape}] x", "y = MatMul(x, w)", {"w": [8, 3]})
    assert counted(net, "fullyConnectedLayer") == (24, expected)


@pytest.mark.parametrize("batch", ["1", "6", "N"])
def test_one_observation_counts_whatever_the_batch(batch: str) -> None:
    net = read(f"float[{batch}, 3, 8, 8] x", "y = Conv(x, w)", {"w": [2, 3, 1, 1]})
    assert counted(net, "convolution2dLayer") == (6, 6 * 64)


def test_axes_folded_into_the_batch_count() -> None:
    """A batch of 2 cut into 4 patches each: 8 along the batch axis, 4 of them of one observation."""
    nodes = "s = Constant <value_ints = [8, 3, 4, 4]> () p = Reshape(x, s) y = Conv(p, w)"
    net = read("float[2, 3, 8, 8] x", nodes, {"w": [2, 3, 1, 1]})
    assert counted(net, "convolution2dLayer") == (6, 6 * 16 * 4)


def test_sizes_that_are_not_known_give_no_number_and_binding_gives_it() -> None:
    parts = ("float[N, 3, H, W] x", "y = Conv(x, w)", {"w": [2, 3, 1, 1]})
    assert counted(read(*parts), "convolution2dLayer") == (6, None)
    assert counted(read(*parts, H=8, W=4), "convolution2dLayer") == (6, 6 * 32)


def test_normalization_scales_and_adds_up_nothing() -> None:
    net, _ = read_network(str(FIXTURES / "conv_bn_relu.onnx"))
    assert counted(net, "batchNormalizationLayer") == (16, 0)
    assert counted(net, "reluLayer") == (0, 0)


def test_weights_the_network_does_not_name_are_not_known() -> None:
    net = read("float[1, 4, 9] x", "y = Conv <group = 2> (x, w)", {"w": [2, 2, 3]})
    assert counted(net, "onnx:Conv") == (None, None)
    net = read("float[1, 1, 4, 4] x, float[1, 1, 4, 4] z", "y = MatMul(x, z)", {})
    assert counted(net, "onnx:MatMul") == (0, 0)


def test_a_described_layer_without_weights_is_not_known() -> None:
    assert counted(network("imageInputLayer", "convolution2dLayer"), "convolution2dLayer") == (None, None)


def test_the_digits_network_by_hand() -> None:
    net, _ = read_network(str(FIXTURES / "digits.onnx"))
    metrics = Metrics(net)
    found = {layer.name: metrics.macs(layer) for layer in net if metrics.macs(layer)}
    assert found == {
        "conv1": 8 * 8 * 16 * 9,
        "conv2": 8 * 8 * 32 * 16 * 9,
        "conv3": 4 * 4 * 64 * 32 * 9,
        "fc1": 256 * 64,
        "fc2": 64 * 10,
    }
