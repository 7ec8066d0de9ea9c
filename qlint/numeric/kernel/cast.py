"""Conversions between element types."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from qlint.files.element import elements
from qlint.numeric.kernel.registry import Array, Call, Unsupported, operator

_SATURATED = frozenset(("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"))
"""Types whose out-of-range values become the largest one instead of an infinity or NaN, unless told otherwise."""


def element_type(number: int | str) -> np.dtype[Any]:
    """numpy's type for one of TensorProto.DataType.

    Args:
        number: its number, or its name, as Cast had it below opset 6.

    Raises:
        Unsupported: if there is no such type.
    """
    known = elements().get(TensorProto.DataType.Value(number) if isinstance(number, str) else number)
    if known is None:
        raise Unsupported(f"element type {number} is unknown")
    return known.dtype


def convert(x: Array, target: np.dtype[Any], saturate: bool = True, round_mode: str = "up") -> Array:
    """The values as another element type, as Cast does it.

    Args:
        x: the values; strings as objects.
        target: the type.
        saturate: whether float8 values out of range become the largest one.
        round_mode: how float8e8m0 values are rounded.

    Raises:
        Unsupported: if a string is no number.
    """
    if x.dtype == target:
        return x
    if target.kind == "O":
        return np.array([str(value) for value in x.reshape(-1)], object).reshape(x.shape)
    if x.dtype.kind in "OUST":
        x = _parsed(x)
    if target.name in _SATURATED and saturate:
        return np.asarray(numpy_helper.saturate_cast(x, target))
    if target.name == "float8_e8m0fnu":
        return np.asarray(numpy_helper.to_float8e8m0(x, saturate, round_mode)).astype(target)
    return x.astype(target)


def _parsed(x: Array) -> Array:
    try:
        # float() knows ONNX's spellings of infinity and NaN in any case.
        return np.array([float(value) for value in x.reshape(-1)], np.float64).reshape(x.shape)
    except ValueError as error:
        raise Unsupported("a string is no number") from error


@operator("Cast", "CastLike")
def _cast(call: Call) -> Array:
    target = call.required(1).dtype if call.op_type == "CastLike" else element_type(call.attribute("to"))
    saturate, round_mode = call.attribute("saturate", 1), call.attribute("round_mode", "up")
    return convert(call.required(0), target, bool(saturate), round_mode)


@operator("BitCast")
def _bit_cast(call: Call) -> Array:
    x, target = call.required(0), element_type(call.attribute("to"))
    if "O" in (x.dtype.kind, target.kind) or x.dtype.itemsize != target.itemsize:
        raise Unsupported("only types of the same width have the same bits")
    return np.ascontiguousarray(x).view(target).reshape(x.shape)
