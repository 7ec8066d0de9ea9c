"""Arithmetic on elements."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from qlint.numeric.kernel.arguments import like, pair, wide
from qlint.numeric.kernel.registry import Array, Call, Unsupported, operator

_UNARY: dict[str, Callable[[Array], Array]] = {
    "Abs": np.abs,
    "Acos": np.arccos,
    "Acosh": np.arccosh,
    "Asin": np.arcsin,
    "Asinh": np.arcsinh,
    "Atan": np.arctan,
    "Atanh": np.arctanh,
    "BitwiseNot": np.invert,
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Cosh": np.cosh,
    "Exp": np.exp,
    "Floor": np.floor,
    "Log": np.log,
    "Neg": np.negative,
    "Reciprocal": np.reciprocal,
    "Round": np.rint,  # halves to even, as ONNX wants
    "Sign": np.sign,
    "Sin": np.sin,
    "Sinh": np.sinh,
    "Sqrt": np.sqrt,
    "Tan": np.tan,
    "Tanh": np.tanh,
}

_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "BitwiseAnd": np.bitwise_and,
    "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
    "Mul": np.multiply,
    "Sub": np.subtract,
}


@operator(*_UNARY)
def _unary(call: Call) -> Array:
    x = call.required(0)
    return like(_UNARY[call.op_type](x), x)


@operator(*_BINARY)
def _binary(call: Call) -> Array:
    a, b = pair(call)
    return like(_BINARY[call.op_type](a, b), a)


@operator("Div")
def _div(call: Call) -> Array:
    a, b = pair(call)
    if a.dtype.kind == "u":
        return like(np.floor_divide(a, b), a)
    if a.dtype.kind != "i":
        return like(np.true_divide(a, b), a)
    quotient, remainder = np.divmod(a, b)
    # ONNX truncates where numpy takes the floor.
    return like(quotient + ((remainder != 0) & ((a < 0) != (b < 0))), a)


@operator("Mod")
def _mod(call: Call) -> Array:
    a, b = call.required(0), call.required(1)
    compute = np.fmod if call.attribute("fmod", 0) else np.mod
    return like(compute(wide(a), wide(b)), a)


@operator("Pow")
def _pow(call: Call) -> Array:
    a, b = pair(call)
    if b.size == 1 and b.ndim <= a.ndim and a.dtype.kind == "f" and b.reshape(()) in (2, 3):
        # What normalizations and the GELU approximation are full of, and many times faster than a power.
        base = wide(a)
        return like(base * base if b.reshape(()) == 2 else base * base * base, a)
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        if (b >= 0).all():
            return like(np.power(a.astype(np.int64), b.astype(np.int64)), a)
        a64, b64 = a.astype(np.float64), b.astype(np.float64)
        return like(np.trunc(np.power(a64, b64)), a)
    return like(np.power(wide(a), wide(b)), a)


@operator("BitShift")
def _bit_shift(call: Call) -> Array:
    a, b = call.required(0), call.required(1)
    shift = np.left_shift if call.attribute("direction") == "LEFT" else np.right_shift
    return like(shift(a, b), a)


@operator("Max", "Min", "Sum", "Mean")
def _variadic(call: Call) -> Array:
    values = [value for value in call.inputs if value is not None]
    if not values:
        raise Unsupported("no inputs")
    combine = {"Max": np.maximum, "Min": np.minimum}.get(call.op_type, np.add)
    result = reduce(combine, values)
    if call.op_type == "Mean":
        result = result / len(values)
    return like(result, values[0])


@operator("IsNaN")
def _is_nan(call: Call) -> Array:
    return np.asarray(np.isnan(call.required(0)))


@operator("IsInf")
def _is_inf(call: Call) -> Array:
    x = wide(call.required(0))
    positive = np.isposinf(x) & bool(call.attribute("detect_positive", 1))
    negative = np.isneginf(x) & bool(call.attribute("detect_negative", 1))
    return np.asarray(positive | negative)
