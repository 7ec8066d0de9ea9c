"""Operators that pick and place elements by indices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qlint.numeric.kernel.arguments import along, normal, whole
from qlint.numeric.kernel.registry import Array, Call, Unsupported, operator

_REDUCTIONS: dict[str, np.ufunc] = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


@operator("Gather")
def _gather(call: Call) -> Array:
    x, indices = call.required(0), call.required(1)
    axis = normal(call.attribute("axis", 0), x.ndim)
    if indices.ndim == 0:
        return np.asarray(x[along(axis, int(indices))])  # a view
    return np.take(x, indices, axis)


@operator("GatherElements")
def _gather_elements(call: Call) -> Array:
    x, indices = call.required(0), call.required(1)
    return x[_places(indices, normal(call.attribute("axis", 0), x.ndim))]


@operator("GatherND")
def _gather_nd(call: Call) -> Array:
    x, indices = call.required(0), call.required(1)
    batch = call.attribute("batch_dims", 0)
    grid = np.ogrid[tuple(slice(size) for size in x.shape[:batch])]
    inner = (1,) * (indices.ndim - 1 - batch)
    return np.asarray(x[(*(axis.reshape(axis.shape + inner) for axis in grid), *np.moveaxis(indices, -1, 0))])


@operator("Scatter", "ScatterElements")
def _scatter_elements(call: Call) -> Array:
    x, indices = call.required(0), call.required(1)
    return _placed(x, _places(indices, normal(call.attribute("axis", 0), x.ndim)), call)


@operator("ScatterND")
def _scatter_nd(call: Call) -> Array:
    x, indices = call.required(0), call.required(1)
    return _placed(x, tuple(np.moveaxis(indices, -1, 0)), call)


def _places(indices: Array, axis: int) -> tuple[Array, ...]:
    """Subscripts of the elements that lie where `indices` itself has elements, but for one axis, where they say."""
    places = list(np.ogrid[tuple(slice(size) for size in indices.shape)])
    places[axis] = indices
    return tuple(places)


def _placed(x: Array, places: tuple[Array, ...], call: Call) -> Array:
    result, updates = x.copy(), call.required(2)
    reduction = call.attribute("reduction", "none")
    if reduction == "none":
        result[places] = updates
    elif reduction in _REDUCTIONS:
        _REDUCTIONS[reduction].at(result, places, updates)
    else:
        raise Unsupported(f"reduction {reduction}")
    return result


@operator("Compress")
def _compress(call: Call) -> Array:
    x, kept = call.required(0), np.flatnonzero(call.required(1))
    axis = call.attribute("axis")
    return np.take(x, kept, axis)


@operator("ReverseSequence")
def _reverse_sequence(call: Call) -> Array:
    x, lengths = call.required(0), call.required(1).reshape(-1, 1)
    order = (call.attribute("batch_axis", 1), call.attribute("time_axis", 0))
    moved = np.moveaxis(x, order, (0, 1))
    time = np.arange(moved.shape[1])
    places = np.where(time < lengths, lengths - 1 - time, time)
    return np.moveaxis(moved[np.arange(len(moved))[:, None], places], (0, 1), order)


@operator("OneHot")
def _one_hot(call: Call) -> Array:
    indices, depth = call.required(0), whole(call.required(1))[0]
    off, on = call.required(2)
    axis = normal(call.attribute("axis", -1), indices.ndim + 1)
    indices = indices.astype(np.int64, copy=False)
    classes = np.arange(depth).reshape(-1, *(1,) * (indices.ndim - axis))
    places = np.expand_dims(np.where(indices < 0, indices + depth, indices), axis)
    return np.asarray(np.where(places == classes, on, off))


@operator("NonZero")
def _non_zero(call: Call) -> Array:
    x = call.required(0)
    if x.ndim == 0:
        return np.zeros((0, int(x != 0)), np.int64)
    return np.array(np.nonzero(x), np.int64)


@operator("Trilu")
def _trilu(call: Call) -> Array:
    x, offset = call.required(0), call.input(1)
    part: Callable[[Array, int], Array] = np.triu if call.attribute("upper", 1) else np.tril
    return part(x, 0 if offset is None else whole(offset)[0])
