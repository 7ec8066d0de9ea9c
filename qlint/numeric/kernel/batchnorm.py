"""BatchNormalization of every opset."""

from __future__ import annotations

import numpy as np

from qlint.numeric.kernel.precision import EPSILON, working
from qlint.numeric.kernel.registry import Array, Call, Result, Unsupported, operator
from qlint.numeric.kernel.threads import blocks, each


@operator("BatchNormalization")
def batch_normalization(call: Call) -> Result:
    """Scale (x - mean) / sqrt(var + epsilon) + bias, per channel (per activation before opset 9 with spatial=0)."""
    x, scale, bias, mean, variance = (call.required(i) for i in range(5))
    wide = working(x.dtype)
    if not call.attribute("spatial", 1):
        return _normalized(call, x.astype(wide, copy=False), scale, bias, mean, variance, (1, *x.shape[1:]))
    shape = (1, -1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (-1,)
    if not _training(call):
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
    """One multiplication and one addition per element; the factors are computed in float64, which costs nothing."""
    deviation = np.sqrt(variance.astype(np.float64) + call.attribute("epsilon", EPSILON))
    factor = scale.astype(np.float64) / deviation
    summand = bias.astype(np.float64) - mean.astype(np.float64) * factor
    per_plane = shape[0] == 1 and x.ndim > 2 and np.prod(shape) == x.shape[1]
    if per_plane:
        result = _by_planes(x, factor.astype(x.dtype), summand.astype(x.dtype))
    else:
        result = x * factor.astype(x.dtype).reshape(shape)
        result += summand.astype(x.dtype).reshape(shape)
    return result.astype(call.required(0).dtype, copy=False)


def _by_planes(x: Array, factor: Array, summand: Array) -> Array:
    """Block by block, so that the addition finds in the cache what the multiplication has written."""
    result = np.empty(x.shape, x.dtype)
    source = x.reshape(*x.shape[:2], -1)
    target = result.reshape(source.shape)
    factor, summand = factor[:, None], summand[:, None]

    def some(block: tuple[int, slice]) -> None:
        index, part = block
        written = target[index, part]
        np.multiply(source[index, part], factor[part], out=written)
        written += summand[part]

    each(some, [(index, part) for index in range(len(x)) for part in blocks(x.shape[1], source.shape[2])])
    return result


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
