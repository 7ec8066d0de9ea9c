"""Learnables that stand in a description's text."""

from __future__ import annotations

from typing import Any

from qlint.files.tensors import Tensor


def inline_tensor(name: str, values: Any) -> Tensor | None:
    """A tensor of a number or of (nested) lists of numbers; None where they are ragged or hold anything else.

    Args:
        name: the tensor's.
        values: as written, in MATLAB's order; a number is a tensor of no axes.
    """
    import numpy as np

    shape: list[int] = []
    here = [values]
    while here and isinstance(here[0], list):
        length = len(here[0])
        if not all(isinstance(item, list) and len(item) == length for item in here):
            return None
        shape.append(length)
        here = [part for item in here for part in item]
    if not all(type(item) is float or type(item) is int for item in here):
        return None
    try:
        with np.errstate(over="ignore"):
            array = np.array(here, np.float64).astype(np.float32).reshape(shape)
    except OverflowError:
        return None
    return Tensor.from_array(name, array)
