"""What equalization leaves alone, and what it says of it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.transforms.equalizing import UNEVEN, done, image
from tests.transforms.traps import Net


def test_prelu_whose_slope_is_the_tensor_itself() -> None:
    net, x = image()
    net.node("Conv", net.node("PRelu", x, x), net.values(2, 4, 3, 3), to="y")
    assert done(net, "y").unchanged()


@pytest.mark.parametrize("other", ["Sigmoid", "output", "Add", "both", "subgraph", "weights", "slope", "indices"])
def test_a_tensor_that_anything_else_reads_stays(other: str) -> None:
    net, x = image()
    outputs = ["y"]
    between = net.node("Relu", x)
    net.node("Conv", between, net.values(2, 4, 1, 1), to="y")
    if other == "Sigmoid":
        outputs.append(net.node("Sigmoid", x))
    elif other == "output":
        outputs.append(between)
    elif other == "Add":
        outputs.append(net.node("Add", between, between))
    elif other == "both":
        outputs.append(net.node("Mul", between, x))
    elif other == "slope":
        outputs.append(net.node("Conv", net.node("PRelu", net.values(2, 4, 8, 8), between), net.values(2, 4, 1, 1)))
    elif other == "indices":
        pooled = net.node("MaxPool", between, more=("places",), kernel_shape=[2, 2])
        outputs.append(net.node("Conv", pooled, net.values(2, 4, 1, 1)))
        net.nodes.append(onnx.helper.make_node("CastLike", ["places", "x"], ["cast"]))
        outputs.append("cast")
    elif other == "weights":
        outputs.append(net.node("Conv", net.const(net.values(1, 4, 8, 8)), between))
    else:
        inner = onnx.helper.make_node("Abs", [between], ["inner"])
        value = onnx.helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, None)
        graph = onnx.helper.make_graph([inner], "branch", [], [value])
        condition = net.const(np.array(True))
        outputs.append(net.node("If", condition, then_branch=graph, else_branch=graph))
    found = done(net, *outputs)
    assert found.unchanged()
    assert not found.declined


@pytest.mark.parametrize(
    "op", ["Sigmoid", "Tanh", "Pad", "Pad of channels", "Pad of one axis", "HardSwish", "Transpose", "Gelu"]
)
def test_what_is_not_homogeneous_is_not_crossed(op: str) -> None:
    net, x = image(opset=20)
    if op == "Pad":
        x = net.node("Pad", x, np.array([0, 0, 1, 1, 0, 0, 1, 1]), np.array(1.5, np.float32))
    elif op == "Pad of channels":
        x = net.node("Pad", x, np.array([0, 1, 0, 0, 0, -1, 0, 0]))
    elif op == "Pad of one axis":
        x = net.node("Pad", x, np.array([1, -1]), np.array(0, np.float32), np.array([-3]))
    elif op == "Transpose":
        x = net.node("Transpose", x, perm=[0, 1, 3, 2])
    else:
        x = net.node(op, x)
    net.node("Conv", x, net.values(2, 4, 1, 1), to="y")
    found = done(net, "y")
    assert found.unchanged()
    assert not found.declined


def test_relu6_is_declined() -> None:
    net, x = image()
    x = net.node("Clip", x, np.array(0, np.float32), np.array(6, np.float32))
    net.node("Conv", x, net.values(2, 4, 1, 1), to="y")
    found = done(net, "y")
    assert found.unchanged()
    assert found.declined[0].id == "graph/t0"
    assert "the clipped relu 'n_t1' between it and the next layer" in found.reason


def test_a_relu6_elsewhere_is_not_mentioned() -> None:
    net, x = image()
    net.node("Clip", x, np.array(0, np.float32), np.array(6, np.float32), to="y")
    assert not done(net, "y").declined


def test_weights_that_a_caller_may_override_are_declined() -> None:
    net, x = image(hold="input")
    net.node("Conv", net.node("Relu", x), net.values(2, 4, 1, 1), to="y")
    found = done(net, "y")
    assert found.unchanged()
    assert "which a caller may override" in found.reason


def test_weights_that_are_computed_are_declined() -> None:
    net, x = image()
    kernel = net.node("Sigmoid", net.node("ReduceMean", "x", axes=[0, 2, 3], keepdims=1), to="kernel")
    kernel = net.node("Concat", kernel, net.values(1, 1, 1, 1), axis=1)
    net.node("Conv", net.node("Relu", x), kernel, to="y")
    found = done(net, "y")
    assert found.unchanged()
    assert (found.declined[0].id, "computed at run time" in found.reason) == ("graph/y", True)


def test_matmul_of_two_computed_tensors_is_no_layer() -> None:
    net = Net(4, 4, dtype=np.float32)
    x = net.node("MatMul", "x", net.values(4, 4) * UNEVEN.astype(np.float32))
    net.node("MatMul", x, "x", to="y")
    found = done(net, "y")
    assert found.unchanged()
    assert not found.declined


@pytest.mark.parametrize("axis", [2, 3])
def test_flatten_that_mixes_images_is_not_crossed(axis: int) -> None:
    net, x = image()
    x = net.node("Flatten", x, axis=axis)
    net.node("Gemm", x, net.values(64 if axis == 2 else 8, 3), to="y")
    assert done(net, "y").unchanged()


def test_matrix_product_along_the_width_is_not_scaled() -> None:
    net = Net(1, 3, 6, 4, dtype=np.float32)
    x = net.node("Conv", "x", net.values(4, 3, 1, 1) * UNEVEN.reshape(4, 1, 1, 1).astype(np.float32))
    net.node("MatMul", x, net.values(4, 4), to="y")
    assert done(net, "y").unchanged()


def test_level_layers_are_left_alone() -> None:
    net = Net(1, 3, 5, 5, dtype=np.float32)
    x = net.node("Conv", "x", np.full((4, 3, 1, 1), 0.5, np.float32))
    net.node("Conv", x, np.full((2, 4, 1, 1), 0.501, np.float32), to="y")
    found = done(net, "y")
    assert found.unchanged()
    assert not found.declined


def test_a_bias_that_would_overflow_is_declined() -> None:
    net = Net(1, 3, 4, 4, dtype=np.float16)
    x = net.node("Conv", "x", (net.values(2, 3, 1, 1) * 0.001).astype("f2"), np.full(2, 6e4, np.float16))
    net.node("Conv", x, net.values(2, 2, 1, 1), to="y")
    found = done(net, "y")
    assert found.unchanged()
    assert "would not be finite in float16" in found.reason


def test_a_transposed_input_is_not_scaled() -> None:
    net = Net(4, 5, dtype=np.float32)
    x = net.node("Gemm", "x", net.values(5, 4) * UNEVEN.astype(np.float32))
    net.node("Gemm", x, net.values(4, 3), transA=1, to="y")
    assert done(net, "y").unchanged()


def test_convolution_across_the_features_of_a_product_is_not_scaled() -> None:
    net = Net(1, 4, 6, dtype=np.float32)
    x = net.node("MatMul", "x", net.values(6, 4) * UNEVEN.astype(np.float32))
    net.node("Conv", x, net.values(2, 4, 1), to="y")
    assert done(net, "y").unchanged()
