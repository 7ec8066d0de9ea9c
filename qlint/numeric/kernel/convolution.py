"""Conv: matrix products over blocks of windows; depthwise ones are left to `depthwise.py`."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from qlint.numeric.kernel.depthwise import depthwise
from qlint.numeric.kernel.precision import widened
from qlint.numeric.kernel.registry import Array, Call, Result, Unsupported, operator
from qlint.numeric.kernel.threads import multiply, share, workers
from qlint.numeric.kernel.windows import Window, padded, tapped, window_of

BLOCK = 1 << 21
"""Bytes of unrolled windows per matrix product: they should still be in the cache when the product reads them."""

FEW = 128
"""Positions that a product has at least, however large the windows: narrow products waste BLAS's time."""


@operator("Conv")
def conv(call: Call) -> Result:
    """(n, channels, *size), (filters, channels / group, *kernel), (filters,)? -> (n, filters, *out)."""
    x, weights, bias = call.required(0), call.required(1), call.input(2)
    groups = call.attribute("group", 1)
    if x.ndim < 3 or x.ndim != weights.ndim:
        raise Unsupported("Conv of data without spatial axes")
    if weights.shape[1] * groups != x.shape[1] or weights.shape[0] % groups:
        raise Unsupported("channels, groups and filters do not fit")
    declared = call.attribute("kernel_shape")
    if declared and tuple(declared) != weights.shape[2:]:
        raise Unsupported("kernel_shape is not that of the weights")
    window = window_of(call, x.shape[2:], weights.shape[2:])
    wide = widened(x)
    summand = bias.astype(wide.dtype, copy=False).reshape(groups, -1, 1) if bias is not None else None
    return convolved(wide, widened(weights), summand, window, groups).astype(x.dtype, copy=False)


def convolved(x: Array, weights: Array, bias: Array | None, window: Window, groups: int) -> Array:
    """The convolution in the type of x; `bias` is (groups, filters / groups, 1)."""
    n, channels = x.shape[:2]
    filters = weights.shape[0]
    result = np.empty((n, filters, *window.out), x.dtype)
    if not result.size:
        return result
    if weights.shape[1] == 1 and groups > 1:
        return depthwise(x, weights, bias, window, result)
    x = padded(x, window)
    flat = result.reshape(n, groups, filters // groups, -1)
    matrices = weights.reshape(groups, filters // groups, -1)
    if window.taps == 1:
        seen = tapped(x, window).reshape(n, groups, channels // groups, -1)  # a view if nothing is skipped
        for image, target in zip(seen, flat, strict=True):
            _multiply(matrices, image, target, bias)
        return result
    for image, target in zip(x, flat, strict=True):
        _unrolled(image, matrices, bias, window, target)
    return result


def _multiply(matrices: Array, columns: Array, target: Array, bias: Array | None) -> None:
    """The products of all groups, plus bias."""
    if len(matrices) == 1:
        multiply(matrices[0], columns[0], target[0], None if bias is None else bias[0])
        return
    np.matmul(matrices, columns, out=target)
    if bias is not None:
        target += bias


def _unrolled(image: Array, matrices: Array, bias: Array | None, window: Window, target: Array) -> None:
    """One image: windows are copied into columns block by block, each block multiplied at once.

    Args:
        image: padded, (channels, *size).
        matrices: (groups, filters / groups, channels / groups * taps).
        bias: (groups, filters / groups, 1), or None.
        window: the window.
        target: (groups, filters / groups, positions), written.
    """
    groups = len(matrices)
    seen = tapped(image, window)
    row = prod(window.out[1:])  # positions per index of the first spatial axis
    height = image.shape[0] * window.taps
    rows = max(BLOCK // (height * row * image.itemsize), -(-FEW // row), 1)
    rows = min(rows, window.out[0])
    first = (slice(None),) * (1 + len(window.size))

    def work(starts: Iterator[int]) -> None:
        buffer = np.empty(height * rows * row, image.dtype)
        for start in starts:
            part = seen[(*first, slice(start, start + rows))]
            columns = buffer[: part.size].reshape(part.shape)
            np.copyto(columns, part)
            matrix = columns.reshape(groups, height // groups, -1)
            _multiply(matrices, matrix, target[:, :, start * row : (start + rows) * row], bias)

    starts = range(0, window.out[0], rows)
    if len(starts) < workers():
        work(iter(starts))  # the products themselves are shared
    else:
        share(work, starts)
