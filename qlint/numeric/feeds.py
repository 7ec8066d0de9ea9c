"""Checks the values that a caller gives for a graph's inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from qlint.errors import ExecutionError
from qlint.files.model import Graph, Shape, ValueType
from qlint.numeric.kernel import Array


def checked(graph: Graph, given: Mapping[str, Any], needed: Collection[str]) -> dict[str, Any]:
    """The given values as arrays, after a check of names, types and shapes; equal symbols stand for equal sizes.

    Raises:
        ExecutionError: if a needed input is missing, a name is none of an input, or a value does not fit its input.
    """
    allowed = graph.inputs.keys() | graph.overridable
    for name in given:
        if name not in allowed:
            inputs = ", ".join(graph.inputs) or "none"
            raise ExecutionError(f"the network has no input {name!r}", f"its inputs are: {inputs}")
    for name in needed:
        if name not in given:
            raise ExecutionError(f"input {name!r} has no value", f"give it one: {_declared(graph.inputs[name])}")
    symbols: dict[str, tuple[int, str]] = {}
    values: dict[str, Any] = {}
    for name, value in given.items():
        declared = graph.inputs.get(name) or graph.types.get(name) or ValueType(None, None)
        if isinstance(value, list):  # a sequence of tensors
            values[name] = value
            continue
        array = np.asarray(value)
        _check_type(name, array, declared)
        _check_shape(name, array.shape, declared.shape, symbols)
        values[name] = array
    return values


def _check_type(name: str, array: Array, declared: ValueType) -> None:
    from onnx import TensorProto, helper

    if declared.type is None:
        return
    if array.dtype.kind in "OSU":
        found = "string"
    else:
        try:
            found = TensorProto.DataType.Name(helper.np_dtype_to_tensor_dtype(array.dtype)).lower()
        except (KeyError, ValueError):
            found = str(array.dtype)
    if found != declared.type:
        raise ExecutionError(f"input {name!r} is of type {found}", f"give it as {_declared(declared)}")


def _check_shape(name: str, found: tuple[int, ...], declared: Shape, symbols: dict[str, tuple[int, str]]) -> None:
    if declared is None:
        return
    if len(found) != len(declared):
        raise ExecutionError(
            f"input {name!r} has shape {list(found)}", f"give it {len(declared)} axes: {_written(declared)}"
        )
    for size, wanted in zip(found, declared, strict=True):
        if isinstance(wanted, int) and size != wanted:
            raise ExecutionError(f"input {name!r} has shape {list(found)}", f"give it the shape {_written(declared)}")
        if isinstance(wanted, str):
            first, where = symbols.setdefault(wanted, (size, name))
            if first != size:
                raise ExecutionError(
                    f"axis {wanted!r} has size {first} in input {where!r} and {size} in input {name!r}",
                    "give both the same size",
                )


def _written(shape: tuple[int | str | None, ...]) -> str:
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def _declared(known: ValueType) -> str:
    """Type and shape of an input in words."""
    shape = "of any shape" if known.shape is None else _written(known.shape)
    return f"{known.type or 'a tensor'} {shape}"
