"""Predicates that compare with the processor profile in use: `profile`, `within-profile`, `thread-multiple`.

Without a profile each is unknown; rules that ask them are then left out of a check.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qlint.rules.predicates.core import ABSENT, Facts, Subject, Trace
from qlint.rules.predicates.shapes import known_size
from qlint.rules.predicates.values import ValueTest, elements
from qlint.tristate import Truth, Unknown, all_of

if TYPE_CHECKING:
    from qlint.network.network import Layer

QUANTITIES = ("input-channels", "input-elements")
"""Besides a layer's properties: channels of each data input, and elements of one sample of each."""

_BATCH_AND_CHANNELS = 2


def setting(field: str, facts: Facts) -> Any:
    """What the profile in use says of a field, or an `Unknown`."""
    profile = facts.environment.profile
    if profile is None:
        return Unknown(f"{field} of the processor profile", "--profile NAME")
    return profile.setting(field)


class OfProfile:
    """`profile: {custom.Resize2D: "on"}`: what fields of the profile must be."""

    __slots__ = ("tests", "wanted")
    name = "profile"

    def __init__(self, tests: Mapping[str, ValueTest], wanted: Any) -> None:
        self.tests = tests
        self.wanted = wanted

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        own = Trace(self.name, self.wanted)
        truths: list[Truth] = []
        for field, test in self.tests.items():
            value = setting(field, facts)
            truth = value if isinstance(value, Unknown) else test.holds(value, facts if layer is None else layer)
            truths.append(truth)
            own.parts.append(Trace(field, self.wanted[field], value, truth))
        own.truth = all_of(truths)
        if note is not None:
            note.parts.append(own)
        return own.truth


class WithinProfile:
    """`within-profile: {OutputSize: fc.OutputMemorySize}`: quantities are at most what a field allows.

    A memory of several dimensions allows their product.
    """

    __slots__ = ("fields", "wanted")
    name = "within-profile"

    def __init__(self, fields: Mapping[str, str], wanted: Any) -> None:
        self.fields = fields
        self.wanted = wanted

    def bound(self, value: Any) -> int:
        """The number that quantities are compared with."""
        return math.prod(elements(value))

    def compare(self, number: int, bound: int) -> bool:
        """Whether a quantity satisfies it."""
        return number <= bound

    def holds(self, layer: Subject, facts: Facts, note: Trace | None = None) -> Truth:
        if layer is None:
            return False
        own = Trace(self.name, self.wanted)
        truths: list[Truth] = []
        for quantity, field in self.fields.items():
            saw, allowed = _measure(quantity, layer, facts), setting(field, facts)
            truth = self._compare(saw, allowed)
            truths.append(truth)
            wanted = None if isinstance(allowed, Unknown) else self.bound(allowed)
            own.parts.append(Trace(quantity, {field: wanted}, saw, truth))
        own.truth = all_of(truths)
        if note is not None:
            note.parts.append(own)
        return own.truth

    def _compare(self, saw: Any, allowed: Any) -> Truth:
        if isinstance(saw, Unknown):
            return saw
        if isinstance(allowed, Unknown):
            return allowed
        bound = self.bound(allowed)
        return all_of(
            item if isinstance(item, Unknown) else isinstance(item, int) and self.compare(item, bound)
            for item in elements(saw)
        )


class ThreadMultiple(WithinProfile):
    """`thread-multiple: {NumFilters: conv.ConvThreadNumber}`: multiples of the square root of a number of threads."""

    __slots__ = ()
    name = "thread-multiple"

    def bound(self, value: Any) -> int:
        return math.isqrt(value)

    def compare(self, number: int, bound: int) -> bool:
        return number % bound == 0


def _measure(quantity: str, layer: Layer, facts: Facts) -> Any:
    """A property, or a number for each data input."""
    if quantity not in QUANTITIES:
        value = layer.property(quantity)
        return [] if value is ABSENT else value
    return [_of_input(quantity, tensor, layer, facts) for tensor in layer.inputs]


def _of_input(quantity: str, tensor: str, layer: Layer, facts: Facts) -> int | Unknown:
    shape = facts.network.shape(layer, tensor)
    if shape is None:
        return Unknown(f"rank of tensor {tensor!r}")
    if len(shape) < _BATCH_AND_CHANNELS:
        return Unknown(f"channels of tensor {tensor!r}")
    product = 1
    for axis, size in enumerate(shape[1:] if quantity == "input-elements" else shape[1:2], start=1):
        known = known_size(size, axis, tensor)
        if isinstance(known, Unknown):
            return known
        product *= known
    return product
