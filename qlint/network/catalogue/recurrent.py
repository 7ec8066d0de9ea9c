"""Recurrent layers and attention.

MATLAB's layers have no peepholes, no clipping, no coupled input and forget gates, no batch-first layout and one
activation for cell and hidden state; an LSTM or GRU that has stays `onnx:LSTM` or `onnx:GRU`.
Source: ONNX operator specification (LSTM, GRU, Attention).
"""

from __future__ import annotations

from collections.abc import Callable

from qlint.network.catalogue.entry import Entry
from qlint.network.network import Value
from qlint.network.view import View

_STATE = {"Tanh": "tanh", "Softsign": "softsign", "Relu": "relu"}
_GATE = {"Sigmoid": "sigmoid", "HardSigmoid": "hard-sigmoid"}


def _activations(view: View, defaults: list[str]) -> list[str]:
    """Names per direction, in the attribute's order; ONNX compares them without regard to case."""
    known = {name.lower(): name for name in (*_STATE, *_GATE)}
    given = view.attribute("activations") or defaults * (2 if view.attribute("direction") == "bidirectional" else 1)
    return [known.get(name.lower(), name) for name in given]


def _plain(view: View) -> bool:
    """What LSTM and GRU share: constant weights, time-first layout, no clipping, no activation parameters."""
    return (
        view.parameter(1) is not None
        and view.parameter(2) is not None
        and (not view.has_input(3) or view.parameter(3) is not None)
        and not view.attribute("layout", 0)
        and view.attribute("clip") is None
        and not view.attribute("activation_alpha")
        and not view.attribute("activation_beta")
    )


def _lstm(direction: str) -> Callable[[View], bool]:
    def accepts(view: View) -> bool:
        if view.attribute("direction", "forward") != direction or not _plain(view):
            return False
        if view.has_input(7) or view.attribute("input_forget", 0):
            return False
        names = _activations(view, ["Sigmoid", "Tanh", "Tanh"])
        if len(names) % 3 or not names:
            return False
        gates, cells, hiddens = set(names[0::3]), set(names[1::3]), set(names[2::3])
        return len(gates) == 1 and gates <= _GATE.keys() and len(cells | hiddens) == 1 and cells <= _STATE.keys()

    return accepts


def _gru(view: View) -> bool:
    if view.attribute("direction", "forward") != "forward" or not _plain(view):
        return False
    names = _activations(view, ["Sigmoid", "Tanh"])
    return len(names) == 2 and names[0] in _GATE and names[1] in _STATE


def hidden_units(view: View) -> Value:
    """`hidden_size`, or the last axis of the recurrence weights."""
    given = view.attribute("hidden_size")
    recurrence = view.parameter(2)
    if given is None and recurrence is not None and recurrence.shape:
        return recurrence.shape[-1]
    return given


def state_activation(view: View) -> Value:
    """second name of `activations` (default Tanh)."""
    return _STATE[_activations(view, ["Sigmoid", "Tanh", "Tanh"])[1]]


def gate_activation(view: View) -> Value:
    """first name of `activations` (default Sigmoid)."""
    return _GATE[_activations(view, ["Sigmoid", "Tanh", "Tanh"])[0]]


def state_inputs(view: View) -> Value:
    """whether an initial state is computed by the network."""
    return any(view.has_input(position) and not view.is_static(position) for position in (5, 6))


def state_outputs(view: View) -> Value:
    """whether a final state is read, other than the hidden one that is the output where OutputMode is "last"."""
    graph, outputs = view.scope.graph, view.node.outputs
    states = outputs[1:] if outputs and outputs[0] else outputs[2:]
    return any(name and (view.consumers(name) or name in graph.outputs) for name in states)


def output_mode(view: View) -> Value:
    """whether the first output is read: "sequence", else "last"."""
    outputs = view.node.outputs
    return "sequence" if outputs and outputs[0] else "last"


def reset_gate_mode(view: View) -> Value:
    """`linear_before_reset`: 0 is before-multiplication, 1 is recurrent-bias-after-multiplication."""
    return (
        "recurrent-bias-after-multiplication" if view.attribute("linear_before_reset", 0) else "before-multiplication"
    )


def num_heads(view: View) -> Value:
    """`q_num_heads`, or the head axis of a four-dimensional query."""
    given = view.attribute("q_num_heads")
    return given if given is not None else view.size(1)


_PROPERTIES = {
    "NumHiddenUnits": hidden_units,
    "StateActivationFunction": state_activation,
    "GateActivationFunction": gate_activation,
    "OutputMode": output_mode,
    "HasStateInputs": state_inputs,
    "HasStateOutputs": state_outputs,
}
_WEIGHTS = {"InputWeights": 1, "RecurrentWeights": 2, "Bias": 3}
_LIMITS = "no peepholes, clip, input_forget or layout 1; one state activation (tanh, softsign or relu)"

ENTRIES = (
    Entry("lstmLayer", ("LSTM",), _lstm("forward"), f"forward; {_LIMITS}", _PROPERTIES, _WEIGHTS),
    Entry("bilstmLayer", ("LSTM",), _lstm("bidirectional"), f"bidirectional; {_LIMITS}", _PROPERTIES, _WEIGHTS),
    Entry(
        "gruLayer",
        ("GRU",),
        _gru,
        "forward; no clip or layout 1",
        {**_PROPERTIES, "ResetGateMode": reset_gate_mode},
        _WEIGHTS,
    ),
    Entry("attentionLayer", ("Attention",), summary="scaled dot-product attention", properties={"NumHeads": num_heads}),
)
