"""Conv: matrix products over blocks of windows; depthwise ones of many channels are left to `depthwise.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from qlint.numeric.kernel.depthwise import depthwise
from qlint.numeric.kernel.pointwise import PerChannel, empty, finish, last
from qlint.numeric.kernel.precision import widened
from qlint.numeric.kernel.registry import Array, Call, Pointwise, Result, Unsupported, operator
from qlint.numeric.kernel.threads import multiply, share, workers
from qlint.numeric.kernel.windows import Window, padded, tapped, window_of

BLOCK = 1 << 21
"""Bytes of unrolled windows per matrix product: they should still be in the cache when the product reads them."""

FEW = 128
"""Positions that a product has at least, however large the windows: narrow products waste BLAS's time."""

MANY = 17
"""Channels from which on one filter for each is left to `depthwise.py`: runs over fewer are too short there."""


@operator("Conv", leads=True)
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
    if bias is not None and bias.shape != weights.shape[:1]:
        raise Unsupported("not one bias per filter")
    window = window_of(call, x.shape[2:], weights.shape[2:])
    wide = widened(x)
    if call.then and wide.dtype != x.dtype:
        raise Unsupported("what follows needs a rounded result")
    then = call.then if bias is None else (_biased(bias.astype(wide.dtype, copy=False)), *call.then)
    weights = widened(weights).astype(wide.dtype, copy=False)
    return convolved(wide, weights, window, groups, then).astype(x.dtype, copy=False)


def _biased(bias: Array) -> Pointwise:
    values = PerChannel(bias)
    return lambda source, target, channels: values.combine(np.add, source, target, channels)


def convolved(x: Array, weights: Array, window: Window, groups: int, then: Sequence[Pointwise] = ()) -> Array:
    """The convolution in the type of x, and what follows it."""
    n, channels = x.shape[:2]
    filters = weights.shape[0]
    shape = (n, filters, *window.out)
    if 0 in shape:
        return np.empty(shape, x.dtype)
    if groups == channels == filters >= MANY:
        return depthwise(x, weights, window, then)
    result = empty(shape, x.dtype, channels_last=window.taps == groups == 1 and last(x))
    x = padded(x, window)
    flat = result.reshape(n, filters, -1)
    matrices = weights.reshape(groups, filters // groups, -1)
    if window.taps == 1:
        seen = x if x.shape[2:] == window.out else tapped(x, window)
        seen = seen.reshape(n, groups, channels // groups, -1)
        for image, target in zip(seen, flat, strict=True):
            _multiply(matrices, image, target, then)
        return result
    for image, target in zip(x, flat, strict=True):
        _unrolled(image, matrices, window, target, then)
    return result


def _multiply(matrices: Array, seen: Array, target: Array, then: Sequence[Pointwise]) -> None:
    """The products of all groups, and what follows them; `target` is (filters, positions)."""
    if len(matrices) == 1:
        multiply(matrices[0], seen[0], target)
    else:
        np.matmul(matrices, seen, out=target.reshape(*matrices.shape[:2], -1))
    finish(target, then)


def _unrolled(image: Array, matrices: Array, window: Window, target: Array, then: Sequence[Pointwise]) -> None:
    """One image: windows are copied into columns block by block, each block multiplied at once.

    Args:
        image: padded, (channels, *size).
        matrices: (groups, filters / groups, channels / groups * taps).
        window: the window.
        target: (filters, positions), written.
        then: what follows.
    """
    groups = len(matrices)
    seen = tapped(image, window)
    row = prod(window.out[1:])  # positions per index of the first spatial axis
    height = image.shape[0] * window.taps
    rows = max(BLOCK // (height * row * image.itemsize), -(-FEW // row), 1)
    rows = min(rows, window.out[0])
    first = (slice(None),) * (1 + len(window.size))

    def buffer() -> Array:
        return np.empty(height * rows * row, image.dtype)

    def work(starts: Iterator[int], own: Array) -> None:
        for start in starts:
            part = seen[(*first, slice(start, start + rows))]
            unrolled = own[: part.size].reshape(part.shape)
            np.copyto(unrolled, part)
            matrix = unrolled.reshape(groups, height // groups, -1)
            _multiply(matrices, matrix, target[:, start * row : (start + rows) * row], then)

    starts = range(0, window.out[0], rows)
    if len(starts) < workers():
        work(iter(starts), buffer())  # the products themselves are shared
    else:
        share(work, starts, buffer)
