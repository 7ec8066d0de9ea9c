"""Activations of recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from qlint.numeric.kernel.registry import Array, Call, Unsupported

Activation: TypeAlias = Callable[[Array], Array]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); tanh does not overflow."""
    half = x.dtype.type(0.5)
    return np.asarray(np.tanh(x * half) * half + half)


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(x, x.dtype.type(0)))


# name -> (function of x, alpha and beta; default alpha; default beta)
_KNOWN: dict[str, tuple[Callable[[Array, float, float], Array], float, float]] = {
    "affine": (lambda x, a, b: a * x + b, 1.0, 0.0),
    "elu": (lambda x, a, b: np.where(x >= 0, x, a * np.expm1(np.minimum(x, 0))), 1.0, 0.0),
    "hardsigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), 0.2, 0.5),
    "leakyrelu": (lambda x, a, b: np.where(x >= 0, x, a * x), 0.01, 0.0),
    "relu": (lambda x, a, b: np.maximum(x, 0), 0.0, 0.0),
    "scaledtanh": (lambda x, a, b: a * np.tanh(b * x), 1.0, 1.0),
    "sigmoid": (lambda x, a, b: sigmoid(x), 0.0, 0.0),
    "softplus": (lambda x, a, b: _softplus(x), 0.0, 0.0),
    "softsign": (lambda x, a, b: x / (1 + np.abs(x)), 0.0, 0.0),
    "tanh": (lambda x, a, b: np.tanh(x), 0.0, 0.0),
    "thresholdedrelu": (lambda x, a, b: np.where(x > a, x, 0), 1.0, 0.0),
}
_WITH_ALPHA = frozenset({"affine", "elu", "hardsigmoid", "leakyrelu", "scaledtanh", "thresholdedrelu"})
_WITH_BETA = frozenset({"affine", "hardsigmoid", "scaledtanh"})


def activations(call: Call, defaults: list[str], directions: int) -> list[list[Activation]]:
    """The activations of each direction. Alphas and betas are handed out in order to the functions that take one.

    Raises:
        Unsupported: for an unknown function, or if their number does not fit.
    """
    names = [name.lower() for name in call.attribute("activations") or defaults * directions]
    if len(names) != len(defaults) * directions:
        raise Unsupported("the number of activations does not fit the directions")
    alphas = iter(call.attribute("activation_alpha") or ())
    betas = iter(call.attribute("activation_beta") or ())
    made = []
    for name in names:
        if name not in _KNOWN:
            raise Unsupported(f"activation {name}")
        function, alpha, beta = _KNOWN[name]
        if name in _WITH_ALPHA:
            alpha = next(alphas, alpha)
        if name in _WITH_BETA:
            beta = next(betas, beta)
        made.append(_bound(function, alpha, beta))
    each = len(defaults)
    return [made[k * each : (k + 1) * each] for k in range(directions)]


def _bound(function: Callable[[Array, float, float], Array], alpha: float, beta: float) -> Activation:
    return lambda x: function(x, alpha, beta)
