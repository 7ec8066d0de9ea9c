"""Edited records written into the weight-free message of the file they were read from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qlint.files.model import Graph, Model, Node
from qlint.files.protoorder import in_order
from qlint.files.quoting import text
from qlint.files.records import domain_of, texts
from qlint.files.tensors import Tensor
from qlint.files.unrolled import doc_string, place, unrolled
from qlint.files.wire import SMALL

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

KEY = "pkg.qlint.transform"
"""Key of the metadata that says which transform made a node."""

_FIRST_IR_WITH_NODE_METADATA = 10
_FIRST_IR_WITH_FREE_INITIALIZERS = 4


def raw_data(tensor: Tensor) -> bytes:
    """The bytes of the raw data of a tensor that was made in memory, little-endian."""
    from onnx import numpy_helper

    assert tensor.made is not None
    content: bytes = numpy_helper.from_array(tensor.made).raw_data
    return content


class Editor:
    """Carries the edits of a model's records over into its message.

    Args:
        proto: the message, without weights; it is changed.
        model: the records.
        mark: leads to data that is not in the message (see `wire.Stripped`).
        taken: number of the first mark that is free.

    Attributes:
        new: tensors whose data is not in the message, in the order of their marks.
    """

    def __init__(self, proto: ModelProto, model: Model, mark: str, taken: int) -> None:
        self.proto = proto
        self.model = model
        self.mark = mark
        self.taken = taken
        self.new: list[Tensor] = []
        self.made_by: set[str] = set()
        self.bodies = unrolled(proto, model)
        self.functions = {
            (domain_of(function.domain), text(function.name), text(function.overload)) for function in proto.functions
        }

    def edit(self) -> bool:
        """Carry everything over; returns whether anything changed."""
        changed = self.graph(self.proto.graph, self.model.graph, "/graph")
        metadata = dict(self.model.metadata)
        if self.made_by and self.proto.ir_version < _FIRST_IR_WITH_NODE_METADATA:
            before = metadata.get(KEY, "").split(", ")
            metadata[KEY] = ", ".join(sorted(self.made_by.union(filter(None, before))))
        changed = _drop(self.proto.metadata_props, lambda entry: text(entry.key) not in metadata) or changed
        written = {text(entry.key): entry for entry in self.proto.metadata_props}
        for key, value in metadata.items():
            if key not in written:
                self.proto.metadata_props.add(key=key, value=value)
                changed = True
            elif text(written[key].value) != value:
                written[key].value = value
                changed = True
        return changed

    def graph(self, proto: GraphProto, graph: Graph, pointer: str) -> bool:
        """Carry a graph over, and those below it; no pointer for one in a function's body, whose nodes are marked."""
        records = {node.call or node.pointer: node for node in graph.nodes if node.pointer}
        made = {
            name
            for node in proto.node
            for name in texts(node.output)
            if name not in graph.producer and not self.is_call(node)
        }
        made.update(name for name in map(_name, proto.initializer) if name not in graph.initializers)
        changed = self.initializers(proto, graph)
        changed = self.nodes(proto, graph, pointer, records) or changed
        if made:
            stale = made - graph.producer.keys() - graph.initializers.keys() - graph.inputs.keys() - {""}
            for field in (proto.value_info, proto.input):
                _drop(field, lambda value: text(value.name) in stale)
            _drop(proto.quantization_annotation, lambda value: text(value.tensor_name) in stale)
        return changed

    def is_call(self, node: NodeProto) -> bool:
        """Whether a node calls a model-local function, which the records hold inlined."""
        if not self.functions:
            return False
        return (domain_of(node.domain), text(node.op_type), text(node.overload)) in self.functions

    def initializers(self, proto: GraphProto, graph: Graph) -> bool:
        """Drop initializers that went, add those that came."""
        there = set()

        def stale(tensor: TensorProto) -> bool:
            name = text(tensor.name)
            record = graph.initializers.get(name)
            there.add(name)
            # What has no name is in no record, and not ours to drop.
            return bool(name) and (record is None or record.made is not None)

        dropped = _drop(proto.initializer, stale)
        if self.in_constants(graph):
            return dropped
        added = [t for t in graph.initializers.values() if t.made is not None]
        given = {text(value.name) for value in proto.input}
        for tensor in added:
            self.tensor(proto.initializer.add(), tensor)
            if self.proto.ir_version < _FIRST_IR_WITH_FREE_INITIALIZERS and tensor.name not in given:
                value = proto.input.add(name=tensor.name)
                value.type.tensor_type.elem_type = tensor.number
                value.type.tensor_type.shape.SetInParent()
                for size in tensor.shape:
                    value.type.tensor_type.shape.dim.add(dim_value=size)
        return dropped or bool(added)

    def in_constants(self, graph: Graph) -> bool:
        """Whether new tensors become Constant nodes: initializers once had to be inputs, which a body cannot add."""
        return self.proto.ir_version < _FIRST_IR_WITH_FREE_INITIALIZERS and graph.parent is not None

    def nodes(self, proto: GraphProto, graph: Graph, pointer: str, records: dict[str, Node]) -> bool:
        """Carry the nodes over: dropped, edited and new ones."""
        changed = False
        kept: list[tuple[int, int, NodeProto]] = []
        for index, node in enumerate(proto.node):
            at = f"{pointer}/node/{index}"
            if pointer and at in self.bodies:
                kept.extend((index, 0, found) for found in self.body(self.bodies[at], records))
                changed = True
                continue
            record = records.get(at) if pointer else self.found(node, records)
            if record is None and not self.is_call(node):
                changed = True
                continue
            if record is not None:
                changed = self.node(node, record) or changed
            kept.append((index, 0, node))
        behind, count = -1, 0
        if self.in_constants(graph):
            for tensor in graph.initializers.values():
                if tensor.made is not None:
                    count += 1
                    kept.append((behind, count, self.constant(tensor)))
        for record in graph.nodes:
            if record.pointer.startswith(f"{pointer}/node/"):
                behind, count = record.index, 0
            elif not record.pointer:
                count += 1
                kept.append((behind, count, self.new_node(record)))
        if not changed and len(kept) == len(proto.node):
            return False
        kept.sort(key=lambda item: item[:2])
        nodes = in_order([node for _, _, node in kept])
        copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del proto.node[:]
        proto.node.extend(copies)
        return True

    def body(self, nodes: list[NodeProto], records: dict[str, Node]) -> Iterator[NodeProto]:
        """What stands in the place of a call that an edit has changed."""
        for node in nodes:
            record = self.found(node, records)
            if record is not None:
                self.node(node, record)
                yield node

    def found(self, proto: NodeProto, records: dict[str, Node]) -> Node | None:
        """The record of a node of a function's body, which gets its doc string again."""
        record = records.get(place(proto))
        proto.doc_string = doc_string(self.proto, proto)
        return record

    def node(self, proto: NodeProto, record: Node) -> bool:
        """Carry a node of the file over."""
        changed = False
        for field, wires in ((proto.input, record.inputs), (proto.output, record.outputs)):
            if texts(field) != wires:
                field[:] = wires
                changed = True
        if record.replaced:
            self.operator(proto, record)
        else:
            for position, attribute in enumerate(proto.attribute):
                value = record.attributes.get(text(attribute.name))
                at, inside = f"{record.pointer}/attribute/{position}", bool(record.call)
                if isinstance(value, Graph):
                    changed = self.graph(attribute.g, value, "" if inside else f"{at}/g") or changed
                elif isinstance(value, list) and value and isinstance(value[0], Graph):
                    for number, (graph, inner) in enumerate(zip(attribute.graphs, value, strict=True)):
                        below = "" if inside else f"{at}/graphs/{number}"
                        changed = self.graph(graph, inner, below) or changed
        if record.transform:
            self.sign(proto, record.transform)
        return changed or record.replaced

    def new_node(self, record: Node) -> NodeProto:
        from onnx import NodeProto

        proto = NodeProto()
        proto.input.extend(record.inputs)
        proto.output.extend(record.outputs)
        self.operator(proto, record)
        self.sign(proto, record.transform)
        return proto

    def operator(self, proto: NodeProto, record: Node) -> None:
        """Write operator and attributes."""
        proto.op_type = record.op_type
        for field, value in (("domain", record.domain), ("name", record.name)):
            if value or getattr(proto, field):
                setattr(proto, field, value)
        proto.ClearField("overload")
        del proto.attribute[:]
        for name, value in record.attributes.items():
            self.attribute(proto, name, value)

    def attribute(self, proto: NodeProto, name: str, value: Any) -> None:
        from onnx import AttributeProto, helper

        if isinstance(value, Tensor):
            attribute = proto.attribute.add(name=name, type=AttributeProto.TENSOR)
            self.tensor(attribute.t, value)
        elif value == []:
            proto.attribute.add(name=name, type=AttributeProto.INTS)  # lists that may be empty are of integers
        else:
            proto.attribute.append(helper.make_attribute(name, value))

    def constant(self, tensor: Tensor) -> NodeProto:
        from onnx import NodeProto

        proto = NodeProto(op_type="Constant", output=[tensor.name])
        self.attribute(proto, "value", tensor)
        return proto

    def tensor(self, proto: TensorProto, tensor: Tensor) -> None:
        """Write a tensor; large data is marked."""
        proto.name = tensor.name
        proto.data_type = tensor.number
        proto.dims.extend(tensor.shape)
        content = raw_data(tensor) if tensor.nbytes <= SMALL else None
        if content is not None:
            proto.raw_data = content
            return
        proto.external_data.add(key=self.mark, value=str(self.taken + len(self.new)))
        proto.data_location = proto.EXTERNAL
        self.new.append(tensor)

    def sign(self, proto: NodeProto, transform: str) -> None:
        """Note who made a node."""
        if not transform:
            return
        self.made_by.add(transform)
        if self.proto.ir_version >= _FIRST_IR_WITH_NODE_METADATA:
            entry = next((entry for entry in proto.metadata_props if text(entry.key) == KEY), None)
            entry = proto.metadata_props.add(key=KEY) if entry is None else entry
            entry.value = transform


def _name(proto: Any) -> str:
    return text(proto.name)


def _drop(field: Any, stale: Any) -> bool:
    """Delete entries of a repeated field; returns whether there were any. Runs are deleted at once."""
    kept = [entry for entry in field if not stale(entry)]
    if len(kept) == len(field):
        return False
    copies = [type(entry).FromString(entry.SerializeToString()) for entry in kept]
    del field[:]
    field.extend(copies)
    return True
