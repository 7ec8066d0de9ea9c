"""The error function, which numpy lacks."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from qlint.numeric.kernel.arguments import like, wide
from qlint.numeric.kernel.registry import Array, Call, operator

# W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969): numerators and
# denominators, highest power first, for erf(x)/x in x^2 near zero, for exp(x^2) erfc(x) in x between, and for
# x^2 (1/sqrt(pi) - x exp(x^2) erfc(x)) in 1/x^2 beyond.
_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
     3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # fmt: skip
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
     2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
     3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)  # fmt: skip
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
     1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
     2.33520497626869185e-3),
)  # fmt: skip
_MIDDLE_FROM, _FAR_FROM, _ONE_FROM = 0.46875, 4.0, 6.0

# The same near zero for float32 over the whole range that does not round to one; half the passes of the above.
_SINGLE = (
    (-2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4,
     -2.95459980854025e-3, -1.60960333262415e-2),
    (-1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2),
)  # fmt: skip
_SINGLE_ONE_FROM = 4.0


def erf(x: Array) -> Array:
    """The error function: of float64 to 4 units in the last place, of float32 to 5e-7 relative; as wide as `x`."""
    if x.dtype != np.float64:
        x = np.clip(x, -_SINGLE_ONE_FROM, _SINGLE_ONE_FROM)
        return x * _ratio(_SINGLE, x * x)
    size = np.minimum(np.abs(x), _ONE_FROM)  # where it is one within float64
    result = np.asarray(size * _ratio(_NEAR, size * size))
    middle = (size > _MIDDLE_FROM) & (size < _FAR_FROM)
    if middle.any():
        y = size[middle]
        result[middle] = 1 - np.exp(-y * y) * _ratio(_MIDDLE, y)
    far = size >= _FAR_FROM
    if far.any():
        y = size[far]
        square = 1 / (y * y)
        result[far] = 1 - np.exp(-y * y) / y * (1 / sqrt(pi) - square * _ratio(_FAR, square))
    return np.asarray(np.copysign(result, x))


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    numerator, denominator = (_polynomial(coefficients, x) for coefficients in polynomials)
    numerator /= denominator
    return numerator


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += x.dtype.type(coefficient)
    return value


@operator("Erf")
def _erf(call: Call) -> Array:
    x = call.required(0)
    return like(erf(wide(x)), x)
