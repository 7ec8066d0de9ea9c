"""LSTM, GRU and RNN: inputs of all steps are multiplied at once, only the recurrence runs step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from qlint.numeric.kernel.gates import Activation, activations
from qlint.numeric.kernel.precision import widened
from qlint.numeric.kernel.registry import Array, Call, Result, Unsupported, operator

Cell = Callable[[Array, list[Array]], list[Array]]
"""(the step's part that comes from the input, states before) -> states after; the first state is the output."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """One direction of a recurrent layer.

    Attributes:
        inputs: (gates * hidden, input size).
        recurrence: (gates * hidden, hidden).
        from_input, from_state: biases, (gates * hidden,) each.
        peepholes: (3 * hidden,), or None.
        functions: activations of this direction.
    """

    inputs: Array
    recurrence: Array
    from_input: Array
    from_state: Array
    peepholes: Array | None
    functions: Sequence[Activation]


def _clipping(call: Call) -> Callable[[Array], Array]:
    """Clips what goes into an activation, if the node says so."""
    limit = call.attribute("clip")
    return (lambda x: np.clip(x, -limit, limit)) if limit else (lambda x: x)


@operator("RNN")
def rnn(call: Call) -> Result:
    """Simple recurrence: h = f(Wx + Rh + b)."""
    clip = _clipping(call)

    def cell_of(layer: _Layer) -> Cell:
        (f,) = layer.functions
        transposed = np.ascontiguousarray(layer.recurrence.T)
        return lambda given, states: [f(clip(given + states[0] @ transposed))]

    return _run(call, 1, ["Tanh"], cell_of, states=1)


@operator("GRU")
def gru(call: Call) -> Result:
    """Gates z (update), r (reset), h (new): h' = (1 - z) h + z old."""
    clip = _clipping(call)
    linear_before_reset = call.attribute("linear_before_reset", 0)

    def cell_of(layer: _Layer) -> Cell:
        f, g = layer.functions
        hidden = layer.recurrence.shape[1]
        gates = np.ascontiguousarray(layer.recurrence[: 2 * hidden].T)
        new = np.ascontiguousarray(layer.recurrence[2 * hidden :].T)
        new_bias = layer.from_state[2 * hidden :]

        def cell(given: Array, states: list[Array]) -> list[Array]:
            (old,) = states
            both = f(clip(given[:, : 2 * hidden] + old @ gates))
            z, r = both[:, :hidden], both[:, hidden:]
            recurrent = r * (old @ new + new_bias) if linear_before_reset else (r * old) @ new + new_bias
            h = g(clip(given[:, 2 * hidden :] + recurrent))
            return [(1 - z) * h + z * old]

        return cell

    return _run(call, 3, ["Sigmoid", "Tanh"], cell_of, states=1, own_bias=1)


@operator("LSTM")
def lstm(call: Call) -> Result:
    """Gates i, o, f, c with optional peepholes."""
    clip = _clipping(call)
    coupled = call.attribute("input_forget", 0)

    def cell_of(layer: _Layer) -> Cell:
        f, g, h = layer.functions
        hidden = layer.recurrence.shape[1]
        transposed = np.ascontiguousarray(layer.recurrence.T)
        peephole = layer.peepholes.reshape(3, hidden) if layer.peepholes is not None else None

        def cell(given: Array, states: list[Array]) -> list[Array]:
            old, memory = states
            gates = given + old @ transposed
            i, o, forget, c = (gates[:, k * hidden : (k + 1) * hidden] for k in range(4))
            if peephole is not None:
                i, forget = i + peephole[0] * memory, forget + peephole[2] * memory
            i = f(clip(i))
            forget = 1 - i if coupled else f(clip(forget))
            memory = forget * memory + i * g(clip(c))
            if peephole is not None:
                o = o + peephole[1] * memory
            return [f(clip(o)) * h(memory), memory]

        return cell

    return _run(call, 4, ["Sigmoid", "Tanh", "Tanh"], cell_of, states=2)


def _run(
    call: Call, gates: int, defaults: list[str], cell_of: Callable[[_Layer], Cell], *, states: int, own_bias: int = 0
) -> Result:
    """Run all directions and lay the outputs out as ONNX wants them.

    Args:
        call: the node.
        gates: how many the weights hold.
        defaults: activations of one direction.
        cell_of: makes the step of a direction.
        states: 1, or 2 with a memory cell.
        own_bias: how many of the last gates add their recurrent bias themselves.
    """
    given = call.required(0)
    batch_first = bool(call.attribute("layout", 0))
    x = widened(given.swapaxes(0, 1) if batch_first else given)
    steps, batch, _ = x.shape
    direction = call.attribute("direction", "forward")
    backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}.get(direction)
    if backwards is None:
        raise Unsupported(f"direction {direction}")
    hidden = call.required(2).shape[2]
    lengths = call.input(4)
    initial = [_initial(call, 5 + k, len(backwards), batch, hidden, x.dtype, batch_first) for k in range(states)]
    functions = activations(call, defaults, len(backwards))
    y = np.zeros((steps, len(backwards), batch, hidden), x.dtype)
    for k, backward in enumerate(backwards):
        layer = _layer(call, k, gates, hidden, functions[k], x.dtype)
        held = gates * hidden - own_bias * hidden
        bias = layer.from_input.copy()
        bias[:held] += layer.from_state[:held]
        seen = _reversed(x, lengths) if backward else x
        projected = (seen.reshape(steps * batch, -1) @ layer.inputs.T + bias).reshape(steps, batch, -1)
        final, out = _steps(cell_of(layer), projected, [state[k] for state in initial], lengths)
        y[:, k] = _reversed(out, lengths) if backward else out
        for state, last in zip(initial, final, strict=True):
            state[k] = last
    if batch_first:
        y, initial = y.transpose(2, 0, 1, 3), [state.swapaxes(0, 1) for state in initial]
    results = (y, *initial)
    return tuple(result.astype(given.dtype, copy=False) for result in results)[: max(call.outputs, 1)]


def _steps(cell: Cell, projected: Array, states: list[Array], lengths: Array | None) -> tuple[list[Array], Array]:
    """Final states and the outputs of all steps; sequences that have ended keep their state and put out zeros."""
    out = np.zeros((len(projected), *states[0].shape), projected.dtype)
    for step, part in enumerate(projected):
        after = cell(part, states)
        if lengths is None:
            states = after
            out[step] = after[0]
        else:
            going = (step < lengths)[:, None]
            states = [np.where(going, new, old) for new, old in zip(after, states, strict=True)]
            out[step] = np.where(going, after[0], 0)
    return states, out


def _reversed(x: Array, lengths: Array | None) -> Array:
    """The steps in reverse, each sequence of the batch within its own length."""
    if lengths is None:
        return x[::-1]
    steps = np.arange(len(x))[:, None]
    order = np.where(steps < lengths, lengths - 1 - steps, steps)
    return np.take_along_axis(x, order[:, :, None], 0)


def _initial(
    call: Call, index: int, directions: int, batch: int, hidden: int, dtype: np.dtype[np.generic], batch_first: bool
) -> Array:
    """A state before the first step, (directions, batch, hidden), to be overwritten."""
    value = call.input(index)
    if value is None:
        return np.zeros((directions, batch, hidden), dtype)
    return (value.swapaxes(0, 1) if batch_first else value).astype(dtype)


def _layer(
    call: Call, k: int, gates: int, hidden: int, functions: Sequence[Activation], dtype: np.dtype[np.generic]
) -> _Layer:
    bias = call.input(3)
    both = bias[k].astype(dtype) if bias is not None else np.zeros(2 * gates * hidden, dtype)
    peepholes = call.input(7)
    return _Layer(
        call.required(1)[k].astype(dtype, copy=False),
        call.required(2)[k].astype(dtype, copy=False),
        both[: gates * hidden],
        both[gates * hidden :],
        peepholes[k].astype(dtype) if peepholes is not None else None,
        functions,
    )
