"""Dropout and nodes without effect: what goes, what stays and why, and that names of outputs stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from qlint.transforms.remove_dropout import TRANSFORM
from tests.transforms.rewriting import Rewritten, rewrite


def removed(body: str, **options: int) -> Rewritten:
    return rewrite(body, TRANSFORM, **options)


def test_between_layers() -> None:
    found = removed("g (float[2,4] x) => (float[2,4] y) { a = Relu(x) b = Dropout(a) y = Exp(b) }")
    assert found.operators == ["Relu", "Exp"]
    assert [(patch.id, patch.type, patch.klass) for patch in found.applied] == [("graph/b", "dropoutLayer", "exact")]
    found.compare()


@pytest.mark.parametrize("opset", [7, 9, 10, 11])
def test_ratio_as_an_attribute(opset: int) -> None:
    found = removed(
        "g (float[2,4] x) => (float[2,4] y) { a = Relu(x) b, m = Dropout <ratio = 0.3> (a) y = Exp(b) }", opset=opset
    )
    assert found.operators == ["Relu", "Exp"]
    found.compare()


@pytest.mark.parametrize("opset", [12, 13, 17, 22])
def test_training_mode_false(opset: int) -> None:
    found = removed(
        "g (float[2,4] x) => (float[2,4] y) <float r = {0.5}, bool t = {0}> { a = Relu(x) b = Dropout(a, r, t) y = Exp(b) }",
        opset=opset,
    )
    assert found.operators == ["Relu", "Exp"]
    assert not found.result.graph.initializer
    found.compare()


def test_is_test_of_old_opsets() -> None:
    found = removed(
        "g (float[2,4] x) => (float[2,4] y) { a = Relu(x) b = Dropout <is_test = 1> (a) y = Exp(b) }", opset=6
    )
    assert found.operators == ["Relu", "Exp"]


def test_training_in_old_opsets_is_declined() -> None:
    found = removed("g (float[2,4] x) => (float[2,4] y) { a = Relu(x) b = Dropout(a) y = Exp(b) }", opset=6)
    assert found.unchanged()
    assert found.reason == "is_test is 0, so it drops elements at random; export the model for inference"


def test_training_mode_true_is_declined() -> None:
    found = removed(
        "g (float[2,4] x) => (float[2,4] y) <float r = {0.5}, bool t = {1}> { a = Relu(x) b = Dropout(a, r, t) y = Exp(b) }"
    )
    assert found.unchanged()
    assert "training_mode is true" in found.reason


def test_training_mode_unknown_is_declined() -> None:
    found = removed(
        "g (float[2,4] x, bool t) => (float[2,4] y) <float r = {0.5}> { a = Relu(x) b = Dropout(a, r, t) y = Exp(b) }"
    )
    assert found.unchanged()
    assert found.reason.startswith("whether it is in training mode is not known: ")
    assert "'t'" in found.reason


def test_training_mode_a_caller_may_override_is_declined() -> None:
    found = removed(
        "g (float[2,4] x, bool t) => (float[2,4] y) <float r = {0.5}, bool t = {0}> { a = Relu(x) b = Dropout(a, r, t) y = Exp(b) }"
    )
    assert found.unchanged()
    assert "override" in found.reason


@pytest.mark.parametrize("use", ["=> (float[2,4] y, bool[2,4] m)", "=> (float[2,4] y, bool[2,4] n)"])
def test_a_mask_that_is_used_is_declined(use: str) -> None:
    found = removed(f"g (float[2,4] x) {use} {{ a = Relu(x) b, m = Dropout(a) y = Exp(b) n = Not(m) }}")
    assert found.unchanged()
    assert found.reason == "its mask is used; export the model for inference"


def test_a_mask_that_a_branch_reads_is_declined() -> None:
    found = removed(
        """g (float[2,4] x, bool c) => (float[2,4] y, bool[2,4] z) { a = Relu(x) b, m = Dropout(a) y = Exp(b)
        z = If (c) <then_branch = t () => (bool[2,4] p) { p = Not(m) }, else_branch = e () => (bool[2,4] q) { q = Not(m) }> }"""
    )
    assert found.unchanged()
    assert "mask" in found.reason


def test_a_graph_output_keeps_its_name() -> None:
    found = removed("g (float[2,4] x) => (float[2,4] y) { a = Relu(x) y = Dropout(a) }")
    assert found.operators == ["Relu"]
    assert found.result.graph.node[0].output == ["y"]
    found.compare()


def test_other_readers_follow_when_the_producer_is_renamed() -> None:
    found = removed("g (float[2,4] x) => (float[2,4] y, float[2,4] z) { a = Relu(x) y = Dropout(a) z = Exp(a) }")
    assert found.operators == ["Relu", "Exp"]
    found.compare()


def test_a_branch_follows_when_the_producer_is_renamed() -> None:
    found = removed(
        """g (float[2,4] x, bool c) => (float[2,4] y, float[2,4] z) { a = Relu(x) y = Dropout(a)
        z = If (c) <then_branch = t () => (float[2,4] p) { p = Exp(a) }, else_branch = e () => (float[2,4] q) { q = Neg(a) }> }"""
    )
    assert found.operators == ["Relu", "If"]
    for choice in (True, False):
        found.compare(c=np.array(choice))


def test_a_subgraph_that_has_its_own_tensor_by_the_name_of_the_input() -> None:
    found = removed("""g (bool c, float[2,4] x) => (float[2,4] z) { r = Relu(x) d = Dropout(r)
        z = If (c) <then_branch = t () => (float[2,4] p) { r = Exp(x) p = Add(r, d) },
                    else_branch = e () => (float[2,4] q) { q = Neg(d) }> }""")
    first, branches = found.result.graph.node
    assert first.output == ["d"]
    assert [list(branch.g.node[-1].input) for branch in branches.attribute] == [["r", "d"], ["d"]]


def test_a_subgraph_that_has_its_own_tensor_by_the_name_of_an_input_that_stays() -> None:
    found = removed("""g (bool c, float[2,4] x) => (float[2,4] z) { d = Identity(x)
        z = If (c) <then_branch = t () => (float[2,4] p) { x = Exp(d) p = Add(x, d) },
                    else_branch = e () => (float[2,4] q) { q = Neg(d) }> }""")
    assert found.unchanged()
    assert "hidden in a subgraph" in found.reason


def test_two_outputs_need_two_names() -> None:
    found = removed("g (float[2,4] x) => (float[2,4] a, float[2,4] y) { a = Relu(x) y = Dropout(a) }")
    assert found.operators == ["Relu", "Identity"]
    found.compare()


def test_an_input_that_is_an_output_needs_a_node() -> None:
    found = removed("g (float[2,4] x) => (float[2,4] y) { y = Dropout(x) }")
    assert found.operators == ["Identity"]
    assert [declined.type for declined in found.declined] == ["identityLayer"]
    assert "names both have to stay" in found.reason
    found.compare()


def test_inside_a_branch() -> None:
    found = removed(
        """g (float[2,4] x, bool c) => (float[2,4] y) {
        y = If (c) <then_branch = t () => (float[2,4] p) { a = Relu(x) p = Dropout(a) },
                    else_branch = e () => (float[2,4] q) { d = Dropout(x) q = Exp(d) }> }"""
    )
    branches = [[node.op_type for node in attribute.g.node] for attribute in found.result.graph.node[0].attribute]
    assert sorted(branches) == [["Exp"], ["Relu"]]
    for choice in (True, False):
        found.compare(c=np.array(choice))


def test_a_branch_that_gives_out_what_is_outside_keeps_a_node() -> None:
    found = removed(
        """g (float[2,4] x, bool c) => (float[2,4] y) {
        y = If (c) <then_branch = t () => (float[2,4] p) { p = Dropout(x) }, else_branch = e () => (float[2,4] q) { q = Exp(x) }> }"""
    )
    branches = sorted(attribute.g.node[0].op_type for attribute in found.result.graph.node[0].attribute)
    assert branches == ["Exp", "Identity"]
    for choice in (True, False):
        found.compare(c=np.array(choice))


def test_a_branch_that_reads_it() -> None:
    found = removed(
        """g (float[2,4] x, bool c) => (float[2,4] y) { d = Dropout(x)
        y = If (c) <then_branch = t () => (float[2,4] p) { p = Exp(d) }, else_branch = e () => (float[2,4] q) { q = Neg(d) }> }"""
    )
    assert found.operators == ["If"]
    for choice in (True, False):
        found.compare(c=np.array(choice))


def test_chains_and_several_into_one_layer() -> None:
    found = removed(
        """g (float[2,4] x) => (float[2,12] y) { a = Relu(x) b = Exp(x) c = Neg(x) d = Dropout(a) d2 = Identity(d) d3 = Dropout(d2)
        e = Dropout(b) f = Dropout(c) y = Concat <axis = 1> (d3, e, f) }"""
    )
    assert sorted(found.operators) == ["Concat", "Exp", "Neg", "Relu"]
    assert len(found.applied) == 5
    found.compare()


NO_OPS = {
    "Identity(a)": "identityLayer",
    "Flatten <axis = 1> (a)": "flattenLayer",
    "Flatten <axis = -1> (a)": "flattenLayer",
    "Reshape(a, same)": "reshapeLayer",
    "Reshape(a, kept)": "reshapeLayer",
    "Reshape(a, rest)": "reshapeLayer",
    "Cast <to = 1> (a)": "identityLayer",
    "Pad(a, none)": "onnx:Pad",
    "Transpose <perm = [0, 1]> (a)": "permuteLayer",
}

CONSTANTS = "<int64[2] same = {3, 4}, int64[2] kept = {0, -1}, int64[2] rest = {-1, 4}, int64[4] none = {0, 0, 0, 0}>"


@pytest.mark.parametrize("batch", ["3", "N"])
@pytest.mark.parametrize("node", NO_OPS)
def test_nodes_that_change_nothing(node: str, batch: str) -> None:
    found = removed(
        f"g (float[{batch},4] x) => (float[{batch},4] y) {CONSTANTS} {{ a = Relu(x) b = {node} y = Exp(b) }}"
    )
    if node == "Reshape(a, same)" and batch == "N":
        assert found.unchanged()  # it says that the batch is 3
        return
    assert found.operators == ["Relu", "Exp"]
    assert [patch.type.replace("flattenLayer", "reshapeLayer") for patch in found.applied] == [
        NO_OPS[node].replace("flattenLayer", "reshapeLayer")
    ]
    found.compare()


@pytest.mark.parametrize(
    "node",
    [
        "Flatten <axis = 0> (a)",
        "Reshape(a, other)",
        "Reshape(a, joined)",
        "Cast <to = 11> (a)",
        "Pad(a, some)",
        "Transpose(a)",
    ],
)
def test_nodes_that_change_something(node: str) -> None:
    constants = "<int64[2] other = {4, 3}, int64[1] joined = {-1}, int64[4] some = {0, 0, 0, 1}>"
    found = removed(f"g (float[3,4] x) => (y) {constants} {{ a = Relu(x) b = {node} y = Identity(b) }}")
    assert found.operators[:2] == ["Relu", node.split("(", maxsplit=1)[0].split(" ", maxsplit=1)[0]]


@pytest.mark.parametrize(
    ("node", "opset"), [("Reshape <shape = [0, 4]> (x)", 4), ("Pad <pads = [0, 0, 0, 0]> (x)", 10)]
)
def test_what_used_to_be_an_attribute(node: str, opset: int) -> None:
    found = removed(f"g (float[3,4] x) => (float[3,4] y) {{ b = {node} y = Exp(b) }}", opset=opset)
    assert found.operators == ["Exp"]


def test_flatten_of_one_row() -> None:
    found = removed("g (float[1,4] x) => (float[1,4] y) { a = Relu(x) b = Flatten <axis = 0> (a) y = Exp(b) }")
    assert found.operators == ["Relu", "Exp"]
    found.compare()


def test_a_mask_that_nothing_reads_is_no_reason() -> None:
    found = removed("g (float[2,4] x) => (float[2,4] y) { a = Relu(x) y, m = Dropout(a) }", opset=13)
    assert found.operators == ["Relu"]
    found.compare()


def test_an_input_becomes_identity_without_its_mask() -> None:
    found = removed("g (float[2,4] x) => (float[2,4] y) { y, m = Dropout(x) }", opset=13)
    assert found.operators == ["Identity"]
    assert list(found.result.graph.node[0].output) == ["y"]
    found.compare()


def test_reshape_to_a_zero_that_is_meant() -> None:
    found = removed(
        "g (float[N,4] x) => (y) <int64[2] s = {0, 4}> { a = Relu(x) b = Reshape <allowzero = 1> (a, s) y = Exp(b) }"
    )
    assert found.unchanged()


def test_reshape_of_unknown_rank_stays() -> None:
    found = removed("g (float x, int64[2] s) => (y) { a = Relu(x) b = Reshape(a, s) y = Exp(b) }")
    assert found.unchanged()


def test_reshape_to_its_own_shape() -> None:
    found = removed("g (float[N,M,4] x) => (y) { a = Relu(x) s = Shape(a) b = Reshape(a, s) y = Exp(b) }")
    assert "Reshape" not in found.operators
    found.compare()


def test_transposes_that_cancel() -> None:
    found = removed(
        "g (float[2,3,4] x) => (float[2,3,4] y) { a = Relu(x) b = Transpose <perm = [2, 0, 1]> (a) c = Transpose <perm = [1, 2, 0]> (b) y = Exp(c) }"
    )
    assert found.operators == ["Relu", "Exp"]
    assert [(patch.id, patch.type) for patch in found.applied] == [("graph/c", "permuteLayer")]
    found.compare()


def test_transposes_that_cancel_into_an_output() -> None:
    found = removed("g (float[2,3] x) => (float[2,3] y) { a = Relu(x) b = Transpose(a) y = Transpose(b) }")
    assert found.operators == ["Relu"]
    found.compare()


def test_a_transpose_that_is_read_besides_stays() -> None:
    found = removed(
        "g (float[2,3] x) => (float[2,3] y, float[3,2] z) { a = Relu(x) b = Transpose(a) c = Transpose(b) y = Exp(c) z = Neg(b) }"
    )
    assert sorted(found.operators) == ["Exp", "Neg", "Relu", "Transpose"]
    found.compare()


def test_transposes_that_do_not_cancel() -> None:
    found = removed(
        "g (float[2,3,4] x) => (y) { a = Relu(x) b = Transpose <perm = [2, 0, 1]> (a) c = Transpose <perm = [2, 0, 1]> (b) y = Exp(c) }"
    )
    assert found.unchanged()


def test_weights_behind_identity_stay() -> None:
    found = removed(
        "g (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}> { v = Identity(w) a = MatMul(x, v) d = Dropout(a) y = Exp(d) }"
    )
    assert found.operators == ["Identity", "MatMul", "Exp"]
    found.compare()


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_random_networks(data: st.DataObject) -> None:
    """Networks of layers that keep the shape, and of nodes without effect, in any order; any tensor may be an output."""
    names, nodes = ["x"], []
    for index in range(data.draw(st.integers(1, 9))):
        kind = data.draw(st.sampled_from(["Relu", "Neg", "Dropout", "Identity", "Flatten", "Transpose", "Add"]))
        one = data.draw(st.sampled_from(names))
        inputs = [one, data.draw(st.sampled_from(names))] if kind == "Add" else [one]
        nodes.append(helper.make_node(kind, inputs, [f"t{index}"]))
        names.append(f"t{index}")
    outputs = data.draw(st.lists(st.sampled_from(names[1:]), min_size=1, unique=True))
    typed = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 3]) for name in ("x", *outputs)]
    graph = helper.make_graph(nodes, "g", typed[:1], typed[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found = rewrite(model, TRANSFORM)
    assert "Dropout" not in found.operators
    assert "Flatten" not in found.operators or found.declined
    found.compare()


def test_many_into_one_layer() -> None:
    nodes = "".join(f" a{i} = Relu(x) d{i} = Dropout(a{i})" for i in range(300))
    found = removed(
        f"g (float[2,4] x) => (float[600,4] y) {{ {nodes} y = Concat <axis = 0> ({', '.join(f'd{i}' for i in range(300))}) }}"
    )
    assert len(found.applied) == 300
    assert "Dropout" not in found.operators
    found.compare()
