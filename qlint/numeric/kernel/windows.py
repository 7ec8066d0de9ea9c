"""Sliding windows: what convolutions and pooling have in common. Shapes are (batch, channels, *spatial)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from qlint.numeric.kernel.registry import Array, Call, Unsupported


@dataclass(frozen=True)
class Window:
    """A window and its steps; one number per spatial axis in each.

    Attributes:
        size: elements of the input.
        kernel: taps.
        strides, dilations: as in ONNX.
        before, after: padding at both ends.
        out: positions of the window.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    out: tuple[int, ...]

    @cached_property
    def taps(self) -> int:
        """Taps of the kernel."""
        return prod(self.kernel)

    @cached_property
    def reach(self) -> tuple[int, ...]:
        """Elements from the first position's first tap to the last position's last."""
        axes = zip(self.out, self.strides, self.kernel, self.dilations, strict=True)
        return tuple((out - 1) * stride + (kernel - 1) * dilation + 1 for out, stride, kernel, dilation in axes)

    @cached_property
    def padded(self) -> bool:
        """Whether any tap falls outside of the input."""
        axes = zip(self.before, self.reach, self.size, strict=True)
        return any(before or reach > size for before, reach, size in axes)


def window_of(call: Call, size: Sequence[int], kernel: Sequence[int], *, ceil: bool = False) -> Window:
    """The window that a node's attributes describe on an input of `size`.

    Raises:
        Unsupported: if the attributes do not fit the rank, or the window has no position.
    """
    rank = len(size)
    strides = tuple(call.attribute("strides") or (1,) * rank)
    dilations = tuple(call.attribute("dilations") or (1,) * rank)
    pads = tuple(call.attribute("pads") or (0,) * (2 * rank))
    auto = call.attribute("auto_pad", "NOTSET")
    return _window(tuple(size), tuple(kernel), strides, dilations, pads, auto, ceil)


@lru_cache(1024)
def _window(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[int, ...],
    auto: str,
    ceil: bool,
) -> Window:
    rank = len(size)
    if not len(kernel) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
        raise Unsupported("kernel_shape, strides, dilations or pads do not fit the input's rank")
    if min(strides, default=1) < 1 or min(dilations, default=1) < 1 or min(pads, default=0) < 0:
        raise Unsupported("strides and dilations below 1 or negative pads")
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        out = [-(-n // s) for n, s in zip(size, strides, strict=True)]
        total = [max((o - 1) * s + span - n, 0) for o, s, span, n in zip(out, strides, spans, size, strict=True)]
        less, more = [t // 2 for t in total], [t - t // 2 for t in total]
        before, after = (less, more) if auto == "SAME_UPPER" else (more, less)
    else:
        before, after = ([0] * rank, [0] * rank) if auto == "VALID" else (list(pads[:rank]), list(pads[rank:]))
        out = []
        for n, s, span, begin, end in zip(size, strides, spans, before, after, strict=True):
            room = n + begin + end - span
            positions = (-(-room // s) if ceil else room // s) + 1
            if ceil and (positions - 1) * s >= n + begin:
                positions -= 1  # a window may not start in the padding at the end
            out.append(positions)
    if min(out, default=1) < 1:
        raise Unsupported("the window is larger than its input")
    return Window(size, kernel, strides, dilations, tuple(before), tuple(after), tuple(out))


def padded(x: Array, window: Window, value: float = 0) -> Array:
    """The input as far as the window reaches, `value` where it reaches out; a view where it does not."""
    rank = len(window.size)
    if not window.padded:
        return x
    reach = window.reach
    shape = (*x.shape[:-rank], *reach)
    result = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)  # zeros are had for nothing
    target: list[Any] = [...]
    source: list[Any] = [...]
    for begin, n, length in zip(window.before, window.size, reach, strict=True):
        held = max(min(n, length - begin), 0)
        target.append(slice(begin, begin + held))
        source.append(slice(0, held))
    result[tuple(target)] = x[tuple(source)]
    return result


def tapped(x: Array, window: Window) -> Array:
    """A view (*leading, *kernel, *out) of a padded input: for each tap the elements it sees."""
    rank = len(window.size)
    steps = x.strides[-rank:]
    strides = (
        *x.strides[:-rank],
        *(step * dilation for step, dilation in zip(steps, window.dilations, strict=True)),
        *(step * stride for step, stride in zip(steps, window.strides, strict=True)),
    )
    return as_strided(x, (*x.shape[:-rank], *window.kernel, *window.out), strides, writeable=False)


def along(x: Array, window: Window, axis: int, tap: int) -> Array:
    """What one tap sees along one spatial axis of a padded input; a view."""
    first = tap * window.dilations[axis]
    stride = window.strides[axis]
    index: list[slice] = [slice(None)] * (x.ndim - len(window.size) + axis)
    return x[(*index, slice(first, first + (window.out[axis] - 1) * stride + 1, stride))]
