"""Arithmetic between tensors, arithmetic with constants, concatenation.

Source: ONNX operator specification; constant affine arithmetic becomes a layer of its own in MATLAB's importer.
"""

from __future__ import annotations

from typing import Any

from qlint.network.catalogue.entry import Entry
from qlint.network.network import Value
from qlint.network.view import View
from qlint.tristate import Unknown

AFFINE = "nnet.onnx.layer.ElementwiseAffineLayer"


def _all_data(view: View) -> bool:
    count = len(view.node.inputs)
    return count >= 2 and view.is_float() and not any(view.is_static(i) for i in range(count))


def num_inputs(view: View) -> Value:
    """number of inputs."""
    return len([name for name in view.node.inputs if name])


def _affine(view: View) -> bool:
    """One operand is a constant and the other is not; the constant may not divide by the data."""
    if len(view.node.inputs) != 2 or not view.is_float(0):
        return False
    first, second = view.parameter(0) is not None, view.parameter(1) is not None
    if view.node.op_type == "Div" and first:
        return False
    return first is not second


def _constant(view: View) -> Any:
    """The constant operand's values."""
    position = 0 if view.parameter(0) is not None else 1
    parameter = view.parameter(position)
    assert parameter is not None
    values = parameter.values()
    return values if isinstance(values, Unknown) else values.astype("float64")


def _number(values: Any) -> Value:
    """A scalar as a number; larger constants stay where they are, named by their size."""
    if isinstance(values, Unknown):
        return values
    return float(values.reshape(-1)[0]) if values.size == 1 else [float(v) for v in values.reshape(-1)[:4096]]


def scale(view: View) -> Value:
    """the constant of Mul, one over the constant of Div, 1 or -1 for Add and Sub."""
    if view.node.op_type == "Add":
        return 1.0
    if view.node.op_type == "Sub":
        return -1.0 if view.parameter(0) is not None else 1.0
    values = _constant(view)
    if isinstance(values, Unknown) or view.node.op_type == "Mul":
        return _number(values)
    import numpy as np

    with np.errstate(all="ignore"):
        return _number(1.0 / values)


def offset(view: View) -> Value:
    """the constant of Add, minus the constant of Sub, 0 for Mul and Div."""
    if view.node.op_type in ("Mul", "Div"):
        return 0.0
    values = _constant(view)
    if isinstance(values, Unknown):
        return values
    return _number(-values if view.node.op_type == "Sub" and view.parameter(1) is not None else values)


def _depth(view: View) -> bool:
    return view.rank() == 4 and view.attribute("axis", 1) % 4 == 1 and _concatenated(view)


def _concatenated(view: View) -> bool:
    return view.is_float() and not any(view.is_static(i) for i in range(len(view.node.inputs)))


def dimension(view: View) -> Value:
    """`axis` as MATLAB's dimension of the formatted data (SSCB: rows 1, columns 2, channels 3, batch 4)."""
    rank, axis = view.rank(), view.attribute("axis", 1)
    if rank is None:
        return Unknown(f"rank of {view.name(0)!r}")
    axis %= rank
    return rank if axis == 0 else rank - 1 if axis == 1 else axis - 1


ENTRIES = (
    Entry("additionLayer", ("Add", "Sum"), _all_data, "two or more computed tensors", {"NumInputs": num_inputs}),
    Entry("multiplicationLayer", ("Mul",), _all_data, "two computed tensors", {"NumInputs": num_inputs}),
    Entry(
        AFFINE,
        ("Add", "Sub", "Mul", "Div"),
        _affine,
        "a computed tensor and a constant",
        {"Scale": scale, "Offset": offset},
    ),
    Entry("depthConcatenationLayer", ("Concat",), _depth, "axis 1 of [N, C, H, W] data", {"NumInputs": num_inputs}),
    Entry(
        "concatenationLayer",
        ("Concat",),
        _concatenated,
        "any other axis, all inputs computed",
        {"Dim": dimension, "NumInputs": num_inputs},
    ),
)
