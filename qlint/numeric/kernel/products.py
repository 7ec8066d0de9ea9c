"""Matrix products: MatMul, Gemm, Einsum."""

from __future__ import annotations

from math import prod

import numpy as np

from qlint.numeric.kernel.precision import widened
from qlint.numeric.kernel.registry import Array, Call, Result, Unsupported, operator
from qlint.numeric.kernel.threads import multiply


def _wide(array: Array) -> Array:
    """Floating point in the type to compute in, integers as they are."""
    return array if array.dtype.kind in "iu" else widened(array)


@operator("MatMul")
def matmul(call: Call) -> Result:
    """As `numpy.matmul`."""
    a, b = call.required(0), call.required(1)
    a_wide, b_wide = _wide(a), _wide(b)
    if b.ndim == 2 and a.ndim >= 2:
        # One product instead of many small ones.
        flat = multiply(a_wide.reshape(prod(a.shape[:-1]), a.shape[-1]), b_wide)
        return flat.reshape(*a.shape[:-1], b.shape[1]).astype(a.dtype, copy=False)
    return np.asarray(np.matmul(a_wide, b_wide)).astype(a.dtype, copy=False)


@operator("Gemm")
def gemm(call: Call) -> Result:
    """Alpha A' B' + beta C, with A' and B' perhaps transposed; C broadcasts to the product's shape."""
    a, b, c = call.required(0), call.required(1), call.input(2)
    if a.ndim != 2 or b.ndim != 2:
        raise Unsupported("Gemm of tensors that are no matrices")
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    left, right = _wide(a), _wide(b)
    left = left.T if call.attribute("transA", 0) else left
    right = right.T if call.attribute("transB", 0) else right
    result = multiply(left, right)
    if a.dtype.kind in "iu":
        alpha, beta = _whole(alpha), _whole(beta)
    if alpha != 1:
        result *= result.dtype.type(alpha)
    if c is not None and c.size:
        summand = _wide(c)
        result += summand if beta == 1 else summand * summand.dtype.type(beta)
    return result.astype(a.dtype, copy=False)


def _whole(factor: float) -> int:
    if factor != int(factor):
        raise Unsupported("Gemm of integers with a broken factor")
    return int(factor)


@operator("Einsum")
def einsum(call: Call) -> Result:
    """As `numpy.einsum`."""
    operands = [call.required(i) for i in range(len(call.inputs))]
    equation = call.attribute("equation", "").replace(" ", "")
    result = np.einsum(equation, *(_wide(x) for x in operands), optimize=len(operands) > 1)
    return np.asarray(result).astype(operands[0].dtype, copy=False)
