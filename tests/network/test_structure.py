"""Constants, shape arithmetic, subgraphs, functions, ids and edges."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qlint.tristate import Unknown
from tests.network.lifting import lifted, network, only, types


def test_constants_behind_nodes_are_learnables() -> None:
    net = network(
        """g (float[1,1,4,4] x) => (float[a,b,c,d] y) <int64[4] shape = {2,1,1,1}, float[1,2] raw = {3,4}, int64[4] to = {2,1,1,1}> {
        w = ConstantOfShape<value = float[1] {7}>(shape)
        b0 = Transpose(raw)  b1 = Reshape(b0, flat)  flat = Constant<value = int64[1] {-1}>()  b = Identity(b1)
        y = Conv(x, w, b) }"""
    )
    layer = only(net, "convolution2dLayer")
    assert types(net) == ["convolution2dLayer"]
    assert layer.learnables["Weights"].values().shape == (2, 1, 1, 1)
    assert float(layer.learnables["Weights"].values().max()) == 7
    assert layer.learnables["Bias"].values().tolist() == [3, 4]


def test_overridable_initializers_are_learnables_that_are_not_constant() -> None:
    body = "g (float[1,1,4,4] x, float[1,1,1,1] w) => (float[a,b,c,d] y) <float[1,1,1,1] w = {2}> { v = Identity(w) y = Conv(x, v) }"
    from_4 = only(network(body, ir=8), "convolution2dLayer")
    assert from_4.learnables["Weights"].constant is False
    assert isinstance(from_4.learnables["Weights"].values(), Unknown)
    in_3 = network(body, ir=3, opset=8)
    assert only(in_3, "convolution2dLayer").learnables["Weights"].constant is True
    assert [layer.type for layer in in_3] == ["imageInputLayer", "convolution2dLayer"]


def test_huge_constants_are_never_made() -> None:
    net = network(
        """g (float[1,1,4,4] x) => (float[a,b,c,d] y) <int64[4] shape = {100000,100000,10,1}> {
        w = ConstantOfShape(shape) s = Sqrt(w) y = Conv(x, s) }"""
    )
    layer = only(net, "convolution2dLayer")
    assert layer.learnables["Weights"].shape == (100000, 100000, 10, 1)
    assert isinstance(layer.learnables["Weights"].values(), Unknown)


ARITHMETIC = """g (float[{n},4,6,6] x) => (float[a,b] y) <int64 zero = {{0}}, int64[1] rest = {{-1}}, int64[1] axis = {{0}}> {{
    s = Shape(x) n = Gather(s, zero) u = Unsqueeze(n, axis) t = Concat<axis=0>(u, rest) y = Reshape(x, t) }}"""


def test_shape_arithmetic_that_folds_makes_no_layers() -> None:
    assert types(network(ARITHMETIC.format(n=1))) == ["flattenLayer"]


def test_shape_arithmetic_of_an_unknown_size_is_undecided() -> None:
    net = network(ARITHMETIC.format(n="N"))
    shapes = [layer for layer in net if layer.type.startswith("onnx:")]
    assert [layer.type for layer in shapes] == ["onnx:Shape", "onnx:Gather", "onnx:Unsqueeze", "onnx:Concat"]
    assert all(layer.properties["Folds"] == Unknown("size 'N' of axis 0 of 'x'", "--bind N=1") for layer in shapes)
    assert types(network(ARITHMETIC.format(n="N"), bind={"N": 3})) == ["flattenLayer"]


def test_only_the_sizes_that_are_used_need_to_be_known() -> None:
    net = network(ARITHMETIC.format(n="N").replace("zero = {0}", "zero = {1}").replace("rest = {-1}", "rest = {-1}"))
    assert [t for t in types(net) if t.startswith("onnx:")] == []


IF = """g (bool c, float[1,2,4,4] x) => (float[p,q,r,s] y)
<float[2] k = {1,1}, float[2] z = {0,0}> {
  n = Relu(x)
  o = If (c) <
    then_branch = t () => (float[1,2,4,4] b) { b = BatchNormalization(n, k, z, z, k) },
    else_branch = e () => (float[1,2,4,4] d) { d = Dropout(n) }
  >
  y = Sigmoid(o) }"""


def test_subgraphs_are_lifted_with_their_own_ids() -> None:
    net = network(IF)
    assert types(net) == ["reluLayer", "batchNormalizationLayer", "dropoutLayer", "onnx:If", "sigmoidLayer"]
    norm = only(net, "batchNormalizationLayer")
    assert norm.id == "graph/o.then_branch/b"
    assert [s.type for s in norm.sources if s] == ["reluLayer"]
    assert norm.is_output
    assert [s.type if s else None for s in only(net, "onnx:If").sources][1:] == [
        "batchNormalizationLayer",
        "dropoutLayer",
    ]
    assert only(net, "sigmoidLayer").sources == (only(net, "onnx:If"),)
    assert norm.learnables["TrainedVariance"].constant


def test_functions_are_linted_at_each_call() -> None:
    net = network(
        "g (float[1,4] x) => (float[a,b] y) { h = my.f(x) y = my.f(h) }",
        extra=', "my" : 1\n<domain: "my", opset_import: ["" : 17]> f (a) => (b) { t = Dropout(a) b = Relu(t) }',
    )
    assert types(net) == ["dropoutLayer", "reluLayer", "dropoutLayer", "reluLayer"]
    assert len({layer.id for layer in net}) == len(net)


def test_edges_follow_tensors() -> None:
    net = network("g (float[1,4] x) => (float[a,b] y) { a = Relu(x) b = Tanh(a) y = Add(b, a) }")
    relu = only(net, "reluLayer")
    assert [layer.type for layer in net.consumers(relu)] == ["tanhLayer", "additionLayer"]
    assert [layer.index for layer in net] == [0, 1, 2, 3]
    assert only(net, "additionLayer").is_output
    assert not relu.is_output


def test_a_tensor_read_twice_is_two_sources_and_one_edge() -> None:
    net = network("g (float[1,4] x) => (float[a,b] y) { a = Relu(x) y = Mul(a, a) }")
    assert len(only(net, "multiplicationLayer").sources) == 2
    assert net.graph.number_of_edges() == 2


def test_network_properties() -> None:
    net = network("g (float[1,4] x) => (float[a,b] y) { y = Relu(x) }")
    assert net.properties["Class"] == "dlnetwork"
    assert net.properties["Quantized"] is False
    assert net.properties["OnnxOpset"] == 17
    quantized = network(
        "g (float[1,4] x) => (float[a,b] y) <float s = {1}, int8 z = {0}> { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }"
    )
    assert quantized.properties["Quantized"] is True
    assert quantized.properties["QuantizationOperators"] == 2


def test_quantized_weights_count_as_constant() -> None:
    weights = numpy_helper.from_array(np.array([[[[4]]], [[[-8]]]], np.int8), "q")
    scale = numpy_helper.from_array(np.array([0.5, 0.25], np.float32), "s")
    zero = numpy_helper.from_array(np.zeros(2, np.int8), "z")
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0),
            helper.make_node("Conv", ["x", "w"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weights, scale, zero],
    )
    net = lifted(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    assert types(net) == ["convolution2dLayer"]
    assert only(net, "convolution2dLayer").learnables["Weights"].values().ravel().tolist() == [2.0, -2.0]


def test_source_line_is_shown_only_for_files_of_this_repository() -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    trace = 'File "/usr/lib/python3/nn.py", line 3, in f\n  File "pyproject.toml", line 5, in g\n  File "../secret.py", line 7, in h'
    node.metadata_props.append(onnx.StringStringEntryProto(key="pkg.torch.onnx.stack_trace", value=trace))
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    model = helper.make_model(
        helper.make_graph([node], "g", info[:1], info[1:]), opset_imports=[helper.make_opsetid("", 17)], ir_version=10
    )
    assert only(lifted(model), "reluLayer").location.source == "pyproject.toml:5"
