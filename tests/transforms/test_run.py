"""The runner: rounds, conflicts, a fixed point, and what it declines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import onnx
import onnx.helper as oh
import onnx.parser

from qlint.files.onnx_file import read_model
from qlint.transforms.base import Context
from qlint.transforms.patch import Declined, Patch, RemoveNode, SetInputs, SetOutputs
from qlint.transforms.run import prepare
from tests.transforms.trivial import DropIdentity, LeakyRelu, conv_network, network
from tests.transforms.trivial import patch as made


def read(proto: onnx.ModelProto):  # type: ignore[no-untyped-def]
    return read_model(Path("m.onnx"), data=proto.SerializeToString())


def chain(length: int) -> onnx.ModelProto:
    names = ["x", *(f"t{i}" for i in range(length)), "y"]
    nodes = [oh.make_node("Identity", [a], [b]) for a, b in pairwise(names[:-1])]
    return network(*nodes, oh.make_node("Relu", [names[-2]], ["y"]))


def test_nothing_to_do() -> None:
    model = read(network(oh.make_node("Abs", ["x"], ["y"])))
    prepared = prepare(model, [LeakyRelu(), DropIdentity()])
    assert not prepared.applied and not prepared.declined
    assert [node.op_type for node in prepared.model.graph.nodes] == ["Abs"]


def test_a_chain_is_done_in_rounds_and_a_second_time_finds_nothing() -> None:
    prepared = prepare(read(chain(7)), [DropIdentity(), LeakyRelu()])
    assert [node.op_type for node in prepared.model.graph.nodes] == ["LeakyRelu"]
    assert prepared.model.graph.nodes[0].inputs == ("x",)
    assert len(prepared.applied) == 8
    assert not prepare(prepared.model, [DropIdentity(), LeakyRelu()]).applied


def test_the_same_each_time() -> None:
    titles = [
        [(a.patch.id, a.patch.title) for a in prepare(read(chain(5)), [DropIdentity()]).applied] for _ in range(2)
    ]
    assert titles[0] == titles[1] and len(titles[0]) == 5


def test_rewrites_that_touch_the_same_node_do_not_meet_in_one_round() -> None:
    seen: list[int] = []

    class Both:
        """Two patches that both want the Relu; either makes the other's finding untrue."""

        name = "both"

        def find(self, context: Context) -> Iterator[Patch | Declined]:
            relus = [node for node in context.graph.nodes if node.op_type == "Relu"]
            seen.append(len(relus))
            for relu in relus:
                id, last = context.id_of(relu), context.graph.producer["y"]
                yield made(context, id, SetInputs(id, ("x",))) if relu.inputs != ("x",) else made(context, id)
                if last is not relu:
                    rest = tuple("x" if name == "b" else name for name in last.inputs)
                    yield made(context, id, SetInputs(context.id_of(last), rest), RemoveNode(id))

    model = prepare(read(conv_network()), [Both()]).model
    assert seen[:3] == [1, 1, 0]
    assert [node.op_type for node in model.graph.nodes] == ["Conv"]


def test_a_rewrite_whose_tensor_another_took_away_waits() -> None:
    class Renames:
        """The Relu takes y from the last Conv; another patch, found in the same round, wants to read b."""

        name = "renames"

        def find(self, context: Context) -> Iterator[Patch | Declined]:
            if "b" in context.graph.producer:
                yield made(context, "graph/y", RemoveNode("graph/y"), SetOutputs("graph/b", ("y",)))
                yield made(context, "graph/a", SetInputs("graph/a", ("b", "w")))

    prepared = prepare(read(conv_network()), [Renames()])
    assert [entry.patch.id for entry in prepared.applied] == ["graph/y"]


def test_declined_layers_are_told_once() -> None:
    class Never:
        """Declines every Relu, and has a reason to run twice."""

        name = "never"

        def find(self, context: Context) -> Iterator[Patch | Declined]:
            for node in context.graph.nodes:
                if node.op_type in ("Relu", "LeakyRelu"):
                    yield Declined(self.name, context.id_of(node), node.op_type, "no")

    prepared = prepare(read(conv_network()), [Never(), LeakyRelu()])
    assert prepared.declined == [Declined("never", "graph/b", "LeakyRelu", "no")]


def test_a_transform_runs_where_those_before_it_find_nothing_more() -> None:
    """What the second one makes is there for the first one before the third one sees it."""
    asked: list[tuple[str, list[str]]] = []

    class Step:
        """Takes the first Identity away if there are as many as it waits for."""

        def __init__(self, name: str, waits: int) -> None:
            self.name = name
            self.waits = waits

        def find(self, context: Context) -> Iterator[Patch | Declined]:
            names = [node.op_type for node in context.graph.nodes]
            asked.append((self.name, names))
            if names.count("Identity") == self.waits:
                yield from DropIdentity().find(context)

    prepare(read(chain(3)), [Step("one", 2), Step("two", 3), Step("three", 1)])
    order = [name for name, _ in asked]
    left = {name: [names.count("Identity") for told, names in asked if told == name] for name in order}
    assert left["one"][0] == left["two"][0] == 3
    assert 3 not in left["three"]
    assert 2 not in left["three"]
    assert all(counts[-1] == left["one"][-1] for counts in left.values())


def test_an_id_that_two_nodes_have_is_not_trusted() -> None:
    """A tensor of the main graph may be called like a place in a branch."""
    body = """g (bool p, float[4] x) => (z, w) {
        i = Identity(x) <named> = Relu(i)
        z = If(p) <then_branch = t () => (float[4] a) { j = Identity(x) a = Relu(j) }, else_branch = e () => (float[4] b) { b = Exp(x) }>
        w = Exp(<named>) }"""
    graph = onnx.parser.parse_graph(body.replace("<named>", "named"))
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["z.then_branch/a" if name == "named" else name for name in names]
    model = read(oh.make_model(graph, ir_version=8, opset_imports=[oh.make_opsetid("", 17)]))
    prepared = prepare(model, [LeakyRelu()])
    assert not prepared.applied
    assert {entry.id for entry in prepared.declined} == {"graph/z.then_branch/a"}
    assert all("same id" in entry.reason for entry in prepared.declined)
    assert len(prepare(model, [DropIdentity()]).applied) == 0
