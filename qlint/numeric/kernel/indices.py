"""MaxPool with the places of the maxima."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from qlint.numeric.kernel.registry import Array
from qlint.numeric.kernel.windows import Window


def max_with_indices(x: Array, window: Window, *, column_major: bool) -> tuple[Array, Array]:
    """Maxima of windows and where in the flattened input the first of each stands.

    Args:
        x: (n, channels, *size).
        window: the window.
        column_major: whether the first spatial axis is the fastest one in the places.

    Returns:
        The maxima and their places, both (n, channels, *out).
    """
    rank = len(window.size)
    order = range(rank) if column_major else reversed(range(rank))
    steps, step = [0] * rank, 1
    for axis in order:
        steps[axis] = step
        step *= window.size[axis]
    best = np.zeros((*x.shape[:2], *window.out), x.dtype)
    places = np.full(best.shape, -1, np.int64)
    for tap in product(*map(range, window.kernel)):
        at = [
            np.arange(out) * stride - before + t * dilation
            for t, out, stride, before, dilation in zip(
                tap, window.out, window.strides, window.before, window.dilations, strict=True
            )
        ]
        inside = [(a >= 0) & (a < n) for a, n in zip(at, window.size, strict=True)]
        if not all(i.any() for i in inside):
            continue
        held = [np.flatnonzero(i) for i in inside]
        # What is inside is one run on each axis, so that slices do and nothing is copied.
        target: tuple[Any, ...] = (..., *(slice(int(h[0]), int(h[-1]) + 1) for h in held))
        source: tuple[Any, ...] = (
            ...,
            *(
                slice(int(a[h[0]]), int(a[h[-1]]) + 1, stride)
                for a, h, stride in zip(at, held, window.strides, strict=True)
            ),
        )
        seen, known, found = x[source], best[target], places[target]
        better = (found < 0) | (seen > known)
        place = np.zeros((), np.int64)
        for a, h, step in zip(at, held, steps, strict=True):
            place = place[..., None] + a[h] * step
        np.copyto(known, seen, where=better)
        np.copyto(found, np.broadcast_to(place, found.shape), where=better)
    planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * rank)
    return best, places + planes * step_of(window)


def step_of(window: Window) -> int:
    """Elements of one plane of the input."""
    return int(np.prod(window.size, dtype=np.int64))
