"""Depthwise convolution, channels last: each tap's weights lie beside the elements that they multiply.

numpy then multiplies and adds long runs of memory in one pass, whatever the strides, where planes would have to be
copied for every tap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from qlint.numeric.kernel.pointwise import empty, finish, turned
from qlint.numeric.kernel.registry import Array, Pointwise
from qlint.numeric.kernel.threads import share, workers
from qlint.numeric.kernel.windows import Window

BLOCK = 1 << 18
"""Elements of the input that are turned to channels last at once; they should stay in the cache."""

COST = 4
"""Multiplications of a matrix product that take as long as one here."""


def depthwise(x: Array, weights: Array, window: Window, then: Sequence[Pointwise]) -> Array:
    """Convolve each channel by itself, with one filter.

    Args:
        x: (n, channels, *size), without padding.
        weights: (channels, 1, *kernel).
        window: the window.
        then: what follows.

    Returns:
        (n, channels, *out), channels last in memory.
    """
    channels = x.shape[1]
    result = empty((len(x), channels, *window.out), x.dtype, channels_last=True)
    # What a tap sees of all channels along the last axis is one run, unless that axis is cut into blocks.
    merged = window.strides[-1] == 1 and len(window.size) > 1
    taps = turned(weights[:, 0])
    taps = np.tile(taps, window.out[-1]) if merged else np.ascontiguousarray(taps)
    row = channels * prod(window.reach[1:]) * window.strides[0]
    rows = max(1, min(BLOCK // row, -(-window.out[0] // workers(COST * result.size * window.taps))))

    def work(blocks: Iterator[tuple[int, int]], own: Array) -> None:
        for index, start in blocks:
            part = result[index, :, start : start + rows]
            _fill(own, x[index], window, start)
            seen = _seen(own, window, part.shape[1], merged=merged)
            _accumulate(taps, seen, turned(part).reshape(seen.shape[len(window.kernel) :]))
            finish(part, then)

    blocks = [(index, start) for index in range(len(x)) for start in range(0, window.out[0], rows)]
    share(work, blocks, lambda: np.empty((_span(window, rows), *window.reach[1:], channels), x.dtype))
    return result


def _span(window: Window, positions: int) -> int:
    """Elements along the first spatial axis that so many positions see."""
    return (positions - 1) * window.strides[0] + (window.kernel[0] - 1) * window.dilations[0] + 1


def _fill(own: Array, planes: Array, window: Window, start: int) -> None:
    """Write what the positions from `start` on see into `own`, channels last, padding included."""
    begins = (window.before[0] - start * window.strides[0], *window.before[1:])  # where the first element comes to lie
    target: list[slice] = []
    source: list[slice] = []
    for begin, n, extent in zip(begins, window.size, own.shape[:-1], strict=True):
        low = min(max(begin, 0), extent)
        high = max(min(n + begin, extent), low)
        own[(*target, slice(0, low))] = 0
        own[(*target, slice(high, None))] = 0
        target.append(slice(low, high))
        source.append(slice(low - begin, high - begin))
    own[tuple(target)] = turned(planes[(slice(None), *source)])


def _seen(own: Array, window: Window, positions: int, *, merged: bool) -> Array:
    """A view (*kernel, *out, channels): for each tap the elements it sees; the last two axes are one if merged."""
    *steps, item = own.strides
    out = (positions, *window.out[1:])
    shape = (*window.kernel, *out, own.shape[-1])
    strides = (
        *(step * dilation for step, dilation in zip(steps, window.dilations, strict=True)),
        *(step * stride for step, stride in zip(steps, window.strides, strict=True)),
        item,
    )
    if merged:
        shape = (*shape[:-2], shape[-2] * shape[-1])
        strides = (*strides[:-2], item)
    return np.ndarray(shape, own.dtype, own.data, 0, strides)


def _accumulate(taps: Array, seen: Array, out: Array) -> None:
    """Sum over the taps what they see times their weights: (*kernel, run), (*kernel, *out, run) -> (*out, run)."""
    kernel = list(range(taps.ndim - 1))
    run = taps.ndim - 1
    places: list[Any] = [*range(run + 1, run + out.ndim), run]
    np.einsum(taps, [*kernel, run], seen, [*kernel, *places], places, out=out)
