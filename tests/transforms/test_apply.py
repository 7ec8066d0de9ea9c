"""Patches applied to records: wires, order, shared constants, what goes with its last reader, and undoing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper as oh
import pytest

from qlint.errors import StalePatchError
from qlint.files.model import Graph, Model
from qlint.files.onnx_file import read_model
from qlint.files.tensors import Tensor
from qlint.transforms.apply import AppliedPatch, apply, editable, find
from qlint.transforms.base import contexts
from qlint.transforms.inverse import invert
from qlint.transforms.patch import AddNode, AddTensor, NodeSpec, Operation, Patch, RemoveNode, SetInputs, SetOutputs
from qlint.transforms.run import prepare
from tests.transforms.trivial import DoubleWeights, DropIdentity, LeakyRelu, conv_network, network

FIXTURES = sorted((Path(__file__).resolve().parents[2] / "fixtures").glob("*.onnx"))


def read(proto: onnx.ModelProto) -> Model:
    return read_model(Path("m.onnx"), data=proto.SerializeToString())


def snapshot(graph: Graph) -> Any:
    """What a graph is, whatever the order of independent nodes."""

    def value(given: Any) -> Any:
        if isinstance(given, Graph):
            return snapshot(given)
        if isinstance(given, Tensor):
            return given.type, given.shape, np.asarray(given.values()).tobytes()
        return repr(given)

    nodes = {
        node.outputs: (
            node.op_type,
            node.domain,
            node.name,
            node.inputs,
            {k: value(v) for k, v in node.attributes.items()},
        )
        for node in graph.nodes
    }
    return nodes, {name: value(tensor) for name, tensor in graph.initializers.items()}, graph.outputs


def check_links(model: Model) -> None:
    """Producers, readers and order are what the nodes say."""
    for graph in model.graphs.values():
        assert graph.producer == {name: node for node in graph.nodes for name in node.outputs if name}
        readers: dict[str, list[Any]] = {}
        for node in graph.nodes:
            for name in dict.fromkeys(filter(None, node.inputs)):
                readers.setdefault(name, []).append(node)
        assert graph.consumers == readers
        place = {node: index for index, node in enumerate(graph.nodes)}
        for node in graph.nodes:
            for name in node.inputs:
                assert name not in graph.producer or place[graph.producer[name]] < place[node]


def make(*operations: Operation) -> Patch:
    return Patch("t", "exact", "graph/y", "any", "a test's", operations, ("x",), ("y",), "graph")


def test_the_original_is_not_changed() -> None:
    model = read(conv_network())
    before = snapshot(model.graph)
    prepared = prepare(model, [DoubleWeights(), LeakyRelu()])
    assert len(prepared.applied) == 3
    assert snapshot(model.graph) == before
    assert snapshot(prepared.model.graph) != before
    check_links(prepared.model)


def test_shared_weights_stay_until_their_last_reader_leaves() -> None:
    model = editable(read(conv_network()))
    weights = np.zeros((4, 4, 3, 3), np.float32)
    first = apply(model, make(AddTensor("graph", "n", weights), SetInputs("graph/a", ("x", "n"))))
    assert [*model.graph.initializers] == ["w", "n"] and not first.dropped_tensors
    second = apply(model, make(SetInputs("graph/y", ("b", "n"))))
    assert [*model.graph.initializers] == ["n"]
    assert [(path, tensor.name) for path, tensor in second.dropped_tensors] == [("graph", "w")]
    check_links(model)


def test_constants_behind_nodes_go_with_their_last_reader() -> None:
    value = onnx.numpy_helper.from_array(np.ones((4, 1, 1), np.float32))
    model = editable(
        read(
            network(
                oh.make_node("Constant", [], ["c"], value=value),
                oh.make_node("Identity", ["c"], ["d"]),
                oh.make_node("Mul", ["x", "d"], ["m"]),
                oh.make_node("Relu", ["m"], ["y"]),
            )
        )
    )
    before = snapshot(model.graph)
    applied = apply(model, make(RemoveNode("graph/m"), SetInputs("graph/y", ("x",))))
    assert [node.op_type for node in model.graph.nodes] == ["Relu"]
    assert [entry.id for entry in applied.dropped_nodes] == ["graph/d", "graph/c"]
    apply(model, invert(applied))
    assert snapshot(model.graph) == before
    check_links(model)


def test_what_a_subgraph_reads_stays() -> None:
    model = editable(read(_conditional()))
    apply(model, make(SetInputs("graph/m", ("x", "x"))))
    assert "k" in model.graph.initializers
    apply(model, make(SetInputs("graph/y.then_branch/t", ("x", "x"))))
    assert "k" not in model.graph.initializers
    check_links(model)


def test_a_new_node_stands_between_what_it_reads_and_what_reads_it() -> None:
    model = editable(read(conv_network()))
    apply(
        model,
        make(
            AddNode("graph", NodeSpec("Neg", ("n1",), ("n2",), {})),  # given before what it reads
            AddNode("graph", NodeSpec("Neg", ("a",), ("n1",), {})),
            SetInputs("graph/b", ("n2",)),
        ),
    )
    assert [node.outputs[0] for node in model.graph.nodes] == ["a", "n1", "n2", "b", "y"]
    check_links(model)


def test_a_node_takes_the_last_tensor_of_a_chain() -> None:
    model = editable(read(conv_network()))
    applied = apply(model, make(RemoveNode("graph/y"), SetOutputs("graph/b", ("y",))))
    node = find(model, "graph/y")
    assert node is not None and node.op_type == "Relu" and find(model, "graph/b") is None
    assert [entry.id if entry else None for entry in applied.before] == ["graph/y", "graph/b"]
    check_links(model)


@pytest.mark.parametrize(
    ("operations", "problem"),
    [
        ((RemoveNode("graph/nothing"),), "has no node"),
        ((RemoveNode("graph/a"),), "would be read"),
        ((RemoveNode("graph/y"),), "would be read"),  # the graph's output
        ((SetInputs("graph/b", ("nothing",)),), "would be read"),
        ((SetOutputs("graph/b", ("a",)),), "already has a tensor"),
        ((AddTensor("graph", "w", np.zeros(1, np.float32)),), "already has a tensor"),
        ((AddTensor("graph/inner", "v", np.zeros(1, np.float32)),), "has no graph"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(operations: tuple[Operation, ...], problem: str) -> None:
    with pytest.raises(StalePatchError, match=problem):
        apply(editable(read(conv_network())), make(*operations))


def test_an_overridable_input_stays() -> None:
    proto = conv_network()
    proto.graph.input.add().CopyFrom(oh.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [4, 4, 3, 3]))
    prepared = prepare(read(proto), [DoubleWeights()])
    assert not prepared.applied
    assert {entry.reason for entry in prepared.declined} == {"value of 'w', which a caller may override"}


def test_undoing_gives_the_network_back() -> None:
    for path in FIXTURES:
        model = read_model(path)
        before = snapshot(model.graph)
        prepared = prepare(model, [DoubleWeights(), LeakyRelu(), DropIdentity()])
        undone: list[AppliedPatch] = []
        for applied in reversed(prepared.applied):
            undone.append(apply(prepared.model, invert(applied)))
        assert snapshot(prepared.model.graph) == before, path.name
        check_links(prepared.model)
        # And the inverse of the inverse is the patch.
        for applied in reversed(undone):
            apply(prepared.model, invert(applied))
        again = prepare(model, [DoubleWeights(), LeakyRelu(), DropIdentity()])
        assert snapshot(prepared.model.graph) == snapshot(again.model.graph), path.name


def test_fresh_names_are_new_everywhere_and_the_same_each_time() -> None:
    model = read(_conditional())
    for _ in range(2):
        first, second = [*contexts(model)][:2]
        assert [first.fresh("t"), second.fresh("t"), first.fresh("q"), second.fresh("q")] == ["t_1", "t_2", "q", "q_1"]


def _conditional() -> onnx.ModelProto:
    """k is read by a Mul of the main graph and by one in a branch; t exists only in the branch."""
    y = oh.make_tensor_value_info("t", onnx.TensorProto.FLOAT, None)
    z = oh.make_tensor_value_info("e", onnx.TensorProto.FLOAT, None)
    then = oh.make_graph([oh.make_node("Mul", ["m", "k"], ["t"])], "then", [], [y])
    other = oh.make_graph([oh.make_node("Identity", ["m"], ["e"])], "else", [], [z])
    return network(
        oh.make_node("Mul", ["x", "k"], ["m"]),
        oh.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
        weights={"k": np.ones((4, 1, 1), np.float32), "c": np.asarray(True)},
    )
