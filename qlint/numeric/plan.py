"""What to run for some tensors of a graph, in order, and where each tensor dies."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from qlint.files.model import Graph, Node


@dataclass(frozen=True, slots=True)
class Step:
    """One node to compute.

    Attributes:
        node: the node.
        dead: names of the graph's tensors that nothing needs after it.
    """

    node: Node
    dead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to compute some tensors of a graph.

    Attributes:
        steps: the nodes that are needed, in topological order.
        inputs: names of the graph's inputs that are needed.
    """

    steps: tuple[Step, ...]
    inputs: tuple[str, ...]


def subgraphs(node: Node) -> Iterator[Graph]:
    """The graphs in a node's attributes."""
    for value in node.attributes.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, Graph))


def reads(node: Node) -> set[str]:
    """Names of the tensors a node reads, what its subgraphs capture included."""
    names = {name for name in node.inputs if name}
    for graph in subgraphs(node):
        names |= graph.captured()
    return names


def plan(graph: Graph, wanted: Collection[str]) -> Plan:
    """The steps towards `wanted`, which survive to the end."""
    needed = set(wanted)
    alive = set(wanted)
    steps = []
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            continue
        read = reads(node)
        needed |= read
        local = {name for name in (*read, *node.outputs) if name and name not in graph.initializers}
        dead = tuple(local - alive)
        alive |= local
        steps.append(Step(node, dead))
    return Plan(tuple(reversed(steps)), tuple(name for name in graph.inputs if name in needed))
