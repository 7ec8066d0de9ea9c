"""What a catalogue entry sees of the nodes it is asked about: attributes with defaults, shapes, constants."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from qlint.files.model import Node, Shape
from qlint.network.network import Learnable
from qlint.network.partial import missing_size
from qlint.network.scope import Scope
from qlint.tristate import Unknown

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class View:
    """One or more nodes under consideration as a layer.

    Attributes:
        node: the principal node (the MatMul of MatMul+Add, the Conv).
        nodes: all of them, in topological order; the last names the layer.
        scope: the names around them.
        roles: tensor names that a pattern found, by role ("bias").
        op: the one operator that computes what the nodes do: the principal node's, unless a pattern says otherwise
            (Clip for Min(Relu(x), c)); with its domain before it where that is not the default one.
        given: attributes of `op` that a pattern found.
    """

    __slots__ = ("given", "node", "nodes", "op", "roles", "scope")

    def __init__(
        self,
        node: Node,
        scope: Scope,
        nodes: tuple[Node, ...] | None = None,
        roles: Mapping[str, Any] | None = None,
        *,
        op: str | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self.node = node
        self.scope = scope
        self.nodes = nodes or (node,)
        self.roles = _NOTHING if roles is None else roles
        self.op = op or (f"{node.domain}.{node.op_type}" if node.domain else node.op_type)
        self.given = _NOTHING if given is None else given

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute of the principal node."""
        return self.node.attributes.get(name, default)

    def has_input(self, position: int) -> bool:
        """Whether an input is given at all."""
        return position < len(self.node.inputs) and bool(self.node.inputs[position])

    def name(self, position: int) -> str:
        """Tensor name of an input; "" where omitted."""
        return self.node.inputs[position] if position < len(self.node.inputs) else ""

    def shape(self, position: int = 0) -> Shape:
        """Shape of an input."""
        return self.scope.shape(self.name(position)) if self.has_input(position) else None

    def output_shape(self, position: int = 0) -> Shape:
        """Shape of an output of the last node."""
        outputs = self.nodes[-1].outputs
        return self.scope.shape(outputs[position]) if position < len(outputs) and outputs[position] else None

    def rank(self, position: int = 0) -> int | None:
        """Number of axes of an input, or None."""
        shape = self.shape(position)
        return None if shape is None else len(shape)

    def size(self, axis: int, position: int = 0) -> int | Unknown:
        """Size of one axis of an input."""
        shape = self.shape(position)
        if shape is None:
            return Unknown(f"rank of {self.name(position)!r}")
        if not -len(shape) <= axis < len(shape):
            return Unknown(f"axis {axis} of {self.name(position)!r}")
        found = shape[axis]
        return found if isinstance(found, int) else missing_size(self.name(position), axis % len(shape), found)

    def parameter(self, position: int) -> Learnable | None:
        """The constant at an input, or None."""
        return self.scope.parameter(self.node.inputs[position]) if self.has_input(position) else None

    def is_static(self, position: int) -> bool:
        """Whether an input is a constant or shape arithmetic."""
        return self.has_input(position) and self.scope.is_static(self.node.inputs[position])

    def static(self, position: int) -> Any:
        """Values of a constant (or folded) input as a list or number; None where omitted; else an `Unknown`."""
        if not self.has_input(position):
            return None
        values = self.scope.static_values(self.node.inputs[position])
        return values if isinstance(values, Unknown) else values.tolist()

    def option(self, attribute: str, position: int, since: int, default: Any = None) -> Any:
        """A value that was an attribute before opset `since` and is an input from then on."""
        if self.scope.opset < since:
            return self.attribute(attribute, default)
        value = self.static(position)
        return default if value is None else value

    def data(self) -> tuple[str, ...]:
        """Inputs of all nodes that come from outside them and are not static, in order."""
        made = {output for node in self.nodes for output in node.outputs}
        return tuple(
            name
            for node in self.nodes
            for name in node.inputs
            if name and name not in made and not self.scope.is_static(name)
        )

    def is_float(self, position: int = 0) -> bool:
        """False only where the element type is known and is not a floating-point one."""
        kind = self.scope.type(self.name(position)).type
        return kind is None or kind in ("float", "float16", "double", "bfloat16")

    def consumers(self, tensor: str) -> list[Node]:
        """Nodes of the same graph that read a tensor."""
        return self.scope.graph.consumers.get(tensor, [])
