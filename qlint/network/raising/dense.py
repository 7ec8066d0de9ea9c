"""Fully connected and recurrent layers: what multiplies features by a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qlint.files.description.records import End
from qlint.network.catalogue import recurrent as facts
from qlint.network.raising.axes import BATCH, CHANNELS, TIME, Axis, Placed, Unfit, column_major, numbers, shown
from qlint.network.raising.constants import Constant, constant, filled, vector
from qlint.network.raising.raising import Handler, Raising
from qlint.network.view import View

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, Any]


def _columns(placed: Placed, axis: Axis, found: Constant) -> Constant:
    """Columns that go with flattened features, from the axis's order to MATLAB's.

    Args:
        placed: the features.
        axis: the labels that are flattened.
        found: a matrix; its last axis goes with the features.
    """
    order = column_major(axis)
    if len(axis) < 2 or order == axis:
        return found
    sizes = numbers(placed.sizes, axis)
    rows = found.shape[:-1]
    places = [len(rows) + axis.index(label) for label in order]

    def arrange(values: Values) -> Values:
        return values.reshape(*rows, *sizes).transpose(*range(len(rows)), *places).reshape(*rows, -1)

    return found.then(found.shape, arrange)


def _connected(raising: Raising, view: View, type: str) -> None:
    is_gemm = view.node.op_type == "Gemm"
    placed = raising.data(view.name(0))
    *rest, axis = placed.known
    if not set(axis) >= {"C"} or any(len(other) > 1 for other in rest) or () in rest or not rest:
        raise Unfit(f"it multiplies data that are laid out as {shown(placed.known)}")
    if BATCH not in rest or "B" in axis or "T" in axis:
        raise Unfit(f"it multiplies data that are laid out as {shown(placed.known)}")
    given = constant(raising.scope, view.name(1))
    turned = bool(view.attribute("transB", 0)) if is_gemm else False
    factor = float(view.attribute("alpha", 1.0)) if is_gemm else 1.0
    inputs, outputs = given.shape[::-1] if turned else given.shape

    def arrange(values: Values) -> Values:
        matrix = values if turned else values.T
        return matrix if factor == 1 else matrix * values.dtype.type(factor)

    weights = _columns(placed, axis, given.then((outputs, inputs), arrange))
    bias = filled(0, outputs)
    if is_gemm and view.has_input(2):
        scale = float(view.attribute("beta", 1.0))
        bias = vector(constant(raising.scope, view.name(2)), outputs)
        bias = bias if scale == 1 else bias.then(bias.shape, lambda values: values * values.dtype.type(scale))
    elif not is_gemm and view.roles.get("bias"):
        bias = vector(constant(raising.scope, view.roles["bias"]), outputs)
    spatial = [label for other in rest for label in other if label.startswith("S")]
    made = (*rest, CHANNELS)
    if spatial:
        _pointwise(raising, view, placed, len(spatial), weights, bias)
    else:
        learnables = {"Weights": weights, "Bias": bias.then((outputs, 1), lambda values: values.reshape(-1, 1))}
        name = raising.layer(
            view, "fullyConnectedLayer", {"OutputSize": outputs}, [("in", placed)], learnables=learnables
        )
        raising.place(view.nodes[-1].outputs[0], End(name, "out"), made)


def _pointwise(raising: Raising, view: View, placed: Placed, spatial: int, weights: Constant, bias: Constant) -> None:
    """A product at each place alone: a convolution of windows of one element."""
    if spatial > 3 or placed.known[-1] != CHANNELS:
        raise Unfit(f"it multiplies data that are laid out as {shown(placed.known)}")
    outputs, inputs = weights.shape
    ones = [1] * spatial
    learnables = {
        "Weights": weights.then((*ones, inputs, outputs), lambda values: values.T.reshape(*ones, inputs, outputs)),
        "Bias": bias.then((*ones, outputs), lambda values: values.reshape(*ones, outputs)),
    }
    properties = {"FilterSize": ones if spatial > 1 else 1, "NumFilters": outputs}
    name = raising.layer(view, f"convolution{spatial}dLayer", properties, [("in", placed)], learnables=learnables)
    raising.place(view.nodes[-1].outputs[0], End(name, "out"), placed.axes)


_LSTM, _GRU = (0, 2, 3, 1), (1, 0, 2)
"""For each of MATLAB's gates the position of ONNX's."""


def _recurrent(raising: Raising, view: View, type: str) -> None:
    placed = raising.data(view.name(0))
    axes = placed.known
    if len(axes) != 3 or axes[0] not in (TIME, ()) or axes[1] != BATCH or "C" not in axes[2]:
        raise Unfit(f"it works on sequences that are laid out as {shown(axes)}")
    if view.has_input(4) and not _whole(raising, view):
        raise Unfit("MATLAB's layers take no lengths of sequences as an input")
    order = _GRU if type == "gruLayer" else _LSTM
    given = constant(raising.scope, view.name(1))
    directions, rows, width = given.shape
    hidden = rows // len(order)
    learnables = {
        "InputWeights": _columns(placed, axes[2], _gates(given, order, hidden, width)),
        "RecurrentWeights": _gates(constant(raising.scope, view.name(2)), order, hidden, hidden),
        "Bias": filled(0, directions * rows, 1),
    }
    separate = type == "gruLayer" and bool(view.attribute("linear_before_reset", 0))
    if view.has_input(3):
        learnables["Bias"] = _bias(constant(raising.scope, view.name(3)), order, directions, hidden, separate)
    elif separate:
        learnables["Bias"] = filled(0, 2 * rows, 1)
    states = ("hidden",) if type == "gruLayer" else ("hidden", "cell")
    found: dict[str, Any] = {"NumHiddenUnits": hidden}
    plain = {"StateActivationFunction": "tanh", "GateActivationFunction": "sigmoid"}
    readers = {"StateActivationFunction": facts.state_activation, "GateActivationFunction": facts.gate_activation}
    found |= {name: read(view) for name, read in readers.items() if read(view) != plain[name]}
    if type == "gruLayer":
        found["ResetGateMode"] = facts.reset_gate_mode(view)
    inputs = [("in", placed)]
    initial = [_initial(raising, view, 5 + at, directions) for at in range(len(states))]
    computed = [state for state in initial if isinstance(state, Placed)]
    if computed and len(computed) < len(states):
        raise Unfit("MATLAB's layer takes all of its states as inputs, or none")
    if computed:
        found["HasStateInputs"] = True
        inputs += list(zip(states, computed, strict=True))
    for name, state in zip(states, initial, strict=True):
        if isinstance(state, Constant):
            learnables[f"{name.capitalize()}State"] = state
    _finished(raising, view, type, found, inputs, learnables, states, directions)


def _finished(
    raising: Raising,
    view: View,
    type: str,
    found: dict[str, Any],
    inputs: Sequence[tuple[str, Placed]],
    learnables: dict[str, Constant],
    states: tuple[str, ...],
    directions: int,
) -> None:
    """Add the layer, and place all steps, the last one, and the states."""
    graph, scope = raising.scope.graph, raising.scope
    outputs = [*view.node.outputs, "", "", ""][: 1 + len(states)]
    read = [bool(name) and (name in scope.visible or bool(graph.consumers.get(name))) for name in outputs]
    only_last = read[1] and not any((read[0], *read[2:]))
    if only_last:
        found["OutputMode"] = "last"
    elif any(read[1:]):
        found["HasStateOutputs"] = True
    name = raising.layer(view, type, found, inputs, learnables=learnables)
    direction: Axis = () if directions == 1 else ("D",)
    base = inputs[0][1]
    sizes = {**{label: base.sizes.get(label) for label in "BT"}, "D": directions}
    start = Placed(base.end, None, sizes)
    units: Axis = CHANNELS if directions == 1 else ("H",)
    time: Axis = base.known[0]
    if read[0]:
        raising.place(outputs[0], End(name, "out"), (time, direction, BATCH, units), start)
    for at, state in enumerate(states, start=1):
        if read[at]:
            end = End(name, "out" if only_last else state)
            raising.place(outputs[at], end, (direction, BATCH, units), start)


def _gates(found: Constant, order: tuple[int, ...], hidden: int, width: int) -> Constant:
    """[directions, gates * hidden, width] as rows in MATLAB's order of gates."""
    directions = found.shape[0]

    def arrange(values: Values) -> Values:
        split = values.reshape(directions, len(order), hidden, width)[:, list(order)]
        return split.reshape(-1, width)

    return found.then((directions * len(order) * hidden, width), arrange)


def _bias(found: Constant, order: tuple[int, ...], directions: int, hidden: int, separate: bool) -> Constant:
    """ONNX's two biases, added up or one after the other."""
    rows = len(order) * hidden

    def arrange(values: Values) -> Values:
        import numpy as np

        split = values.reshape(directions, 2, len(order), hidden)[:, :, list(order)].reshape(directions, 2, rows)
        halves = [split[:, half].reshape(-1, 1) for half in (0, 1)]
        return np.concatenate(halves) if separate else halves[0] + halves[1]

    return found.then((directions * rows * (2 if separate else 1), 1), arrange)


def _initial(raising: Raising, view: View, position: int, directions: int) -> Placed | Constant | None:
    """A state before the first step: data, a constant for all observations, or None for zeros."""
    import numpy as np

    if not view.has_input(position):
        return None
    name, scope = view.name(position), raising.scope
    if name in raising.where:
        placed = raising.data(name)
        if placed.known == ((), BATCH, CHANNELS):
            return placed
        raise Unfit(f"its state is laid out as {shown(placed.known)}")
    maker = scope.graph.producer.get(name)
    while scope.parameter(name) is None and maker is not None and maker.op_type in _SPREADING:
        if maker.op_type == "ConstantOfShape":
            value = maker.attributes.get("value")
            if value is None or not np.any(value.values()):
                return None
            break
        name = maker.inputs[0]
        maker = scope.graph.producer.get(name)
    found = constant(scope, name)
    values = found.now()
    if not values.any():
        return None
    if values.ndim != 3 or not (values == values[:, :1]).all():
        raise Unfit("its state before the first step differs from observation to observation")
    count = values.shape[0] * values.shape[2]
    return found.then((count, 1), lambda given: given[:, 0].reshape(-1, 1))


_SPREADING = {"Expand", "Unsqueeze", "Identity", "Tile", "ConstantOfShape"}


def _whole(raising: Raising, view: View) -> bool:
    """Whether the lengths that are given are those of the whole sequences."""
    lengths, steps = view.static(4), view.size(0)
    return isinstance(lengths, list) and isinstance(steps, int) and set(lengths) == {steps}


HANDLERS: dict[str, Handler] = {
    "fullyConnectedLayer": _connected,
    "lstmLayer": _recurrent,
    "bilstmLayer": _recurrent,
    "gruLayer": _recurrent,
}
