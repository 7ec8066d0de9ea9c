"""ONNX attributes of layers: as the specification means them, checked against what onnxruntime makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from qlint.network.network import Layer
from qlint.network.reading import read
from qlint.tristate import Unknown
from tests.network.lifting import lifted, network


def model(
    op: str, data: list[Any], weights: list[int] | None = None, *, opset: int = 17, **attributes: Any
) -> onnx.ModelProto:
    """One node on data of a shape, with weights of a shape."""
    rng = np.random.default_rng(7)
    names = ["x"] if weights is None else ["x", "w"]
    tensors = [] if weights is None else [numpy_helper.from_array(rng.standard_normal(weights).astype(np.float32), "w")]
    node = helper.make_node(op, names, ["y"], **attributes)
    rank = [None] * len(data)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, data)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, rank)],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def computed(proto: onnx.ModelProto) -> Layer:
    """The one layer that an operator computes."""
    (layer,) = (layer for layer in lifted(proto) if layer.op)
    return layer


def run(proto: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": x})
    return y  # type: ignore[no-any-return]


WRITTEN = ("kernel_shape", "strides", "dilations", "pads")

IMPLICIT = [
    ("Conv", [1, 3, 17, 12], [4, 3, 5, 2], {}),
    ("Conv", [1, 3, 17, 12], [4, 3, 5, 2], {"auto_pad": "SAME_UPPER"}),
    ("Conv", [1, 3, 17, 12], [4, 3, 4, 2], {"auto_pad": "SAME_LOWER", "strides": [2, 3]}),
    ("Conv", [1, 3, 17, 12], [4, 3, 5, 2], {"auto_pad": "VALID", "dilations": [2, 1]}),
    ("Conv", [1, 4, 9, 6, 7], [4, 1, 3, 2, 4], {"auto_pad": "SAME_UPPER", "strides": [2, 1, 3], "group": 4}),
    ("Conv", [1, 2, 11], [3, 2, 4], {"auto_pad": "SAME_LOWER"}),
    ("MaxPool", [1, 3, 17, 12], None, {"kernel_shape": [4, 3], "auto_pad": "SAME_UPPER", "strides": [3, 2]}),
    ("AveragePool", [1, 3, 17, 12], None, {"kernel_shape": [4, 3]}),
    ("ConvTranspose", [1, 3, 7, 5], [3, 4, 5, 2], {}),
    ("ConvTranspose", [1, 3, 7, 5], [3, 4, 6, 3], {"auto_pad": "SAME_UPPER", "strides": [3, 2]}),
    ("ConvTranspose", [1, 3, 7, 5], [3, 4, 6, 3], {"auto_pad": "SAME_LOWER", "strides": [3, 2]}),
    ("ConvTranspose", [1, 3, 7, 5], [3, 4, 6, 4], {"output_shape": [20, 11], "strides": [3, 2]}),
    ("ConvTranspose", [1, 3, 4, 7, 5], [3, 4, 2, 3, 4], {"auto_pad": "SAME_UPPER", "strides": [1, 2, 2]}),
]  # fmt: skip


@pytest.mark.parametrize(("op", "data", "weights", "attributes"), IMPLICIT)
def test_written_out_they_compute_the_same(
    op: str, data: list[int], weights: list[int] | None, attributes: dict[str, Any]
) -> None:
    implicit = model(op, data, weights, **attributes)
    layer = computed(implicit)
    written = {name: layer.attribute(name) for name in WRITTEN}
    explicit = {name: value for name, value in written.items() if value is not None}
    assert len(explicit["pads"]) == 2 * (len(data) - 2)
    if "group" in attributes:
        explicit["group"] = attributes["group"]
    x = np.random.default_rng(1).standard_normal(data).astype(np.float32)
    expected = run(implicit, x)
    if attributes.get("auto_pad", "VALID") != "VALID" or "output_shape" in attributes:
        assert any(explicit["pads"])
    found = run(model(op, data, weights, **explicit), x)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("op", ["Elu", "LeakyRelu", "HardSigmoid", "Softmax", "Gelu", "LRN", "Gemm", "TopK", "Flatten"])
def test_what_is_left_out_has_the_default_of_the_schema(op: str) -> None:
    schema = onnx.defs.get_schema(op, 21, "")
    given: dict[str, Any] = {"size": 3} if op == "LRN" else {}
    proto = model(op, [2, 3, 4, 5] if op == "LRN" else [2, 3], [3, 4] if op == "Gemm" else None, opset=21, **given)
    if op == "TopK":
        proto.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "k"))
        proto.graph.node[0].input.append("k")
        proto.graph.node[0].output.append("i")
    layer = computed(proto)
    for name, described in schema.attributes.items():
        if described.default_value.name and name != "axis":
            default = helper.get_attribute_value(described.default_value)
            default = default.decode() if isinstance(default, bytes) else default
            assert layer.attribute(name) == default, name
    assert layer.attribute("nonsense") is None


def layer_of(body: str, **options: Any) -> Layer:
    (layer,) = (layer for layer in network(body, **options) if layer.op)
    return layer


def test_axes_are_counted_from_the_front() -> None:
    body = "g (float[1,3,8,8] x) => (float[a,b,c,d] y) {{ y = {node} }}"
    assert layer_of(body.format(node="Softmax(x)")).attribute("axis") == 3
    assert layer_of(body.format(node="Softmax(x)"), opset=11).attribute("axis") == 1
    assert layer_of(body.format(node="ReduceMax<axes=[-1,-2]>(x)")).attribute("axes") == [3, 2]


def test_an_unknown_rank_leaves_axes_unknown() -> None:
    net = network("g (float[n,m] x, int64[k] s) => (float y) { r = Reshape(x, s)\n y = Softmax(r) }")
    (softmax,) = (layer for layer in net if layer.op == "Softmax")
    assert isinstance(softmax.attribute("axis"), Unknown)


def test_an_unknown_size_leaves_only_what_needs_it_unknown() -> None:
    body = 'g (float[1,3,H,W] x) => (float[a,b,c,d] y) {{ y = MaxPool<kernel_shape=[3,3], auto_pad="SAME_UPPER", strides={strides}>(x) }}'
    assert layer_of(body.format(strides="[1,1]")).attribute("pads") == [1, 1, 1, 1]
    strided = layer_of(body.format(strides="[2,2]"))
    assert isinstance(strided.attribute("pads"), Unknown)
    assert strided.attribute("kernel_shape") == [3, 3]
    assert isinstance(layer_of(body.format(strides="[2,2]"), bind={"H": 8, "W": 9}).attribute("pads"), list)


def test_weights_that_are_computed_have_a_shape_too() -> None:
    net = network("g (float[1,3,8,8] x, float[4,3,5,3] w) => (float[a,b,c,d] y) { y = Conv(x, w) }")
    (conv,) = (layer for layer in net if layer.op)
    assert conv.type == "onnx:Conv"
    assert (conv.attribute("kernel_shape"), conv.attribute("strides")) == ([5, 3], [1, 1])


def test_an_attribute_that_became_an_input_is_read_there() -> None:
    head = "g (float[1,3] x) => (float[a,b] y) <float low = {-1}, float high = {6}> "
    layer = layer_of(head + "{ y = Clip(x, low, high) }")
    assert (layer.attribute("min"), layer.attribute("max")) == (-1.0, 6.0)
    layer = layer_of(head + "{ y = Clip(x, , high) }")
    assert (layer.attribute("min"), layer.attribute("max")) == (None, 6.0)
    layer = layer_of("g (float[1,3] x) => (float[a,b] y) { y = Clip<max=6.0>(x) }", opset=6)
    assert layer.attribute("max") == 6.0
    assert layer.attribute("min") < -3e38
    net = network("g (float[1,3] x, float h) => (float[a,b] y) { y = Clip(x, , h) }")
    assert isinstance(next(layer for layer in net if layer.op).attribute("max"), Unknown)


def test_other_inputs_are_no_attributes() -> None:
    """Weights least of all: rules may not read them unawares."""
    net = network("g (float[1,2] x) => (float[a,b] y) <float[2,2] w = {1,2,3,4}> { y = Gemm(x, w) }")
    (gemm,) = (layer for layer in net if layer.op)
    assert [gemm.attribute(name) for name in ("A", "B", "C", "alpha")] == [None, None, None, 1.0]


@pytest.mark.parametrize(
    ("nodes", "type", "op", "attributes"),
    [
        ("s = Sigmoid(x)\n y = Mul(x, s)", "swishLayer", "Swish", {"alpha": 1.0}),
        ("r = Relu(x)\n y = Min(r, six)", "clippedReluLayer", "Clip", {"min": 0.0, "max": 6.0}),
        ("m = MatMul(x, w)\n y = Add(m, b)", "fullyConnectedLayer", "MatMul", {"transA": None}),
        (
            "d = Div(x, root)\n e = Erf(d)\n a = Add(e, one)\n m = Mul(x, a)\n y = Mul(m, half)",
            "geluLayer",
            "Gelu",
            {"approximate": "none"},
        ),
    ],
)
def test_layers_in_pieces_are_the_operator_that_computes_the_same(
    nodes: str, type: str, op: str, attributes: dict[str, Any]
) -> None:
    head = "g (float[1,2] x) => (float[a,b] y) <float six = {6}, float one = {1}, float half = {0.5}, float root = {1.4142135}, float[2,2] w = {1,2,3,4}, float[2] b = {1,2}> "
    (layer,) = (layer for layer in network(f"{head}{{ {nodes} }}") if layer.op)
    assert (layer.type, layer.op) == (type, op)
    assert {name: layer.attribute(name) for name in attributes} == attributes


def test_operators_of_other_domains_bear_their_domain_and_have_no_known_defaults() -> None:
    layer = layer_of(
        'g (float[1,2] x) => (float[1,2] y) { y = com.maker.Foo<size=3, kinds=["a", "b"]>(x) }',
        extra=', "com.maker" : 1',
    )
    assert layer.op == "com.maker.Foo"
    assert (layer.attribute("size"), layer.attribute("kinds")) == (3, ["a", "b"])
    assert isinstance(layer.attribute("other"), Unknown)


def test_tensors_and_graphs_are_not_for_rules() -> None:
    layer = layer_of("g (int64[1] x) => (float[n] y) { y = ConstantOfShape<value=float[1] {3}>(x) }")
    assert isinstance(layer.attribute("value"), Unknown)


def test_an_input_layer_stands_on_no_operator() -> None:
    (layer,) = (
        layer for layer in network("g (float[1,3,8,8] x) => (float[1,3,8,8] y) { y = Relu(x) }") if not layer.op
    )
    assert layer.type == "imageInputLayer"
    assert layer.attribute("pads") is None


DESCRIPTION = """\
schema: qlint.network/v1
layers:
  - {name: in, type: imageInputLayer, InputSize: [17, 12, 3], Normalization: zerocenter, Mean: 2}
  - {name: conv, type: convolution2dLayer, FilterSize: [3, 5], NumFilters: 8, Padding: same, Stride: [2, 1]}
  - {name: swish, type: swishLayer}
  - {name: clip, type: clippedReluLayer, Ceiling: 6}
  - {name: pool, type: averagePooling2dLayer, PoolSize: [2, 3], Stride: [2, 2]}
  - {name: fc, type: fullyConnectedLayer, OutputSize: 10}
  - {name: softmax, type: softmaxLayer}
"""


def test_described_layers_have_the_attributes_of_the_nodes_they_become() -> None:
    net = read(Path("a.qnet.yaml"), data=DESCRIPTION.encode()).network()
    ops = [layer.op for layer in net]
    assert ops == ["", "Conv", "Swish", "Clip", "AveragePool", "Gemm", "Softmax"]
    conv, pool = net.layers["conv"], net.layers["pool"]
    assert [conv.attribute(name) for name in WRITTEN] == [[3, 5], [2, 1], [1, 1], [1, 2, 1, 2]]
    assert [pool.attribute(name) for name in ("kernel_shape", "strides")] == [[2, 3], [2, 2]]
    assert net.layers["clip"].attribute("max") == 6
    assert net.layers["softmax"].attribute("axis") == 1
