"""Predicates on tensors' shapes: `input-shape`, `output-shape`, `same-input-shapes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qlint.rules.predicates.core import Facts, Subject, Trace, note_leaf
from qlint.rules.predicates.values import ValueTest, apply
from qlint.tristate import Truth, Unknown, all_of

if TYPE_CHECKING:
    from qlint.network.network import Layer


def known_size(size: int | str | None, axis: int, tensor: str) -> int | Unknown:
    """An axis's size, or what is missing to know it: a symbol can be bound on the command line."""
    if isinstance(size, int):
        return size
    from qlint.network.partial import missing_size  # `qlint rule` needs none of that room

    return missing_size(tensor, axis, size)


class InputShape:
    """`input-shape: {rank: 4, axes: {1: {multiple-of: 4}}}`: the shape of the first data input."""

    __slots__ = ("axes", "rank", "wanted")
    name = "input-shape"

    def __init__(self, rank: ValueTest | None, axes: Mapping[int, ValueTest], wanted: Any) -> None:
        self.rank = rank
        self.axes = axes
        self.wanted = wanted

    def tensor(self, layer: Layer) -> str | None:
        """The tensor whose shape it is."""
        return layer.inputs[0] if layer.inputs else None

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        own = None if note is None else Trace(self.name, self.wanted)
        truth = self._look(layer, facts, own)
        if note is not None and own is not None:
            own.truth = truth
            note.parts.append(own)
        return truth

    def _look(self, layer: Subject, facts: Facts, note: Trace | None) -> Truth:
        tensor = self.tensor(layer) if layer is not None else None
        if layer is None or tensor is None:
            return False
        shape = facts.network.shape(layer, tensor)
        if note is not None:
            note.saw = None if shape is None else list(shape)
        if shape is None:
            return Unknown(f"rank of tensor {tensor!r}")
        truths: list[Truth] = []
        if self.rank is not None:
            truth = self.rank.holds(len(shape), layer)
            truths.append(truth)
            if note is not None:
                note.parts.append(Trace("rank", self.wanted.get("rank"), len(shape), truth))
        for axis, test in self.axes.items():
            size: int | Unknown | None = None
            truth = False  # an axis that is not there satisfies nothing
            if -len(shape) <= axis < len(shape):
                size = known_size(shape[axis], axis, tensor)
                truth = apply(test, size, layer)
            truths.append(truth)
            if note is not None:
                note.parts.append(Trace(f"axes.{axis}", self.wanted["axes"].get(str(axis)), size, truth))
        return all_of(truths)


class OutputShape(InputShape):
    """`output-shape`: the shape of the first output."""

    __slots__ = ()
    name = "output-shape"

    def tensor(self, layer: Layer) -> str | None:
        return layer.outputs[0] if layer.outputs else None


class SameInputShapes:
    """`same-input-shapes: true`: all data inputs have the same shape; a symbol equals itself."""

    __slots__ = ("wanted",)
    name = "same-input-shapes"

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        truth: Truth = False
        if layer is not None:
            same = _same(layer, facts)
            truth = same if isinstance(same, Unknown) else same is self.wanted
        if note is not None:
            shapes = [] if layer is None else [facts.network.shape(layer, tensor) for tensor in layer.inputs]
            note_leaf(note, self, [None if shape is None else list(shape) for shape in shapes], truth)
        return truth


def _same(layer: Layer, facts: Facts) -> Truth:
    """Whether all inputs have the first one's shape. Unknown axes leave it open unless another axis settles it."""
    if len(layer.inputs) < 2:
        return True
    first = facts.network.shape(layer, layer.inputs[0])
    truths: list[Truth] = []
    for tensor in layer.inputs[1:]:
        if tensor == layer.inputs[0]:
            continue
        shape = facts.network.shape(layer, tensor)
        if first is None or shape is None:
            truths.append(Unknown(f"rank of tensor {layer.inputs[0] if first is None else tensor!r}"))
        elif len(first) != len(shape):
            truths.append(False)
        else:
            pairs = enumerate(zip(first, shape, strict=True))
            truths.extend(_same_size(one, other, axis, (layer.inputs[0], tensor)) for axis, (one, other) in pairs)
    return all_of(truths)


def _same_size(one: int | str | None, other: int | str | None, axis: int, tensors: tuple[str, str]) -> Truth:
    if one is not None and one == other:
        return True
    for size, tensor in ((one, tensors[0]), (other, tensors[1])):
        known = known_size(size, axis, tensor)
        if isinstance(known, Unknown):
            return known
    return False
