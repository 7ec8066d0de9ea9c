"""Predicates made of predicates: `all`, `any`, `not`, `unless-known`, and the mapping whose entries must all hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qlint.rules.predicates.core import Facts, Predicate, Subject, Trace
from qlint.tristate import Truth, Unknown, negate


def conjunction(parts: Sequence[Predicate], layer: Subject, facts: Facts, note: Trace | None) -> Truth:
    """Evaluate in order; stop at the first false part, and trace the rest as not reached."""
    unknown: Unknown | None = None
    for number, part in enumerate(parts):
        truth = part.holds(layer, facts, note)
        if truth is False:
            not_reached(parts[number + 1 :], note)
            return False
        if truth is not True:
            unknown = unknown or truth
    return True if unknown is None else unknown


def disjunction(parts: Sequence[Predicate], layer: Subject, facts: Facts, note: Trace | None) -> Truth:
    """Evaluate in order; stop at the first true part, and trace the rest as not reached."""
    unknown: Unknown | None = None
    for number, part in enumerate(parts):
        truth = part.holds(layer, facts, note)
        if truth is True:
            not_reached(parts[number + 1 :], note)
            return True
        if truth is not False:
            unknown = unknown or truth
    return False if unknown is None else unknown


def not_reached(parts: Sequence[Predicate], note: Trace | None) -> None:
    """Trace parts that evaluation stopped before."""
    if note is None:
        return
    for part in parts:
        if isinstance(part, Entries):
            not_reached(part.parts, note)
        else:
            note.parts.append(Trace(part.name, part.wanted))


class Entries:
    """A mapping: all of its entries must hold. It has no trace of its own; its entries are traced in its place."""

    __slots__ = ("parts",)
    name = "all"
    wanted: Any = None

    def __init__(self, parts: Sequence[Predicate]) -> None:
        self.parts = tuple(parts)

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        return conjunction(self.parts, layer, facts, note)


class All:
    """`all: [...]`."""

    __slots__ = ("parts", "wanted")
    name = "all"

    def __init__(self, parts: Sequence[Predicate], wanted: Any) -> None:
        self.parts = tuple(parts)
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if note is None:
            return self._join(layer, facts, None)
        own = Trace(self.name, self.wanted)
        note.parts.append(own)
        own.truth = self._join(layer, facts, own)
        return own.truth

    def _join(self, layer: Subject, facts: Facts, note: Trace | None) -> Truth:
        return conjunction(self.parts, layer, facts, note)


class AnyOf(All):
    """`any: [...]`."""

    __slots__ = ()
    name = "any"

    def _join(self, layer: Subject, facts: Facts, note: Trace | None) -> Truth:
        return disjunction(self.parts, layer, facts, note)


class Not:
    """`not: {...}`."""

    __slots__ = ("part", "wanted")
    name = "not"

    def __init__(self, part: Predicate, wanted: Any) -> None:
        self.part = part
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if note is None:
            return negate(self.part.holds(layer, facts))
        own = Trace(self.name, self.wanted)
        note.parts.append(own)
        own.truth = negate(self.part.holds(layer, facts, own))
        return own.truth


class UnlessKnown:
    """`unless-known: {...}`: false only where the part is known to be true.

    For what a rule need not know: a batch normalization whose variance is not at hand is unfused all the same.
    """

    __slots__ = ("part", "wanted")
    name = "unless-known"

    def __init__(self, part: Predicate, wanted: Any) -> None:
        self.part = part
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if note is None:
            return self.part.holds(layer, facts) is not True
        own = Trace(self.name, self.wanted)
        note.parts.append(own)
        own.truth = self.part.holds(layer, facts, own) is not True
        return own.truth
