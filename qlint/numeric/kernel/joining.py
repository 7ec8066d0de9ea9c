"""Operators that cut tensors up, put them together and pad them."""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np

from qlint.numeric.kernel.arguments import along, integers, normal, whole
from qlint.numeric.kernel.registry import Array, Call, Unsupported, operator


@operator("Concat")
def _concat(call: Call) -> Array:
    axis = call.attribute("axis", 1)  # required from opset 4 on
    return np.concatenate([value for value in call.inputs if value is not None], axis)


@operator("Split")
def _split(call: Call) -> tuple[Array, ...]:
    x = call.required(0)
    axis = normal(call.attribute("axis", 0), x.ndim)
    sizes = integers(call, 1, "split")
    if sizes is None:
        count = call.attribute("num_outputs", call.outputs)
        part = -(-x.shape[axis] // count)
        edges = [min(i * part, x.shape[axis]) for i in range(count + 1)]  # the last is smaller if it is not even
    else:
        edges = [0, *accumulate(sizes)]
        if min(sizes, default=0) < 0 or edges[-1] != x.shape[axis]:
            raise ValueError(f"parts of {sizes} do not make an axis of {x.shape[axis]}")
    return tuple(x[along(axis, slice(start, end))] for start, end in pairwise(edges))


@operator("Slice")
def _slice(call: Call) -> Array:
    x = call.required(0)
    starts, ends = integers(call, 1, "starts"), integers(call, 2, "ends")
    if starts is None or ends is None:
        raise Unsupported("no starts or ends")
    axes = integers(call, 3, "axes")
    steps = integers(call, 4, "steps") or [1] * len(starts)
    subscript = [slice(None)] * x.ndim
    for axis, start, end, step in zip(range(x.ndim) if axes is None else axes, starts, ends, steps, strict=False):
        subscript[axis] = _range(start, end, step, x.shape[axis])
    return x[tuple(subscript)]


def _range(start: int, end: int, step: int, size: int) -> slice:
    """A numpy slice of an axis; numpy cannot name the place before the first element, where a negative step may end."""
    start += size if start < 0 else 0
    end += size if end < 0 else 0
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step) if size else slice(0, 0)


@operator("Tile")
def _tile(call: Call) -> Array:
    x = call.required(0)
    repeats = whole(call.required(1))
    if call.opset < 6:  # there, tiles along one axis
        axis = normal(whole(call.required(2))[0], x.ndim)
        repeats = [repeats[0] if i == axis else 1 for i in range(x.ndim)]
    return np.tile(x, repeats)


@operator("Pad")
def _pad(call: Call) -> Array:
    x = call.required(0)
    pads = integers(call, 1, "pads" if call.opset > 1 else "paddings")
    if pads is None:
        raise Unsupported("no pads")
    axes = integers(call, 3, "axes")
    axes = list(range(x.ndim)) if axes is None else [normal(axis, x.ndim) for axis in axes]
    if len(pads) != 2 * len(axes):
        raise ValueError(f"{len(pads)} pads for {len(axes)} axes")
    amounts = [(0, 0)] * x.ndim
    for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        amounts[axis] = (before, after)
        # A negative amount crops.
        x = x[along(axis, slice(max(-before, 0), x.shape[axis] - max(-after, 0)))]
    amounts = [(max(before, 0), max(after, 0)) for before, after in amounts]
    mode = call.attribute("mode", "constant")
    if mode == "constant":
        given = call.input(2)
        return _surrounded(x, amounts, call.attribute("value", 0) if given is None else given.reshape(()))
    for axis, (before, after) in enumerate(amounts):
        if before or after:
            x = np.take(x, _mirrored(mode, before, after, x.shape[axis]), axis)
    return x


def _surrounded(x: Array, amounts: list[tuple[int, int]], value: object) -> Array:
    shape = [before + size + after for size, (before, after) in zip(x.shape, amounts, strict=True)]
    result = np.full(shape, "" if x.dtype.kind == "O" and not value else value, x.dtype)
    result[tuple(slice(before, before + size) for size, (before, _) in zip(x.shape, amounts, strict=True))] = x
    return result


def _mirrored(mode: str, before: int, after: int, size: int) -> Array:
    """Which element of an axis stands at each place of the padded axis."""
    places = np.arange(-before, size + after)
    if mode == "edge":
        return np.clip(places, 0, size - 1)
    if mode == "wrap":
        return places % size
    if mode == "reflect":
        period = max(2 * (size - 1), 1)
        places %= period
        return np.minimum(places, period - places) if size > 1 else places * 0
    raise Unsupported(f"padding mode {mode}")


@operator("CenterCropPad")
def _center_crop_pad(call: Call) -> Array:
    x, sizes = call.required(0), whole(call.required(1))
    axes = call.attribute("axes")
    amounts = [(0, 0)] * x.ndim
    for axis, size in zip(range(x.ndim) if axes is None else axes, sizes, strict=True):
        axis = normal(axis, x.ndim)
        excess = x.shape[axis] - size
        if excess > 0:
            x = x[along(axis, slice(excess // 2, excess // 2 + size))]
        else:
            amounts[axis] = (-excess // 2, -excess - -excess // 2)
    return _surrounded(x, amounts, 0)
