"""Whether two values of an output are the same within a bound, and what the bound is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf, sqrt
from typing import Any

import numpy as np

from qlint.files.model import Graph, Model

_EPSILONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float": 2.0**-23, "double": 2.0**-52}

_FACTOR = 8
"""How often the rounding of one layer, and how often what one ulp of the input changes, two equal networks may differ.

Rounding errors are independent, so that they grow with the square root of the depth."""

_NEAR_ZERO = 2.0**-10
"""What an output counts as if it is nearer to zero; what cancels more than that shows when the input is perturbed."""


class Verdict(StrEnum):
    """What is known of an output of two networks."""

    EQUAL = "equal"
    DIFFERS = "differs"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Compared:
    """An output of two networks.

    Attributes:
        name: its name.
        verdict: what came of it.
        error: largest absolute difference; infinite where shapes, types, or NaN and infinities differ.
        bound: the largest difference that rounding explains, or that the user allowed.
        reason: why it differs or was not judged; "" where equal.
    """

    name: str
    verdict: Verdict
    error: float
    bound: float
    reason: str = ""


def epsilon(model: Model) -> float:
    """The step of the coarsest floating-point type that a network computes in."""
    found = [_EPSILONS[known.type] for known in _types(model.graph) if known.type in _EPSILONS]
    return max(found, default=_EPSILONS["float"])


def _types(graph: Graph) -> list[Any]:
    pending = [graph]
    found: list[Any] = []
    while pending:
        current = pending.pop()
        found.extend(current.types.values())
        found.extend(current.initializers.values())
        pending.extend(current.subgraphs())
    return found


def depth(graph: Graph) -> int:
    """Nodes on the longest way through a graph; a node with subgraphs counts as much as they do."""
    at: dict[str, int] = {}
    longest = 0
    for node in graph.nodes:
        inner = [value for value in node.attributes.values() if isinstance(value, Graph)]
        reached = max((at.get(name, 0) for name in node.inputs), default=0) + sum(map(depth, inner), 1)
        longest = max(longest, reached)
        at.update(dict.fromkeys(node.outputs, reached))
    return longest


def derived(scale: float, step: float, levels: int) -> float:
    """The bound that follows from type and depth: of an output's scale, with an absolute part for those near zero."""
    return step * (_FACTOR * sqrt(max(levels, 1)) * scale + _NEAR_ZERO)


def widened(bound: float, change: float) -> float:
    """The bound, given what a perturbation of the input by one ulp changes."""
    return max(bound, _FACTOR * change) if np.isfinite(change) else bound


def scale(value: Any) -> float:
    """Largest finite magnitude of a value."""
    largest = 0.0
    for array in _arrays(value):
        if array.dtype.kind in "biufcV" and array.size:
            magnitude = np.abs(_wide(array))
            largest = max(largest, float(np.max(magnitude, where=np.isfinite(magnitude), initial=0.0)))
    return largest


def is_finite(value: Any) -> bool:
    """Whether a value holds no NaN and no infinity."""
    return all(array.dtype.kind not in "fcV" or bool(np.isfinite(_wide(array)).all()) for array in _arrays(value))


def error(one: Any, other: Any) -> float:
    """Largest absolute difference of two values; infinite where their shapes, types, NaN or infinities differ."""
    mine, others = _arrays(one), _arrays(other)
    if len(mine) != len(others):
        return inf
    return max((_error(a, b) for a, b in zip(mine, others, strict=True)), default=0.0)


def within(one: Any, other: Any, tolerance: float) -> bool:
    """Whether |a - b| <= tolerance * (1 + |a|) holds for each pair of elements."""
    if error(one, other) == inf:
        return False
    for a, b in zip(_arrays(one), _arrays(other), strict=True):
        if a.dtype.kind in "biufcV":
            wide = _wide(a)
            with np.errstate(invalid="ignore"):
                exceeds = np.abs(wide - _wide(b)) > tolerance * (1 + np.abs(wide))
            if bool(np.any(exceeds & np.isfinite(wide))):
                return False
    return True


def is_exact(value: Any) -> bool:
    """Whether a value holds no floating-point numbers, so that rounding does not explain a difference."""
    return all(array.dtype.kind in "biuOSU" for array in _arrays(value))


def _error(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    if a.shape != b.shape or a.dtype != b.dtype:
        return inf
    if a.dtype.kind not in "biufcV":
        return 0.0 if bool(np.all(a == b)) else inf
    if not a.size or np.array_equal(a, b):
        return 0.0
    one, other = _wide(a), _wide(b)
    finite = np.isfinite(one)
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True) or not np.isfinite(other[finite]).all():
        return inf
    return float(np.max(np.abs(one[finite] - other[finite]), initial=0.0))


def _wide(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers in a type in which their differences are exact enough."""
    return array if array.dtype.kind == "c" else array.astype(np.float64, copy=False)


def _arrays(value: Any) -> list[np.ndarray[Any, Any]]:
    """The arrays of a tensor, a sequence or nothing."""
    if value is None:
        return []
    if isinstance(value, list):
        return [array for item in value for array in _arrays(item)]
    return [np.asarray(value)]
