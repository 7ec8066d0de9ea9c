"""Pooling over windows: maxima, means and norms, one axis after the other."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from qlint.numeric.kernel.indices import max_with_indices
from qlint.numeric.kernel.precision import widened
from qlint.numeric.kernel.registry import Array, Call, Result, Unsupported, operator
from qlint.numeric.kernel.threads import blocks, each
from qlint.numeric.kernel.windows import Window, along, padded, window_of


def _window(call: Call, x: Array) -> Window:
    if x.ndim < 3:
        raise Unsupported("pooling of data without spatial axes")
    return window_of(call, x.shape[2:], call.attribute("kernel_shape") or (), ceil=bool(call.attribute("ceil_mode", 0)))


def _folded(x: Array, window: Window, fold: np.ufunc, padding: float = 0) -> Array:
    """Combine what the taps see, axis by axis from the last."""
    result = np.empty((*x.shape[:2], *window.out), x.dtype)

    def some(block: tuple[int, slice]) -> None:
        result[block] = _folded_planes(padded(x[block], window, padding), window, fold)

    planes = blocks(x.shape[1], prod(window.size))
    each(some, [(index, part) for index in range(len(x)) for part in planes])
    return result


def _folded_planes(x: Array, window: Window, fold: np.ufunc) -> Array:
    for axis in reversed(range(len(window.size))):
        total = along(x, window, axis, 0).copy()
        for tap in range(1, window.kernel[axis]):
            fold(total, along(x, window, axis, tap), out=total)
        x = total
    return x


def lowest(dtype: np.dtype[Any]) -> float | int:
    """What padding must be so that it is no maximum."""
    return int(np.iinfo(dtype).min) if dtype.kind in "iu" else -np.inf


@operator("MaxPool")
def max_pool(call: Call) -> Result:
    """Maxima of windows, and on request their places in the flattened input."""
    x = call.required(0)
    if x.dtype.kind not in "fiu":
        raise Unsupported(f"MaxPool of {x.dtype.name}")
    window = _window(call, x)
    if call.outputs > 1:
        return max_with_indices(x, window, column_major=bool(call.attribute("storage_order", 0)))
    return _folded(x, window, np.maximum, lowest(x.dtype))


def _counts(window: Window, *, padding: bool, after: tuple[int, ...]) -> Array:
    """How many elements each position's window holds, (*out)."""
    counts = np.ones((), np.int64)
    for axis, out in enumerate(window.out):
        places = np.arange(out)[:, None] * window.strides[axis] - window.before[axis]
        places = places + np.arange(window.kernel[axis]) * window.dilations[axis]
        low, high = (-window.before[axis], window.size[axis] + after[axis]) if padding else (0, window.size[axis])
        counts = counts[..., None] * ((places >= low) & (places < high)).sum(1)
    return counts


@operator("AveragePool")
def average_pool(call: Call) -> Result:
    """Means of windows; padding counts on request, what ceil_mode adds beyond it never does."""
    x = call.required(0)
    window = _window(call, x)
    total = _folded(widened(x), window, np.add)
    counts = _counts(window, padding=bool(call.attribute("count_include_pad", 0)), after=window.after)
    total /= counts.astype(total.dtype)
    return total.astype(x.dtype, copy=False)


@operator("LpPool")
def lp_pool(call: Call) -> Result:
    """The p-norms of windows."""
    x = call.required(0)
    window = _window(call, x)
    p = call.attribute("p", 2)
    total = _folded(np.abs(widened(x)) ** p, window, np.add)
    return np.asarray(total ** (1 / p), x.dtype)


def _spatial(x: Array) -> tuple[int, ...]:
    if x.ndim < 3:
        raise Unsupported("global pooling of data without spatial axes")
    return tuple(range(2, x.ndim))


@operator("GlobalAveragePool")
def global_average_pool(call: Call) -> Result:
    """(n, channels, *size) -> (n, channels, 1, ...)."""
    x = call.required(0)
    return np.asarray(widened(x).mean(_spatial(x), keepdims=True), x.dtype)


@operator("GlobalMaxPool")
def global_max_pool(call: Call) -> Result:
    """(n, channels, *size) -> (n, channels, 1, ...)."""
    x = call.required(0)
    return np.asarray(x.max(_spatial(x), keepdims=True))


@operator("GlobalLpPool")
def global_lp_pool(call: Call) -> Result:
    """(n, channels, *size) -> (n, channels, 1, ...)."""
    x = call.required(0)
    p = call.attribute("p", 2)
    total = (np.abs(widened(x)) ** p).sum(_spatial(x), keepdims=True)
    return np.asarray(total ** (1 / p), x.dtype)
