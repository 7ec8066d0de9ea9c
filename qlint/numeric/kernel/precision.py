"""Which precision to compute in: float16 and bfloat16 in float32, rounded once at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from qlint.numeric.kernel.registry import Array, Unsupported

_FLOATS = frozenset({"float32", "float64"})
_NARROW = frozenset({"float16", "bfloat16"})


def working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type to compute in for values of a floating-point type.

    Raises:
        Unsupported: for any other type.
    """
    if dtype.name in _FLOATS:
        return dtype
    if dtype.name in _NARROW:
        return np.dtype(np.float32)
    raise Unsupported(f"values of type {dtype.name}")


def widened(array: Array) -> Array:
    """The array in the type to compute in; itself where it has that type.

    Raises:
        Unsupported: if it is not of floating point.
    """
    return array.astype(working(array.dtype), copy=False)
