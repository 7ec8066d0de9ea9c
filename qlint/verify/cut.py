"""Cuts the part of a network between border tensors out, as a network of its own that can be executed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qlint.errors import ExecutionError
from qlint.files.model import Graph, Model, Node, ValueType
from qlint.files.tensors import Tensor
from qlint.numeric.executor import Executor
from qlint.numeric.plan import reads

Array = np.ndarray[Any, Any]

_DOUBLE = 11
_FLOATS = (1, 10, 16)  # float, float16, bfloat16
_FLOAT_TYPES = ("float", "float16", "bfloat16")


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """A constant with values at hand, in the place of a `Tensor`."""

    name: str
    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Axis sizes."""
        shape: tuple[int, ...] = self.array.shape
        return shape

    def values(self) -> Array:
        """The values."""
        return self.array


@dataclass(slots=True)
class Region:
    """A part of a network.

    Attributes:
        nodes: in topological order; those of enclosing graphs that are needed included.
        constants: initializers they read, by name.
        border: tensors that come in from outside, by name, with what is known of them.
        outputs: names of the tensors that leave it.
    """

    nodes: list[Node]
    constants: dict[str, Any]
    border: dict[str, ValueType]
    outputs: tuple[str, ...]

    def model(self, model: Model) -> Model:
        """The region as a model of its own, to be executed in the types it has."""
        return self._model(model, list(self.nodes), dict(self.constants), self.border)

    def widened(self, model: Model, constant: Callable[[str, Array], Array] | None = None) -> Model:
        """The region in float64.

        Args:
            model: the model it was cut from.
            constant: what becomes of each constant's stored values before they are widened; default: nothing.
        """
        changed = constant or (lambda _, array: array)
        wide = _Widened(changed)
        nodes: list[Node] = []
        constants = {name: wide.tensor(name, tensor) for name, tensor in self.constants.items()}
        for node in self.nodes:
            held = _constant_of(node)
            if held is None:
                nodes.append(wide.node(node))
            else:
                constants[node.outputs[0]] = Values(
                    node.outputs[0], _doubled(np.asarray(changed(node.outputs[0], held)))
                )
        border = {
            name: ValueType("double" if known.type in _FLOAT_TYPES else known.type, None)
            for name, known in self.border.items()
        }
        return self._model(model, nodes, constants, border)

    def _model(self, model: Model, nodes: list[Node], constants: dict[str, Any], border: dict[str, ValueType]) -> Model:
        inputs = {name: ValueType(known.type, None) for name, known in border.items()}
        graph = Graph("graph", nodes, inputs, list(self.outputs), constants, types=dict(inputs))
        graph.producer = {name: node for node in nodes for name in node.outputs if name}
        return dataclasses.replace(model, graph=graph)


def cut(graph: Graph, inputs: Collection[str], outputs: Collection[str]) -> Region:
    """The nodes between border tensors.

    Args:
        graph: where the outputs are made.
        inputs: where to stop. A graph's own inputs, and tensors that nothing makes, are border as well.
        outputs: where to begin.
    """
    walk = _Walk(set(inputs))
    for name in outputs:
        walk.towards(name, graph)
    return Region([_kept(node) for node in walk.nodes], walk.constants, walk.border, tuple(outputs))


def _kept(node: Node) -> Node:
    """A copy that stays as it is when the network is rewritten."""
    attributes = dict(node.attributes)
    for key, value in attributes.items():
        if isinstance(value, Graph):
            attributes[key] = _kept_graph(value)
        elif isinstance(value, list) and value and isinstance(value[0], Graph):
            attributes[key] = [_kept_graph(item) for item in value]
    return remade(node, attributes)


def _kept_graph(graph: Graph) -> Graph:
    nodes = [_kept(node) for node in graph.nodes]
    producer = {name: node for node in nodes for name in node.outputs if name}
    return dataclasses.replace(graph, nodes=nodes, producer=producer, initializers=dict(graph.initializers))


def remade(node: Node, attributes: dict[str, Any]) -> Node:
    """The same node with other attributes."""
    return Node(
        node.graph,
        node.index,
        node.op_type,
        node.domain,
        node.name,
        node.inputs,
        node.outputs,
        attributes,
        node.pointer,
        node.byte_span,
        node.metadata,
    )


def execute(own: Model, region: Region, border: Mapping[str, Array], *, wide: bool) -> dict[str, Array]:
    """The outputs of a region on the values of its border.

    Args:
        own: the region as a model (`Region.model` or `Region.widened`).
        region: the region.
        border: values by name, of its border at least.
        wide: give them in float64.

    Raises:
        ExecutionError: if it cannot be computed.
    """
    given = {name: border[name] for name in region.border}
    if wide:
        given = {name: value.astype(np.float64) if is_float(value.dtype) else value for name, value in given.items()}
    try:
        return Executor(own).run(given, outputs=region.outputs)
    except MemoryError as error:
        raise ExecutionError("there is not enough memory for the proof", "close other programs") from error


@dataclass(slots=True)
class _Walk:
    """Backwards from outputs, each node after those it reads from; iterative, since networks are deep."""

    stop: set[str]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    border: dict[str, ValueType] = field(default_factory=dict)
    done: set[Node] = field(default_factory=set)

    def towards(self, name: str, graph: Graph) -> None:
        first = self._made_by(name, graph)
        if first is None:
            return
        pending = [(first, self._reads(first))]
        self.done.add(first)
        while pending:
            node, names = pending[-1]
            name = next(names, "")
            if not name:
                self.nodes.append(node)
                pending.pop()
                continue
            found = self._made_by(name, node.graph)
            if found is not None and found not in self.done:
                self.done.add(found)
                pending.append((found, self._reads(found)))

    def _reads(self, node: Node) -> Iterator[str]:
        """What to look for before a node: not behind the shape of a tensor, where that is known."""
        if node.op_type in ("Shape", "Size") and not node.domain:
            source = node.inputs[0]
            maker = self._made_by(source, node.graph)  # which notes a constant as such: the border has other values
            if maker is None:
                return iter(())
            known = node.graph.types.get(source)
            sizes = known.shape if known is not None and maker.op_type != "Constant" else None
            if known is not None and sizes is not None and all(isinstance(size, int) for size in sizes):
                self.border[source] = known
                return iter(())
        return iter(sorted(reads(node)))

    def _made_by(self, name: str, graph: Graph) -> Node | None:
        """The node that makes a tensor, unless it is a constant or comes from outside."""
        at: Graph | None = graph
        known: ValueType | None = None
        while at is not None:
            if name in at.types and known is None:
                known = at.types[name]
            if name in self.stop:
                break
            if name in at.producer:
                return at.producer[name]
            if name in at.initializers:
                self.constants[name] = at.initializers[name]
                return None
            if name in at.inputs:
                known = at.inputs[name]
                break
            at = at.parent.graph if at.parent is not None else None
        while known is None and at is not None:
            known = at.types.get(name)
            at = at.parent.graph if at.parent is not None else None
        self.border[name] = known or ValueType(None, None)
        return None


class _Widened:
    """Copies nodes so that they compute in float64."""

    def __init__(self, constant: Callable[[str, Array], Array]) -> None:
        self.constant = constant

    def tensor(self, name: str, tensor: Any) -> Values:
        return Values(name, _doubled(np.asarray(self.constant(name, np.asarray(tensor.values())))))

    def node(self, node: Node) -> Node:
        attributes = {key: self._attribute(node, key, value) for key, value in node.attributes.items()}
        return remade(node, attributes)

    def _attribute(self, node: Node, key: str, value: Any) -> Any:
        if isinstance(value, Graph):
            return self._graph(value)
        if isinstance(value, list) and value and isinstance(value[0], Graph):
            return [self._graph(item) for item in value]
        if isinstance(value, Tensor | Values) or hasattr(value, "values"):
            return _doubled(np.asarray(self.constant(node.outputs[0], np.asarray(value.values()))))
        if key in ("to", "dtype") and value in _FLOATS:
            return _DOUBLE
        return value

    def _graph(self, graph: Graph) -> Graph:
        constants: dict[str, Any] = {name: self.tensor(name, tensor) for name, tensor in graph.initializers.items()}
        nodes = [self.node(node) for node in graph.nodes]
        copy = dataclasses.replace(graph, nodes=nodes, initializers=constants)
        copy.producer = {name: node for node in nodes for name in node.outputs if name}
        return copy


def _constant_of(node: Node) -> Array | None:
    """The floating-point values that a Constant node holds, or None."""
    if node.op_type != "Constant" or node.domain:
        return None
    for key, value in node.attributes.items():
        if key == "value" and hasattr(value, "values"):
            array = np.asarray(value.values())
            return array if is_float(array.dtype) else None
        if key == "value" and isinstance(value, np.ndarray):
            return value if is_float(value.dtype) else None
        if key in ("value_float", "value_floats"):
            return np.asarray(value, np.float32)
    return None


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether a type is one of floating point; numpy itself does not know the short ones."""
    return dtype.kind == "f" or dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2")


def _doubled(array: Array) -> Array:
    return array.astype(np.float64) if is_float(array.dtype) and array.dtype != np.float64 else array
