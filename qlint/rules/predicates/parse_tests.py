"""From a rule file to tests on values, and to comparisons of whole arrays."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from qlint.files.yamlfile import Path
from qlint.rules.mistakes import Mistakes, kind_of
from qlint.rules.predicates import by_axis, values
from qlint.rules.predicates.values import ValueTest
from qlint.suggest import did_you_mean

PROPERTY = re.compile(r"[A-Z][A-Za-z0-9_]*")
"""MATLAB's property and learnable names."""

AXIS = re.compile(r"-?[0-9]{1,2}")
"""The number of an axis, from 0, or from -1 backwards."""

ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of ONNX attributes."""

_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "min": values.at_least,
    "max": values.at_most,
    "above": values.above,
    "below": values.below,
}
_TESTS = (
    "is", "is-not", "in", "not-in", *_BOUNDS, "multiple-of", "length", "every", "some", "uniform", "ascii",
    "starts-with", "equals-property", "differs-from-property", "equals-attribute", "below-attribute", "axes",
    "equal-axes",
)  # fmt: skip

Mask = Callable[[Any], Any]
"""Maps an array to an array of truth values."""

_MASKS: dict[str, Callable[[Any, Any], Any]] = {
    "is": lambda array, bound: array == bound,
    "is-not": lambda array, bound: array != bound,
    "min": lambda array, bound: array >= bound,
    "max": lambda array, bound: array <= bound,
    "above": lambda array, bound: array > bound,
    "below": lambda array, bound: array < bound,
}


def parse_test(data: Any, path: Path, mistakes: Mistakes) -> ValueTest:
    """A test as written: a plain value or list to be equal to, or a mapping of comparisons that must all hold."""
    if not isinstance(data, dict):
        check_plain(data, path, mistakes)
        return values.Is(data)
    if not data:
        mistakes.add(path, "the test is empty", "write what the value must be")
    tests = [_operator(key, wanted, (*path, key), mistakes) for key, wanted in data.items()]
    return tests[0] if len(tests) == 1 else values.Together(tests)


def check_plain(data: Any, path: Path, mistakes: Mistakes) -> None:
    """Note a mistake unless this is a text, a number, a truth value or a list of these."""
    if data is None:
        mistakes.add(path, "a test needs a value", "write one; what is unknown leaves a rule undecided by itself")
    elif isinstance(data, dict):
        mistakes.add(
            path, "a plain value is wanted here, not a mapping", "write a text, a number, true, false or a list"
        )
    elif isinstance(data, list):
        for number, item in enumerate(data):
            check_plain(item, (*path, number), mistakes)
    elif data != data:
        mistakes.add(path, "nothing equals .nan", "use finite: true of learnables")


def check_number(data: Any, path: Path, mistakes: Mistakes, *, positive: bool = False) -> float | int:
    """A number, or a mistake and 1."""
    if isinstance(data, bool) or not isinstance(data, int | float) or data != data:
        mistakes.add(path, f"a number is wanted here, not {kind_of(data)}", "write a number")
        return 1
    if positive and data <= 0:
        mistakes.add(path, f"a number above 0 is wanted here, not {data}", "write one")
        return 1
    return data


def check_flag(data: Any, path: Path, mistakes: Mistakes) -> bool:
    """A truth value, or a mistake and True."""
    if not isinstance(data, bool):
        mistakes.add(path, f"true or false is wanted here, not {kind_of(data)}", "write true or false")
        return True
    return data


def check_property(data: Any, path: Path, mistakes: Mistakes) -> str:
    """The name of a property."""
    if not isinstance(data, str) or not PROPERTY.fullmatch(data):
        problem = f"a property's name is wanted here, not {kind_of(data)}"
        mistakes.add(path, problem, "write it as MATLAB does, with a capital letter")
        return "Name"
    return data


def check_attribute(data: Any, path: Path, mistakes: Mistakes) -> str:
    """The name of an attribute."""
    if not isinstance(data, str) or not ATTRIBUTE.fullmatch(data):
        mistakes.add(path, f"an attribute's name is wanted here, not {kind_of(data)}", "write it as ONNX does")
        return "name"
    return data


def parse_axes(data: Any, path: Path, mistakes: Mistakes) -> dict[int, ValueTest]:
    """Tests by number of axis."""
    if not isinstance(data, dict) or not data:
        mistakes.add(path, f"axes must map axis numbers to tests, not {kind_of(data)}", "write axes: {1: ...}")
        return {}
    tests = {}
    for key, value in data.items():
        at = (*path, key)
        if not AXIS.fullmatch(key):
            problem = f"an axis is a whole number, not {key[:40]!r}"
            mistakes.add(at, problem, "count from 0, or from -1 backwards", at_key=True)
            continue
        tests[int(key)] = parse_test(value, at, mistakes)
    return tests


def _equal_axes(data: Any, path: Path, mistakes: Mistakes) -> ValueTest:
    numbers = data if isinstance(data, list) else []
    if len(numbers) < 2 or any(isinstance(axis, bool) or not isinstance(axis, int) for axis in numbers):
        mistakes.add(path, f"a list of two axes or more is wanted here, not {kind_of(data)}", "write [-2, -1], say")
        numbers = [0, 0]
    return by_axis.EqualAxes(numbers)


def _candidates(data: Any, path: Path, mistakes: Mistakes) -> list[Any]:
    if not isinstance(data, list) or not data:
        mistakes.add(path, f"a list of candidates is wanted here, not {kind_of(data)}", "write [...] around them")
        return []
    check_plain(data, path, mistakes)
    return data


def _operator(key: str, data: Any, path: Path, mistakes: Mistakes) -> ValueTest:
    if key in _BOUNDS:
        return values.Each(_BOUNDS[key], check_number(data, path, mistakes))
    if key == "multiple-of":
        return values.Each(values.multiple_of, check_number(data, path, mistakes, positive=True))
    if key in ("is", "is-not"):
        check_plain(data, path, mistakes)
        return (values.Is if key == "is" else values.IsNot)(data)
    if key in ("in", "not-in"):
        return (values.In if key == "in" else values.NotIn)(_candidates(data, path, mistakes))
    if key in ("length", "every", "some"):
        kinds: dict[str, Callable[[ValueTest], ValueTest]] = {
            "length": values.Length,
            "every": values.Every,
            "some": values.Some,
        }
        return kinds[key](parse_test(data, path, mistakes))
    if key == "uniform":
        return values.Uniform(check_flag(data, path, mistakes))
    if key == "ascii":
        return values.Each(values.is_ascii, check_flag(data, path, mistakes))
    if key == "starts-with":
        if not isinstance(data, str):
            mistakes.add(path, f"a text is wanted here, not {kind_of(data)}", "write the beginning")
            data = ""
        return values.Each(values.starts_with, data.casefold())
    if key == "equals-property":
        return values.EqualsProperty(check_property(data, path, mistakes))
    if key == "differs-from-property":
        return values.DiffersFromProperty(check_property(data, path, mistakes))
    if key in ("equals-attribute", "below-attribute"):
        kind = by_axis.EqualsAttribute if key == "equals-attribute" else by_axis.BelowAttribute
        return kind(check_attribute(data, path, mistakes))
    if key == "axes":
        return by_axis.Axes(parse_axes(data, path, mistakes))
    if key == "equal-axes":
        return _equal_axes(data, path, mistakes)
    remedy = did_you_mean(key, _TESTS, "a test may be " + ", ".join(_TESTS))
    mistakes.add(path, f"there is no test {key!r}", remedy, at_key=True)
    return values.Is(None)


def parse_mask(data: Any, path: Path, mistakes: Mistakes) -> tuple[Mask, str | None]:
    """A comparison of every value of a learnable, and the property to add to the values first (`plus`) or None."""
    if not isinstance(data, dict):
        return partial(_compared, _MASKS["is"], check_number(data, path, mistakes)), None
    plus: str | None = None
    masks: list[Mask] = []
    for key, wanted in data.items():
        at = (*path, key)
        if key == "plus":
            plus = check_property(wanted, at, mistakes)
        elif key in _MASKS:
            masks.append(partial(_compared, _MASKS[key], check_number(wanted, at, mistakes)))
        elif key in ("in", "not-in"):
            bounds = [
                check_number(item, (*at, n), mistakes) for n, item in enumerate(_candidates(wanted, at, mistakes))
            ]
            masks.append(partial(_member, bounds, key == "not-in"))
        else:
            known = (*_MASKS, "in", "not-in", "plus")
            remedy = did_you_mean(key, known, "it may be " + ", ".join(known))
            mistakes.add(at, f"there is no comparison of values {key!r}", remedy, at_key=True)
    if not masks and (plus is not None or not data):
        mistakes.add(path, "the comparison is missing", "write one, such as above: 0")
    return partial(_joined, masks), plus


def _compared(compare: Callable[[Any, Any], Any], bound: float, array: Any) -> Any:
    return compare(array, bound)


def _member(bounds: list[float], negated: bool, array: Any) -> Any:
    mask = array == bounds[0]
    for bound in bounds[1:]:
        mask = mask | (array == bound)
    return ~mask if negated else mask


def _joined(masks: list[Mask], array: Any) -> Any:
    mask = masks[0](array)
    for other in masks[1:]:
        mask = mask & other(array)
    return mask
