"""Model-local functions are inlined at each call."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
from onnx import FunctionProto, helper

from qlint.errors import ModelError
from tests.files.reading import FLOAT, made, node, operators, read, shape, text, value

IMPORTS = ', "my" : 1'


def function(name: str, nodes: list[onnx.NodeProto], inputs: tuple[str, ...] = ("a",), **more: Any) -> FunctionProto:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    return helper.make_function("my", name, list(inputs), ["b"], nodes, opsets, **more)


def calling(*functions: FunctionProto, call: onnx.NodeProto | None = None) -> onnx.ModelProto:
    return made([call or node("f", ["x"], ["y"], domain="my")], functions=list(functions))


def test_each_call_has_its_own_tensors() -> None:
    model = text(
        "g (float[1,4] x) => (float[p,q] y) { h = my.f(x) y = my.f(h) }",
        imports=IMPORTS,
        functions='<domain: "my", opset_import: ["" : 17]> f (a) => (b) { t = Flatten(a) b = Relu(t) }',
    )
    graph = model.graph
    assert operators(model) == ["Flatten", "Relu", "Flatten", "Relu"]
    assert [n.inputs + n.outputs for n in graph.nodes] == [
        ("x", "h/t"), ("h/t", "h"), ("h", "y/t"), ("y/t", "y"),
    ]  # fmt: skip
    assert shape(model, "y/t") == (1, 4)
    assert [n.pointer for n in graph.nodes] == ["/functions/0/node/0", "/functions/0/node/1"] * 2
    assert {n.byte_span for n in graph.nodes} == {None}


def test_nodes_around_calls_keep_their_place() -> None:
    proto = calling(function("f", [node("Relu", ["a"], ["b"])]), call=node("f", ["h"], ["y"], domain="my"))
    proto.graph.node.insert(0, node("Tanh", ["x"], ["h"]))
    data = proto.SerializeToString()
    tanh, relu = read(data).graph.nodes
    assert (tanh.pointer, tanh.index) == ("/graph/node/0", 0)
    assert tanh.byte_span is not None
    assert onnx.NodeProto.FromString(data[slice(*tanh.byte_span)]).op_type == "Tanh"
    assert relu.byte_span is None


def test_new_names_meet_no_others() -> None:
    proto = calling(function("f", [node("Tanh", ["a"], ["t"]), node("Relu", ["t"], ["b"])]))
    proto.graph.node.append(node("Neg", ["x"], ["y/t"]))
    tanh, relu, neg = read(proto).graph.nodes
    assert tanh.outputs == relu.inputs != neg.outputs == ("y/t",)


def test_functions_call_functions() -> None:
    inner = function("g", [node("Elu", ["a"], ["b"])])
    outer = function("f", [node("g", ["a"], ["t"], domain="my"), node("g", ["t"], ["b"], domain="my")])
    model = read(calling(outer, inner))
    assert operators(model) == ["Elu", "Elu"]
    assert model.graph.nodes[0].pointer == "/functions/1/node/0"
    assert shape(model, "y/t") == (1, 4)


def test_attributes_are_handed_down() -> None:
    def refers(name: str, kind: int, ref: str) -> onnx.AttributeProto:
        return onnx.AttributeProto(name=name, type=kind, ref_attr_name=ref)

    elu = node("Elu", ["a"], ["b"])
    elu.attribute.append(refers("alpha", onnx.AttributeProto.FLOAT, "strength"))
    inner = function("g", [elu], attributes=["strength"])
    call = node("g", ["a"], ["b"], domain="my")
    call.attribute.append(refers("strength", onnx.AttributeProto.FLOAT, "power"))
    outer = function("f", [call], attribute_protos=[helper.make_attribute("power", 0.25)])
    given = read(calling(outer, inner, call=node("f", ["x"], ["y"], domain="my", power=3.0)))
    default = read(calling(outer, inner))
    absent = read(calling(inner, call=node("g", ["x"], ["y"], domain="my")))
    assert [m.graph.nodes[0].attributes for m in (given, default, absent)] == [{"alpha": 3.0}, {"alpha": 0.25}, {}]


def test_omitted_inputs_and_outputs() -> None:
    clip = function("f", [node("Clip", ["a", "low", "high"], ["b"])], inputs=("a", "low", "high"))
    assert read(calling(clip)).graph.nodes[0].inputs == ("x", "", "")
    several = helper.make_function(
        "my",
        "f",
        ["a"],
        ["b", "c"],
        [node("Relu", ["a"], ["b"]), node("Neg", ["a"], ["c"])],
        [helper.make_opsetid("", 17)],
    )
    model = read(calling(several, call=node("f", ["x"], ["", "y"], domain="my")))
    assert [n.outputs for n in model.graph.nodes] == [("y/b",), ("y",)]


def test_an_input_given_back_is_an_identity() -> None:
    passing = helper.make_function("my", "f", ["a"], ["a"], [], [helper.make_opsetid("", 17)])
    model = read(calling(passing))
    assert [(n.op_type, n.inputs, n.outputs) for n in model.graph.nodes] == [("Identity", ("x",), ("y",))]


def test_a_function_may_shadow_an_operator() -> None:
    proto = made([node("Relu", ["x"], ["y"])])
    proto.functions.append(
        helper.make_function("", "Relu", ["a"], ["b"], [node("Tanh", ["a"], ["b"])], [helper.make_opsetid("", 17)])
    )
    assert operators(read(proto)) == ["Tanh"]


def test_overloads() -> None:
    first, second = (function("f", [node(op, ["a"], ["b"])]) for op in ("Relu", "Tanh"))
    second.overload = "other"
    call = node("f", ["x"], ["y"], domain="my")
    call.overload = "other"
    assert operators(read(calling(first, second))) == ["Relu"]
    assert operators(read(calling(first, second, call=call))) == ["Tanh"]


def test_calls_in_subgraphs_and_subgraphs_in_functions() -> None:
    def branch(op: str, name: str, **more: Any) -> onnx.GraphProto:
        return helper.make_graph([node(op, ["a"], [name], **more)], name, [], [value(name, FLOAT, None)])

    outer = function(
        "f",
        [node("If", ["c"], ["b"], then_branch=branch("g", "t", domain="my"), else_branch=branch("Neg", "e"))],
        inputs=("a", "c"),
    )
    inner = function("g", [node("Relu", ["a"], ["u"]), node("Tanh", ["u"], ["b"])])
    proto = calling(outer, inner, call=node("f", ["x", "c"], ["y"], domain="my"))
    proto.graph.input.append(value("c", onnx.TensorProto.BOOL, []))
    model = read(proto)
    attributes = model.graph.nodes[0].attributes
    then, other = attributes["then_branch"], attributes["else_branch"]
    assert [n.op_type for n in then.nodes] == ["Relu", "Tanh"]
    assert then.nodes[0].inputs == ("x",)
    assert then.nodes[1].pointer == "/functions/1/node/1"
    assert other.nodes[0].pointer == "/functions/0/node/0/attribute/0/g/node/0"
    assert then.captured() == other.captured() == {"x"}
    assert then.types[then.outputs[0]].shape == (1, 4)


def test_a_graph_as_an_attribute_stays_in_the_callers_scope() -> None:
    conditional = node("If", ["c"], ["b"])
    for name in ("then_branch", "else_branch"):
        conditional.attribute.append(
            onnx.AttributeProto(name=name, type=onnx.AttributeProto.GRAPH, ref_attr_name="body")
        )
    # "a" is an input of the function, and another tensor at the call.
    body = helper.make_graph([node("Relu", ["a"], ["r"])], "body", [], [value("r", FLOAT, None)])
    call = node("f", ["c", "x"], ["y"], domain="my", body=body)
    proto = calling(function("f", [conditional], inputs=("c", "a"), attributes=["body"]), call=call)
    proto.graph.node.insert(0, node("Neg", ["x"], ["a"]))
    proto.graph.input.append(value("c", onnx.TensorProto.BOOL, []))
    assert [g.captured() for g in read(proto).graph.subgraphs()] == [{"a"}, {"a"}]


def test_a_function_has_its_own_opset() -> None:
    old = helper.make_function(
        "my", "f", ["a"], ["b"], [node("Scatter", ["a", "a", "a"], ["b"])], [helper.make_opsetid("", 9)]
    )
    proto = calling(old)
    assert operators(read(proto)) == ["Scatter"]
    del proto.opset_import[:]
    proto.opset_import.append(helper.make_opsetid("my", 1))
    assert read(proto).opsets == {"my": 1, "": 9}


def test_functions_that_nobody_calls_go() -> None:
    proto = made([node("Relu", ["x"], ["y"])], functions=[function("f", [node("Tanh", ["a"], ["b"])])])
    assert operators(read(proto)) == ["Relu"]


def test_a_doc_string_cannot_pose_as_a_pointer() -> None:
    proto = made([node("Relu", ["x"], ["y"], doc_string="qlint:inlined:/functions/7/node/evil")])
    assert read(proto).graph.nodes[0].pointer == "/graph/node/0"


def test_a_long_chain_of_functions() -> None:
    links = [
        function(f"f{i}", [node("Relu", ["a"], ["t"]), node(f"f{i + 1}", ["t"], ["b"], domain="my")])
        for i in range(3000)
    ]
    last = function("f3000", [node("Tanh", ["a"], ["b"])])
    model = read(calling(*links, last, call=node("f0", ["x"], ["y"], domain="my")))
    assert len(model.graph.nodes) == 3001
    assert max(len(name) for name in model.graph.types) < 200


@pytest.mark.parametrize(
    "functions",
    [
        [function("f", [node("f", ["a"], ["b"], domain="my")])],
        [
            function("f", [node("g", ["a"], ["b"], domain="my")]),
            function("g", [node("Relu", ["a"], ["t"]), node("f", ["t"], ["b"], domain="my")]),
        ],
    ],
)
def test_recursion_is_refused(functions: list[FunctionProto]) -> None:
    with pytest.raises(ModelError, match="calls itself"):
        read(calling(*functions))


def test_bombs_are_refused() -> None:
    doubling = [
        function(f"f{i}", [node(f"f{i + 1}", ["a"], ["t"], domain="my"), node(f"f{i + 1}", ["t"], ["b"], domain="my")])
        for i in range(60)
    ]
    last = function("f60", [node("Relu", ["a"], ["b"])])
    with pytest.raises(ModelError, match="more nodes than can be checked"):
        read(calling(*doubling, last, call=node("f0", ["x"], ["y"], domain="my")))


def test_subgraphs_that_inlining_nests_too_deep_are_refused() -> None:
    def level(i: int) -> FunctionProto:
        inner = node(f"f{i + 1}", ["a", "c"], ["r"], domain="my") if i < 40 else node("Relu", ["a"], ["r"])
        then = helper.make_graph([inner], "then", [], [value("r", FLOAT, None)])
        other = helper.make_graph([node("Relu", ["a"], ["e"])], "other", [], [value("e", FLOAT, None)])
        conditional = node("If", ["c"], ["b"], then_branch=then, else_branch=other)
        return function(f"f{i}", [conditional], inputs=("a", "c"))

    proto = calling(*(level(i) for i in range(41)), call=node("f0", ["x", "c"], ["y"], domain="my"))
    proto.graph.input.append(value("c", onnx.TensorProto.BOOL, []))
    with pytest.raises(ModelError, match="nest more than"):
        read(proto)


def test_a_call_may_not_give_more_than_the_function_takes() -> None:
    with pytest.raises(ModelError, match="2 inputs and 1 outputs; it has 1 and 1"):
        read(calling(function("f", [node("Relu", ["a"], ["b"])]), call=node("f", ["x", "x"], ["y"], domain="my")))
