"""The node storey as read from an ONNX file: plain slotted records, no weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from qlint.files.tensors import Tensor

Shape: TypeAlias = tuple[int | str | None, ...] | None

OPAQUE_DOMAIN = "qlint.layer"
"""Domain of a node that stands for what cannot be computed; its attribute `reason` says why. No file has it."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """What is known of a tensor.

    Attributes:
        type: ONNX's element type in lower case ("float", "int64"); None where unknown or not a tensor.
        shape: axis sizes (number, symbol, None); None where the rank is unknown.
    """

    type: str | None
    shape: Shape


class Node:
    """One ONNX operator.

    Attributes:
        graph: the graph it stands in.
        index: position in the file's node list (not necessarily topological).
        op_type, domain, name: as in the file; the default domain is "".
        inputs, outputs: tensor names; "" for an omitted optional one.
        attributes: values by name; tensors as `Tensor`, graphs as `Graph`, strings decoded.
        pointer: JSON pointer to it in the model.
        byte_span: its bytes in the file (the outermost node's inside subgraphs), or None (inlined from a function).
        metadata: the node's metadata_props.
        call: of a node that stands in a model-local function: JSON pointer to the outermost call that brings it, "#",
            and a number; "" for any other.
        rank: of a node that is being edited, its place among the others; sorts as the nodes do.
        transform: name of the transform that made the node or gave it new constants; "" as read.
        replaced: whether operator or attributes are not those of the file.
    """

    __slots__ = (
        "attributes",
        "byte_span",
        "call",
        "domain",
        "graph",
        "index",
        "inputs",
        "metadata",
        "name",
        "op_type",
        "outputs",
        "pointer",
        "rank",
        "replaced",
        "transform",
    )

    def __init__(
        self,
        graph: Graph,
        index: int,
        op_type: str,
        domain: str,
        name: str,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        attributes: dict[str, Any],
        pointer: str,
        byte_span: tuple[int, int] | None,
        metadata: dict[str, str],
    ) -> None:
        self.graph = graph
        self.index = index
        self.op_type = op_type
        self.domain = domain
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
        self.pointer = pointer
        self.byte_span = byte_span
        self.metadata = metadata
        self.call = ""
        self.rank: tuple[int, ...] = ()
        self.transform = ""
        self.replaced = False

    def __repr__(self) -> str:
        return f"Node({self.op_type}, {self.outputs})"


@dataclass(slots=True, eq=False)
class Graph:
    """A graph or subgraph.

    Attributes:
        path: "graph" for the main one, "graph/<node id>.then_branch" and so on below.
        nodes: in topological order (the reader sorts; a cycle is a `ModelError`).
        inputs: graph inputs in order, without those that are initializers too (see `overridable`; in IR 3 constants).
        outputs: names of the graph's outputs, in order.
        initializers: by name.
        overridable: names of initializers a caller may override (IR >= 4 and also graph inputs).
        types: what is known of every tensor, by name.
        parent: the node this is a subgraph of, or None. An inner graph sees the outer graph's tensors.
        producer: tensor name -> node of this graph that makes it.
        consumers: tensor name -> nodes of this graph (not of subgraphs) that read it, in order, once per reading node.
    """

    path: str
    nodes: list[Node] = field(default_factory=list)
    inputs: dict[str, ValueType] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    initializers: dict[str, Tensor] = field(default_factory=dict)
    overridable: set[str] = field(default_factory=set)
    types: dict[str, ValueType] = field(default_factory=dict)
    parent: Node | None = None
    producer: dict[str, Node] = field(default_factory=dict)
    consumers: dict[str, list[Node]] = field(default_factory=dict)

    def subgraphs(self) -> Iterator[Graph]:
        """Graphs directly below this one, in node order."""
        for node in self.nodes:
            for value in node.attributes.values():
                if isinstance(value, Graph):
                    yield value
                elif isinstance(value, list):
                    yield from (item for item in value if isinstance(item, Graph))

    def captured(self) -> set[str]:
        """Names that this graph, or one below it, reads from outside itself."""
        names: set[str] = set()
        pending = [self]
        while pending:
            graph = pending.pop()
            read = [name for node in graph.nodes for name in node.inputs if name]
            names.update(
                name for name in (*read, *graph.outputs) if name not in graph.producer and name not in graph.inputs
            )
            pending.extend(graph.subgraphs())
        return names


@dataclass(slots=True, eq=False)
class Model:
    """A whole ONNX file.

    Attributes:
        path: as given, with `/`.
        digest: "sha256:..." of the weight-free bytes and each skipped tensor's name, type, dims and length.
        ir_version: as in the file.
        opsets: domain -> version ("" is the default domain; "ai.onnx" is folded into it).
        metadata: the model's metadata_props.
        producer: "name version".
        graph: the main graph, model-local functions inlined.
        bindable: names of the symbols and inputs that `--bind` may give; empty where it gives none.
        graphs: of a model that is being edited, every graph by its path.
    """

    path: str
    digest: str
    ir_version: int
    opsets: dict[str, int]
    metadata: dict[str, str]
    producer: str
    graph: Graph
    bindable: tuple[str, ...] = ()
    graphs: dict[str, Graph] = field(default_factory=dict)
