"""LSTM, BiLSTM, GRU and projected layers against MATLAB's equations, step by step, in MATLAB's layout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from qlint.errors import DescriptionError
from tests.network.lower.describing import Array, close, random
from tests.network.lower.running import data, one, run

HIDDEN = 5

STATE: dict[str, Any] = {
    "tanh": math.tanh,
    "softsign": lambda x: x / (1 + abs(x)),
    "relu": lambda x: max(x, 0.0),
}
GATE: dict[str, Any] = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "hard-sigmoid": lambda x: 0.0 if x < -2.5 else 1.0 if x > 2.5 else 0.2 * x + 0.5,
}


def gates_of(stacked: Array, count: int) -> list[Array]:
    """The blocks of HIDDEN rows that weights are stacked from."""
    return [stacked[k * HIDDEN : (k + 1) * HIDDEN].astype(float) for k in range(count)]


def lstm(
    x: Array, weights: dict[str, Array], state: str, gate: str, h: Array, c: Array
) -> tuple[list[Array], Array, Array]:
    """Hidden states of all steps of one observation [C T], and both states at the end. Gates: i, f, g, o."""
    w, r, b = (gates_of(weights[name], 4) for name in ("InputWeights", "RecurrentWeights", "Bias"))
    s, g = np.vectorize(STATE[state], otypes=[float]), np.vectorize(GATE[gate], otypes=[float])
    steps = []
    for t in range(x.shape[1]):
        i, f, candidate, o = (w[k] @ x[:, t] + r[k] @ h + b[k].ravel() for k in range(4))
        c = g(f) * c + g(i) * s(candidate)
        h = g(o) * s(c)
        steps.append(h)
    return steps, h, c


def gru(x: Array, weights: dict[str, Array], mode: str, state: str, gate: str, h: Array) -> tuple[list[Array], Array]:
    """Gates: r, z, candidate."""
    w, r = (gates_of(weights[name], 3) for name in ("InputWeights", "RecurrentWeights"))
    b = [part.ravel() for part in gates_of(weights["Bias"], 6 if mode.startswith("recurrent") else 3)]
    s, g = np.vectorize(STATE[state], otypes=[float]), np.vectorize(GATE[gate], otypes=[float])
    own = b[3:] if len(b) == 6 else [np.zeros(HIDDEN)] * 3
    steps = []
    for t in range(x.shape[1]):
        now = x[:, t]
        reset = g(w[0] @ now + b[0] + r[0] @ h + own[0])
        update = g(w[1] @ now + b[1] + r[1] @ h + own[1])
        recurrent = r[2] @ (reset * h) if mode == "before-multiplication" else reset * (r[2] @ h + own[2])
        h = (1 - update) * s(w[2] @ now + b[2] + recurrent) + update * h
        steps.append(h)
    return steps, h


def lstm_arrays(inputs: int, directions: int = 1) -> dict[str, Array]:
    rows = 4 * HIDDEN * directions
    return {
        "InputWeights": random(rows, inputs, seed=1),
        "RecurrentWeights": random(rows, HIDDEN, seed=2) * 0.7,
        "Bias": random(rows, 1, seed=3),
    }


def gru_arrays(inputs: int, mode: str) -> dict[str, Array]:
    return {
        "InputWeights": random(3 * HIDDEN, inputs, seed=1),
        "RecurrentWeights": random(3 * HIDDEN, HIDDEN, seed=2) * 0.7,
        "Bias": random((6 if mode.startswith("recurrent") else 3) * HIDDEN, 1, seed=3),
    }


def zeros() -> Array:
    return np.zeros(HIDDEN)


def wanted_lstm(x: Array, arrays: dict[str, Array], state: str = "tanh", gate: str = "sigmoid") -> Array:
    """[hidden B T]."""
    each = [lstm(x[:, b], arrays, state, gate, zeros(), zeros())[0] for b in range(x.shape[1])]
    return np.array(each).transpose(2, 0, 1)


class TestLstm:
    @pytest.mark.parametrize("state", STATE)
    @pytest.mark.parametrize("gate", GATE)
    def test_sequence(self, state: str, gate: str) -> None:
        x = data("CBT")
        arrays = lstm_arrays(x.shape[0])
        layer = {
            "type": "lstmLayer",
            "NumHiddenUnits": HIDDEN,
            "StateActivationFunction": state,
            "GateActivationFunction": gate,
        }
        close(one(layer, ("CBT", x), arrays=arrays), wanted_lstm(x, arrays, state, gate))

    def test_last(self) -> None:
        x = data("CBT")
        arrays = lstm_arrays(x.shape[0])
        layer = {"type": "lstmLayer", "NumHiddenUnits": HIDDEN, "OutputMode": "last"}
        close(one(layer, ("CBT", x), arrays=arrays, format="CB"), wanted_lstm(x, arrays)[:, :, -1])

    def test_without_time_it_is_one_step(self) -> None:
        x = data("CB")
        arrays = lstm_arrays(x.shape[0])
        layer = {"type": "lstmLayer", "NumHiddenUnits": HIDDEN}
        close(one(layer, ("CB", x), arrays=arrays, format="CB"), wanted_lstm(x[:, :, None], arrays)[:, :, 0])

    @pytest.mark.parametrize("format", ["SSCBT", "SCBT", "SSCB"])
    def test_space_is_flattened_column_by_column(self, format: str) -> None:
        x = data(format)
        at = format.index("B")
        sizes = x.shape[at:] if format.endswith("T") else (x.shape[at], 1)
        flat = x.reshape(-1, *sizes, order="F")
        arrays = lstm_arrays(flat.shape[0])
        wanted = wanted_lstm(flat, arrays)
        wanted = wanted if format.endswith("T") else wanted[:, :, 0]
        layer = {"type": "lstmLayer", "NumHiddenUnits": HIDDEN}
        close(one(layer, (format, x), arrays=arrays, format="CBT" if format.endswith("T") else "CB"), wanted)

    def test_states_in_and_out(self) -> None:
        x, h, c = data("CBT"), random(HIDDEN, 3, seed=7), random(HIDDEN, 3, seed=8)
        assert x.shape[1] == 3
        arrays = lstm_arrays(x.shape[0])
        layer = {"type": "lstmLayer", "NumHiddenUnits": HIDDEN, "HasStateInputs": True, "HasStateOutputs": True}
        found = run(layer, ("CBT", x), ("CB", h), ("CB", c), arrays=arrays)
        each = [lstm(x[:, b], arrays, "tanh", "sigmoid", h[:, b], c[:, b]) for b in range(3)]
        assert [format for format, _ in found] == ["CBT", "CB", "CB"]
        close(found[0][1], np.array([steps for steps, _, _ in each]).transpose(2, 0, 1))
        close(found[1][1], np.array([last for _, last, _ in each]).T)
        close(found[2][1], np.array([last for _, _, last in each]).T)

    def test_initial_states(self) -> None:
        x = data("CBT")
        arrays = lstm_arrays(x.shape[0]) | {"HiddenState": random(HIDDEN, 1, seed=7), "CellState": random(HIDDEN, 1)}
        h, c = arrays["HiddenState"].ravel(), arrays["CellState"].ravel()
        each = [lstm(x[:, b], arrays, "tanh", "sigmoid", h, c)[0] for b in range(x.shape[1])]
        layer = {"type": "lstmLayer", "NumHiddenUnits": HIDDEN}
        close(one(layer, ("CBT", x), arrays=arrays), np.array(each).transpose(2, 0, 1))

    def test_one_initial_state(self) -> None:
        x = data("CBT")
        arrays = lstm_arrays(x.shape[0]) | {
            "HiddenState": np.zeros((HIDDEN, 1), np.float32),
            "CellState": random(HIDDEN),
        }
        each = [lstm(x[:, b], arrays, "tanh", "sigmoid", zeros(), arrays["CellState"])[0] for b in range(x.shape[1])]
        layer = {"type": "lstmLayer", "NumHiddenUnits": HIDDEN}
        close(one(layer, ("CBT", x), arrays=arrays), np.array(each).transpose(2, 0, 1))


class TestBilstm:
    def wanted(
        self, x: Array, arrays: dict[str, Array], h: Array, c: Array, state: str = "tanh", gate: str = "sigmoid"
    ) -> tuple[Array, Array, Array]:
        """All steps [2*hidden B T], and the states at the end [2*hidden B]; `h` and `c` as the latter."""
        sides = []
        for k in range(2):
            rows = slice(4 * HIDDEN * k, 4 * HIDDEN * (k + 1))
            mine = {name: array[rows] for name, array in arrays.items()}
            turned = x[:, :, ::-1] if k else x
            own = slice(HIDDEN * k, HIDDEN * (k + 1))
            each = [lstm(turned[:, b], mine, state, gate, h[own, b], c[own, b]) for b in range(x.shape[1])]
            steps = np.array([steps for steps, _, _ in each]).transpose(2, 0, 1)
            ends = [np.array([end[at] for end in each]).T for at in (1, 2)]
            sides.append((steps[:, :, ::-1] if k else steps, *ends))
        return tuple(np.concatenate(parts) for parts in zip(*sides, strict=True))  # type: ignore[return-value]

    def test_sequence(self) -> None:
        x = data("CBT")
        arrays = lstm_arrays(x.shape[0], 2)
        start = np.zeros((2 * HIDDEN, x.shape[1]))
        layer = {"type": "bilstmLayer", "NumHiddenUnits": HIDDEN}
        close(one(layer, ("CBT", x), arrays=arrays), self.wanted(x, arrays, start, start)[0])

    def test_activations(self) -> None:
        x = data("CBT")
        arrays = lstm_arrays(x.shape[0], 2)
        start = np.zeros((2 * HIDDEN, x.shape[1]))
        words = {"StateActivationFunction": "softsign", "GateActivationFunction": "hard-sigmoid"}
        found = one({"type": "bilstmLayer", "NumHiddenUnits": HIDDEN, **words}, ("CBT", x), arrays=arrays)
        close(found, self.wanted(x, arrays, start, start, *words.values())[0])

    def test_last_is_each_direction_s_own_last(self) -> None:
        x = data("CBT")
        arrays = lstm_arrays(x.shape[0], 2)
        start = np.zeros((2 * HIDDEN, x.shape[1]))
        layer = {"type": "bilstmLayer", "NumHiddenUnits": HIDDEN, "OutputMode": "last"}
        close(one(layer, ("CBT", x), arrays=arrays, format="CB"), self.wanted(x, arrays, start, start)[1])

    def test_states_in_and_out(self) -> None:
        x, h, c = data("CBT"), random(2 * HIDDEN, 3, seed=7), random(2 * HIDDEN, 3, seed=8)
        arrays = lstm_arrays(x.shape[0], 2)
        layer = {"type": "bilstmLayer", "NumHiddenUnits": HIDDEN, "HasStateInputs": True, "HasStateOutputs": True}
        found = run(layer, ("CBT", x), ("CB", h), ("CB", c), arrays=arrays)
        for (_, mine), theirs in zip(found, self.wanted(x, arrays, h, c), strict=True):
            close(mine, theirs)

    def test_initial_states(self) -> None:
        x = data("CBT")
        arrays = lstm_arrays(x.shape[0], 2)
        h, c = random(2 * HIDDEN, 1, seed=7), random(2 * HIDDEN, 1, seed=8)
        each = [np.repeat(state, x.shape[1], axis=1) for state in (h, c)]
        layer = {"type": "bilstmLayer", "NumHiddenUnits": HIDDEN}
        found = one(layer, ("CBT", x), arrays=arrays | {"HiddenState": h, "CellState": c})
        close(found, self.wanted(x, arrays, *each)[0])


MODES = ["after-multiplication", "before-multiplication", "recurrent-bias-after-multiplication"]


class TestGru:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(
        ("state", "gate"), [("tanh", "sigmoid"), ("softsign", "hard-sigmoid"), ("relu", "sigmoid")]
    )
    def test_sequence(self, mode: str, state: str, gate: str) -> None:
        x = data("CBT")
        arrays = gru_arrays(x.shape[0], mode)
        layer = {
            "type": "gruLayer",
            "NumHiddenUnits": HIDDEN,
            "ResetGateMode": mode,
            "StateActivationFunction": state,
            "GateActivationFunction": gate,
        }
        each = [gru(x[:, b], arrays, mode, state, gate, zeros())[0] for b in range(x.shape[1])]
        close(one(layer, ("CBT", x), arrays=arrays), np.array(each).transpose(2, 0, 1))

    def test_states(self) -> None:
        x, h = data("CBT"), random(HIDDEN, 3, seed=7)
        arrays = gru_arrays(x.shape[0], MODES[0])
        layer = {
            "type": "gruLayer",
            "NumHiddenUnits": HIDDEN,
            "OutputMode": "last",
            "HasStateInputs": True,
            "HasStateOutputs": True,
        }
        found = run(layer, ("CBT", x), ("CB", h), arrays=arrays)
        each = [gru(x[:, b], arrays, MODES[0], "tanh", "sigmoid", h[:, b])[1] for b in range(3)]
        assert [format for format, _ in found] == ["CB", "CB"]
        for _, mine in found:
            close(mine, np.array(each).T)


class TestProjected:
    """A projected layer computes W Q Q' x where W is stored as W Q."""

    def factors(self, gates: int, inputs: int, bias: int) -> dict[str, Array]:
        return {
            "InputWeights": random(gates * HIDDEN, 2, seed=1),
            "RecurrentWeights": random(gates * HIDDEN, 3, seed=2) * 0.5,
            "Bias": random(bias * HIDDEN, 1, seed=3),
            "InputProjector": random(inputs, 2, seed=4),
            "OutputProjector": random(HIDDEN, 3, seed=5),
        }

    def unpacked(self, arrays: dict[str, Array]) -> dict[str, Array]:
        return {
            "InputWeights": arrays["InputWeights"] @ arrays["InputProjector"].T,
            "RecurrentWeights": arrays["RecurrentWeights"] @ arrays["OutputProjector"].T,
            "Bias": arrays["Bias"],
        }

    def test_lstm(self) -> None:
        x = data("CBT")
        arrays = self.factors(4, x.shape[0], 4)
        layer = {
            "type": "lstmProjectedLayer",
            "NumHiddenUnits": HIDDEN,
            "InputProjectorSize": 2,
            "OutputProjectorSize": 3,
        }
        close(one(layer, ("CBT", x), arrays=arrays), wanted_lstm(x, self.unpacked(arrays)))

    @pytest.mark.parametrize("mode", MODES)
    def test_gru(self, mode: str) -> None:
        x = data("CBT")
        arrays = self.factors(3, x.shape[0], 6 if mode.startswith("recurrent") else 3)
        layer = {"type": "gruProjectedLayer", "NumHiddenUnits": HIDDEN, "ResetGateMode": mode}
        whole = self.unpacked(arrays)
        each = [gru(x[:, b], whole, mode, "tanh", "sigmoid", zeros())[0] for b in range(x.shape[1])]
        close(one(layer, ("CBT", x), arrays=arrays), np.array(each).transpose(2, 0, 1))

    def test_a_projector_of_another_size(self) -> None:
        x = data("CBT")
        arrays = self.factors(4, x.shape[0], 4) | {"OutputProjector": random(HIDDEN, 2)}
        with pytest.raises(DescriptionError, match=r"OutputProjector is \[5 2\], but the layer.*ask for \[5 3\]"):
            one(
                {"type": "lstmProjectedLayer", "NumHiddenUnits": HIDDEN, "OutputProjectorSize": 3},
                ("CBT", x),
                arrays=arrays,
            )


@pytest.mark.parametrize(
    ("arrays", "properties", "problem"),
    [
        ({"InputWeights": random(20, 3)}, {}, r"InputWeights is \[20 3\], but the layer.*ask for \[20 4\]"),
        ({"RecurrentWeights": random(5, 20)}, {}, r"RecurrentWeights is \[5 20\], but the layer.*ask for \[20 5\]"),
        ({"Bias": random(40, 1)}, {}, r"Bias is \[40 1\]"),
        ({"HiddenState": random(4, 1)}, {}, r"HiddenState is \[4 1\]"),
        ({}, {"InputSize": 9}, "InputSize is 9, and its input has 4"),
    ],
)
def test_what_does_not_fit(arrays: dict[str, Array], properties: dict[str, Any], problem: str) -> None:
    x = data("CBT")
    assert x.shape[0] == 4
    with pytest.raises(DescriptionError, match=problem):
        one({"type": "lstmLayer", "NumHiddenUnits": HIDDEN, **properties}, ("CBT", x), arrays=arrays)


def test_a_state_of_another_size() -> None:
    layer = {"type": "gruLayer", "NumHiddenUnits": HIDDEN, "HasStateInputs": True}
    with pytest.raises(DescriptionError, match="'hidden' is CB data of 4 channels"):
        one(layer, ("CBT", data("CBT")), ("CB", random(4, 3)))
