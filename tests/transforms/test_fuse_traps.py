"""What trips other tools, one test each."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qlint.numeric.executor import Executor
from qlint.transforms.run import prepare
from tests.transforms.traps import FUSE, REPLACE, Net, folded, operators, prepared, read, refused


def after_convolution(net: Net, channels: int = 4, **given: Any) -> str:
    """Conv and a normalization that makes "y"; returns the convolution's output."""
    c = net.node("Conv", "x", net.values(channels, 3, 3, 3), net.values(channels))
    net.bn(c, channels, to="y", **given)
    return c


def image(**rest: Any) -> Net:
    return Net(2, 3, 6, 6, **rest)


# Batch normalizations that are none, or none of constants.


def test_training_mode() -> None:
    net = image(opset=15)
    after_convolution(net, training_mode=1)
    refused(net, "y", reason="training_mode is 1")


def test_outputs_of_the_training_form() -> None:
    net = image(opset=9)
    after_convolution(net, more=("mean", "variance", "saved_mean", "saved_variance"))
    proto = net.proto("y")
    result = prepare(read(proto), (FUSE, REPLACE))
    assert not result.applied
    assert all("outputs of the training form" in declined.reason for declined in result.declined) and result.declined


def test_statistics_of_each_activation() -> None:
    net = Net(2, 4, 1, 1, opset=7)
    net.bn(net.node("Relu", "x"), 4, to="y", spatial=0)
    refused(net, "y", reason="spatial is 0")


@pytest.mark.parametrize("variance", [-0.5, float(np.float32(-1e-3)), np.nan, -np.inf])
def test_variance_without_a_root(variance: float) -> None:
    net = image()
    after_convolution(net, variance=np.array([1.0, 2.0, variance, 1.0]))
    model = read(net.proto("y"))
    result = prepare(model, (FUSE, REPLACE))
    assert not result.applied
    assert all(
        "variance + epsilon" in declined.reason and "channel 2" in declined.reason for declined in result.declined
    )
    assert result.declined


@pytest.mark.parametrize("variance", [0.0, np.inf])
def test_variance_at_the_edge_is_usable(variance: float) -> None:
    net = image()
    after_convolution(net, variance=np.array([1.0, 2.0, variance, 1.0]))
    folded(net, "y")


def test_statistics_that_the_network_computes() -> None:
    net = image()
    mean = net.node("ReduceMean", "x", axes=[0, 2, 3], keepdims=0)
    y = net.node("Conv", "x", net.values(3, 3, 1, 1))
    net.node("BatchNormalization", y, net.values(3), net.values(3), mean, np.abs(net.values(3)) + 1, to="y")
    refused(net, "y", reason="the mean cannot be folded")


@pytest.mark.parametrize("which", range(5))
def test_parameters_that_a_caller_may_override(which: int) -> None:
    net = image(ir=4)
    c = net.node("Conv", "x", net.values(4, 3, 3, 3))
    net.bn(c, 4, to="y")
    proto = net.proto("y")
    name = [*proto.graph.node[1].input[1:], proto.graph.node[0].input[1]][which]
    proto.graph.input.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, net.constants[name].shape))
    result = prepare(read(proto), (FUSE,))
    assert not result.applied
    assert len(result.declined) == 1
    assert "override" in result.declined[0].reason


def test_initializers_that_are_inputs_in_ir_3() -> None:
    net = image(ir=3, opset=8, hold="input")
    after_convolution(net)
    folded(net, "y")


def test_parameters_of_another_length() -> None:
    """The reader refuses constants of another length; a length that only folding tells comes as far as here."""
    net = image()
    c = net.node("Conv", "x", net.values(4, 3, 3, 3))
    three = net.node("ConstantOfShape", net.node("Identity", np.array([3])))
    net.node("BatchNormalization", c, net.values(4), net.values(4), three, net.values(4) ** 2, to="y")
    proto = net.proto("y")
    del proto.graph.value_info[:]
    result = prepare(read(proto), (FUSE, REPLACE))
    assert not result.applied
    assert result.declined
    assert all("differ in shape" in declined.reason for declined in result.declined)


# Numbers.


def test_epsilon_left_out_is_1e_5() -> None:
    net = image()
    c = net.node("Conv", "x", net.values(4, 3, 3, 3))
    parameters = [net.values(4), net.values(4), net.values(4), np.full(4, 1e-5)]
    net.node("BatchNormalization", c, *parameters, to="y")
    folded(net, "y", tolerance=1e-7)


@pytest.mark.parametrize("opset", [7, 8, 9, 11, 13, 14, 15, 17, 21])
def test_every_opset(opset: int) -> None:
    net = image(opset=opset)
    after_convolution(net, momentum=0.3)
    folded(net, "y")


@pytest.mark.parametrize("statistics", [np.float16, np.float32])
def test_float16(statistics: type) -> None:
    net = image(dtype=np.float16, statistics=statistics, opset=15)
    after_convolution(net)
    model = folded(net, "y", tolerance=2e-2).model
    conv = model.graph.producer["y"]
    assert [model.graph.types[name].type for name in conv.inputs[1:]] == ["float16", "float16"]


def test_weights_that_would_overflow_stay() -> None:
    net = image(dtype=np.float16, statistics=np.float32, opset=15)
    after_convolution(
        net, scale=np.full(4, 6e4), variance=np.full(4, 1e-4), mean=np.zeros(4), bias=np.zeros(4), epsilon=0.0
    )
    model = read(net.proto("y"))
    result = prepare(model, (FUSE, REPLACE))
    assert not result.applied
    assert all("not be finite in float16" in declined.reason for declined in result.declined) and result.declined


def test_infinite_weights_stay() -> None:
    net = image()
    weights = net.values(4, 3, 3, 3)
    weights[0, 0, 0, 0] = np.inf
    net.bn(net.node("Conv", "x", weights), 4, to="y")
    result = prepare(read(net.proto("y")), (FUSE,))
    assert not result.applied
    assert "finite" in result.declined[0].reason


def test_outputs_near_zero() -> None:
    net = image()
    after_convolution(net, scale=np.full(4, 1e-9), mean=np.zeros(4), bias=np.zeros(4))
    folded(net, "y", tolerance=1e-18)


# Who else reads.


def test_second_reader_of_the_convolution() -> None:
    net = image(dtype=np.float32)
    c = after_convolution(net)
    net.node("Relu", c, to="z")
    reasons = [declined.reason for declined in prepared(net, "y", "z", transforms=(FUSE,), tolerance=1e-5).declined]
    assert len(reasons) == 1 and "feeds 2 inputs" in reasons[0]
    assert operators(prepared(net, "y", "z", tolerance=1e-5).model.graph) == {"Conv": 2, "Relu": 1}


def test_convolution_whose_output_is_the_network_s() -> None:
    net = image(dtype=np.float32)
    c = after_convolution(net)
    result = prepared(net, c, "y", tolerance=1e-5)
    assert operators(result.model.graph) == {"Conv": 2}


def branches(
    net: Net, then: list[onnx.NodeProto], other: list[onnx.NodeProto], initializers: list[Any] | None = None
) -> None:
    """An If, by the sign of a sum, whose branches end in "t" and "e"; it makes "z"."""
    total = net.node("ReduceMean", "x", keepdims=0)
    condition = net.node("Less", total, np.asarray(0, net.dtype))
    kind = helper.np_dtype_to_tensor_dtype(net.dtype)
    graphs = [
        helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(name, kind, None)], initializers or [])
        for nodes, name in ((then, "t"), (other, "e"))
    ]
    net.node("If", condition, to="z", then_branch=graphs[0], else_branch=graphs[1])


def test_convolution_that_a_subgraph_reads() -> None:
    net = image(dtype=np.float32)
    c = after_convolution(net)
    branches(net, [helper.make_node("Relu", [c], ["t"])], [helper.make_node("Neg", [c], ["e"])])
    assert operators(prepared(net, "y", "z", tolerance=1e-5).model.graph)["Conv"] == 2


def test_normalization_that_a_subgraph_reads() -> None:
    net = image()
    after_convolution(net)
    branches(net, [helper.make_node("Relu", ["y"], ["t"])], [helper.make_node("Neg", ["y"], ["e"])])
    folded(net, "z")


@pytest.mark.parametrize("seed", range(4))
def test_inside_a_branch(seed: int) -> None:
    net = image(seed=seed)
    names = [net.const(net.values(4, 3, 3, 3)), *(net.const(np.abs(net.values(4)) + 0.5) for _ in range(4))]
    inner = [
        helper.make_node("Conv", ["x", names[0]], ["c"]),
        helper.make_node("BatchNormalization", ["c", *names[1:]], ["t"]),
    ]
    other = [helper.make_node("Conv", ["x", names[0]], ["e"])]
    branches(net, inner, other)
    result = folded(net, "z")
    assert operators(result.model.graph)["Conv"] == 2


def test_normalization_in_a_branch_of_a_convolution_outside() -> None:
    net = image(dtype=np.float32)
    c = net.node("Conv", "x", net.values(4, 3, 3, 3))
    names = [net.const(np.abs(net.values(4)) + 0.5) for _ in range(4)]
    branches(net, [helper.make_node("BatchNormalization", [c, *names], ["t"])], [helper.make_node("Neg", [c], ["e"])])
    result = prepared(net, "z", tolerance=1e-5)
    assert [declined.reason for declined in prepared(net, "z", transforms=(FUSE,)).declined]
    assert operators(result.model.graph)["BatchNormalization"] == 0


# Where constants come from, and who shares them.


@pytest.mark.parametrize("hold", ["initializer", "node", "identity"])
def test_where_constants_are(hold: str) -> None:
    net = image(hold=hold)
    after_convolution(net)
    folded(net, "y")


def test_weights_that_two_layers_share() -> None:
    net = image()
    weights = net.const(net.values(3, 3, 3, 3))
    bias = net.const(net.values(3))
    first = net.bn(net.node("Conv", "x", weights, bias, pads=[1, 1, 1, 1]), 3)
    net.bn(net.node("Conv", first, weights, bias), 3, to="y")
    net.node("Conv", "x", weights, bias, to="z")
    result = folded(net, "y", "z")
    assert result.model.graph.producer["z"].inputs[1:] == (weights, bias)


def test_statistics_that_two_normalizations_share() -> None:
    net = image()
    shared = [net.const(np.abs(net.values(3)) + 0.5) for _ in range(4)]
    first = net.node("BatchNormalization", net.node("Conv", "x", net.values(3, 3, 3, 3)), *shared)
    net.node("BatchNormalization", net.node("Conv", first, net.values(3, 3, 3, 3)), *shared, to="y")
    folded(net, "y")


def test_bias_that_is_a_statistic_too() -> None:
    net = image()
    both = net.const(np.abs(net.values(4)) + 0.5)
    c = net.node("Conv", "x", net.values(4, 3, 3, 3), both)
    net.node("BatchNormalization", c, both, both, both, both, to="y")
    folded(net, "y")


def test_bias_computed_from_shapes() -> None:
    """As torch's newest exporter writes it: Shape -> Expand -> CastLike."""
    net = image(opset=18)
    weights = net.const(net.values(4, 3, 3, 3))
    sizes = net.node("Shape", weights, start=0, end=1)
    bias = net.node("CastLike", net.node("Expand", np.float32(0.25).reshape(1), sizes), weights)
    net.bn(net.node("Conv", "x", weights, bias), 4, to="y")
    folded(net, "y")


def test_statistics_of_one_value() -> None:
    net = image()
    ones = net.node("ConstantOfShape", np.array([4]), value=numpy_helper.from_array(np.ones(1)))
    zeros = net.node("ConstantOfShape", np.array([4]), value=numpy_helper.from_array(np.zeros(1)))
    net.node("BatchNormalization", net.node("Conv", "x", net.values(4, 3, 3, 3)), ones, zeros, zeros, ones, to="y")
    folded(net, "y")


def test_quantized_weights_are_left() -> None:
    net = Net(2, 3, 6, 6, dtype=np.float32)
    stored = net.const(np.arange(-54, 54, dtype=np.int8).reshape(4, 3, 3, 3))
    weights = net.node("DequantizeLinear", stored, np.float32(0.01))
    net.bn(net.node("Conv", "x", weights), 4, to="y")
    result = prepared(net, "y", transforms=(FUSE,))
    assert not result.applied
    assert "quantized already" in result.declined[0].reason


# Dropout in between.


def test_dropout_in_training_mode_is_left() -> None:
    net = image(opset=13)
    c = net.node("Conv", "x", net.values(4, 3, 3, 3))
    d = net.node("Dropout", c, np.asarray(0.5), np.asarray(True))
    net.bn(d, 4, to="y")
    result = prepare(read(net.proto("y")), (FUSE,))
    assert not result.applied


def test_dropout_whose_mask_is_read() -> None:
    net = image(opset=13)
    c = net.node("Conv", "x", net.values(4, 3, 3, 3))
    net.bn(net.node("Dropout", c, more=("mask",)), 4, to="y")
    net.nodes.append(helper.make_node("Cast", ["mask"], ["z"], to=TensorProto.DOUBLE))
    folded(net, "y", "z")


# Names and the model given.


def test_layer_takes_the_last_name_and_the_given_model_stays() -> None:
    net = image()
    after_convolution(net)
    model = read(net.proto("y"))
    feeds = net.feeds()
    wanted = Executor(model).run(feeds)["y"]
    result = prepare(model, (FUSE, REPLACE))
    assert result.model.graph.producer["y"].op_type == "Conv"
    assert operators(model.graph) == {"Conv": 1, "BatchNormalization": 1}
    np.testing.assert_array_equal(Executor(model).run(feeds)["y"], wanted)
