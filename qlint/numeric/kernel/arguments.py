"""What light operators share: arguments that moved from attributes to inputs, legacy broadcasting, narrow floats."""

from __future__ import annotations

import numpy as np

from qlint.numeric.kernel.registry import Array, Call

NUMPY_BROADCASTING = 7
"""First opset whose arithmetic and comparisons broadcast as numpy does."""


def whole(values: Array) -> list[int]:
    """The numbers of an integer tensor of any rank, flattened."""
    return [int(value) for value in values.reshape(-1)]


def integers(call: Call, position: int, name: str) -> list[int] | None:
    """A list of integers that is an input in newer opsets and an attribute in older ones; None where it is neither."""
    given = call.input(position)
    if given is not None:
        return whole(given)
    value = call.attribute(name)
    return None if value is None else [int(item) for item in value]


def normal(axis: int, rank: int) -> int:
    """The axis counted from the front.

    Raises:
        ValueError: if there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ValueError(f"there is no axis {axis} in a tensor of rank {rank}")
    return axis % rank


def along(axis: int, index: int | slice) -> tuple[int | slice, ...]:
    """The subscript that applies `index` to one (non-negative) axis and leaves those before it whole."""
    return (*(slice(None),) * axis, index)


def pair(call: Call) -> tuple[Array, Array]:
    """The operands of a binary operator, the second shaped so that numpy broadcasts it as the opset means it.

    Below opset 7 the second operand's axes are those of the first from attribute `axis` on, by default the last.
    """
    a, b = call.required(0), call.required(1)
    axis = call.attribute("axis")
    if call.opset < NUMPY_BROADCASTING and call.attribute("broadcast", 0) and axis is not None:
        b = b.reshape(b.shape + (1,) * (a.ndim - normal(axis, a.ndim) - b.ndim))
    return a, b


def is_float(x: Array) -> bool:
    """Whether the elements are floating-point numbers of any width, ml_dtypes' included."""
    return x.dtype.kind == "f" or (x.dtype.kind == "V" and "float" in x.dtype.name)


def wide(x: Array) -> Array:
    """The values as numpy computes best: floats of 16 bits and less as float32, others unchanged."""
    return x.astype(np.float32) if is_float(x) and x.dtype.itemsize < np.dtype(np.float32).itemsize else x


def like(result: object, x: Array) -> Array:
    """A result as an array of the element type of `x`; numpy makes scalars of arrays without axes."""
    return np.asarray(result).astype(x.dtype, copy=False)
