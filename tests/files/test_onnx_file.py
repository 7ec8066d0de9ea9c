"""Reading whole models: records, order, identity, subgraphs, IR versions, names."""

from __future__ import annotations

import gc
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from qlint.errors import ModelError
from qlint.files.model import Graph, ValueType
from qlint.files.onnx_file import read_model
from qlint.files.tensors import Tensor
from tests.files.reading import FLOAT, made, node, operators, parsed, read, shape, text, value

IF = """g (bool c, float[1,2] x) => (float[1,2] y) {
    n = Relu(x)
    y = If (c) <
        then_branch = t () => (float[1,2] b) { b = Sigmoid(n) },
        else_branch = e () => (float[1,2] d) { s = Tanh(n) d = Neg(s) }
    > }"""


def test_a_model_as_records() -> None:
    proto = parsed("g (float[N,4] x) => (float[a,b] y) { h = MatMul(x, w) y = Elu<alpha=0.5>(h) }")
    proto.graph.initializer.append(helper.make_tensor("w", FLOAT, [4, 3], [0.5] * 12))
    proto.producer_name, proto.producer_version = "pytorch", "2.1"
    proto.metadata_props.add(key="k", value="v")
    proto.graph.node[1].name = "elu"
    proto.graph.node[1].metadata_props.add(key="m", value="w")
    model = read(proto)
    assert (model.path, model.ir_version, model.opsets) == ("folder/model.onnx", 8, {"": 17})
    assert (model.producer, model.metadata) == ("pytorch 2.1", {"k": "v"})
    assert model.digest.startswith("sha256:")
    graph = model.graph
    assert (graph.path, graph.inputs, graph.outputs) == ("graph", {"x": ValueType("float", ("N", 4))}, ["y"])
    assert isinstance(graph.initializers["w"], Tensor)
    matmul, elu = graph.nodes
    assert (matmul.inputs, matmul.outputs, matmul.pointer) == (("x", "w"), ("h",), "/graph/node/0")
    assert (elu.name, elu.metadata, elu.attributes, elu.graph) == ("elu", {"m": "w"}, {"alpha": 0.5}, graph)
    assert graph.producer == {"h": matmul, "y": elu}
    assert graph.consumers == {"x": [matmul], "w": [matmul], "h": [elu]}
    assert (shape(model, "h"), shape(model, "w")) == (("N", 3), (4, 3))


def test_spans_are_the_bytes_of_the_nodes() -> None:
    data = parsed("g (float[1] x) => (float[1] y) { h = Relu(x) y = Tanh(h) }").SerializeToString()
    for found in read(data).graph.nodes:
        assert found.byte_span is not None
        assert onnx.NodeProto.FromString(data[slice(*found.byte_span)]).op_type == found.op_type


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        (helper.make_attribute("a", 2), 2),
        (helper.make_attribute("a", 0.5), 0.5),
        (helper.make_attribute("a", "text"), "text"),
        (helper.make_attribute("a", b"\xff!"), "\\xff!"),
        (helper.make_attribute("a", [1, 2]), [1, 2]),
        (helper.make_attribute("a", [1.5]), [1.5]),
        (helper.make_attribute("a", ["p", "q"]), ["p", "q"]),
    ],
)
def test_attributes(attribute: onnx.AttributeProto, expected: object) -> None:
    custom = node("F", ["x"], ["y"], domain="my")
    custom.attribute.append(attribute)
    assert read(made([custom])).graph.nodes[0].attributes == {"a": expected}


def test_tensor_and_type_attributes() -> None:
    tensor = helper.make_tensor("t", FLOAT, [2], [1, 2])
    custom = node("F", ["x"], ["y"], domain="my", one=tensor, several=[tensor, tensor])
    custom.attribute.append(helper.make_attribute("kind", helper.make_tensor_type_proto(FLOAT, [1])))
    attributes = read(made([custom])).graph.nodes[0].attributes
    assert sorted(attributes) == ["one", "several"]
    assert attributes["one"].values().tolist() == [1, 2]
    assert [found.shape for found in attributes["several"]] == [(2,), (2,)]


def test_nodes_are_sorted_and_keep_their_place_in_the_file() -> None:
    model = read(made([node("Tanh", ["b"], ["y"]), node("Relu", ["x"], ["a"]), node("Neg", ["a"], ["b"])]))
    assert operators(model) == ["Relu", "Neg", "Tanh"]
    assert [(n.index, n.pointer) for n in model.graph.nodes] == [(i, f"/graph/node/{i}") for i in (1, 2, 0)]
    assert shape(model, "y") == (1, 4)


def test_a_node_waits_for_what_its_subgraphs_read() -> None:
    proto = parsed(IF)
    nodes = [proto.graph.node[1], proto.graph.node[0]]
    swapped = onnx.ModelProto()
    swapped.CopyFrom(proto)
    del swapped.graph.node[:]
    swapped.graph.node.extend(nodes)
    model = read(swapped)
    assert operators(model) == ["Relu", "If"]
    assert [g.types["d"].shape for g in model.graph.subgraphs() if "d" in g.types] == [(1, 2)]


def test_subgraphs() -> None:
    model = text(IF)
    then, other = model.graph.subgraphs()
    assert (then.path, other.path) == ("graph/y.then_branch", "graph/y.else_branch")
    parent = then.parent
    assert parent is model.graph.nodes[1]
    assert parent.attributes == {"then_branch": then, "else_branch": other}
    assert [n.pointer for n in other.nodes] == [f"/graph/node/1/attribute/1/g/node/{i}" for i in (0, 1)]
    assert {n.byte_span for n in (*then.nodes, *other.nodes)} == {parent.byte_span}
    assert "n" not in model.graph.consumers
    assert then.captured() == {"n"}
    assert (then.types["b"].shape, other.types["s"].shape) == ((1, 2), (1, 2))


def test_lists_of_graphs() -> None:
    inner = [helper.make_graph([node("Relu", ["x"], [f"r{i}"])], "i", [], [value(f"r{i}", FLOAT, [1])]) for i in (0, 1)]
    found = read(made([node("Switch", ["x"], ["y"], domain="my", cases=inner)])).graph.nodes[0].attributes["cases"]
    assert [(g.path, isinstance(g, Graph)) for g in found] == [("graph/y.cases.0", True), ("graph/y.cases.1", True)]


@pytest.mark.parametrize(("ir", "overridable"), [(3, set()), (4, {"w"})])
def test_initializers_that_are_inputs(ir: int, overridable: set[str]) -> None:
    body = "g (float[1] x, float[1] w) => (float[1] y) <float[1] w = {2}> { y = Add(x, w) }"
    graph = text(body, ir=ir, opset=8).graph
    assert list(graph.inputs) == ["x"]
    assert graph.overridable == overridable
    assert "w" in graph.initializers


def test_the_default_domain_has_two_names() -> None:
    proto = made([node("Relu", ["x"], ["y"], domain="ai.onnx")])
    proto.opset_import[0].domain = "ai.onnx"
    model = read(proto)
    assert model.opsets == {"": 17}
    assert model.graph.nodes[0].domain == ""


def test_the_first_ir_versions_had_no_opsets() -> None:
    proto = made([node("Relu", ["x"], ["y"])])
    proto.ir_version = 2
    del proto.opset_import[:]
    assert read(proto).opsets == {"": 1}


def test_newer_versions_than_onnx_knows() -> None:
    proto = made([node("Relu", ["x"], ["h"]), node("FromTheFuture", ["h"], ["y"])], opset=999)
    proto.ir_version = 99
    model = read(proto)
    assert (model.ir_version, model.opsets) == (99, {"": 999})
    assert operators(model) == ["Relu", "FromTheFuture"]


def test_custom_domains_need_no_import() -> None:
    model = read(made([node("Mish", ["x"], ["h"], domain="com.example"), node("Relu", ["x"], ["y"])]))
    assert [n.domain for n in model.graph.nodes] == ["com.example", ""]
    assert shape(model, "y") == (1, 4)


def test_sparse_initializers_are_constants() -> None:
    proto = made([node("MatMul", ["x", "s"], ["y"])])
    sparse = proto.graph.sparse_initializer.add(dims=[4, 5])
    sparse.values.CopyFrom(helper.make_tensor("s", FLOAT, [1], [1.0]))
    sparse.indices.CopyFrom(helper.make_tensor("i", TensorProto.INT64, [1], [3]))
    model = read(proto)
    assert operators(model) == ["Constant", "MatMul"]
    assert model.graph.nodes[1].pointer == "/graph/node/0"
    assert shape(model, "s") == (4, 5)


def test_names_that_are_not_utf8_are_escaped() -> None:
    data = parsed("g (float[1] x) => (float[1] yAAA) { yAAA = Relu(x) }").SerializeToString()
    model = read(data.replace(b"yAAA", b"y\xff\xfe!"))
    assert model.graph.outputs == ["y\\xff\\xfe!"]
    assert model.graph.producer["y\\xff\\xfe!"].op_type == "Relu"


def test_what_has_no_name_is_passed_over() -> None:
    proto = made([node("Relu", ["x"], ["y"])], inputs=[value(name, FLOAT, [1]) for name in ("x", "", "")])
    proto.graph.initializer.append(helper.make_tensor("", FLOAT, [1], [1.0]))
    graph = read(proto).graph
    assert list(graph.inputs) == ["x"]
    assert graph.initializers == {}


def test_consumers_name_a_node_once() -> None:
    graph = text("g (float[1] x) => (float[1] y) { a = Mul(x, x) y = Add(a, x) }").graph
    assert [n.op_type for n in graph.consumers["x"]] == ["Mul", "Add"]


def test_the_collector_is_left_as_it_was() -> None:
    proto = made([node("Relu", ["x"], ["y"])])
    read(proto)
    assert gc.isenabled()
    gc.disable()
    try:
        read(proto)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_errors_name_the_file_once(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(made([node("Relu", ["nothing"], ["y"])]).SerializeToString())
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert caught.value.path == path.as_posix()
    assert str(caught.value).count("broken.onnx") == 1
    assert "\n" not in str(caught.value)
