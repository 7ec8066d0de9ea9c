"""Operators that give the same elements another shape; numpy makes views of most."""

from __future__ import annotations

from math import prod

import numpy as np

from qlint.numeric.kernel.arguments import integers, whole
from qlint.numeric.kernel.registry import Array, Call, Unsupported, operator


@operator("Reshape")
def _reshape(call: Call) -> Array:
    x = call.required(0)
    shape = integers(call, 1, "shape")
    if shape is None:
        raise Unsupported("no shape")
    if not call.attribute("allowzero", 0):
        shape = [x.shape[axis] if size == 0 else size for axis, size in enumerate(shape)]
    return x.reshape(shape)


@operator("Flatten")
def _flatten(call: Call) -> Array:
    x, axis = call.required(0), call.attribute("axis", 1)
    if axis < 0:
        axis += x.ndim
    return x.reshape(prod(x.shape[:axis]), prod(x.shape[axis:]))


@operator("Squeeze")
def _squeeze(call: Call) -> Array:
    x, axes = call.required(0), integers(call, 1, "axes")
    return np.squeeze(x, None if axes is None else tuple(axes))


@operator("Unsqueeze")
def _unsqueeze(call: Call) -> Array:
    axes = integers(call, 1, "axes")
    if axes is None:
        raise Unsupported("no axes")
    return np.expand_dims(call.required(0), tuple(axes))


@operator("Transpose")
def _transpose(call: Call) -> Array:
    return np.transpose(call.required(0), call.attribute("perm"))


@operator("Expand")
def _expand(call: Call) -> Array:
    x, shape = call.required(0), tuple(whole(call.required(1)))
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, shape))


@operator("DepthToSpace")
def _depth_to_space(call: Call) -> Array:
    x, block = call.required(0), call.attribute("blocksize")
    n, c, h, w = x.shape
    depth = c // block**2
    if call.attribute("mode", "DCR") == "DCR":
        moved = x.reshape(n, block, block, depth, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        moved = x.reshape(n, depth, block, block, h, w).transpose(0, 1, 4, 2, 5, 3)
    return moved.reshape(n, depth, h * block, w * block)


@operator("SpaceToDepth")
def _space_to_depth(call: Call) -> Array:
    x, block = call.required(0), call.attribute("blocksize")
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // block, block, w // block, block)
    order = (0, 3, 5, 1, 2, 4) if call.attribute("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    return blocks.transpose(order).reshape(n, c * block**2, h // block, w // block)


@operator("Identity")
def _identity(call: Call) -> Array:
    return call.required(0)


@operator("Dropout")
def _dropout(call: Call) -> tuple[Array, ...]:
    """Inference, which below opset 7 is assumed although the default of `is_test` says training."""
    x = call.required(0)
    ratio, training = call.input(1), call.input(2)
    if training is not None and training.any() and (ratio is None or ratio.any()):
        raise Unsupported("dropout in training mode is random")
    if call.outputs == 1:
        return (x,)
    return x, np.ones(x.shape, bool if call.opset >= 10 else x.dtype)  # the mask was of x's type
