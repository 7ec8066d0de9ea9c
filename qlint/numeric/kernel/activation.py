"""Activation functions. Sixteen-bit floats are computed in float32 and rounded once.

Positive and negative parts are computed apart and added, one of them being zero: `np.where` takes many times longer on
values whose signs follow no pattern. For the same reason there is no `np.expm1`, which numpy does not vectorize.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

import numpy as np

from qlint.numeric.kernel.arguments import like, wide
from qlint.numeric.kernel.erf import erf
from qlint.numeric.kernel.registry import Array, Call, Pointwise, Unsupported, operator, pointwise

_CLIP_INPUTS = 11
"""First opset whose Clip takes its bounds as inputs."""


def positive(x: Array, out: Array | None = None) -> Array:
    """The elements above zero; the others become zero. NaN stays."""
    if x.dtype.kind != "f":
        return np.maximum(x, 0, out=out)
    return np.clip(x, 0, np.inf, out=out)  # numpy's maximum of an array and a number takes five times as long


def negative(x: Array) -> Array:
    """The elements below zero; the others become zero. NaN stays."""
    return np.minimum(x, 0) if x.dtype.kind != "f" else np.clip(x, -np.inf, 0)


def sigmoid(x: Array) -> Array:
    """The logistic function; where exp(-x) overflows it is 0, to which it is nearer than the smallest normal number."""
    result = np.exp(np.negative(x))
    result += 1
    return np.reciprocal(result)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    return positive(x) + np.log1p(np.exp(-np.abs(x)))


def _swish(x: Array, alpha: float) -> Array:
    return x * sigmoid(x * alpha)


def _mish(x: Array) -> Array:
    """x tanh(softplus(x)), of which the tanh is rational in exp(x), and 1 from 20 on."""
    e: Array = np.exp(np.minimum(x, 20))
    n: Array = e * (e + 2)
    n /= n + 2
    return x * n


def _elu(x: Array, alpha: float) -> Array:
    return positive(x) + alpha * (np.exp(negative(x)) - 1)


def _celu(x: Array, alpha: float) -> Array:
    return positive(x) + alpha * (np.exp(negative(x) / alpha) - 1)


def _selu(x: Array, call: Call) -> Array:
    newer = call.opset >= 6  # the constants gained digits there
    alpha: float = call.attribute("alpha", 1.67326319217681884765625 if newer else 1.6732)
    gamma: float = call.attribute("gamma", 1.05070102214813232421875 if newer else 1.0507)
    return gamma * _elu(x, alpha)


def _gelu(x: Array, approximate: str) -> Array:
    if approximate == "tanh":
        inner: Array = np.tanh(sqrt(2 / pi) * (x + 0.044715 * (x * x * x)))
    else:
        inner = erf(x * x.dtype.type(sqrt(0.5)))
    inner += 1
    return x * 0.5 * inner


def _leaky_relu(x: Array, alpha: float) -> Array:
    return np.maximum(x, x * alpha) if 0 < alpha <= 1 else np.where(x < 0, x * alpha, x)


def _shrink(x: Array, lambd: float, bias: float) -> Array:
    return np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0))


_FUNCTIONS: dict[str, Callable[[Array, Call], Array]] = {
    "Celu": lambda x, call: _celu(x, call.attribute("alpha", 1.0)),
    "Elu": lambda x, call: _elu(x, call.attribute("alpha", 1.0)),
    "Gelu": lambda x, call: _gelu(x, call.attribute("approximate", "none")),
    "HardSigmoid": lambda x, call: np.clip(x * call.attribute("alpha", 0.2) + call.attribute("beta", 0.5), 0, 1),
    "HardSwish": lambda x, call: x * np.clip(x / 6 + 0.5, 0, 1),
    "LeakyRelu": lambda x, call: _leaky_relu(x, call.attribute("alpha", 0.01)),
    "Mish": lambda x, call: _mish(x),
    "Relu": lambda x, call: positive(x),
    "Selu": _selu,
    "Shrink": lambda x, call: _shrink(x, call.attribute("lambd", 0.5), call.attribute("bias", 0.0)),
    "Sigmoid": lambda x, call: sigmoid(x),
    "Softplus": lambda x, call: softplus(x),
    "Softsign": lambda x, call: x / (1 + np.abs(x)),
    "SwiGLU": lambda x, call: _swish(x, call.attribute("alpha", 1.0)) * wide(call.required(1)),
    "Swish": lambda x, call: _swish(x, call.attribute("alpha", 1.0)),
    "ThresholdedRelu": lambda x, call: np.where(x > call.attribute("alpha", 1.0), x, 0),
}


@operator(*_FUNCTIONS)
def _activation(call: Call) -> Array:
    x = call.required(0)
    return like(_FUNCTIONS[call.op_type](wide(x), call), x)


@operator("PRelu")
def _prelu(call: Call) -> Array:
    x, slope = call.required(0), call.required(1)
    if slope.ndim == 1 and slope.size > 1 and x.ndim > 1 and call.opset < 7:  # as other operators
        slope = slope.reshape(-1, *(1,) * (x.ndim - 2))  # one per channel, before there was broadcasting
    if np.broadcast_shapes(x.shape, slope.shape) != x.shape:
        raise Unsupported(f"a slope of shape {slope.shape} does not broadcast to {x.shape}")
    if not np.isfinite(slope.astype(np.float64)).all():
        return like(np.where(x < 0, x * slope, x), x)
    return like(positive(x) + negative(x) * slope, x)


@operator("Clip")
def _clip(call: Call) -> Array:
    x = call.required(0)
    low, high = _bounds(call, x.dtype)
    if low is None and high is None:
        return x
    return like(np.clip(x, low, high), x)


def _bounds(call: Call, dtype: np.dtype[Any]) -> tuple[Array | None, Array | None]:
    """Of a Clip; floats have infinite ones. Where min > max, all elements are max, for numpy as for ONNX."""
    if call.opset < _CLIP_INPUTS:
        low, high = call.attribute("min"), call.attribute("max")
    else:
        low, high = (None if bound is None else bound.reshape(()) for bound in (call.input(1), call.input(2)))
    if dtype.kind == "f":
        low, high = -np.inf if low is None else low, np.inf if high is None else high
    return None if low is None else np.asarray(low, dtype), None if high is None else np.asarray(high, dtype)


@pointwise("Clip")
def _clipping(call: Call, dtype: np.dtype[Any], _: int) -> Pointwise:
    low, high = _bounds(call, dtype)
    return lambda source, target, channels: np.clip(source, low, high, out=target)


@pointwise("Relu")
def _rectification(call: Call, dtype: np.dtype[Any], _: int) -> Pointwise:
    return lambda source, target, channels: positive(source, target)
