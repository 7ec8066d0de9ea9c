"""Shapes and types of every tensor, by onnx's own inference on the weight-free model.

What it cannot infer stays unknown; that it fails, or would need too much memory, is no error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qlint.files.bounds import Bounds
from qlint.files.isolation import infer_apart, may_end_the_process, without_slices
from qlint.files.model import Graph, Node, ValueType
from qlint.files.quoting import text
from qlint.files.records import TypeReader

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


def infer(graphs: list[Graph], model: ModelProto, moved: dict[Graph, list[int]], symbols: set[str]) -> None:
    """Fill `types` (and `inputs` of subgraphs) of a model's graphs.

    Args:
        graphs: records of all graphs, the main one first, linked and sorted.
        model: the weight-free model. It is changed: its nodes are sorted too, domains it forgot are imported.
        moved: graphs whose nodes were sorted, with their order.
        symbols: names of axes that the file gives; those that onnx makes up are dropped.
    """
    if moved:
        for _ in _pairs(graphs[0], model.graph, moved):
            pass
    _import_domains(graphs, model)
    for graph, proto in _pairs(graphs[0], model.graph, {}):
        _see_through(graph, proto)
    bounds = Bounds(graphs[0])
    inferred = _inferred(graphs, model, bounds) if bounds.inferable else None
    if inferred is None:
        return
    type_of = TypeReader(symbols)
    for graph, proto in _pairs(graphs[0], inferred.graph, {}):
        _fill(graph, proto, type_of)


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


def _see_through(graph: Graph, proto: GraphProto) -> None:
    """Nodes read constants themselves and not an Identity of them, through which onnx does not follow values."""
    sources: dict[str, str] = {}
    for node in graph.nodes:
        if node.op_type == "Identity" and not node.domain and node.inputs and node.outputs:
            name = sources.get(node.inputs[0], node.inputs[0])
            maker = graph.producer.get(name)
            if name in graph.initializers or (maker is not None and maker.op_type == "Constant" and not maker.domain):
                sources[node.outputs[0]] = name
    if not sources:
        return
    for node in proto.node:
        for place, name in enumerate(node.input):
            if name in sources:
                node.input[place] = sources[name]


def _below(node: Node, proto: NodeProto) -> Iterator[tuple[Graph, GraphProto]]:
    for attribute in proto.attribute:
        value = node.attributes.get(text(attribute.name))
        if isinstance(value, Graph):
            yield value, attribute.g
        elif isinstance(value, list) and value and isinstance(value[0], Graph):
            yield from zip(value, attribute.graphs, strict=True)


def _import_domains(graphs: list[Graph], model: ModelProto) -> None:
    """onnx infers nothing at all if one node's domain is not imported, so any version is better than none."""
    imported = {"" if entry.domain == "ai.onnx" else text(entry.domain) for entry in model.opset_import}
    for domain in dict.fromkeys(node.domain for graph in graphs for node in graph.nodes):
        if domain not in imported:
            model.opset_import.add(domain=domain, version=1)


def _inferred(graphs: list[Graph], model: ModelProto, bounds: Bounds) -> ModelProto | None:
    from onnx import shape_inference

    attempts = (True, False) if bounds.followable else (False,)
    if may_end_the_process(graphs):
        with contextlib.suppress(OSError):  # no process to be had
            for data_prop in attempts:
                found = infer_apart(model, data_prop=data_prop)
                if found is not None:
                    return found
        model, attempts = without_slices(model), (False,)
    for data_prop in attempts:
        # It is native code that meets whatever a file holds; any way of failing leaves shapes unknown.
        with contextlib.suppress(Exception):
            return shape_inference.infer_shapes(model, data_prop=data_prop)
    return None


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
