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
        dead: for each node the names of the graph's tensors that nothing needs after it.
    """

    nodes: tuple[Node, ...]
    dead: tuple[tuple[str, ...], ...]


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
        dead = []
        for node in reversed(together):
            local = {name for name in (*reads(node), *node.outputs) if name and name not in graph.initializers}
            dead.append(tuple(local - alive))
            alive |= local
        steps.append(Step(tuple(together), tuple(reversed(dead))))
    return Plan(tuple(reversed(steps)), tuple(name for name in graph.inputs if name in needed))


def _joined(nodes: Iterable[Node], readers: Counter[str]) -> list[list[Node]]:
    """The nodes in order; those that follow one that leads are with it, where it stands: its inputs may die there.

    Where one of them reads what comes later, all wait for that.
    """
    groups: dict[int, list[Node]] = {}  # by place
    places: dict[str, int] = {}  # of the groups that yield the tensors
    for place, node in enumerate(nodes):
        first = node.inputs[0] if node.inputs else ""
        before = places.get(first, -1)
        group = groups.get(before)
        if (
            group is not None
            and readers[first] == node.inputs.count(first) == len(group[-1].outputs) == len(node.outputs) == 1
            and leads(group[0].op_type, group[0].domain)
            and follower(node.op_type, node.domain)
        ):
            group.append(node)
            if any(places.get(name, before) > before for name in node.inputs[1:]):
                groups[place] = groups.pop(before)
            else:
                place = before
        else:
            groups[place] = [node]
        places.update((name, place) for name in node.outputs if name)
    return list(groups.values())
