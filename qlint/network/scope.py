"""Names in a graph and its surroundings: what is constant, what is known of a tensor, who makes it.

A `Scope` answers for one graph and asks the enclosing one for names it does not know, as ONNX's own
name resolution does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qlint.files.model import Graph, Node, Shape, ValueType
from qlint.files.tensors import Tensor
from qlint.network.folding import fold, foldable
from qlint.network.parameter import Parameter
from qlint.network.partial import ALL_KNOWN, Partial
from qlint.tristate import Unknown

UNTYPED = ValueType(None, None)

SHAPE_VALUE_LIMIT = 4096
"""Most elements of an integer tensor that is followed as shape arithmetic; real ones have a rank's worth."""

ELEMENT_LIMIT = 1 << 26
"""Most elements a constant computed from others may have; more is unknown rather than allocated."""


class Scope:
    """One graph's names.

    Attributes:
        graph: the graph.
        outer: the enclosing scope, or None.
        opset: version of the default domain.
        parameters: constants of this graph by name.
        shape_values: partly known values of small integer tensors computed from shapes.
        folded: nodes that are constants or shape arithmetic that folds to one: they make no layer.
        undecided: shape-arithmetic nodes -> the missing size that decides whether they fold.
        outputs: the graph's outputs.
        visible: tensors that something besides this graph's nodes sees: its outputs, and what subgraphs capture.
    """

    def __init__(self, graph: Graph, opset: int, outer: Scope | None = None) -> None:
        self.graph = graph
        self.outer = outer
        self.opset = opset
        self.parameters: dict[str, Parameter] = {}
        self.shape_values: dict[str, Partial] = {}
        self.folded: set[Node] = set()
        self.undecided: dict[Node, Unknown] = {}
        self.outputs = set(graph.outputs)
        self.visible = set(graph.outputs)
        for inner in graph.subgraphs():
            self.visible |= inner.captured()
        self._values: dict[str, Any] = {}
        self._order: dict[Node, int] | None = None
        for name, tensor in graph.initializers.items():
            self.parameters[name] = Parameter(name, self, tensor=tensor, constant=name not in graph.overridable)
        for node in graph.nodes:
            self._follow(node)
        self._drop_folded()

    def type(self, name: str) -> ValueType:
        """What is known of a tensor, here or outside."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.graph.types.get(name)
            if found is not None:
                return found
            scope = scope.outer
        return UNTYPED

    def shape(self, name: str) -> Shape:
        """Shape of a tensor, here or outside."""
        return self.type(name).shape

    def parameter(self, name: str) -> Parameter | None:
        """The constant of this name, here or outside; None if the tensor is computed from the network's inputs."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.parameters.get(name)
            if found is not None:
                return found
            if name in scope.graph.producer or name in scope.graph.inputs:
                return None
            scope = scope.outer
        return None

    def in_order(self, nodes: Iterable[Node]) -> list[Node]:
        """Nodes of this graph in topological order."""
        if self._order is None:
            self._order = {node: index for index, node in enumerate(self.graph.nodes)}
        order = self._order
        return sorted(nodes, key=lambda node: order[node])

    def static_values(self, name: str) -> Any:
        """Values of a constant or of fully known shape arithmetic as a numpy array; else an `Unknown`."""
        parameter = self.parameter(name)
        if parameter is not None:
            return parameter.values()
        scope: Scope | None = self
        while scope is not None:
            partial = scope.shape_values.get(name)
            if partial is not None:
                return (
                    partial.values if partial.values is not None and partial.known is ALL_KNOWN else _missing(partial)
                )
            scope = scope.outer
        return Unknown(f"value of {name!r}, which is computed at run time")

    def is_static(self, name: str) -> bool:
        """Whether a tensor is a constant or comes from shape arithmetic (known or not)."""
        if self.parameter(name) is not None:
            return True
        scope: Scope | None = self
        while scope is not None:
            if name in scope.shape_values:
                return True
            scope = scope.outer
        return False

    def values(self, name: str) -> Any:
        """Values of a constant; computed ones are folded on demand, within `ELEMENT_LIMIT`."""
        parameter = self.parameter(name)
        if parameter is None:
            return Unknown(f"value of {name!r}, which is computed at run time")
        if parameter.tensor is not None:
            return parameter.tensor.values()
        return parameter.scope._computed(name)

    def _computed(self, name: str) -> Any:
        """Fold the chain of constant nodes behind a name; iterative, as chains can be long."""
        pending = [name]
        while pending:
            current = pending[-1]
            if current in self._values:
                pending.pop()
                continue
            parameter = self.parameters[current]
            node = parameter.node
            if node is None:
                self._values[current] = self.values(current)
                continue
            inputs = self._values_of(node)
            waiting = [i for i in inputs if i in self.parameters and i not in self._values]
            if waiting:
                pending.extend(waiting)
                continue
            arguments = [self._values[i] if i in self._values else (self.values(i) if i else None) for i in inputs]
            self._values |= self._fold_values(node, arguments, current)
        return self._values[name]

    def _fold_values(self, node: Node, arguments: list[Any], name: str) -> dict[str, Any]:
        """Values of all outputs of a node by name, or of the wanted one why it is not known."""
        for argument in arguments:
            if isinstance(argument, Unknown):
                return {name: argument}
        shape = self.shape(name)
        elements = 1
        for size in shape or ():
            elements *= size if isinstance(size, int) else 1
        if elements > ELEMENT_LIMIT:
            return {name: Unknown(f"value of {name!r}: {elements} elements are too many to compute")}
        known = [None if a is None else Partial(a, ALL_KNOWN) for a in arguments]
        folded = dict(zip(node.outputs, fold(node, known, self.opset, ELEMENT_LIMIT) or (), strict=False))
        if name not in folded:
            return {name: Unknown(f"value of {name!r}, computed by {node.op_type}")}
        return {output: partial.values for output, partial in folded.items() if output}

    def _follow(self, node: Node) -> None:
        """Classify one node: constant, shape arithmetic, or neither."""
        if node.op_type == "Constant" and not node.domain:
            self._constant_node(node)
            return
        if node.domain or not foldable(node.op_type):
            return
        given = [name for name in self._values_of(node) if name]
        if node.op_type in ("Shape", "Size"):
            self._follow_shape(node)
            return
        parameters = [self.parameter(name) for name in given]
        if given and all(p is not None for p in parameters):
            constant = all(p is not None and p.constant for p in parameters)
            for output in node.outputs:
                if output:
                    self.parameters[output] = Parameter(output, self, node=node, constant=constant)
            self.folded.add(node)
            return
        if given and any(name in self.shape_values for name in given):
            self._follow_arithmetic(node, given)

    def _values_of(self, node: Node) -> tuple[str, ...]:
        """The inputs whose values matter to a node: not the one that only tells a type, where that is known."""
        if node.op_type == "CastLike" and node.outputs and self.type(node.outputs[0]).type is not None:
            return node.inputs[:1]
        return node.inputs

    def _constant_node(self, node: Node) -> None:
        self.folded.add(node)
        value = node.attributes.get("value")
        for output in node.outputs:
            if not output:
                continue
            if isinstance(value, Tensor):
                self.parameters[output] = Parameter(output, self, tensor=value, constant=True)
            else:
                self.parameters[output] = Parameter(output, self, node=node, constant=True)

    def _follow_shape(self, node: Node) -> None:
        shape = self.shape(node.inputs[0]) if node.inputs else None
        if shape is None:
            self.undecided[node] = Unknown(f"rank of {node.inputs[0]!r}" if node.inputs else "rank")
            for output in node.outputs:
                self.shape_values[output] = Partial(None, ALL_KNOWN, self.undecided[node])
            return
        told = Partial(None, ALL_KNOWN, shape=shape, name=node.inputs[0])
        for output, folded in zip(node.outputs, fold(node, [told], self.opset, SHAPE_VALUE_LIMIT) or (), strict=False):
            self._note(node, folded, output)

    def _follow_arithmetic(self, node: Node, given: list[str]) -> None:
        arguments: list[Partial | None] = []
        for name in self._values_of(node):
            partial = self._small(name) if name else None
            if name and partial is None:
                return
            arguments.append(partial)
        unknown = next((a for a in arguments if a is not None and a.values is None), None)
        missing = next((a.missing for a in arguments if a is not None and a.missing is not None), None)
        found = None if unknown is not None else fold(node, arguments, self.opset, SHAPE_VALUE_LIMIT)
        # What a missing size keeps from being computed is undecided, not impossible.
        instead = unknown or (None if missing is None else Partial(None, ALL_KNOWN, missing))
        for place, output in enumerate(node.outputs):
            self._note(node, found[place] if found is not None and place < len(found) else instead, output)

    def _note(self, node: Node, folded: Partial | None, output: str) -> None:
        if folded is None:
            return
        if output:
            self.shape_values[output] = folded
        if folded.values is None or folded.known is not ALL_KNOWN:
            self.undecided[node] = _missing(folded)

    def _small(self, name: str) -> Partial | None:
        partial = self.shape_values.get(name)
        if partial is not None:
            return partial
        parameter = self.parameter(name)
        if parameter is None:
            return None
        elements = 1
        for size in (SHAPE_VALUE_LIMIT + 1,) if parameter.shape is None else parameter.shape:
            elements *= size if isinstance(size, int) else 1
        if elements > SHAPE_VALUE_LIMIT:
            return None
        values = parameter.values()
        return None if isinstance(values, Unknown) else Partial(values, ALL_KNOWN)

    def _drop_folded(self) -> None:
        """Shape arithmetic folds if its value is known, or if nothing but folding nodes reads it (backwards)."""
        for node in reversed(self.graph.nodes):
            if node in self.folded or not node.outputs or node.outputs[0] not in self.shape_values:
                continue
            readers = [reader for output in node.outputs for reader in self.graph.consumers.get(output, ())]
            seen = any(output in self.visible for output in node.outputs)
            if node not in self.undecided or (
                readers and not seen and all(reader in self.folded for reader in readers)
            ):
                self.folded.add(node)
                self.undecided.pop(node, None)


def _missing(partial: Partial) -> Unknown:
    return partial.missing or Unknown("a size of the network's input")
