"""Applying a patch to the records of a model, noting what is needed to undo it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qlint.errors import StalePatchError
from qlint.files.model import Graph, Model, Node, ValueType
from qlint.files.quoting import quoted
from qlint.files.tensors import Tensor
from qlint.transforms import editing
from qlint.transforms.base import node_id
from qlint.transforms.editing import editable
from qlint.transforms.patch import (
    AddNode,
    AddTensor,
    NodeSpec,
    Operation,
    Patch,
    RemoveNode,
    ReplaceNode,
    SetInputs,
    SetMetadata,
)

__all__ = ["AppliedPatch", "Before", "apply", "editable", "find"]

_AGAIN = "run qlint fix on this model again"


@dataclass(frozen=True, slots=True)
class Before:
    """A node as it was before an operation changed it.

    Attributes:
        id: its id then.
        graph: path of its graph.
        spec: operator, wires and attributes; tensors among these as `Tensor`.
        constants: initializers that it read then, by name; of an operation that leaves some, the others.
    """

    id: str
    graph: str
    spec: NodeSpec
    constants: dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class AppliedPatch:
    """A patch and what it met.

    Attributes:
        patch: as applied.
        before: per operation the node, or the metadata, as it was; None where the operation added something.
        dropped_nodes: nodes that nothing read any more, in the order they went.
        dropped_tensors: initializers that nothing read any more, as (graph path, tensor).
    """

    patch: Patch
    before: tuple[Before | SetMetadata | None, ...]
    dropped_nodes: tuple[Before, ...] = ()
    dropped_tensors: tuple[tuple[str, Tensor], ...] = ()


def apply(model: Model, patch: Patch) -> AppliedPatch:
    """Apply a patch to an editable model.

    Initializers and nodes that lose their last reader by it go too, except the border of the patch.

    Returns:
        What it met, for `invert` and for patch files.

    Raises:
        StalePatchError: if the model does not hold what the patch names, or would be broken by it; the model is not to
            be used any more then.
    """
    return _Application(model, patch).run()


def find(model: Model, id: str) -> Node | None:
    """The node with an id in an editable model; None if there is none, or two (a tensor called like a subgraph's)."""
    found, end = None, len(id)
    while (end := id.rfind("/", 0, end)) > 0:
        graph = model.graphs.get(id[:end])
        node = graph.producer.get(id[end + 1 :]) if graph is not None else None
        if node is not None and node_id(node) == id:
            if found is not None:
                return None
            found = node
    return found


@dataclass(slots=True)
class _Application:
    """One patch being applied.

    Attributes:
        model, patch: as given.
        added: tensors that the patch added.
        unread: (graph, name) of tensors that lost a reader, in order.
        loose: (graph, name) of tensors that had no producer at some moment.
        unsorted: graphs whose nodes may be out of order.
    """

    model: Model
    patch: Patch
    added: set[str] = field(default_factory=set)
    unread: list[tuple[Graph, str]] = field(default_factory=list)
    loose: list[tuple[Graph, str]] = field(default_factory=list)
    unsorted: dict[str, None] = field(default_factory=dict)

    def run(self) -> AppliedPatch:
        before = tuple(map(self.operation, self.patch.operations))
        for graph, name in self.loose:
            if editing.owner(graph, name) is None and editing.is_read(self.model, graph, name):
                what = f"{quoted(name)} would be read in {graph.path}, and nothing would make it"
                raise StalePatchError(f"{self.patch.title}: {what}", _AGAIN)
        nodes, tensors = self.sweep()
        for path in self.unsorted:
            editing.sort(self.model.graphs[path])
        return AppliedPatch(self.patch, before, nodes, tensors)

    def operation(self, operation: Operation) -> Before | SetMetadata | None:
        """Apply one operation; returns what it changed as it was."""
        if isinstance(operation, SetMetadata):
            return self.note(operation)
        if isinstance(operation, AddTensor):
            graph = self.graph(operation.graph)
            self.claim(graph, operation.name)
            tensor = Tensor.from_array(operation.name, operation.values)
            graph.initializers[operation.name] = tensor
            graph.types[operation.name] = ValueType(tensor.type, tensor.shape)
            self.added.add(operation.name)
            self.unread.append((graph, operation.name))
            return None
        if isinstance(operation, AddNode):
            self.add(self.graph(operation.graph), operation.node)
            return None
        node = find(self.model, operation.id)
        if node is None:
            raise StalePatchError(f"the model has no node {quoted(operation.id)}", _AGAIN)
        spec = NodeSpec(node.op_type, node.inputs, node.outputs, dict(node.attributes), node.domain, node.name)
        constants = self.constants(node)
        if isinstance(operation, RemoveNode):
            self.remove(node)
        elif isinstance(operation, ReplaceNode):
            if next(editing.graphs_of(node), None) is not None:
                raise StalePatchError(f"the node {quoted(operation.id)} holds subgraphs and cannot be replaced", _AGAIN)
            new = operation.node
            node.op_type, node.domain, node.name = new.op_type, new.domain, new.name or node.name
            node.attributes = _attributes(new)
            node.replaced, node.transform = True, self.patch.transform
            self.wire(node, new.inputs)
            self.name(node, new.outputs)
        elif isinstance(operation, SetInputs):
            if not self.added.isdisjoint(operation.inputs):
                node.transform = self.patch.transform
            self.wire(node, operation.inputs)
            constants = {name: tensor for name, tensor in constants.items() if name not in operation.inputs}
        else:
            self.name(node, operation.outputs)
            constants = {}
        return Before(operation.id, node.graph.path, spec, constants)

    def note(self, operation: SetMetadata) -> SetMetadata:
        """Change the model's metadata."""
        metadata = self.model.metadata
        before = SetMetadata(operation.key, metadata.pop(operation.key, None))
        if operation.value is not None:
            metadata[operation.key] = operation.value
        return before

    def graph(self, path: str) -> Graph:
        graph = self.model.graphs.get(path)
        if graph is None:
            raise StalePatchError(f"the model has no graph {quoted(path)}", _AGAIN)
        return graph

    def claim(self, graph: Graph, name: str) -> None:
        """Make sure that a name is free in a graph."""
        if name in graph.producer or name in graph.initializers or name in graph.inputs:
            raise StalePatchError(f"the model already has a tensor {quoted(name)} in {graph.path}", _AGAIN)

    def constants(self, node: Node) -> dict[str, Tensor]:
        """The initializers that a node reads."""
        found: dict[str, Tensor] = {}
        for name in filter(None, node.inputs):
            place = editing.owner(node.graph, name)
            tensor = place[0].initializers.get(name) if place is not None else None
            if tensor is not None:
                found[name] = tensor
        return found

    def add(self, graph: Graph, spec: NodeSpec) -> None:
        node = Node(
            graph, -1, spec.op_type, spec.domain, spec.name, spec.inputs, (), _attributes(spec), "", None, {}
        )  # fmt: skip
        node.replaced, node.transform = True, self.patch.transform
        editing.insert(node)
        node.inputs = ()
        self.wire(node, spec.inputs)
        self.name(node, spec.outputs)

    def remove(self, node: Node) -> None:
        self.wire(node, ())
        self.name(node, ())
        editing.remove(node)
        pending = [*editing.graphs_of(node)]
        while pending:
            inner = pending.pop()
            self.model.graphs.pop(inner.path, None)
            pending.extend(inner.subgraphs())

    def wire(self, node: Node, inputs: tuple[str, ...]) -> None:
        """Give a node other inputs."""
        graph, old = node.graph, dict.fromkeys(filter(None, node.inputs))
        node.inputs = inputs
        for name in old:
            if name not in inputs:
                editing.unread(node, name)
                self.unread.append((graph, name))
        for name in dict.fromkeys(filter(None, inputs)):
            if name in old:
                continue
            editing.read(node, name)
            place = editing.owner(graph, name)
            if place is None:
                self.loose.append((graph, name))
                continue
            maker = place[0].producer.get(name)
            if maker is not None and maker.rank >= (place[1] or node).rank:
                self.unsorted[place[0].path] = None

    def name(self, node: Node, outputs: tuple[str, ...]) -> None:
        """Give a node other outputs."""
        graph, old = node.graph, dict.fromkeys(filter(None, node.outputs))
        node.outputs = outputs
        for name in old:
            if name not in outputs:
                del graph.producer[name]
                self.loose.append((graph, name))
        for name in dict.fromkeys(filter(None, outputs)):
            if name in old:
                continue
            self.claim(graph, name)
            graph.producer[name] = node
            readers = (*graph.consumers.get(name, ())[:1], *editing.captors(self.model, graph, name))
            if any(reader.rank <= node.rank for reader in readers):
                self.unsorted[graph.path] = None
            self.unread.append((graph, name))

    def sweep(self) -> tuple[tuple[Before, ...], tuple[tuple[str, Tensor], ...]]:
        """Drop what lost its last reader, and what only that read."""
        nodes: list[Before] = []
        tensors: list[tuple[str, Tensor]] = []
        border = {*self.patch.inputs, *self.patch.outputs}
        position = 0
        while position < len(self.unread):
            graph, name = self.unread[position]
            position += 1
            place = editing.owner(graph, name)
            if place is None or name in border or editing.is_read(self.model, place[0], name):
                continue
            home = place[0]
            tensor = home.initializers.get(name)
            if tensor is not None:
                if name not in home.overridable:
                    del home.initializers[name]
                    tensors.append((home.path, tensor))
                continue
            node = home.producer.get(name)
            if node is None or not _plain(node):
                continue
            # Readers are released from the first output on: one that is left is found sooner from the other end.
            if any(
                output in border or editing.is_read(self.model, home, output) for output in node.outputs[::-1] if output
            ):
                continue
            spec = NodeSpec(node.op_type, node.inputs, node.outputs, dict(node.attributes), node.domain, node.name)
            nodes.append(Before(node_id(node), home.path, spec, self.constants(node)))
            self.remove(node)
        return tuple(nodes), tuple(tensors)


def _plain(node: Node) -> bool:
    """Whether a node may go when nothing reads it: it is a node of the file, and an operator that only computes."""
    return (
        "/sparse_initializer/" not in node.pointer and not node.domain and next(editing.graphs_of(node), None) is None
    )


def _attributes(spec: NodeSpec) -> dict[str, Any]:
    """Attributes as records hold them: arrays as `Tensor`."""
    return {
        name: Tensor.from_array("", value) if isinstance(value, np.ndarray) else value
        for name, value in spec.attributes.items()
    }
