"""Operators that order elements."""

from __future__ import annotations

import numpy as np

from qlint.numeric.kernel.arguments import along, normal, whole
from qlint.numeric.kernel.registry import Array, Call, Unsupported, operator


@operator("TopK")
def _top_k(call: Call) -> tuple[Array, Array]:
    """Sorted whatever `sorted` says; of equal elements the first comes first."""
    x, given = call.required(0), call.input(1)
    count = call.attribute("k") if given is None else whole(given)[0]
    axis = normal(call.attribute("axis", -1), x.ndim)
    if count is None or not 0 <= count <= x.shape[axis]:
        raise ValueError(f"there are no {count} elements on an axis of {x.shape[axis]}")
    if call.attribute("largest", 1):
        # Reversed twice, so that equal elements, which a stable sort leaves in order, come out in order.
        order = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    order = np.ascontiguousarray(order[along(axis, slice(count))])
    return np.take_along_axis(x, order, axis), order.astype(np.int64, copy=False)


@operator("Unique")
def _unique(call: Call) -> tuple[Array, ...]:
    x, axis = call.required(0), call.attribute("axis")
    if x.dtype.kind == "O":
        raise Unsupported("unique strings")
    values, first, inverse, counts = np.unique(x, True, True, True, axis=axis)
    inverse = inverse.reshape(-1)
    if not call.attribute("sorted", 1):
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        values, first, inverse, counts = np.take(values, order, axis or 0), first[order], rank[inverse], counts[order]
    results = (values, *(numbers.astype(np.int64, copy=False) for numbers in (first, inverse, counts)))
    return results[: call.outputs]
