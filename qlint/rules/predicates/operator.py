"""Predicates on the ONNX operator that computes a layer: `op`, and `attributes` as the specification means them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qlint.rules.predicates.core import ABSENT, Facts, Subject, Trace, note_leaf
from qlint.rules.predicates.logic import conjunction
from qlint.rules.predicates.own import Type
from qlint.rules.predicates.values import ValueTest, apply
from qlint.tristate import Truth


class Op(Type):
    """`op: Conv`, or a list of operators that it may be; "none" where no operator computes the layer."""

    __slots__ = ()
    name = "op"

    def _value(self, layer: Subject) -> str:
        return (layer.op if layer is not None else "") or "none"


class Attribute:
    """`strides: {max: 15}`: one attribute; nothing holds for one that the operator does not have."""

    __slots__ = ("name", "test", "wanted")

    def __init__(self, name: str, test: ValueTest, wanted: Any) -> None:
        self.name = name
        self.test = test
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        owner = facts if layer is None else layer
        value = owner.attribute(self.name)
        value = ABSENT if value is None else value
        truth = apply(self.test, value, owner)
        if note is not None:
            note_leaf(note, self, value, truth)
        return truth


class Attributes:
    """`attributes: {strides: ..., pads: ...}`: all of them hold."""

    __slots__ = ("parts", "wanted")
    name = "attributes"

    def __init__(self, parts: Sequence[Attribute], wanted: Any) -> None:
        self.parts = tuple(parts)
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if note is None:
            return conjunction(self.parts, layer, facts, None)
        own = Trace(self.name, self.wanted)
        note.parts.append(own)
        own.truth = conjunction(self.parts, layer, facts, own)
        return own.truth
