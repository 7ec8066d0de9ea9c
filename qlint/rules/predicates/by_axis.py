"""Tests on lists that have a number for each axis, as `kernel_shape`, `strides` and `pads` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qlint.rules.predicates.core import Owner
from qlint.rules.predicates.values import EqualsProperty, ValueTest, apply, below, elements, equal
from qlint.tristate import Truth, Unknown, all_of


class Axes:
    """`axes: {0: {max: 14}}`: tests by position, from 0, or from -1 backwards; nothing holds where there is no element.

    A scalar is a list of one.
    """

    __slots__ = ("tests",)

    def __init__(self, tests: Mapping[int, ValueTest]) -> None:
        self.tests = tests

    def holds(self, value: Any, owner: Owner) -> Truth:
        items = list(elements(value))
        return all_of(
            apply(test, items[axis], owner) if -len(items) <= axis < len(items) else False
            for axis, test in self.tests.items()
        )


class EqualAxes:
    """`equal-axes: [-2, -1]`: the elements at these positions are equal."""

    __slots__ = ("axes",)

    def __init__(self, axes: Sequence[int]) -> None:
        self.axes = axes

    def holds(self, value: Any, owner: Owner) -> Truth:
        items = list(elements(value))
        if not all(-len(items) <= axis < len(items) for axis in self.axes):
            return False
        first, *others = (items[axis] for axis in self.axes)
        return all_of(equal(first, other) for other in others)


class EqualsAttribute(EqualsProperty):
    """`equals-attribute: group`: every element equals that of an attribute of the layer's ONNX operator.

    A scalar stands for every element. Of a list with several numbers for each axis, as `pads` has all beginnings and
    then all ends, each meets that of its axis.
    """

    __slots__ = ()

    def holds(self, value: Any, owner: Owner) -> Truth:
        other = owner.attribute(self.other)
        if isinstance(other, Unknown):
            return other
        if other is None:
            return False
        mine, others = list(elements(value)), list(elements(other))
        if len(mine) == 1:
            mine *= len(others)
        if not others or len(mine) % len(others):
            return Unknown(f"which of the {len(mine)} elements belong to the {len(others)} of {self.other}")
        return all_of(self._one(item, others[number % len(others)]) for number, item in enumerate(mine))


class BelowAttribute(EqualsAttribute):
    """`below-attribute: kernel_shape`: every element is less than that of an attribute."""

    __slots__ = ()

    def _one(self, value: Any, other: Any) -> Truth:
        for known in (value, other):
            if isinstance(known, Unknown):
                return known
        return below(value, other)
