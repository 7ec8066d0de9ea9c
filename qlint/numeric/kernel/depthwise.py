"""Depthwise convolution: what the taps of the kernel see, copied side by side, times the taps, channel by channel.

The padded planes are split by the strides into phases, so that what a tap sees is one contiguous run of a plane: a run
that is somewhat longer than needed beats many short ones.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from qlint.numeric.kernel.registry import Array
from qlint.numeric.kernel.threads import each, workers
from qlint.numeric.kernel.windows import Window

CACHE = 1 << 21
"""Bytes of a block: its planes, and what the taps see of them. Smaller ones would cost more in calls than they save."""


def depthwise(x: Array, weights: Array, bias: Array | None, window: Window, result: Array) -> Array:
    """Convolve each channel by itself.

    Args:
        x: (n, channels, *size), without padding.
        weights: (channels * multiplier, 1, *kernel).
        bias: (channels, multiplier, 1), or None.
        window: the window.
        result: (n, channels * multiplier, *out), written.

    Returns:
        `result`.
    """
    channels = x.shape[1]
    multiplier = weights.shape[0] // channels
    taps = weights.reshape(channels, multiplier, -1)
    grid = _Grid(window)
    planes = result.reshape(len(x), channels, multiplier, *window.out)
    step = max(1, min(CACHE // (grid.elements * x.itemsize), -(-channels // workers())))

    def some(block: tuple[int, int]) -> None:
        index, start = block
        part = slice(start, start + step)
        phases = grid.phases(x[index, part])
        grid.accumulate(phases, taps[part], None if bias is None else bias[part], planes[index, part])

    each(some, [(index, start) for index in range(len(x)) for start in range(0, channels, step)])
    return result


class _Grid:
    """How the padded planes are cut into phases, and where each tap's run begins in its phase."""

    def __init__(self, window: Window) -> None:
        self.window = window
        axes = list(zip(window.kernel, window.dilations, window.strides, window.out, strict=True))
        self.shape = tuple((kernel - 1) * dilation // stride + out for kernel, dilation, stride, out in axes)
        self.steps = steps = [prod(self.shape[i + 1 :]) for i in range(len(axes))]
        self.wide = (window.out[0], *self.shape[1:])
        self.run = sum((out - 1) * step for out, step in zip(window.out, steps, strict=True)) + 1
        self.taps: list[tuple[tuple[int, ...], int]] = []
        for tap in product(*map(range, window.kernel)):
            places = [t * dilation for t, dilation in zip(tap, window.dilations, strict=True)]
            phase = tuple(place % stride for place, stride in zip(places, window.strides, strict=True))
            quotients = (place // stride for place, stride in zip(places, window.strides, strict=True))
            self.taps.append((phase, sum(q * step for q, step in zip(quotients, steps, strict=True))))
        self.used = sorted({phase for phase, _ in self.taps})
        self.elements = prod(self.shape) * (len(self.used) + len(self.taps) + 1)

    def phases(self, planes: Array) -> dict[tuple[int, ...], Array]:
        """For each phase the padded elements whose coordinates have that remainder, (channels, elements)."""
        return {phase: self._phase(planes, phase) for phase in self.used}

    def _phase(self, planes: Array, phase: tuple[int, ...]) -> Array:
        window = self.window
        target, source = [], []
        for begin, n, stride, remainder, length in zip(
            window.before, window.size, window.strides, phase, self.shape, strict=True
        ):
            first = max(-(-(begin - remainder) // stride), 0)
            place = first * stride + remainder - begin  # of the first element that is not padding
            count = max(min(-(-(n - place) // stride), length - first), 0)
            target.append(slice(first, first + count))
            source.append(slice(place, place + (count - 1) * stride + 1 if count else place, stride))
        held = planes[(slice(None), *source)]
        if held.shape[1:] != self.shape:
            whole = np.zeros((len(planes), *self.shape), planes.dtype)
            whole[(slice(None), *target)] = held
            held = whole
        return held.reshape(len(planes), -1)

    def accumulate(self, phases: dict[tuple[int, ...], Array], taps: Array, bias: Array | None, target: Array) -> None:
        """Sum over the taps.

        Args:
            phases: of the padded planes.
            taps: (channels, multiplier, taps).
            bias: (channels, multiplier, 1), or None.
            target: (channels, multiplier, *out), written.
        """
        channels, multiplier = target.shape[:2]
        seen = np.empty((channels, len(self.taps), self.run), target.dtype)
        if max(self.window.strides) == 1:
            (planes,) = phases.values()
            steps = [step * dilation for step, dilation in zip(self.steps, self.window.dilations, strict=True)]
            strides = (planes.strides[0], *(step * planes.itemsize for step in steps), planes.itemsize)
            shape = (channels, *self.window.kernel, self.run)
            np.copyto(seen.reshape(shape), as_strided(planes, shape, strides, writeable=False))
        else:
            for index, (phase, start) in enumerate(self.taps):
                np.copyto(seen[:, index], phases[phase][:, start : start + self.run])
        whole = np.empty((channels, multiplier, prod(self.wide)), target.dtype)
        np.matmul(taps, seen, out=whole[..., : self.run])
        inner = tuple(slice(0, out) for out in self.window.out)
        found = whole.reshape(channels, multiplier, *self.wide)[(slice(None), slice(None), *inner)]
        if bias is None:
            target[...] = found
        else:
            np.add(found, bias.reshape(channels, multiplier, *(1 for _ in inner)), out=target)
