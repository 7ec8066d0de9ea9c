"""Node messages in topological order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qlint.files.model import Graph, Node
from qlint.files.order import topological
from qlint.files.quoting import text
from qlint.files.records import texts

if TYPE_CHECKING:
    from onnx import NodeProto


def in_order(nodes: list[NodeProto]) -> list[NodeProto]:
    """Nodes in topological order; they stay as they are where that is one."""
    graph = Graph("")
    for index, proto in enumerate(nodes):
        reads = (*texts(proto.input), *(name for attribute in proto.attribute for name in _captured(attribute)))
        node = Node(graph, index, "", "", "", reads, texts(proto.output), {}, "", None, {})
        graph.nodes.append(node)
        graph.producer.update((name, node) for name in node.outputs if name)
    order = topological(graph)
    return nodes if order is None else [nodes[position] for position in order]


def _captured(attribute: Any) -> Iterator[str]:
    """Names that the graphs of an attribute read; those of their own among them do no harm."""
    pending = [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
    while pending:
        graph = pending.pop()
        own = {text(value.name) for value in (*graph.input, *graph.initializer)}
        own.update(name for node in graph.node for name in texts(node.output))
        for node in graph.node:
            yield from (name for name in texts(node.input) if name not in own)
            for inner in node.attribute:
                pending.extend((*inner.graphs, *([inner.g] if inner.HasField("g") else [])))
        yield from (text(output.name) for output in graph.output if text(output.name) not in own)
