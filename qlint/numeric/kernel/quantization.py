"""Linear quantization in the model itself: QuantizeLinear and its kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from qlint.numeric.kernel.arguments import along, like, normal, wide
from qlint.numeric.kernel.cast import convert, element_type
from qlint.numeric.kernel.registry import Array, Call, operator

_BOUNDS = {
    "uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767),
    "uint4": (0, 15), "int4": (-8, 7), "uint2": (0, 3), "int2": (-2, 1),
}  # fmt: skip


def _spread(parameter: Array, shape: tuple[int, ...], call: Call) -> Array:
    """A scale or zero point so shaped that it broadcasts to the tensor: per tensor, per axis or per block."""
    if parameter.size == 1:
        return parameter.reshape(())
    axis = normal(call.attribute("axis", 1), len(shape))
    block = call.attribute("block_size", 0)
    if not block:
        return parameter.reshape(-1, *(1,) * (len(shape) - 1 - axis))
    # The last block may be smaller.
    return np.repeat(parameter, block, axis)[along(axis, slice(shape[axis]))]


def _target(call: Call, zero: Array | None) -> np.dtype[Any]:
    number = call.attribute("output_dtype", 0)
    return element_type(number) if number else np.dtype(np.uint8) if zero is None else zero.dtype


@operator("QuantizeLinear")
def _quantize(call: Call) -> Array:
    x, scale, zero = call.required(0), call.required(1), call.input(2)
    target = _target(call, zero)
    number = call.attribute("precision", 0)
    precision = element_type(number) if number else scale.dtype if scale.dtype.itemsize > 1 else x.dtype
    # Of the same precision as the division; the rest must not round again.
    value = wide(x.astype(precision, copy=False) / _spread(scale, x.shape, call).astype(precision))
    offset = 0 if zero is None else _spread(zero, x.shape, call).astype(value.dtype)
    if target.name not in _BOUNDS:
        return np.asarray(convert(np.asarray(value + offset), target, bool(call.attribute("saturate", 1))))
    low, high = _BOUNDS[target.name]
    return np.asarray(np.clip(np.rint(value) + offset, low, high)).astype(target)


@operator("DequantizeLinear")
def _dequantize(call: Call) -> Array:
    x, scale, zero = call.required(0), call.required(1), call.input(2)
    number = call.attribute("output_dtype", 0)
    target = element_type(number) if number else scale.dtype
    # Differences of 32-bit integers need float64; those of narrower ones are exact in float32.
    value = x.astype(np.float64 if x.dtype == np.int32 or target == np.float64 else np.float32)
    if zero is not None:
        value = value - _spread(zero, x.shape, call).astype(value.dtype)
    return np.asarray(value * _spread(scale, x.shape, call).astype(value.dtype)).astype(target, copy=False)


@operator("DynamicQuantizeLinear")
def _dynamic_quantize(call: Call) -> tuple[Array, Array, Array]:
    x = call.required(0)
    low, high = np.min(x, initial=0), np.max(x, initial=0)
    scale = (high - low) / np.float32(255) if high > low else np.float32(1)
    zero = np.rint(np.clip(-low / scale, 0, 255))
    return (
        np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8),
        like(scale, x),
        np.asarray(zero, np.uint8),
    )
