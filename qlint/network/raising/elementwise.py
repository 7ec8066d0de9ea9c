"""Activations, normalizations, arithmetic and concatenation."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, prod
from typing import Any

from qlint.files.description.records import End
from qlint.network.catalogue import ENTRIES
from qlint.network.raising.axes import CHANNELS, Axes, Axis, Placed, Unfit, ordered, shown
from qlint.network.raising.constants import Constant, constant, expanding, filled, vector
from qlint.network.raising.raising import Handler, Raising
from qlint.network.view import View
from qlint.tristate import Unknown

_READERS = {entry.type: entry.properties for entry in ENTRIES}


def _passing(*names: str, **defaults: Any) -> Handler:
    """A layer that works on each element alone, so that it keeps any layout."""

    def raised(raising: Raising, view: View, type: str) -> None:
        placed = raising.data(view.roles.get("x") or view.data()[0])
        found = {name: _READERS[type][name](view) for name in names}
        found = {name: value for name, value in found.items() if name not in defaults or value != defaults[name]}
        if type == "dropoutLayer" and not all(
            _READERS[type][name](view) is False for name in ("TrainingMode", "HasMaskOutput")
        ):
            raise Unfit("it drops elements at random, or its mask is read")
        name = raising.layer(view, type, found, [("in", placed)])
        raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)

    return raised


def _named(type: str) -> Handler:
    """An operator that no rule speaks of, as its layer."""
    plain = _passing()
    return lambda raising, view, _: plain(raising, view, type)


def _prelu(raising: Raising, view: View, type: str) -> None:
    placed = raising.data(view.name(0))
    slope = expanding(constant(raising.scope, view.name(1)), placed)
    name = raising.layer(view, type, {}, [("in", placed)], learnables={"Alpha": slope})
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)


def _softmax(raising: Raising, view: View, type: str) -> None:
    placed = raising.separate(view.name(0))
    axis = int(view.attribute("axis", 1 if view.scope.opset < 13 else -1)) % len(placed.known)
    if view.scope.opset < 13 and prod(_ones(view, axis + 1)) != 1:
        raise Unfit("it works over several axes at once")
    if placed.known[axis] != CHANNELS:
        raise Unfit(f"it works over {shown((placed.known[axis],))}, and MATLAB's over the channels")
    name = raising.layer(view, type, {}, [("in", placed)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)


def _ones(view: View, start: int) -> list[int]:
    shape = view.shape() or ()
    return [size if isinstance(size, int) else 2 for size in shape[start:]]


def _batch(raising: Raising, view: View, type: str) -> None:
    if view.node.op_type != "BatchNormalization" or _READERS[type]["TrainingMode"](view) is not False:
        raise Unfit("it computes statistics of the batch")
    if _READERS[type]["PerActivation"](view) or _READERS[type]["HasStatisticsOutputs"](view):
        raise Unfit("its statistics are per element, or are read")
    placed = _channels_second(raising, view)
    found = [constant(raising.scope, view.name(at)) for at in range(1, 5)]
    count = prod(found[0].shape)
    names = ("Scale", "Offset", "TrainedMean", "TrainedVariance")
    _normalized(raising, view, type, placed, _epsilon(view), dict(zip(names, found, strict=True)), count)


def _channels_second(raising: Raising, view: View) -> Placed:
    placed = raising.data(view.name(0))
    if len(placed.known) < 2 or placed.known[1] != CHANNELS:
        placed = raising.separate(view.name(0))
    if placed.known[1] != CHANNELS:
        raise Unfit(f"it takes the second axis of {shown(placed.known)} for the channels")
    return placed


def _epsilon(view: View) -> dict[str, Any]:
    value = float(view.attribute("epsilon", 1e-5))
    return {} if abs(value - 1e-5) < 1e-11 else {"Epsilon": value}


def _normalized(
    raising: Raising,
    view: View,
    type: str,
    placed: Placed,
    properties: dict[str, Any],
    learnables: dict[str, Constant],
    count: int,
) -> None:
    arrays = {name: vector(found, count) for name, found in learnables.items()}
    name = raising.layer(view, type, properties, [("in", placed)], learnables=arrays)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)


def _layer(raising: Raising, view: View, type: str) -> None:
    placed = raising.separate(view.name(0))
    axes = placed.known
    first = int(view.attribute("axis", -1)) % len(axes)
    over = {label for axis in axes[first:] for label in axis}
    spatial = set(placed.spatial)
    dimensions = {
        frozenset({"C"}): "channel-only",
        frozenset({"C"} | spatial): "spatial-channel",
        frozenset(set(placed.labels) - {"B"}): "batch-excluded",
    }
    dimension = dimensions.get(frozenset(over))
    if dimension is None:
        raise Unfit(f"it normalizes over the last {len(axes) - first} axes of {shown(axes)}")
    count = placed.sizes.get("C")
    if not isinstance(count, int):
        raise Unfit("its number of channels is not known")
    inner = Placed(placed.end, axes[first:], placed.sizes)
    learnables = {"Scale": filled(1, count), "Offset": filled(0, count)}
    for name, at in (("Scale", 1), ("Offset", 2)):
        if view.has_input(at):
            found = expanding(constant(raising.scope, view.name(at)), inner)
            if len(found.shape) > 1:
                raise Unfit(f"its {name} differs from element to element, and MATLAB's from channel to channel")
            learnables[name] = found
    _normalized(raising, view, type, placed, {"OperationDimension": dimension, **_epsilon(view)}, learnables, count)


def _grouped(raising: Raising, view: View, type: str) -> None:
    placed = _channels_second(raising, view)
    if len(placed.known) < 2 or any(len(axis) > 1 for axis in placed.known):
        placed = raising.separate(view.name(0))
    count, groups = placed.sizes.get("C"), _READERS[type].get("NumGroups")
    found = constant(raising.scope, view.name(1)), constant(raising.scope, view.name(2))
    wise = view.node.op_type == "InstanceNormalization"
    number = "channel-wise" if wise else int(view.attribute("num_groups"))
    if not isinstance(count, int):
        count = prod(found[0].shape)
    each = 1 if wise or groups is None else count // int(view.attribute("num_groups"))
    learnables = {"Scale": _repeated(found[0], count, each), "Offset": _repeated(found[1], count, each)}
    _normalized(raising, view, type, placed, {"NumGroups": number, **_epsilon(view)}, learnables, count)


def _repeated(found: Constant, count: int, each: int) -> Constant:
    """Numbers per group, as before opset 21, for each channel of it."""
    if prod(found.shape) * each != count:
        return found
    return found.then((count,), lambda values: values.reshape(-1).repeat(each))


def _across(raising: Raising, view: View, type: str) -> None:
    placed = _channels_second(raising, view)
    found = {name: read(view) for name, read in _READERS[type].items()}
    name = raising.layer(view, type, found, [("in", placed)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)


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


def _aligned(axes: tuple[Axis, ...], inputs: list[Placed]) -> Axis:
    found = {axis for axis in axes if axis}
    if len(found) > 1:
        raise Unfit("its inputs are laid out differently: " + " and ".join(shown(p.known) for p in inputs))
    return found.pop() if found else ()


def _concatenated(raising: Raising, view: View, type: str) -> None:
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


def _clipped(raising: Raising, view: View, type: str) -> None:
    ceiling = _READERS[type]["Ceiling"](view)
    if isinstance(ceiling, Unknown):
        raise Unfit(f"{ceiling.missing} is not known")
    placed = raising.data(view.data()[0])
    name = raising.layer(view, type, {"Ceiling": float(ceiling)}, [("in", placed)])
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes, placed)


HANDLERS: dict[str, Handler] = {
    **{f"{name}Layer": _passing() for name in ("relu", "sigmoid", "tanh", "softplus", "swish", "identity")},
    "leakyReluLayer": _passing("Scale"),
    "eluLayer": _passing("Alpha"),
    "geluLayer": _passing("Approximation", Approximation="none"),
    "dropoutLayer": _passing("Probability"),
    "clippedReluLayer": _clipped,
    "onnx:Mish": _named("dlhdl.layer.mishLayer"),
    "preluLayer": _prelu,
    "softmaxLayer": _softmax,
    "onnx:Softmax": lambda raising, view, _: _softmax(raising, view, "softmaxLayer"),
    "batchNormalizationLayer": _batch,
    "layerNormalizationLayer": _layer,
    "groupNormalizationLayer": _grouped,
    "crossChannelNormalizationLayer": _across,
    "nnet.onnx.layer.ElementwiseAffineLayer": _affine,
    "additionLayer": _together,
    "multiplicationLayer": _together,
    "depthConcatenationLayer": _concatenated,
    "concatenationLayer": _concatenated,
}
