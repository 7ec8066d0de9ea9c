"""Arithmetic between data and with constants, and concatenation."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from qlint.files.description.records import End
from qlint.network.raising.axes import CHANNELS, Axes, Axis, Placed, Unfit, ordered, shown
from qlint.network.raising.constants import Constant, constant, expanding
from qlint.network.raising.raising import Handler, Raising
from qlint.network.view import View


def _affine(raising: Raising, view: View, type: str) -> None:
    """x * Scale + Offset, of arithmetic with a constant."""
    position = 0 if view.parameter(0) is not None else 1
    placed, operator = raising.data(view.name(1 - position)), view.node.op_type
    shape, rank = view.parameter(position).shape, len(placed.known)  # type: ignore[union-attr]
    if shape is None or len(shape) > rank:
        raise Unfit("its constant has more axes than its data")
    found = expanding(constant(raising.scope, view.name(position)), placed)
    change: Callable[[Any], Any] | None = None
    if operator == "Div":
        change = lambda values: 1.0 / values.astype("float64")  # noqa: E731
    elif operator == "Sub" and position == 1:
        change = lambda values: -values  # noqa: E731
    found = found if change is None else found.then(found.shape, change)
    key = "Offset" if operator in ("Add", "Sub") else "Scale"
    properties: dict[str, Any] = {}
    learnables: dict[str, Constant] = {}
    number = float(found.now()) if not found.shape else None
    if number is not None and isfinite(number):
        properties[key] = number
    else:
        learnables[key] = found
    if operator == "Sub" and position == 0:
        properties["Scale"] = -1
    name = raising.layer(view, type, properties, [("in", placed)], learnables=learnables)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)


def _together(raising: Raising, view: View, type: str) -> None:
    """Sums and products of data, which MATLAB aligns by labels and ONNX from the last axis on."""
    inputs = [raising.data(name) for name in view.node.inputs]
    if any(placed.axes is None for placed in inputs):
        _unplaced(raising, view, type, inputs, {"NumInputs": len(inputs)})
        return
    if len({placed.axes for placed in inputs}) > 1:
        inputs = [raising.separate(name) for name in view.node.inputs]
    rank = max(len(placed.known) for placed in inputs)
    padded: list[Axes] = [((),) * (rank - len(placed.known)) + placed.known for placed in inputs]
    made = tuple(_aligned(axes, inputs) for axes in zip(*padded, strict=True))
    labels = [label for axis in made for label in axis]
    if len(set(labels)) < len(labels) or any(set(placed.labels) - set(labels) for placed in inputs):
        raise Unfit("its inputs are laid out differently: " + " and ".join(shown(p.known) for p in inputs))
    count = {"NumInputs": len(inputs)}
    ports = [(f"in{at}", placed) for at, placed in enumerate(inputs, start=1)]
    name = raising.layer(view, type, count, ports)
    base = Placed(inputs[0].end, made, {key: size for placed in inputs for key, size in placed.sizes.items()})
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), made, base)


def _unplaced(raising: Raising, view: View, type: str, inputs: list[Placed], properties: dict[str, Any]) -> None:
    """A layer of data whose layout is not known, behind one that cannot be said: nothing is computed there."""
    ports = [(f"in{at}", placed) for at, placed in enumerate(inputs, start=1)]
    name = raising.layer(view, type, properties, ports)
    axes = next((placed.axes for placed in inputs if placed.axes is not None), None)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), axes)


def _aligned(axes: tuple[Axis, ...], inputs: list[Placed]) -> Axis:
    found = {axis for axis in axes if axis}
    if len(found) > 1:
        raise Unfit("its inputs are laid out differently: " + " and ".join(shown(p.known) for p in inputs))
    return found.pop() if found else ()


def _concatenated(raising: Raising, view: View, type: str) -> None:
    found = [raising.data(name) for name in view.node.inputs]
    if any(placed.axes is None for placed in found) and type == "depthConcatenationLayer":
        _unplaced(raising, view, type, found, {"NumInputs": len(found)})
        return
    inputs = [raising.separate(name) for name in view.node.inputs]
    axes = inputs[0].known
    if any(placed.known != axes for placed in inputs):
        raise Unfit("its inputs are laid out differently: " + " and ".join(shown(p.known) for p in inputs))
    axis = axes[int(view.attribute("axis", 1)) % len(axes)]
    if len(axis) != 1:
        raise Unfit("it joins along an axis that MATLAB's data do not have")
    labels = ordered(label for each in axes for label in each)
    spatial = [label for label in labels if label.startswith("S")]
    format = [*spatial, "C", "B", *(["T"] if "T" in labels else [])]
    properties: dict[str, Any] = {"NumInputs": len(inputs)}
    if axis == CHANNELS:
        type = "depthConcatenationLayer"
    else:
        type = "concatenationLayer"
        properties = {"Dim": format.index(axis[0]) + 1, **properties}
    if len(inputs) == 1:
        raise Unfit("it joins one tensor alone")
    ports = [(f"in{at}", placed) for at, placed in enumerate(inputs, start=1)]
    name = raising.layer(view, type, properties, ports)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), axes)


def _hard_sigmoid(raising: Raising, view: View, type: str) -> None:
    """max(0, min(1, Alpha x + Beta)), as a product, a sum and a clipped relu."""
    placed = raising.data(view.name(0))
    alpha, beta = float(view.attribute("alpha", 0.2)), float(view.attribute("beta", 0.5))
    affine = raising.inserted(f"{raising.called(view)}_affine", _AFFINE, {"Scale": alpha, "Offset": beta}, placed)
    name = raising.layer(view, "clippedReluLayer", {"Ceiling": 1.0}, [("in", affine)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)


def _negated(raising: Raising, view: View, type: str) -> None:
    placed = raising.data(view.name(0))
    name = raising.layer(view, _AFFINE, {"Scale": -1}, [("in", placed)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)


def _differed(raising: Raising, view: View, type: str) -> None:
    """x - y, as x + (-y)."""
    first, second = (raising.data(name) for name in view.node.inputs)
    minus = raising.inserted(f"{raising.called(view)}_minus", _AFFINE, {"Scale": -1}, second)
    if first.axes is None or first.axes != second.axes:
        raise Unfit("its inputs are laid out differently")
    name = raising.layer(view, "additionLayer", {"NumInputs": 2}, [("in1", first), ("in2", minus)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), first.axes, first)


_AFFINE = "nnet.onnx.layer.ElementwiseAffineLayer"

HANDLERS: dict[str, Handler] = {
    "onnx:HardSigmoid": _hard_sigmoid,
    "onnx:Neg": _negated,
    "onnx:Sub": _differed,
    "nnet.onnx.layer.ElementwiseAffineLayer": _affine,
    "additionLayer": _together,
    "multiplicationLayer": _together,
    "depthConcatenationLayer": _concatenated,
    "concatenationLayer": _concatenated,
}
