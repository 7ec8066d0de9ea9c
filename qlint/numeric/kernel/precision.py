"""Which precision to compute in: float16 in float32, rounded once at the end. Others are left to `onnx.reference`."""

from __future__ import annotations

from typing import Any

import numpy as np

from qlint.numeric.kernel.registry import Array, Unsupported

EPSILON = float(np.float32(1e-5))
"""What normalization adds to a variance unless told otherwise; attributes are float32, and so are their defaults."""


def working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type to compute in for values of a floating-point type.

    Raises:
        Unsupported: for any other type.
    """
    if dtype in (np.float32, np.float64):
        return dtype
    if dtype == np.float16:
        return np.dtype(np.float32)
    raise Unsupported(f"values of type {dtype.name}")


def widened(array: Array) -> Array:
    """The array in the type to compute in; itself where it has that type.

    Raises:
        Unsupported: if it is not of floating point.
    """
    return array.astype(working(array.dtype), copy=False)
