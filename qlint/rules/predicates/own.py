"""Predicates on the layer itself, or on the network itself: properties, type, name, counts."""

from __future__ import annotations

from typing import Any

from qlint.rules.layerset import LayerSet
from qlint.rules.predicates.core import Facts, Predicate, Subject, Trace, note_leaf
from qlint.rules.predicates.values import ValueTest, apply
from qlint.tristate import Truth, Unknown, negate


class Property:
    """`PaddingValue: 0`: a property of the layer; in network scope, of the network."""

    __slots__ = ("name", "test", "wanted")

    def __init__(self, name: str, test: ValueTest, wanted: Any) -> None:
        self.name = name
        self.test = test
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        owner = facts if layer is None else layer
        value = owner.property(self.name)
        truth: Truth = value if isinstance(value, Unknown) else apply(self.test, value, owner)
        if note is not None:
            note_leaf(note, self, value, truth)
        return truth


class Type:
    """`type: reluLayer`, or a list of types that it may be; "none" where there is no layer."""

    __slots__ = ("test", "wanted")
    name = "type"

    def __init__(self, test: ValueTest, wanted: Any) -> None:
        self.test = test
        self.wanted = wanted

    def _value(self, layer: Subject) -> str:
        return layer.type if layer is not None else "none"

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        value = self._value(layer)
        truth = self.test.holds(value, facts if layer is None else layer)
        if note is not None:
            note_leaf(note, self, value, truth)
        return truth


class Name(Type):
    """`name: {ascii: true}`."""

    __slots__ = ()
    name = "name"

    def _value(self, layer: Subject) -> str:
        return layer.name if layer is not None else ""


class OfNetwork:
    """`network: {...}`: the predicate is asked of the network instead of the layer."""

    __slots__ = ("part", "wanted")
    name = "network"

    def __init__(self, part: Predicate, wanted: Any) -> None:
        self.part = part
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if note is None:
            return self.part.holds(None, facts)
        own = Trace(self.name, self.wanted, "the whole network")
        note.parts.append(own)
        own.truth = self.part.holds(None, facts, own)
        return own.truth


class Count:
    """`count: {layers: [...], is: 0}`: number of layers of these types in the whole network."""

    __slots__ = ("layers", "test", "wanted")
    name = "count"

    def __init__(self, layers: LayerSet, test: ValueTest, wanted: Any) -> None:
        self.layers = layers
        self.test = test
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        memo = facts.memo_of(self)
        count = memo.get(None)
        if count is None:
            count = memo[None] = sum(number for type, number in facts.counts.items() if type in self.layers)
        truth = self.test.holds(count, facts)
        if note is not None:
            note_leaf(note, self, count, truth)
        return truth


class FixedPoint:
    """`fixed-point: true`: every data input of the layer is fixed-point by the environment's table."""

    __slots__ = ("wanted",)
    name = "fixed-point"

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        fixed: Truth = layer is not None and facts.propagation.has_fixed_inputs(layer)
        truth = fixed if self.wanted else negate(fixed)
        if note is not None:
            note_leaf(note, self, fixed, truth)
        return truth
