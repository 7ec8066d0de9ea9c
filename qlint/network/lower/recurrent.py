"""LSTM, BiLSTM and GRU layers, plain and projected.

MATLAB stacks gates as input, forget, cell candidate, output (LSTM) and reset, update, candidate (GRU); ONNX as input,
output, forget, cell and update, reset, candidate. Both update a GRU's state as (1 - z) * candidate + z * state.
A projected layer computes W Q Q' x where the plain one computes W x. It stores W Q, so that the plain layer's weights
are the stored ones times Q'. Source: MathWorks' reference pages of the layers; ONNX operator specification (LSTM, GRU).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from qlint.network.lower.base import LayerView, Lowering, Nodes
from qlint.network.lower.opaque import opaque
from qlint.network.lower.operands import ints
from qlint.network.lower.placing import expect, expect_count
from qlint.network.lower.signal import Signal, Size

_ACTIVATIONS = {
    "tanh": "Tanh",
    "softsign": "Softsign",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "hard-sigmoid": "HardSigmoid",  # with ONNX's defaults, 0.2 x + 0.5, which are MATLAB's
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What sets the recurrent layers apart.

    Attributes:
        operator: ONNX's.
        order: for each of ONNX's gates the position of MATLAB's.
        states: names of its states, as its ports have them.
        directions: 1, or 2 for forward and backward.
        projected: whether its weights are stored as factors.
    """

    operator: str
    order: tuple[int, ...]
    states: tuple[str, ...]
    directions: int = 1
    projected: bool = False

    @property
    def gates(self) -> int:
        """How many gates its weights stack."""
        return len(self.order)

    def words(self, layer: LayerView) -> tuple[Any, ...]:
        """The functions of gates and state, and a GRU's reset gate mode; None for one that is not known."""
        names = ["GateActivationFunction", "StateActivationFunction", *(["ResetGateMode"] if self.gates == 3 else [])]
        return tuple(layer.property(name) for name in names)

    def arranged(self, rows: np.ndarray, hidden: int) -> np.ndarray:
        """Rows of stacked gates in ONNX's order: [directions, gates * hidden, ...]."""
        width = rows.size // (self.directions * self.gates * hidden)
        split = rows.reshape(self.directions, self.gates, hidden, width)[:, list(self.order)]
        return split.reshape(self.directions, self.gates * hidden, width)


def _recurrent(kind: _Kind) -> Lowering:
    def lower(layer: LayerView, inputs: list[Signal], nodes: Nodes) -> list[Signal]:
        x, *states = inputs
        hidden, mode, width = layer.property("NumHiddenUnits"), layer.property("OutputMode"), _input_size(layer, x)
        if hidden is None or mode is None:
            return []
        sequence = mode == "sequence" and x.has_time
        end: tuple[str, tuple[Size, ...]] = ("CB", (x.batch, kind.directions * hidden))
        first = ("CBT", (*end[1], x.time)) if sequence else end
        ends = kind.states if layer.property("HasStateOutputs") else ()
        if width is None or None in kind.words(layer):
            return opaque(layer, inputs, nodes, first, *(end for _ in ends))
        steps = _steps(x, width, nodes)
        weights = [
            _weights(layer, nodes, kind, "Input", hidden, width),
            _weights(layer, nodes, kind, "Recurrent", hidden, hidden),
            _bias(layer, nodes, kind, hidden),
        ]
        initial = [
            _initial(layer, nodes, kind, name, hidden, steps, states[at] if at < len(states) else None)
            for at, name in enumerate(kind.states)
        ]
        made = nodes.node(
            kind.operator,
            [steps, *weights, *(["", *initial] if any(initial) else [])],
            outputs=1 + len(kind.states),
            attributes=_attributes(layer, kind, hidden),
        )
        if sequence:
            _all_steps(nodes, kind, hidden, made[0], layer.name)
        else:
            _state(nodes, kind, hidden, made[1], layer.name)
        for name, tensor in zip(ends, made[1:], strict=False):
            _state(nodes, kind, hidden, tensor, f"{layer.name}/{name}")
        return [Signal(layer.name, *first), *(Signal(f"{layer.name}/{name}", *end) for name in ends)]

    return lower


def _input_size(layer: LayerView, x: Signal) -> int | None:
    """Channels of a time step, into which spatial dimensions are flattened; None where they are not known."""
    given: int | None = layer.property("InputSize")
    sizes = (x.channels, *x.spatial)
    numbers = [size for size in sizes if isinstance(size, int)]
    found = prod(numbers) if len(numbers) == len(sizes) else None
    if given is not None and found is not None and given != found:
        layer.wrong(
            f"InputSize is {given}, and its input has {found}", "mend it, or leave it out", property="InputSize"
        )
    return given if found is None else found


def _steps(x: Signal, width: int, nodes: Nodes) -> str:
    """[T, B, width]: space flattened column by column as MATLAB does, one step where there is no time."""
    if not x.spatial and not x.has_time:
        return nodes.node("Unsqueeze", [x.tensor, ints(nodes, "axes", [0])])[0]
    backwards = [*range(1 + len(x.spatial), 1, -1)]
    time = [2 + len(x.spatial)] if x.has_time else []
    tensor = x.tensor
    order = [*time, 0, 1, *backwards]
    if order != sorted(order):
        (tensor,) = nodes.node("Transpose", [tensor], attributes={"perm": order})
    if x.spatial:
        shape = [0, 0, width] if x.has_time else [1, -1, width]
        (tensor,) = nodes.node("Reshape", [tensor, ints(nodes, "flat", shape)])
    return tensor


def _weights(layer: LayerView, nodes: Nodes, kind: _Kind, which: str, hidden: int, width: int) -> str:
    """[directions, gates * hidden, width]; of a projected layer the product of its factors."""
    name, rows = f"{which}Weights", kind.directions * kind.gates * hidden
    shape = (kind.directions, kind.gates * hidden, width)
    if not kind.projected:
        expect(layer, name, (rows, width))
        return nodes.learnable(name, shape, lambda values: kind.arranged(values, hidden))
    projector = "InputProjector" if which == "Input" else "OutputProjector"
    inner = _projector_size(layer, projector, name)
    if inner is not None:
        expect(layer, name, (rows, inner))
        expect(layer, projector, (width, inner))

    def product(stored: np.ndarray, factor: np.ndarray) -> np.ndarray:
        columns = stored.size // rows
        whole = stored.reshape(rows, columns).astype(np.float64) @ factor.reshape(width, columns).T
        return kind.arranged(whole, hidden)

    return nodes.learnable(name, shape, product, of=(name, projector))


def _projector_size(layer: LayerView, projector: str, weights: str) -> int | None:
    """Number of columns of a projector, from the property or from what arrays there are."""
    given: int | None = layer.property(f"{projector}Size")
    for name in (projector, weights):
        tensor = layer.learnable(name)
        if given is None and tensor is not None:
            given = tensor.shape[1] if len(tensor.shape) > 1 else 1
    return given


def _bias(layer: LayerView, nodes: Nodes, kind: _Kind, hidden: int) -> str:
    """ONNX's two biases side by side; MATLAB has the recurrent one only in one reset gate mode."""
    half = kind.gates * hidden
    separate = layer.property("ResetGateMode") == "recurrent-bias-after-multiplication"
    expect_count(layer, "Bias", kind.directions * half * (2 if separate else 1))

    def arrange(values: np.ndarray) -> np.ndarray:
        parts = values.reshape(-1, kind.directions * half)
        sides = [kind.arranged(part, hidden).reshape(kind.directions, half) for part in parts]
        return np.concatenate(sides if separate else [*sides, np.zeros_like(sides[0])], axis=1)

    return nodes.learnable("Bias", (kind.directions, 2 * half), arrange)


def _initial(
    layer: LayerView, nodes: Nodes, kind: _Kind, name: str, hidden: int, sequence: str, port: Signal | None
) -> str:
    """A state before the first step, [directions, B, hidden]; "" where it is all zeros."""
    count, array = kind.directions * hidden, f"{name.capitalize()}State"
    if port is not None:
        if port.channels not in (count, None) or port.format != "CB":
            layer.wrong(f"its input {name!r} is {port.format} data of {port.channels} channels", f"feed it CB, {count}")
        if kind.directions == 1:
            return nodes.node("Unsqueeze", [port.tensor, ints(nodes, f"{name}_axes", [0])])[0]
        (split,) = nodes.node("Reshape", [port.tensor, ints(nodes, f"{name}_split", [0, kind.directions, hidden])])
        return nodes.node("Transpose", [split], attributes={"perm": [1, 0, 2]})[0]
    given = layer.learnable(array)
    if given is None:
        return ""  # MATLAB starts from zeros
    expect_count(layer, array, count)
    values: Any = given.values()
    if isinstance(values, np.ndarray) and not values.any():
        return ""
    state = nodes.learnable(array, (kind.directions, 1, hidden))
    (batch,) = nodes.node("Shape", [sequence], attributes={"start": 1, "end": 2})
    ends = [ints(nodes, f"{name}_{end}", [size]) for end, size in (("directions", kind.directions), ("units", hidden))]
    (shape,) = nodes.node("Concat", [ends[0], batch, ends[1]], attributes={"axis": 0})
    return nodes.node("Expand", [state, shape])[0]


def _attributes(layer: LayerView, kind: _Kind, hidden: int) -> dict[str, Any]:
    """Attributes that are not at ONNX's defaults."""
    gate, state, *mode = kind.words(layer)
    names = [gate, *[state] * len(kind.states)] * kind.directions
    return {
        "hidden_size": hidden,
        "direction": "bidirectional" if kind.directions == 2 else None,
        "activations": None if (gate, state) == ("sigmoid", "tanh") else [_ACTIVATIONS[name] for name in names],
        "linear_before_reset": 1 if mode and mode != ["before-multiplication"] else None,
    }


def _all_steps(nodes: Nodes, kind: _Kind, hidden: int, states: str, output: str) -> None:
    """[T, directions, B, hidden] as [B, channels, T]."""
    if kind.directions == 1:
        (tensor,) = nodes.node("Squeeze", [states, ints(nodes, "direction", [1])])
        nodes.node("Transpose", [tensor], output=output, attributes={"perm": [1, 2, 0]})
    else:
        (tensor,) = nodes.node("Transpose", [states], attributes={"perm": [2, 1, 3, 0]})
        shape = ints(nodes, "joined", [0, kind.directions * hidden, -1])
        nodes.node("Reshape", [tensor, shape], output=output)


def _state(nodes: Nodes, kind: _Kind, hidden: int, state: str, output: str) -> None:
    """A final state, [directions, B, hidden], as [B, channels]: a state output, and the output where that is the last.

    Of the page's "last time step" a backward direction has two; its own last, the first of time, is meant in Keras and
    in ONNX, and taken to be meant here.
    """
    if kind.directions == 1:
        nodes.node("Squeeze", [state, ints(nodes, "direction", [0])], output=output)
    else:
        (moved,) = nodes.node("Transpose", [state], attributes={"perm": [1, 0, 2]})
        nodes.node("Reshape", [moved, ints(nodes, "joined", [0, kind.directions * hidden])], output=output)


_LSTM = ("LSTM", (0, 3, 1, 2), ("hidden", "cell"))
_GRU = ("GRU", (1, 0, 2), ("hidden",))

LOWERINGS: dict[str, Lowering] = {
    "lstmLayer": _recurrent(_Kind(*_LSTM)),
    "bilstmLayer": _recurrent(_Kind(*_LSTM, directions=2)),
    "gruLayer": _recurrent(_Kind(*_GRU)),
    "lstmProjectedLayer": _recurrent(_Kind(*_LSTM, projected=True)),
    "gruProjectedLayer": _recurrent(_Kind(*_GRU, projected=True)),
}
