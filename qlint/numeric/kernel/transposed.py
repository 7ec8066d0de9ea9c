"""ConvTranspose: one matrix product gives what each input element adds to each output; the taps are then summed up."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from qlint.numeric.kernel.precision import widened
from qlint.numeric.kernel.registry import Array, Call, Result, Unsupported, operator

BLOCK = 1 << 25
"""Bytes of a product: more filters than fit are done in turn."""


@operator("ConvTranspose")
def conv_transpose(call: Call) -> Result:
    """(n, channels, *size), (channels, filters / group, *kernel), (filters,)? -> (n, filters, *out)."""
    x, weights, bias = call.required(0), call.required(1), call.input(2)
    groups = call.attribute("group", 1)
    rank = x.ndim - 2
    if rank < 1 or x.ndim != weights.ndim or weights.shape[0] != x.shape[1] or x.shape[1] % groups:
        raise Unsupported("channels, groups and weights do not fit")
    kernel = weights.shape[2:]
    strides = tuple(call.attribute("strides") or (1,) * rank)
    dilations = tuple(call.attribute("dilations") or (1,) * rank)
    whole = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(x.shape[2:], strides, kernel, dilations, strict=True)]
    before, out = _extent(call, x.shape[2:], whole, strides)
    spread = [max(w, b + o) for w, b, o in zip(whole, before, out, strict=True)]
    total = np.zeros((len(x), weights.shape[1] * groups, *spread), widened(x[:0]).dtype)
    _spread(widened(x), widened(weights), groups, strides, dilations, total)
    kept: list[Any] = [slice(b, b + o) for b, o in zip(before, out, strict=True)]
    result = total[(..., *kept)]
    if bias is not None:
        result = result + bias.astype(result.dtype, copy=False).reshape(-1, *(1,) * rank)
    return np.ascontiguousarray(result, dtype=x.dtype)


def _extent(
    call: Call, size: tuple[int, ...], whole: list[int], strides: tuple[int, ...]
) -> tuple[list[int], list[int]]:
    """What is cut off the whole extent at its beginning, and the extent of the output, per axis."""
    rank = len(size)
    extra = list(call.attribute("output_padding") or (0,) * rank)
    auto = call.attribute("auto_pad", "NOTSET")
    shape = call.attribute("output_shape")
    if shape or auto in ("SAME_UPPER", "SAME_LOWER"):
        out = list(shape)[-rank:] if shape else [n * s for n, s in zip(size, strides, strict=True)]
        cut = [max(w + e - o, 0) for w, e, o in zip(whole, extra, out, strict=True)]
        return [c // 2 if auto == "SAME_UPPER" else c - c // 2 for c in cut], out
    pads = tuple(call.attribute("pads") or (0,) * (2 * rank)) if auto == "NOTSET" else (0,) * (2 * rank)
    before = list(pads[:rank])
    out = [w + e - b - a for w, e, b, a in zip(whole, extra, before, pads[rank:], strict=True)]
    if min(out) < 1 or min(pads) < 0:
        raise Unsupported("more is cut off than there is, or pads are negative")
    return before, out


def _spread(
    x: Array, weights: Array, groups: int, strides: tuple[int, ...], dilations: tuple[int, ...], total: Array
) -> None:
    """Add every input element, times the kernel, to `total`: (n, filters, *extent)."""
    channels, filters, *kernel = weights.shape
    taps = prod(kernel)
    size = x.shape[2:]
    matrices = weights.reshape(groups, channels // groups, filters, taps)
    grouped = total.reshape(len(x), groups, filters, *total.shape[2:])
    some = max(1, BLOCK // max(groups * taps * prod(size) * x.itemsize, 1))
    for image, target in zip(x.reshape(len(x), groups, channels // groups, -1), grouped, strict=True):
        for start in range(0, filters, some):
            part = matrices[:, :, start : start + some]
            count = part.shape[2]
            left = part.reshape(groups, channels // groups, count * taps).transpose(0, 2, 1)
            added = np.matmul(left, image).reshape(groups, count, taps, *size)
            for index, tap in enumerate(product(*map(range, kernel))):
                place = tuple(
                    slice(t * d, t * d + (n - 1) * s + 1, s)
                    for t, d, n, s in zip(tap, dilations, size, strides, strict=True)
                )
                target[(slice(None), slice(start, start + count), *place)] += added[:, :, index]
