"""Tests on one value: what stands behind `PaddingValue:` in a rule.

Values are MATLAB's: a scalar is a list of one, text compares without regard to case, 1 equals 1.0 and true.
Comparisons of a list hold if they hold for every element, however deeply it nests. A test that a value's kind
makes pointless (`min: 3` of a text) is known not to hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from qlint.rules.predicates.core import ABSENT, Owner
from qlint.tristate import Truth, Unknown, all_of, any_of, negate

_NUMBERS = (int, float, bool)


class ValueTest(Protocol):
    """A compiled test."""

    def holds(self, value: Any, owner: Owner) -> Truth:
        """Whether it holds for a known value; `owner` has the other properties it may be compared with."""


def apply(test: ValueTest, value: Any, owner: Owner) -> Truth:
    """A test on any value: unknown stays unknown, and nothing holds for what is known not to exist."""
    if isinstance(value, Unknown):
        return value
    if value is ABSENT:
        return False
    return test.holds(value, owner)


def listed(value: Any) -> Any:
    """An array as (nested) lists; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def elements(value: Any) -> Iterator[Any]:
    """The elements of a list however it nests; a scalar is its own only element."""
    value = listed(value)
    if isinstance(value, list | tuple):
        for item in value:
            yield from elements(item)
    else:
        yield value


def is_number(value: Any) -> bool:
    """Numbers, and truth values, which are numbers in MATLAB."""
    return isinstance(value, int | float)


def equal(value: Any, wanted: Any) -> Truth:
    """MATLAB's equality of a value with one from a rule file or from another property."""
    kind, wanted_kind = type(value), type(wanted)  # the common cases first: most properties are plain
    if kind in _NUMBERS and wanted_kind in _NUMBERS:
        return bool(value == wanted)
    if kind is str and wanted_kind is str:
        return bool(value == wanted or value.casefold() == wanted.casefold())
    if isinstance(value, Unknown):
        return value
    if isinstance(wanted, Unknown):
        return wanted
    value, wanted = listed(value), listed(wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        return value.casefold() == wanted.casefold()
    many, wanted_many = isinstance(value, list | tuple), isinstance(wanted, list | tuple)
    if many and wanted_many:
        if len(value) != len(wanted):
            return False
        return all_of(equal(item, other) for item, other in zip(value, wanted, strict=True))
    if many:
        return equal(value[0], wanted) if len(value) == 1 else False
    if wanted_many:
        return equal(value, wanted[0]) if len(wanted) == 1 else False
    if is_number(value) and is_number(wanted):
        return bool(value == wanted)
    return False


class Is:
    """`is`, and any plain value: equality with it as a whole."""

    __slots__ = ("wanted",)

    def __init__(self, wanted: Any) -> None:
        self.wanted = wanted

    def holds(self, value: Any, owner: Owner) -> Truth:
        return equal(value, self.wanted)


class IsNot(Is):
    """`is-not`."""

    __slots__ = ()

    def holds(self, value: Any, owner: Owner) -> Truth:
        return negate(equal(value, self.wanted))


class In:
    """`in`: the value is one of the candidates; of a list, every element is, unless the candidates are lists."""

    __slots__ = ("candidates", "whole")

    def __init__(self, candidates: Sequence[Any]) -> None:
        self.candidates = candidates
        self.whole = any(isinstance(candidate, list) for candidate in candidates)

    def _one(self, value: Any) -> Truth:
        return any_of(equal(value, candidate) for candidate in self.candidates)

    def holds(self, value: Any, owner: Owner) -> Truth:
        if self.whole:
            return self._one(value)
        return all_of(self._one(item) for item in elements(value))


class NotIn(In):
    """`not-in`: the value (every element of it) is none of the candidates."""

    __slots__ = ()

    def _one(self, value: Any) -> Truth:
        return negate(super()._one(value))


class Each:
    """A comparison that every element must satisfy: `min`, `above`, `multiple-of`, `ascii`, `starts-with`, ..."""

    __slots__ = ("bound", "compare")

    def __init__(self, compare: Callable[[Any, Any], bool], bound: Any) -> None:
        self.compare = compare
        self.bound = bound

    def holds(self, value: Any, owner: Owner) -> Truth:
        if type(value) in (int, float):  # the common case, without the generator
            return self.compare(value, self.bound)
        return all_of(item if isinstance(item, Unknown) else self.compare(item, self.bound) for item in elements(value))


class Length:
    """`length`: number of elements; of a text, of characters."""

    __slots__ = ("test",)

    def __init__(self, test: ValueTest) -> None:
        self.test = test

    def holds(self, value: Any, owner: Owner) -> Truth:
        length = len(value) if isinstance(value, str) else sum(1 for _ in elements(value))
        return self.test.holds(length, owner)


class Every:
    """`every`: the test holds for every element."""

    __slots__ = ("test",)

    def __init__(self, test: ValueTest) -> None:
        self.test = test

    def holds(self, value: Any, owner: Owner) -> Truth:
        return all_of(apply(self.test, item, owner) for item in elements(value))


class Some(Every):
    """`some`: the test holds for at least one element."""

    __slots__ = ()

    def holds(self, value: Any, owner: Owner) -> Truth:
        return any_of(apply(self.test, item, owner) for item in elements(value))


class Uniform:
    """`uniform: true`: all elements are equal, as of a stride that is the same in every dimension; false: not all."""

    __slots__ = ("wanted",)

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def holds(self, value: Any, owner: Owner) -> Truth:
        found = list(elements(value))
        same = all_of(equal(item, found[0]) for item in found)
        return same if self.wanted else negate(same)


class EqualsProperty:
    """`equals-property`: every element equals that of another property; a scalar stands for every element."""

    __slots__ = ("other",)

    def __init__(self, other: str) -> None:
        self.other = other

    def _one(self, value: Any, other: Any) -> Truth:
        return equal(value, other)

    def holds(self, value: Any, owner: Owner) -> Truth:
        other = owner.property(self.other)
        if isinstance(other, Unknown):
            return other
        if other is ABSENT:
            return False
        mine, others = list(elements(value)), list(elements(other))
        if len(mine) == 1:
            mine *= len(others)
        elif len(others) == 1:
            others *= len(mine)
        if len(mine) != len(others):
            return Unknown(f"which of the {len(mine)} elements belong to the {len(others)} of {self.other}")
        return all_of(self._one(item, counterpart) for item, counterpart in zip(mine, others, strict=True))


class DiffersFromProperty(EqualsProperty):
    """`differs-from-property`: every element differs from that of another property."""

    __slots__ = ()

    def _one(self, value: Any, other: Any) -> Truth:
        return negate(equal(value, other))


class Together:
    """Several tests on one value, all of which must hold."""

    __slots__ = ("tests",)

    def __init__(self, tests: Sequence[ValueTest]) -> None:
        self.tests = tests

    def holds(self, value: Any, owner: Owner) -> Truth:
        return all_of(test.holds(value, owner) for test in self.tests)


def at_least(value: Any, bound: Any) -> bool:
    """`min`."""
    return is_number(value) and bool(value >= bound)


def at_most(value: Any, bound: Any) -> bool:
    """`max`."""
    return is_number(value) and bool(value <= bound)


def above(value: Any, bound: Any) -> bool:
    """`above`."""
    return is_number(value) and bool(value > bound)


def below(value: Any, bound: Any) -> bool:
    """`below`."""
    return is_number(value) and bool(value < bound)


def multiple_of(value: Any, bound: Any) -> bool:
    """`multiple-of`; zero is a multiple of everything."""
    if isinstance(value, int) and isinstance(bound, int):
        return value % bound == 0
    return is_number(value) and math.isfinite(value) and math.fmod(value, bound) == 0


def is_ascii(value: Any, wanted: bool) -> bool:
    """`ascii`: a text of ASCII characters only (or, for false, a text that is not)."""
    return isinstance(value, str) and value.isascii() is wanted


def starts_with(value: Any, beginning: str) -> bool:
    """`starts-with`, without regard to case."""
    return isinstance(value, str) and value.casefold().startswith(beginning)
