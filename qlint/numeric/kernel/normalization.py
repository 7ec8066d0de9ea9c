"""Normalization by statistics of the data itself."""

from __future__ import annotations

import numpy as np

from qlint.numeric.kernel.precision import EPSILON, widened
from qlint.numeric.kernel.registry import Array, Call, Result, Unsupported, operator


def _standardized(x: Array, axes: tuple[int, ...], epsilon: float) -> tuple[Array, Array, Array]:
    """(x - mean) / sqrt(var + epsilon), the mean, and 1 / sqrt(var + epsilon), both with the axes kept."""
    mean = x.mean(axes, keepdims=True)
    centred = x - mean
    variance = np.square(centred).mean(axes, keepdims=True)
    inverse = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    centred *= inverse
    return centred, mean, inverse


def _per_channel(values: Array, x: Array) -> Array:
    return values.astype(x.dtype, copy=False).reshape(-1, *(1,) * (x.ndim - 2))


@operator("LayerNormalization")
def layer_normalization(call: Call) -> Result:
    """Over the axes from `axis` on; scale and bias broadcast. Also mean and inverse deviation on request."""
    given, scale, bias = call.required(0), call.required(1), call.input(2)
    x = _stashed(call, given)
    axes = _from_axis(call, x)
    result, mean, inverse = _standardized(x, axes, call.attribute("epsilon", EPSILON))
    # The specification rounds to the input's type before the scale is applied.
    result = result.astype(given.dtype, copy=False) * scale
    if bias is not None:
        result = result + bias
    return (result.astype(given.dtype, copy=False), mean, inverse)[: max(call.outputs, 1)]


@operator("RMSNormalization")
def rms_normalization(call: Call) -> Result:
    """Division by the root mean square over the axes from `axis` on, then scale."""
    given, scale = call.required(0), call.required(1)
    x = _stashed(call, given)
    square = np.square(x).mean(_from_axis(call, x), keepdims=True)
    result = x / np.sqrt(square + x.dtype.type(call.attribute("epsilon", EPSILON)))
    return np.asarray(result.astype(given.dtype, copy=False) * scale, scale.dtype)


def _stashed(call: Call, x: Array) -> Array:
    """The input in the type of the statistics; float32 unless it is wider."""
    if call.attribute("stash_type", 1) != 1:
        raise Unsupported("statistics of a type other than float32")
    return widened(x)


def _from_axis(call: Call, x: Array) -> tuple[int, ...]:
    axis = call.attribute("axis", -1)
    return tuple(range(axis + x.ndim if axis < 0 else axis, x.ndim))


@operator("InstanceNormalization")
def instance_normalization(call: Call) -> Result:
    """Over the spatial axes of each channel."""
    given = call.required(0)
    x = widened(given)
    result, _, _ = _standardized(x, tuple(range(2, x.ndim)), call.attribute("epsilon", EPSILON))
    result *= _per_channel(call.required(1), x)
    result += _per_channel(call.required(2), x)
    return result.astype(given.dtype, copy=False)


@operator("GroupNormalization")
def group_normalization(call: Call) -> Result:
    """Over groups of channels; scale and bias are per group before opset 21, per channel from then on."""
    given, scale, bias = call.required(0), call.required(1), call.required(2)
    if call.attribute("stash_type", 1) != 1:
        raise Unsupported("statistics of a type other than float32")
    x = widened(given)
    groups = call.attribute("num_groups")
    if not groups or x.shape[1] % groups:
        raise Unsupported("num_groups does not divide the channels")
    grouped = x.reshape(len(x), groups, -1)
    result = _standardized(grouped, (2,), call.attribute("epsilon", EPSILON))[0].reshape(x.shape)
    if call.opset < 21:
        repeats = x.shape[1] // groups
        scale, bias = np.repeat(scale, repeats), np.repeat(bias, repeats)
    result *= _per_channel(scale, x)
    result += _per_channel(bias, x)
    return result.astype(given.dtype, copy=False)


@operator("MeanVarianceNormalization")
def mean_variance_normalization(call: Call) -> Result:
    """(x - mean) / (deviation + 1e-9), over batch and spatial axes unless told otherwise."""
    given = call.required(0)
    x = widened(given)
    axes = tuple(call.attribute("axes") or (0, 2, 3))
    centred = x - x.mean(axes, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axes, keepdims=True))
    return np.asarray(centred / (deviation + x.dtype.type(1e-9)), given.dtype)


@operator("LpNormalization")
def lp_normalization(call: Call) -> Result:
    """Division by the 1- or 2-norm along an axis; zeros stay zeros."""
    given = call.required(0)
    x = widened(given)
    axis = call.attribute("axis", -1)
    p = call.attribute("p", 2)
    norm = np.abs(x).sum(axis, keepdims=True) if p == 1 else np.sqrt(np.square(x).sum(axis, keepdims=True))
    return np.asarray(np.divide(x, norm, out=np.zeros_like(x), where=norm != 0), given.dtype)


@operator("LRN")
def lrn(call: Call) -> Result:
    """X / (bias + alpha / size * sum of squares over `size` channels around)^beta."""
    given = call.required(0)
    x = widened(given)
    size = call.attribute("size", 1)
    channels = x.shape[1]
    before = (size - 1) // 2
    # Sums of a sliding window; a cumulative sum would lose digits.
    squares = np.zeros((len(x), channels + size - 1, *x.shape[2:]), x.dtype)
    np.square(x, out=squares[:, before : before + channels])
    total = squares[:, :channels].copy()
    for offset in range(1, size):
        total += squares[:, offset : offset + channels]
    total *= x.dtype.type(call.attribute("alpha", 1e-4) / size)
    total += x.dtype.type(call.attribute("bias", 1.0))
    np.power(total, x.dtype.type(-call.attribute("beta", 0.75)), out=total)
    total *= x
    return total.astype(given.dtype, copy=False)
