"""Comparisons, logic and choice by condition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qlint.numeric.kernel.arguments import pair
from qlint.numeric.kernel.registry import Array, Call, operator

_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "And": np.logical_and,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
}


@operator(*_BINARY)
def _binary(call: Call) -> Array:
    a, b = pair(call)
    return np.asarray(_BINARY[call.op_type](a, b)).astype(bool, copy=False)


@operator("Not")
def _not(call: Call) -> Array:
    return np.asarray(np.logical_not(call.required(0)))


@operator("Where")
def _where(call: Call) -> Array:
    return np.where(call.required(0), call.required(1), call.required(2))
