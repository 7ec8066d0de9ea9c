"""The operations of one rewrite while they are being gathered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from qlint.transforms.affine import Array, Refused, constant
from qlint.transforms.patch import AddNode, AddTensor, NodeSpec, RemoveNode, ReplaceNode, SetInputs, SetOutputs

if TYPE_CHECKING:
    from qlint.files.model import Node
    from qlint.transforms.base import Context
    from qlint.transforms.patch import Operation

_SHAPE_READERS = ("Shape", "Size")


class Rewrite:
    """Operations on one graph, which are worth nothing before all of them are there.

    Attributes:
        context: the graph.
        operations: in the order in which they are to be applied.
        inputs: tensors from outside that the rewritten nodes read, without constants.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.operations: list[Operation] = []
        self.inputs: dict[str, None] = {}

    def tensor(self, stem: str, values: Array, dtype: Any, what: str) -> str:
        """Add a tensor, rounded to `dtype` once.

        Raises:
            Refused: if a value is then not finite.
        """
        with np.errstate(all="ignore"):
            rounded = np.ascontiguousarray(values.astype(dtype))
        if not np.isfinite(rounded).all():
            raise Refused(f"{what} would not be finite in {np.dtype(dtype).name}; repair the statistics or weights")
        name = self.context.fresh(stem)
        self.operations.append(AddTensor(self.context.graph.path, name, rounded))
        return name

    def weights(self, node: Node, position: int, what: str = "the weights") -> Array:
        """A constant input of a layer, of its own type.

        Raises:
            Refused: if it is not constant, or stored quantized (folding would silently undo the quantization).
        """
        name = node.inputs[position] if position < len(node.inputs) else ""
        values = constant(self.context, name, f"{what} of {node.op_type} {self.shown(node)}")
        if self.context.origins.of(name).quantized:
            raise Refused(f"{what} are quantized already; prepare the network before it is quantized")
        return values

    def optional(self, node: Node, position: int, what: str) -> Array | None:
        """As `weights`, of an input that may be missing."""
        if position < len(node.inputs) and node.inputs[position]:
            return self.weights(node, position, what)
        return None

    def shown(self, node: Node) -> str:
        """A node in a message."""
        return repr(node.name or next(filter(None, node.outputs), ""))

    def remove(self, nodes: Iterable[Node]) -> None:
        """Nodes go."""
        self.operations.extend(RemoveNode(self.context.id_of(node)) for node in nodes)

    def rewire(self, node: Node, inputs: dict[int, str], output: str | None = None) -> None:
        """Other inputs (by position) and, if given, another first output for a node."""
        changed = list(node.inputs)
        for position, name in sorted(inputs.items()):
            changed.extend([""] * (position + 1 - len(changed)))
            changed[position] = name
        if tuple(changed) != node.inputs:
            self.operations.append(SetInputs(self.context.id_of(node), tuple(changed)))
        if output is not None and output != node.outputs[0]:
            self.operations.append(SetOutputs(self.context.id_of(node), (output, *node.outputs[1:])))

    def rewire_watchers(self, watchers: Iterable[tuple[Node, str]], name: str) -> None:
        """Nodes that watch a tensor watch another one of its shape and type."""
        for node, watched in watchers:
            self.rewire(node, {place: name for place, each in enumerate(node.inputs) if each == watched})

    def replace(self, node: Node, spec: NodeSpec) -> None:
        """Another operator in a node's place."""
        self.operations.append(ReplaceNode(self.context.id_of(node), spec))

    def add(self, spec: NodeSpec) -> None:
        """A new node."""
        self.operations.append(AddNode(self.context.graph.path, spec))


def is_watcher(node: Node, name: str) -> bool:
    """Whether a node reads the shape or the type of a tensor and not its values, which may therefore change."""
    if node.domain:
        return False
    return node.op_type in _SHAPE_READERS or (node.op_type == "CastLike" and node.inputs[0] != name)


def value_reader(context: Context, name: str) -> tuple[Node, list[Node]]:
    """The one node that reads a tensor's values, through one of its inputs, and those that watch it.

    Raises:
        Refused: if there are more, or something besides the graph's nodes sees the tensor.
    """
    readers = context.consumers(name)
    watchers = [node for node in readers if is_watcher(node, name)]
    others = [node for node in readers if node not in watchers]
    if len(others) == 1 and others[0].inputs.count(name) == 1 and not context.is_visible(name):
        return others[0], watchers
    return sole_reader(context, name), []


def sole_reader(context: Context, name: str) -> Node:
    """The one node that reads a tensor, through one of its inputs.

    Raises:
        Refused: if there are more, or something besides the graph's nodes sees the tensor.
    """
    reader = context.only_reader(name)
    if reader is not None and reader.inputs.count(name) == 1:
        return reader
    if context.is_visible(name):
        raise Refused(
            f"the tensor {name!r} between them is an output of the graph or read by a subgraph, and would change"
        )
    readers = sum(node.inputs.count(name) for node in context.consumers(name))
    raise Refused(f"the tensor {name!r} between them feeds {readers} inputs, and folding would change all of them")
