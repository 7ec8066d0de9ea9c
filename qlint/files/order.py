"""Who makes and reads which tensor; nodes brought into topological order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Set

from qlint.errors import ModelError
from qlint.files.model import Graph, Node
from qlint.files.quoting import quoted

REMEDY = "export the model again"


def arrange(graph: Graph, outer: tuple[Set[str], ...] = ()) -> dict[Graph, list[int]]:
    """Fill `producer` and `consumers` of a graph and of those below it, and sort their nodes.

    Args:
        graph: nodes in the file's order.
        outer: names of the enclosing graphs.

    Returns:
        For each graph whose nodes were not in order: the new order, as positions in the old one.

    Raises:
        ModelError: for a cycle, a tensor made twice, or one that is read and that nobody makes.
    """
    _link(graph)
    inner = {node: _captured(node) for node in graph.nodes if _holds_graphs(node)}
    made = {**dict.fromkeys(graph.inputs), **dict.fromkeys(graph.initializers), **dict.fromkeys(graph.producer)}.keys()
    visible = (*outer, made)
    for node in graph.nodes:
        for name in node.inputs:
            if name and name not in made and not any(name in names for names in outer):
                raise ModelError(f"{described(node)} reads {quoted(name)}, which nothing makes", REMEDY)
    for name in graph.outputs:
        if name and not any(name in names for names in visible):
            raise ModelError(f"nothing makes the graph output {quoted(name)} of {graph.path}", REMEDY)
    moved: dict[Graph, list[int]] = {}
    order = _order(graph, inner)
    if order is not None:
        moved[graph] = order
        graph.nodes = [graph.nodes[position] for position in order]
    _consumers(graph)
    for child in graph.subgraphs():
        moved.update(arrange(child, visible))
    return moved


def topological(graph: Graph) -> list[int] | None:
    """Positions of a graph's nodes in topological order, as they stand where there is a choice; None if they are.

    `producer` must be filled.

    Raises:
        ModelError: for a cycle.
    """
    return _order(graph, {node: _captured(node) for node in graph.nodes if _holds_graphs(node)})


def described(node: Node) -> str:
    """A node as messages name it: operator, and name or first output."""
    name = node.name or next((output for output in node.outputs if output), "")
    kind = node.op_type if node.op_type.isascii() and node.op_type.isidentifier() else quoted(node.op_type)
    return f"{kind[:80]} node {quoted(name) if name else f'#{node.index}'}"


def _link(graph: Graph) -> None:
    producer = graph.producer
    for node in graph.nodes:
        for name in node.outputs:
            if not name:
                continue
            if name in producer or name in graph.inputs or name in graph.initializers:
                raise ModelError(
                    f"the tensor {quoted(name)} is made twice, the second time by {described(node)}", REMEDY
                )
            producer[name] = node


def _consumers(graph: Graph) -> None:
    """In topological order, so that each list is; once per reading node."""
    consumers = graph.consumers
    for node in graph.nodes:
        for name in node.inputs if len(node.inputs) < 2 else dict.fromkeys(node.inputs):
            if name in consumers:
                consumers[name].append(node)
            elif name:
                consumers[name] = [node]


def _holds_graphs(node: Node) -> bool:
    return bool(node.attributes) and next(_graphs_of(node), None) is not None


def _captured(node: Node) -> set[str]:
    """Names that the graphs of a node read from outside them."""
    return {name for graph in _graphs_of(node) for name in _free(graph)}


def _graphs_of(node: Node) -> Iterator[Graph]:
    for value in node.attributes.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, list) and value and isinstance(value[0], Graph):
            yield from value


def _free(graph: Graph) -> set[str]:
    read = set(graph.outputs)
    made = set(graph.inputs) | set(graph.initializers)
    for node in graph.nodes:
        read.update(node.inputs)
        made.update(node.outputs)
        if _holds_graphs(node):
            read |= _captured(node)
    return read - made - {""}


def _order(graph: Graph, inner: dict[Node, set[str]]) -> list[int] | None:
    """Positions in topological order, the file's order where there is a choice; None if that is it already."""
    producer = graph.producer
    done: set[Node] = set()
    for node in graph.nodes:
        for name in node.inputs if node not in inner else (*node.inputs, *inner[node]):
            maker = producer.get(name)
            if maker is not None and maker not in done:
                return _sorted(graph, inner)
        done.add(node)
    return None


def _sorted(graph: Graph, inner: dict[Node, set[str]]) -> list[int]:
    position = {node: index for index, node in enumerate(graph.nodes)}
    waiting = [0] * len(graph.nodes)
    readers: list[list[int]] = [[] for _ in graph.nodes]
    for index, node in enumerate(graph.nodes):
        names = (*node.inputs, *inner.get(node, ()))
        makers = {graph.producer[name] for name in names if name in graph.producer}
        waiting[index] = len(makers)
        for maker in makers:
            readers[position[maker]].append(index)
    order = in_turn(waiting, readers)
    if len(order) < len(graph.nodes):
        raise ModelError(f"the graph has a cycle through {described(_on_cycle(graph, inner, waiting))}", REMEDY)
    return order


def in_turn(waiting: list[int], readers: list[list[int]]) -> list[int]:
    """Indices in topological order, the smallest first where there is a choice.

    Args:
        waiting: for each index how many wires come to it; counted down to 0 for those that get their turn.
        readers: for each index those that its wires lead to, once for each wire.

    Returns:
        The order. It lacks what is on a cycle or behind one.
    """
    ready = [index for index, count in enumerate(waiting) if not count]
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for reader in readers[index]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, reader)
    return order


def _on_cycle(graph: Graph, inner: dict[Node, set[str]], waiting: list[int]) -> Node:
    """A node of a cycle: walk back over nodes that never became ready until one comes up again."""
    stuck = {node for node, count in zip(graph.nodes, waiting, strict=True) if count}
    seen: set[Node] = set()
    node = next(n for n in graph.nodes if n in stuck)
    while node not in seen:
        seen.add(node)
        names = (*node.inputs, *sorted(inner.get(node, ())))
        node = next(maker for maker in map(graph.producer.get, names) if maker in stuck)
    return node
