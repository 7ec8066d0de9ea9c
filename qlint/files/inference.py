"""Shapes and types of every tensor, by onnx's own inference on the weight-free model.

What it cannot infer stays unknown; that it fails, or would need too much memory, is no error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.files.model import Graph, Node, ValueType
from qlint.files.quoting import text
from qlint.files.records import TypeReader

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

PROPAGATION_LIMIT = 1 << 18
"""Most elements of shape arithmetic that onnx may be made to follow: a chain of Concat doubles them at each step."""

MEMORY_LIMIT = 512 << 20
"""Most memory that inference may take besides what the model's own size accounts for."""

MEMORY_FACTOR = 100
"""Bytes that inference may take for each byte of the model."""

_FOLLOWED = {"Add", "Cast", "Concat", "Gather", "Mul", "Slice", "Squeeze", "Sub", "Unsqueeze"}


def infer(graph: Graph, model: ModelProto, moved: dict[Graph, list[int]], symbols: set[str]) -> None:
    """Fill `types` (and `inputs` of subgraphs) of a graph and of those below it.

    Args:
        graph: records of the model's graph, linked and sorted.
        model: the weight-free model. It is changed: its nodes are sorted too, domains it forgot are imported.
        moved: graphs whose nodes were sorted, with their order.
        symbols: names of axes that the file gives; those that onnx makes up are dropped.
    """
    for current, proto in _pairs(graph, model.graph, moved):
        del current, proto
    _import_domains(graph, model)
    inferred = _inferred(model, _follows(graph))
    if inferred is None:
        return
    type_of = TypeReader(symbols)
    for current, proto in _pairs(graph, inferred.graph, {}):
        _fill(current, proto, type_of)


def _pairs(graph: Graph, proto: GraphProto, moved: dict[Graph, list[int]]) -> Iterator[tuple[Graph, GraphProto]]:
    """Records and messages of a graph and those below it side by side; messages are brought into the given orders."""
    order = moved.get(graph)
    if order is not None:
        nodes = list(proto.node)
        virtual = len(proto.sparse_initializer)  # these stand as nodes before the others in the records only
        del proto.node[:]
        proto.node.extend(nodes[position - virtual] for position in order if position >= virtual)
    yield graph, proto
    position = 0
    for node in graph.nodes:
        if node.index < 0:
            continue
        if any(isinstance(value, Graph | list) for value in node.attributes.values()):
            for below, message in _below(node, proto.node[position]):
                yield from _pairs(below, message, moved)
        position += 1


def _below(node: Node, proto: NodeProto) -> Iterator[tuple[Graph, GraphProto]]:
    for attribute in proto.attribute:
        value = node.attributes.get(text(attribute.name))
        if isinstance(value, Graph):
            yield value, attribute.g
        elif isinstance(value, list) and value and isinstance(value[0], Graph):
            yield from zip(value, attribute.graphs, strict=True)


def _import_domains(graph: Graph, model: ModelProto) -> None:
    """onnx infers nothing at all if one node's domain is not imported, so any version is better than none."""
    imported = {"" if entry.domain == "ai.onnx" else text(entry.domain) for entry in model.opset_import}
    pending = [graph]
    while pending:
        current = pending.pop()
        for node in current.nodes:
            if node.domain not in imported:
                imported.add(node.domain)
                model.opset_import.add(domain=node.domain, version=1)
        pending.extend(current.subgraphs())


def _follows(graph: Graph) -> bool:
    """Whether shape arithmetic is small enough to be followed, by an upper bound of its elements."""
    total = 0
    pending = [graph]
    while pending:
        current = pending.pop()
        elements: dict[str, int] = {}
        for node in current.nodes:
            if node.domain or (node.op_type not in _FOLLOWED and node.op_type != "Shape"):
                continue
            sizes = [elements[name] if name in elements else _declared(current, name) for name in node.inputs]
            count = sum(sizes) if node.op_type == "Concat" else max(sizes, default=0)
            total += count
            if total > PROPAGATION_LIMIT:
                return False
            for name in node.outputs:
                elements[name] = count
        pending.extend(current.subgraphs())
    return True


def _declared(graph: Graph | None, name: str) -> int:
    """Elements that a tensor that nothing follows can contribute: those of a small constant, or a rank."""
    while graph is not None:
        tensor = graph.initializers.get(name)
        if tensor is not None:
            return tensor.shape[0] if len(tensor.shape) == 1 and tensor.shape[0] <= 1024 else 1
        known = graph.types.get(name)
        if known is not None:
            return len(known.shape or ())
        graph = graph.parent.graph if graph.parent is not None else None
    return 8


def _inferred(model: ModelProto, follow: bool) -> ModelProto | None:
    from onnx import shape_inference

    with _bounded(MEMORY_LIMIT + MEMORY_FACTOR * model.ByteSize()):
        for data_prop in (True, False) if follow else (False,):
            # It is native code that meets whatever a file holds; any way of failing leaves shapes unknown.
            with contextlib.suppress(Exception):
                return shape_inference.infer_shapes(model, data_prop=data_prop)
    return None


@contextlib.contextmanager
def _bounded(size: int) -> Iterator[None]:
    """Let the process grow by no more than `size` bytes, where the system can hold it to that."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, OSError, ValueError):
        yield
        return
    limits = [limit for limit in (now + size, soft, hard) if limit != resource.RLIM_INFINITY]
    try:
        resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _fill(graph: Graph, proto: GraphProto, type_of: TypeReader) -> None:
    types = graph.types
    below = graph.parent is not None
    for values in (proto.value_info, proto.output, *((proto.input,) if below else ())):
        for value in values:
            name = text(value.name)
            if name in graph.initializers:
                continue
            known = types.get(name)
            found = type_of(value)
            types[name] = found if known is None or known == found else _merged(known, found)
            if below and name in graph.inputs:
                graph.inputs[name] = types[name]


def _merged(declared: ValueType, inferred: ValueType) -> ValueType:
    """What inference found, with what only the file says."""
    shape = inferred.shape
    if shape is None:
        shape = declared.shape
    elif declared.shape is not None and len(declared.shape) == len(shape):
        shape = tuple(old if new is None else new for old, new in zip(declared.shape, shape, strict=True))
    return ValueType(inferred.type or declared.type, shape)
