"""Editing a graph's records: wires, places, and who makes and reads what.

Each function costs what it changes and not what the graph holds; the order of nodes is kept by their ranks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from qlint.files.model import Graph, Model, Node
from qlint.files.order import topological


def rank(node: Node) -> tuple[int, ...]:
    """A node's place among its graph's; sorts as the nodes do."""
    return node.rank


def editable(model: Model) -> Model:
    """A copy whose graphs and nodes may be changed; tensors are shared."""
    graphs: dict[str, Graph] = {}
    graph = _copied(model.graph, None, graphs)
    return replace(model, metadata=dict(model.metadata), graph=graph, graphs=graphs)


def insert(node: Node) -> None:
    """Put a new node, whose inputs are set and that no one reads yet, right behind what it reads."""
    graph = node.graph
    makers = [graph.producer[name].rank for name in node.inputs if name in graph.producer]
    stem = max(makers, default=(-1,))
    place = bisect_left(graph.nodes, (*stem[:-1], stem[-1] + 1), key=rank)
    last = graph.nodes[place - 1].rank if place else ()
    follows = len(last) > len(stem) and last[: len(stem)] == stem
    node.rank = (*stem, last[len(stem)] + 1 if follows else 0)
    graph.nodes.insert(place, node)


def remove(node: Node) -> None:
    """Take a node without wires out of its graph."""
    nodes = node.graph.nodes
    del nodes[bisect_left(nodes, node.rank, key=rank)]


def read(node: Node, name: str) -> None:
    """Note that a node reads a tensor."""
    readers = node.graph.consumers.setdefault(name, [])
    readers.insert(bisect_left(readers, node.rank, key=rank), node)


def unread(node: Node, name: str) -> None:
    """Note that a node does not read a tensor any more."""
    readers = node.graph.consumers[name]
    del readers[bisect_left(readers, node.rank, key=rank)]
    if not readers:
        del node.graph.consumers[name]


def sort(graph: Graph) -> None:
    """Bring the nodes into topological order again, and rank them anew.

    Raises:
        ModelError: for a cycle.
    """
    order = topological(graph)
    if order is not None:
        graph.nodes = [graph.nodes[position] for position in order]
    for position, node in enumerate(graph.nodes):
        node.rank = (position,)
    for readers in graph.consumers.values():
        readers.sort(key=rank)


def owner(graph: Graph, name: str) -> tuple[Graph, Node | None] | None:
    """The graph, this one or one around it, that a name belongs to, and the node there that `graph` lies within."""
    within: Node | None = None
    current: Graph | None = graph
    while current is not None:
        if name in current.producer or name in current.initializers or name in current.inputs:
            return current, within
        within = current.parent
        current = within.graph if within is not None else None
    return None


def captors(model: Model, graph: Graph, name: str) -> Iterator[Node]:
    """Nodes of a graph that hold a subgraph which reads a tensor of the graph."""
    if len(model.graphs) == 1:
        return
    for inner in model.graphs.values():
        if inner is not graph and (name in inner.consumers or name in inner.outputs):
            found = owner(inner, name)
            # What has no maker at the moment belongs to the outermost graph that could have it.
            if found is None:
                found = _outermost(inner, graph)
            if found is not None and found[0] is graph and found[1] is not None:
                yield found[1]


def is_read(model: Model, graph: Graph, name: str) -> bool:
    """Whether anything reads a tensor of the graph, its outputs included."""
    return name in graph.consumers or name in graph.outputs or next(captors(model, graph, name), None) is not None


def graphs_of(node: Node) -> Iterator[Graph]:
    """The graphs among a node's attributes."""
    for value in node.attributes.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, Graph))


def _outermost(inner: Graph, graph: Graph) -> tuple[Graph, Node | None] | None:
    within: Node | None = inner.parent
    while within is not None and within.graph is not graph:
        within = within.graph.parent
    return (graph, within) if within is not None else None


def _copied(graph: Graph, parent: Node | None, graphs: dict[str, Graph]) -> Graph:
    copy = Graph(
        graph.path,
        [],
        dict(graph.inputs),
        list(graph.outputs),
        dict(graph.initializers),
        set(graph.overridable),
        dict(graph.types),
        parent,
    )
    graphs[graph.path] = copy
    twins: dict[Node, Node] = {}
    for position, node in enumerate(graph.nodes):
        twin = twins[node] = Node(
            copy, node.index, node.op_type, node.domain, node.name, node.inputs, node.outputs, {}, node.pointer,
            node.byte_span, node.metadata,
        )  # fmt: skip
        twin.rank, twin.transform, twin.replaced = (position,), node.transform, node.replaced
        twin.call = node.call
        twin.attributes = {key: _attribute(value, twin, graphs) for key, value in node.attributes.items()}
        copy.nodes.append(twin)
    copy.producer = {name: twins[node] for name, node in graph.producer.items()}
    copy.consumers = {name: [twins[node] for node in nodes] for name, nodes in graph.consumers.items()}
    return copy


def _attribute(value: Any, parent: Node, graphs: dict[str, Graph]) -> Any:
    if isinstance(value, Graph):
        return _copied(value, parent, graphs)
    if isinstance(value, list) and value and isinstance(value[0], Graph):
        return [_copied(graph, parent, graphs) for graph in value]
    return value
