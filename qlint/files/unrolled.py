"""Calls of model-local functions that an edit has changed: their bodies, to be written in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlint.files.functions import inline
from qlint.files.records import INLINED, domain_of, texts

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from qlint.files.model import Model, Node


def unrolled(proto: ModelProto, model: Model) -> dict[str, list[NodeProto]]:
    """The bodies of the calls that the records of a model differ from, as they were before.

    Args:
        proto: the file's message; domains that only these bodies use are imported in it.
        model: the edited records.

    Returns:
        Nodes by JSON pointer to the call. They carry what leads to their records (`place`) in their doc strings.
    """
    if not proto.functions or not model.graphs:
        return {}
    copy = type(proto)()
    copy.CopyFrom(proto)
    inline(copy)
    records = {node.call: node for graph in model.graphs.values() for node in graph.nodes if node.call}
    bodies: dict[str, list[NodeProto]] = {}
    changed: dict[str, None] = {}
    pending: list[tuple[Any, bool]] = [(copy.graph, False)]
    while pending:
        graph, inside = pending.pop()
        for node in graph.node:
            key = place(node)
            call, _, number = key.partition("#")
            if number:
                if not inside:
                    bodies.setdefault(call, []).append(node)
                if _differs(node, records.get(key)):
                    changed[call] = None
            for attribute in node.attribute:
                pending.extend((inner, inside or bool(number)) for inner in (attribute.g, *attribute.graphs))
    if changed:
        imported = {domain_of(entry.domain) for entry in proto.opset_import}
        proto.opset_import.extend(e for e in copy.opset_import if domain_of(e.domain) not in imported)
    return {call: bodies[call] for call in changed}


def place(node: NodeProto) -> str:
    """What leads from a node that inlining moved or made to its record: `Node.call`, else `Node.pointer`."""
    pointer, _, call = node.doc_string.removeprefix(INLINED).partition("@")
    return call or pointer


def doc_string(proto: ModelProto, node: NodeProto) -> str:
    """The doc string that such a node had in its function."""
    found: Any = proto
    pointer = node.doc_string.removeprefix(INLINED).partition("@")[0]
    if not pointer.startswith("/functions/"):
        return ""
    for part in pointer.split("/")[1:]:
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    return str(getattr(found, "doc_string", ""))


def _differs(node: NodeProto, record: Node | None) -> bool:
    return (
        record is None or record.replaced or texts(node.input) != record.inputs or texts(node.output) != record.outputs
    )
