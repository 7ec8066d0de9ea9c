"""Operators that make tensors, from shapes, numbers or attributes."""

from __future__ import annotations

from math import ceil

import numpy as np

from qlint.numeric.kernel.arguments import like, whole, wide
from qlint.numeric.kernel.cast import element_type
from qlint.numeric.kernel.registry import Array, Call, Unsupported, operator


@operator("Shape")
def _shape(call: Call) -> Array:
    shape = call.required(0).shape
    # ONNX clamps as Python does.
    return np.array(shape[call.attribute("start", 0) : call.attribute("end", len(shape))], np.int64)


@operator("Size")
def _size(call: Call) -> Array:
    return np.array(call.required(0).size, np.int64)


_SCALARS = {"value_float": np.float32, "value_int": np.int64, "value_string": np.object_}
_LISTS = {"value_floats": np.float32, "value_ints": np.int64, "value_strings": np.object_}


@operator("Constant")
def _constant(call: Call) -> Array:
    value = call.attribute("value")
    if value is not None:
        return np.asarray(value)
    for name, kind in (_SCALARS | _LISTS).items():
        value = call.attribute(name)
        if value is not None:
            return np.array(value, kind)
    raise Unsupported("a constant that is not dense")


@operator("ConstantOfShape")
def _constant_of_shape(call: Call) -> Array:
    value = call.attribute("value")
    fill = np.zeros(1, np.float32) if value is None else np.asarray(value)
    return np.full(whole(call.required(0)), fill.reshape(()), fill.dtype)


@operator("Range")
def _range(call: Call) -> Array:
    first, limit, step = (wide(call.required(i).reshape(())) for i in range(3))
    if not step:
        raise ValueError("a range cannot have a step of 0")
    # Exact for integers, of which the difference may not fit their type.
    distance, stride = limit.item() - first.item(), step.item()
    count = max(-(-distance // stride) if isinstance(distance, int) else ceil(distance / stride), 0)
    values = first + np.arange(count).astype(first.dtype) * step
    return like(values, call.required(0))


@operator("EyeLike")
def _eye_like(call: Call) -> Array:
    x, number = call.required(0), call.attribute("dtype")
    rows, columns = x.shape
    return np.eye(rows, columns, call.attribute("k", 0), x.dtype if number is None else element_type(number))
