"""Reductions. Floats of 16 bits and less are accumulated in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qlint.numeric.kernel.arguments import integers, like, normal, wide
from qlint.numeric.kernel.registry import Array, Call, operator

_Axes = tuple[int, ...]


def _sum(x: Array, axes: _Axes) -> Array:
    return np.sum(x, axis=axes, keepdims=True, dtype=x.dtype)


def _mean(x: Array, axes: _Axes) -> Array:
    return np.asarray(np.mean(x, axis=axes, keepdims=True))  # of integers in float64, truncated in the end


def _log_sum_exp(x: Array, axes: _Axes) -> Array:
    if x.dtype.kind in "iu":
        x = x.astype(np.float64)
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    return np.log(_sum(np.exp(x - top), axes)) + top


def _least(dtype: np.dtype[Any]) -> Any:
    return False if dtype.kind == "b" else np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _greatest(dtype: np.dtype[Any]) -> Any:
    return True if dtype.kind == "b" else np.iinfo(dtype).max if dtype.kind in "iu" else np.inf


_REDUCTIONS: dict[str, Callable[[Array, _Axes], Array]] = {
    "ReduceL1": lambda x, axes: _sum(np.abs(x), axes),
    "ReduceL2": lambda x, axes: np.sqrt(_sum(x * x, axes)),
    "ReduceLogSum": lambda x, axes: np.log(_sum(x, axes)),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": lambda x, axes: np.max(x, axis=axes, keepdims=True, initial=_least(x.dtype)),
    "ReduceMean": _mean,
    "ReduceMin": lambda x, axes: np.min(x, axis=axes, keepdims=True, initial=_greatest(x.dtype)),
    "ReduceProd": lambda x, axes: np.prod(x, axis=axes, keepdims=True, dtype=x.dtype),
    "ReduceSum": _sum,
    "ReduceSumSquare": lambda x, axes: _sum(x * x, axes),
}


@operator(*_REDUCTIONS)
def _reduce(call: Call) -> Array:
    x = call.required(0)
    axes = tuple(normal(axis, x.ndim) for axis in integers(call, 1, "axes") or ())
    if not axes and not call.attribute("noop_with_empty_axes", 0):
        axes = tuple(range(x.ndim))
    # Over no axes at all, numpy still takes each element's absolute value, square or logarithm, as ONNX does.
    result = like(_REDUCTIONS[call.op_type](wide(x), axes), x)
    return result if call.attribute("keepdims", 1) else np.asarray(result.squeeze(axes))


@operator("ArgMax", "ArgMin")
def _arg(call: Call) -> Array:
    x = call.required(0)
    axis = normal(call.attribute("axis", 0), x.ndim)
    find = np.argmax if call.op_type == "ArgMax" else np.argmin
    keep = bool(call.attribute("keepdims", 1))
    if not call.attribute("select_last_index", 0):
        return np.asarray(find(x, axis, keepdims=keep), np.int64)
    return np.asarray(x.shape[axis] - 1 - find(np.flip(x, axis), axis, keepdims=keep), np.int64)


@operator("CumSum", "CumProd")
def _cumulate(call: Call) -> Array:
    x = call.required(0)
    axis = normal(int(call.required(1).reshape(())), x.ndim)
    reverse, exclusive = call.attribute("reverse", 0), call.attribute("exclusive", 0)
    compute, neutral = (np.cumsum, 0) if call.op_type == "CumSum" else (np.cumprod, 1)
    values = np.flip(wide(x), axis) if reverse else wide(x)
    result = compute(values, axis, dtype=values.dtype)
    if exclusive:
        result = np.roll(result, 1, axis)
        result[(*(slice(None),) * axis, slice(0, 1))] = neutral
    return like(np.flip(result, axis) if reverse else result, x)
