"""What shape inference would cost at most: numbers of axes and of followed elements, before onnx is let loose.

A few kilobytes can make inference take terabytes: a chain of Unsqueeze adds axes at each step, one of Concat doubles
the shape arithmetic that onnx follows. Native code that runs out of memory ends the process, so it is foreseen here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from qlint.files.model import Graph, Node
from qlint.files.tensors import Tensor

AXES = 2_000_000
"""Most axes of all tensors together, about 100 bytes each, besides `AXES_EACH` for every tensor."""

AXES_EACH = 16

ELEMENTS = 1 << 18
"""Most elements of shape arithmetic that are followed."""

_USUAL_RANK = 8
"""A bound where the rank is not known: inference cannot know it either, and operators that make tensors stay below."""

_STORED = 1024
"""Most elements of a constant that inference can see; larger ones are left out of the model it gets."""

_FOLLOWED = {
    "Add", "Cast", "Concat", "Gather", "Identity", "Mul", "Shape", "Size", "Slice", "Squeeze", "Sub", "Unsqueeze",
}  # fmt: skip
_ADDS_RANKS = {"Gather", "GatherND", "OneHot", "StringSplit", "ConcatFromSequence"}
_TO_TARGET = {"CenterCropPad", "ConstantOfShape", "Expand", "Reshape", "Tile"}


@dataclass(slots=True)
class _Known:
    """Upper bounds in one graph, by tensor.

    Attributes:
        graph: the graph.
        outer: those of the enclosing graph.
        ranks: numbers of axes.
        elements: numbers of elements that are followed.
    """

    graph: Graph
    outer: _Known | None
    ranks: dict[str, int] = field(default_factory=dict)
    elements: dict[str, int] = field(default_factory=dict)

    def rank(self, name: str) -> int:
        """Axes of a tensor."""
        known: _Known | None = self
        while known is not None:
            found = known.ranks.get(name)
            if found is not None:
                return found
            declared = known.graph.types.get(name)
            if declared is not None:
                return _USUAL_RANK if declared.shape is None else len(declared.shape)
            known = known.outer
        return 0

    def count(self, name: str) -> int:
        """Elements of a tensor that are followed: those of shape arithmetic or of a small vector."""
        known: _Known | None = self
        while known is not None:
            found = known.elements.get(name)
            if found is not None:
                return found
            tensor = known.graph.initializers.get(name)
            if tensor is not None:
                return _length(tensor)
            known = known.outer
        return 1


class Bounds:
    """Upper bounds for a whole model.

    Attributes:
        axes: of all tensors together.
        elements: that are followed.
        tensors: number of tensors.
    """

    __slots__ = ("axes", "elements", "tensors")

    def __init__(self, graph: Graph) -> None:
        self.axes = self.elements = self.tensors = 0
        self._graph(_Known(graph, None))

    @property
    def inferable(self) -> bool:
        """Whether shapes can be inferred in bounded memory."""
        return self.axes <= AXES + AXES_EACH * self.tensors

    @property
    def followable(self) -> bool:
        """Whether shape arithmetic can be followed in bounded memory."""
        return self.elements <= ELEMENTS

    def _graph(self, known: _Known) -> int:
        """Add a graph and those below it; gives the highest rank of its outputs."""
        for node in known.graph.nodes:
            rank = self._rank(node, known)
            for name in node.outputs:
                known.ranks[name] = rank
                self.axes += rank
                self.tensors += 1
            if node.op_type in _FOLLOWED and not node.domain:
                self._follow(node, known)
            if not self.inferable:
                break
        return max((known.rank(name) for name in known.graph.outputs), default=0)

    def _rank(self, node: Node, known: _Known) -> int:
        ranks = [known.rank(name) for name in node.inputs]
        rank = max(_USUAL_RANK, *ranks) if ranks else _USUAL_RANK
        kind, attributes = node.op_type, node.attributes
        if kind == "Constant":
            value = attributes.get("value")
            known.elements.update(dict.fromkeys(node.outputs, _length(attributes.get("value_ints", value))))
            return len(value.shape) if isinstance(value, Tensor) else 1
        if kind == "Unsqueeze":
            return rank + (known.count(node.inputs[1]) if len(node.inputs) > 1 else _length(attributes.get("axes")))
        if kind in _ADDS_RANKS:
            return sum(ranks) + 1
        if kind in _TO_TARGET:
            return max(rank, _length(attributes.get("shape")), *(known.count(name) for name in node.inputs))
        if kind == "Einsum":
            return rank + _length(attributes.get("equation"))
        if "shape" in attributes:  # RandomNormal and its like
            return max(rank, _length(attributes["shape"]))
        for value in attributes.values():
            for below in value if isinstance(value, list) else (value,):
                if not isinstance(below, Graph):
                    break  # lists are of one type
                inner = _Known(below, known)
                inner.ranks.update((name, max(rank, inner.rank(name))) for name in below.inputs)
                rank = max(rank, self._graph(inner) + 1)
        return rank

    def _follow(self, node: Node, known: _Known) -> None:
        if node.op_type == "Shape":
            count = max(map(known.rank, node.inputs), default=0)
        else:
            counts = map(known.count, node.inputs)
            count = sum(counts) if node.op_type == "Concat" else max(counts, default=0)
        count = min(count, ELEMENTS + 1)
        self.elements += count
        known.elements.update(dict.fromkeys(node.outputs, count))


def _length(value: object) -> int:
    """Elements of a small vector, or of a list or string."""
    if isinstance(value, Tensor):
        return value.shape[0] if len(value.shape) == 1 and value.shape[0] <= _STORED else 1
    return len(value) if isinstance(value, list | str) else 0
