"""Softmax and its kin. Before opset 13 they see the input as a matrix, cut at `axis`."""

from __future__ import annotations

from math import prod

import numpy as np

from qlint.numeric.kernel.precision import widened
from qlint.numeric.kernel.registry import Array, Call, Result, operator


def _laid_out(call: Call) -> tuple[Array, int]:
    """The input in the type to compute in, and the axis to compute along."""
    x = widened(call.required(0))
    if call.opset >= 13:
        return x, call.attribute("axis", -1)
    axis = call.attribute("axis", 1)
    axis += x.ndim if axis < 0 else 0
    return x.reshape(prod(x.shape[:axis]), prod(x.shape[axis:])), 1


def _like_input(result: Array, call: Call) -> Array:
    x = call.required(0)
    return result.reshape(x.shape).astype(x.dtype, copy=False)


@operator("Softmax")
def softmax(call: Call) -> Result:
    """exp(x) / sum exp(x)."""
    x, axis = _laid_out(call)
    narrow = call.required(0).dtype
    result = x - x.max(axis, keepdims=True, initial=-np.inf)
    np.exp(result, out=result)
    if narrow != x.dtype:
        # The node tests hold attention in float16 to probabilities that are quotients of rounded numbers.
        result = result.astype(narrow).astype(x.dtype)
        return _like_input(result / result.sum(axis, keepdims=True).astype(narrow).astype(x.dtype), call)
    result /= result.sum(axis, keepdims=True)
    return _like_input(result, call)


@operator("LogSoftmax")
def log_softmax(call: Call) -> Result:
    """x - log sum exp(x)."""
    x, axis = _laid_out(call)
    result = x - x.max(axis, keepdims=True, initial=-np.inf)
    result -= np.log(np.exp(result).sum(axis, keepdims=True))
    return _like_input(result, call)


@operator("Hardmax")
def hardmax(call: Call) -> Result:
    """1 at the first maximum, 0 elsewhere."""
    x, axis = _laid_out(call)
    result = np.zeros_like(x)
    if x.size:
        np.put_along_axis(result, np.expand_dims(x.argmax(axis), axis), 1, axis)
    return _like_input(result, call)
