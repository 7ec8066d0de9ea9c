"""BatchNormalization of every opset."""

from __future__ import annotations

from typing import Any

import numpy as np

from qlint.numeric.kernel.pointwise import PerChannel, applied
from qlint.numeric.kernel.precision import EPSILON, working
from qlint.numeric.kernel.registry import Array, Call, Pointwise, Result, Unsupported, operator, pointwise


@operator("BatchNormalization", leads=True)
def batch_normalization(call: Call) -> Result:
    """Scale (x - mean) / sqrt(var + epsilon) + bias, per channel (per activation before opset 9 with spatial=0)."""
    x, scale, bias, mean, variance = (call.required(i) for i in range(5))
    wide = working(x.dtype)
    constant = not _training(call)
    spatial = call.attribute("spatial", 1)
    shapes = {parameter.shape for parameter in (scale, bias, mean, variance)}
    if constant and spatial and x.ndim > 2 and x.dtype == wide and shapes == {x.shape[1:2]}:
        return applied(x, (normalization(call, wide, x.shape[1]), *call.then))
    if call.then:
        raise Unsupported("only to images with constant statistics can more be applied")
    if not spatial:
        return _normalized(call, x.astype(wide, copy=False), scale, bias, mean, variance, (1, *x.shape[1:]))
    shape = (1, -1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (-1,)
    if constant:
        return _normalized(call, x.astype(wide, copy=False), scale, bias, mean, variance, shape)
    return _trained(call, x.astype(wide, copy=False), scale, bias, mean, variance, shape)


def _training(call: Call) -> bool:
    """Whether statistics come from the data: told by a mode since 14, by the outputs since 7, by `is_test` before."""
    if call.opset >= 14:
        return bool(call.attribute("training_mode", 0))
    if call.opset >= 7:
        return call.outputs > 1
    return not call.attribute("is_test", 0)


def _normalized(
    call: Call, x: Array, scale: Array, bias: Array, mean: Array, variance: Array, shape: tuple[int, ...]
) -> Array:
    factor, summand = _line(call, scale, bias, mean, variance, x.dtype)
    result = x * factor.reshape(shape)
    result += summand.reshape(shape)
    return result.astype(call.required(0).dtype, copy=False)


def _line(
    call: Call, scale: Array, bias: Array, mean: Array, variance: Array, dtype: np.dtype[Any]
) -> tuple[Array, Array]:
    """What to multiply by and what to add; computed in float64, which costs nothing."""
    deviation = np.sqrt(variance.astype(np.float64) + call.attribute("epsilon", EPSILON))
    factor = scale / deviation
    summand = bias - mean * factor
    return factor.astype(dtype), summand.astype(dtype)


@pointwise("BatchNormalization")
def normalization(call: Call, dtype: np.dtype[Any], channels: int) -> Pointwise:
    """One multiplication and one addition per element."""
    scale, bias, mean, variance = (call.required(i) for i in range(1, 5))
    shapes = {parameter.shape for parameter in (scale, bias, mean, variance)}
    if _training(call) or not call.attribute("spatial", 1) or shapes != {(channels,)}:
        raise Unsupported("not the same for all elements of a channel")
    factor, summand = map(PerChannel, _line(call, scale, bias, mean, variance, dtype))

    def normalize(source: Array, target: Array, some: slice) -> None:
        factor.combine(np.multiply, source, target, some)
        summand.combine(np.add, target, target, some)

    return normalize


def _trained(
    call: Call, x: Array, scale: Array, bias: Array, mean: Array, variance: Array, shape: tuple[int, ...]
) -> Result:
    """Normalization with the batch's own statistics; the running ones follow them."""
    axes = (0, *range(2, x.ndim))
    batch_mean = x.mean(axes, dtype=np.float64)
    batch_variance = x.var(axes, dtype=np.float64)
    result = _normalized(call, x, scale, bias, batch_mean, batch_variance, shape)
    momentum = call.attribute("momentum", 0.9)
    if call.opset < 14 and call.outputs > 3:
        raise Unsupported("saved statistics of opsets before 14")
    running = [
        (old.astype(np.float64) * momentum + new * (1 - momentum)).astype(old.dtype)
        for old, new in ((mean, batch_mean), (variance, batch_variance))
    ]
    return (result, *running)[: max(call.outputs, 1)]
