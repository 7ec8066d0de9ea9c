"""Activations and normalizations."""

from __future__ import annotations

from math import prod
from typing import Any

from qlint.files.description.records import End
from qlint.network.catalogue import ENTRIES
from qlint.network.raising.axes import CHANNELS, Placed, Unfit, shown
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
}
