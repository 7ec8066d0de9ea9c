"""What to run for some tensors of a graph, in order, and where each tensor dies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from qlint.files.model import Graph, Node
from qlint.numeric.kernel import follower, leads


@dataclass(frozen=True, slots=True)
class Step:
    """Nodes to compute at once: most often one, or one that leads and those that may be applied to its result.

    Attributes:
        nodes: each but the first reads only the result of the one before, as its first input, and constants or values
            that are known; nothing else needs that result.
        dead: names of the graph's tensors that nothing needs after it.
    """

    nodes: tuple[Node, ...]
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
    readers = Counter(needed)
    nodes = []
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            continue
        read = reads(node)
        needed |= read
        readers.update(read)
        nodes.append(node)
    alive = set(wanted)
    steps = []
    for together in reversed(_joined(reversed(nodes), readers)):
        local = {name for node in together for name in (*reads(node), *node.outputs)}
        local = {name for name in local if name and name not in graph.initializers}
        steps.append(Step(together, tuple(local - alive)))
        alive |= local
    return Plan(tuple(reversed(steps)), tuple(name for name in graph.inputs if name in needed))


def _joined(nodes: Iterable[Node], readers: Counter[str]) -> list[tuple[Node, ...]]:
    """The nodes in order; those that follow one that leads are with it, at the place of the last of them."""
    groups: dict[str, tuple[Node, ...]] = {}  # by what the last node yields
    for node in nodes:
        together: tuple[Node, ...] = (node,)
        first = node.inputs[0] if node.inputs else ""
        before = groups.get(first)
        if (
            before is not None
            and readers[first] == node.inputs.count(first) == len(before[-1].outputs) == len(node.outputs) == 1
            and leads(before[0].op_type, before[0].domain)
            and follower(node.op_type, node.domain)
        ):
            del groups[first]
            together = (*before, node)
        groups[next(filter(None, node.outputs))] = together
    return list(groups.values())
