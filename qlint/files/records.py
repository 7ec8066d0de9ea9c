"""Protobuf messages to the records of `model.py`: names, attributes, declared types."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from qlint.files.consistency import check_sizes, check_unique
from qlint.files.model import Graph, Node, ValueType
from qlint.files.quoting import text
from qlint.files.tensors import Tensor

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, NodeProto, TypeProto, ValueInfoProto

    from qlint.files.external import ExternalFiles
    from qlint.files.source import Source
    from qlint.files.wire import Stripped

UNTYPED = ValueType(None, None)

INLINED = "qlint:inlined:"
"""Begins the doc string of a node that inlining moved or made; its JSON pointer follows, and "@" with its `Node.call`
where it stands in a function. See `functions.py`."""


def texts(values: Iterable[str | bytes]) -> tuple[str, ...]:
    """Several protobuf strings."""
    given: Any = tuple(values)
    decoded: tuple[str, ...] = tuple(map(text, given)) if bytes in map(type, given) else given
    return decoded


def domain_of(value: str | bytes) -> str:
    """A domain, the default one as ""."""
    return "" if value == "ai.onnx" else text(value)


def entries(proto: Any) -> dict[str, str]:
    """The `metadata_props` of a message."""
    return {text(entry.key): text(entry.value) for entry in proto.metadata_props}


class TypeReader:
    """Types of tensors from `TypeProto`s. Equal ones, of which a graph has many, become one record.

    Args:
        symbols: names of axes that are kept; others are unknown. None keeps all.
        declared: whether the types are what a file says, so that impossible sizes are errors and not unknown.

    Attributes:
        seen: names of axes that were kept.
        negative: whether a size was negative.
    """

    __slots__ = ("_known", "_names", "declared", "negative", "seen", "symbols")

    def __init__(self, symbols: set[str] | None = None, *, declared: bool = False) -> None:
        from onnx import TensorProto

        self.symbols = symbols
        self.declared = declared
        self.seen: set[str] = set()
        self.negative = False
        self._known: dict[bytes, ValueType] = {}
        self._names = {number: name.lower() for name, number in TensorProto.DataType.items() if number}

    def __call__(self, value: ValueInfoProto) -> ValueType:
        """What is said of a tensor.

        Raises:
            ModelError: for sizes that cannot be, if the types are declared.
        """
        proto = value.type
        key = proto.SerializeToString()
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._read(proto, text(value.name))
        return found

    def _read(self, proto: TypeProto, name: str) -> ValueType:
        kind = proto.WhichOneof("value")
        if kind not in ("tensor_type", "sparse_tensor_type"):
            return UNTYPED
        tensor = getattr(proto, kind)
        if not tensor.HasField("shape"):
            return ValueType(self._names.get(tensor.elem_type), None)
        if self.declared:
            check_sizes(name, (dim.dim_value for dim in tensor.shape.dim))
        return ValueType(self._names.get(tensor.elem_type), tuple(map(self._size, tensor.shape.dim)))

    def _size(self, dim: Any) -> int | str | None:
        if dim.HasField("dim_value"):
            if dim.dim_value >= 0:
                return int(dim.dim_value)
            self.negative = True
            return None
        symbol = text(dim.dim_param)
        if not symbol or (self.symbols is not None and symbol not in self.symbols):
            return None
        self.seen.add(symbol)
        return symbol

    def all(self, protos: Iterable[ValueInfoProto]) -> dict[str, ValueType]:
        """The types of named values; of a name that is given twice, the last."""
        return {text(proto.name): self(proto) for proto in protos}


class Records:
    """Builds the records of one model.

    Args:
        stripped, source, external: where tensors find their values.
        ir_version: from 4 on, callers may override initializers that are inputs too.
        type_of: reads types.
        inlined: whether nodes carry their pointers (`INLINED`).

    Attributes:
        graphs: every graph built so far, each before those below it.
    """

    def __init__(
        self,
        stripped: Stripped,
        source: Source,
        external: ExternalFiles,
        *,
        ir_version: int,
        type_of: TypeReader,
        inlined: bool,
    ) -> None:
        from onnx import AttributeProto

        self.origin = (stripped, source, external)
        self.spans = stripped.node_spans
        self.inlined = inlined
        self.graphs: list[Graph] = []
        self.ir_version = ir_version
        self.type_of = type_of
        kind = AttributeProto.AttributeType
        self._plain: dict[int, Callable[[AttributeProto], Any]] = {
            kind.FLOAT: lambda a: a.f,
            kind.INT: lambda a: a.i,
            kind.STRING: lambda a: text(a.s),
            kind.TENSOR: lambda a: self.tensor(a.t),
            kind.FLOATS: lambda a: list(a.floats),
            kind.INTS: lambda a: list(a.ints),
            kind.STRINGS: lambda a: [text(s) for s in a.strings],
            kind.TENSORS: lambda a: [self.tensor(t) for t in a.tensors],
            kind.SPARSE_TENSOR: lambda a: tuple(a.sparse_tensor.dims),
        }
        self._graph, self._graphs = kind.GRAPH, kind.GRAPHS
        # IR 1 did not write the type of an attribute.
        self._fields = {
            "f": kind.FLOAT, "i": kind.INT, "s": kind.STRING, "t": kind.TENSOR, "g": kind.GRAPH, "floats": kind.FLOATS,
            "ints": kind.INTS, "strings": kind.STRINGS, "tensors": kind.TENSORS, "graphs": kind.GRAPHS,
        }  # fmt: skip

    def tensor(self, proto: Any) -> Tensor:
        """A tensor whose values stay where they are."""
        return Tensor.from_proto(proto, *self.origin)

    def graph(
        self,
        proto: GraphProto,
        path: str,
        pointer: str,
        parent: Node | None = None,
    ) -> Graph:
        """A graph and those below it, nodes in the file's order; recursion is no deeper than protobuf allows."""
        graph = Graph(path, parent=parent)
        self.graphs.append(graph)
        check_unique((text(value.name) for value in proto.input), "inputs")
        check_unique((text(tensor.name) for tensor in proto.initializer), "initializers")
        for tensor in proto.initializer:
            name = text(tensor.name)
            graph.initializers[name] = read = self.tensor(tensor)
            graph.types[name] = ValueType(read.type, read.shape)
        declared = self.type_of.all(proto.input)
        # Nothing can read what has no name.
        declared.pop("", None)
        graph.initializers.pop("", None)
        graph.inputs = {name: known for name, known in declared.items() if name not in graph.initializers}
        if self.ir_version >= 4:
            graph.overridable = declared.keys() & graph.initializers.keys()
        graph.outputs = [text(output.name) for output in proto.output]
        graph.types = {
            **self.type_of.all(proto.value_info),
            **self.type_of.all(proto.output),
            **declared,
            **graph.types,
        }
        for index, sparse in enumerate(proto.sparse_initializer):
            # Its values are never asked for; to the rest it is a constant like any other.
            name, shape = text(sparse.values.name), tuple(sparse.dims)
            place = f"{pointer}/sparse_initializer/{index}"
            attributes = {"sparse_value": shape}
            made = Node(graph, -1 - index, "Constant", "", "", (), (name,), attributes, place, None, {})
            graph.nodes.append(made)
            graph.types[name] = ValueType(None, shape)
        for index, node in enumerate(proto.node):
            graph.nodes.append(self.node(node, graph, index, pointer))
        return graph

    def node(self, proto: NodeProto, graph: Graph, index: int, pointer: str) -> Node:
        """A node and the graphs in its attributes."""
        pointer = f"{pointer}/node/{index}"
        call = ""
        if self.inlined:
            pointer, _, call = proto.doc_string.removeprefix(INLINED).partition("@")
            index = int(pointer.rpartition("/")[2])
        if pointer.startswith("/functions"):
            span = None
        elif graph.parent is not None:
            span = graph.parent.byte_span
        else:
            span = self.spans[index] if index < len(self.spans) else None
        node = Node(
            graph,
            index,
            text(proto.op_type),
            domain_of(proto.domain),
            text(proto.name),
            texts(proto.input),
            texts(proto.output),
            {},
            pointer,
            span,
            entries(proto) if proto.metadata_props else {},
        )
        node.call = call
        for position, attribute in enumerate(proto.attribute):
            value = self.attribute(attribute, node, position)
            if value is not None:
                node.attributes[text(attribute.name)] = value
        return node

    def attribute(self, proto: AttributeProto, node: Node, position: int) -> Any:
        """An attribute's value; None for types and whatever newer versions may bring."""
        kind = int(proto.type) or next(
            (self._fields[f.name] for f, _ in proto.ListFields() if f.name in self._fields), 0
        )
        read = self._plain.get(kind)
        if read is not None:
            return read(proto)
        if kind not in (self._graph, self._graphs):
            return None
        key = next((output for output in node.outputs if output), f"#{node.index}")
        path = f"{node.graph.path}/{key}.{text(proto.name)}"
        pointer = f"{node.pointer}/attribute/{position}"
        if kind == self._graph:
            return self.graph(proto.g, path, f"{pointer}/g", node)
        return [
            self.graph(graph, f"{path}.{index}", f"{pointer}/graphs/{index}", node)
            for index, graph in enumerate(proto.graphs)
        ]
