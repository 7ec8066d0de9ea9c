"""One observation of sequences: which axis is the batch, and how often layers multiply in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from qlint.plan.metrics import Metrics
from qlint.session import read_network
from tests.plan.test_metrics import counted, read

DESCRIPTION = """\
schema: qlint.network/v1
network: {class: SeriesNetwork, release: R2025b}
layers:
  - {name: in, type: sequenceInputLayer, InputSize: 12, MinLength: 5}
  - {name: conv, type: convolution1dLayer, FilterSize: 3, NumFilters: 8, Padding: same}
  - {name: lstm, type: lstmLayer, NumHiddenUnits: 20, OutputMode: sequence}
  - {name: each, type: fullyConnectedLayer, OutputSize: 6}
  - {name: gru, type: gruLayer, NumHiddenUnits: 7, OutputMode: last}
  - {name: last, type: fullyConnectedLayer, OutputSize: 10}
"""


@pytest.mark.parametrize("steps", [1, 9])
def test_a_described_sequence_has_its_channels_second_and_its_steps_last(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "net.qnet.yaml"
    path.write_text(DESCRIPTION, encoding="utf-8")
    net, _ = read_network(str(path), bind={"in": [1, 12, steps]})
    metrics = Metrics(net)
    assert {layer.name: metrics.macs(layer) for layer in net} == {
        "in": 0,
        "conv": steps * 3 * 12 * 8,
        "lstm": steps * 4 * 20 * (8 + 20),
        "each": steps * 20 * 6,
        "gru": steps * 3 * 7 * (6 + 7),
        "last": 7 * 10,
    }


def test_without_its_length_nothing_is_known_but_of_what_reads_one_step(tmp_path: Path) -> None:
    path = tmp_path / "net.qnet.yaml"
    path.write_text(DESCRIPTION, encoding="utf-8")
    net, _ = read_network(str(path))
    metrics = Metrics(net)
    assert [metrics.macs(layer) for layer in net] == [0, None, None, None, None, 70]


def test_a_described_layer_whose_learnables_are_not_told_is_not_known(tmp_path: Path) -> None:
    """But self-attention is: four matrices of 6 by 8, and a bias for each of their outputs."""
    path = tmp_path / "net.qnet.yaml"
    lines = (
        "{name: in, type: sequenceInputLayer, InputSize: 6}",
        "{name: attention, type: selfAttentionLayer, NumHeads: 2, NumKeyChannels: 8}",
        "{name: sine, type: functionLayer}",
        "{name: own, type: my.OwnLayer}",
        "{name: square, type: quadraticLayer}",
        "{name: projected, type: projectedLayer}",
    )
    path.write_text(DESCRIPTION.partition("  - ")[0] + "".join(f"  - {line}\n" for line in lines), encoding="utf-8")
    net, _ = read_network(str(path), bind={"in": [1, 6, 5]})
    metrics = Metrics(net)
    known = {"in": (0, 0), "attention": (4 * 6 * 8 + 3 * 8 + 6, 5 * 4 * 6 * 8), "sine": (0, 0)}
    found = {layer.name: (metrics.parameters(layer), metrics.macs(layer)) for layer in net}
    assert found == known | dict.fromkeys(("own", "square", "projected"), (None, None))


@pytest.mark.parametrize("batch", ["1", "4", "N"])
def test_a_convolved_sequence_has_its_batch_first(batch: str) -> None:
    net = read(f"float[{batch}, 2, 32] x", "y = Conv <pads = [1, 1]> (x, w)", {"w": [4, 2, 3]})
    assert counted(net, "convolution1dLayer") == (24, 24 * 32)


@pytest.mark.parametrize("batch", ["1", "3", "N"])
def test_a_sequence_that_recurs_has_its_batch_second(batch: str) -> None:
    """Nine steps in, a state of five out, each step through a matrix."""
    nodes = "a = Constant <value_ints = [1]> () h = LSTM <hidden_size = 5> (x, w, r) s = Squeeze(h, a) y = MatMul(s, m)"
    net = read(f"float[9, {batch}, 3] x", nodes, {"w": [1, 20, 3], "r": [1, 20, 5], "m": [5, 7]})
    assert counted(net, "lstmLayer") == (160, 9 * 20 * 8)
    assert counted(net, "fullyConnectedLayer") == (35, 9 * 35)


@pytest.mark.parametrize(("shape", "rows"), [("1, 9", 9), ("9, 1", 9), ("N, 9", 9), ("T, 1", None), ("4, 9", None)])
def test_of_a_sequence_that_nothing_tells_the_axes_of(shape: str, rows: int | None) -> None:
    net = read(f"float[{shape}, 3] x", "y = MatMul(x, m)", {"m": [3, 5]})
    assert counted(net, "fullyConnectedLayer") == (15, None if rows is None else 15 * rows)


def test_only_the_steps_have_to_be_given_and_a_bias_counts_as_often_as_matlab_has_it(tmp_path: Path) -> None:
    path = tmp_path / "net.qnet.yaml"
    gated = DESCRIPTION.replace(
        "NumHiddenUnits: 7,", "NumHiddenUnits: 7, ResetGateMode: recurrent-bias-after-multiplication,"
    )
    path.write_text(gated.replace("MinLength: 5", "Normalization: none"), encoding="utf-8")
    net, _ = read_network(str(path), bind={"T": 4})
    metrics = Metrics(net)
    assert metrics.macs(net.layers["each"]) == 4 * 20 * 6
    assert metrics.macs(net.layers["last"]) == 7 * 10
    assert metrics.parameters(net.layers["lstm"]) == 80 * 8 + 80 * 20 + 80
    assert metrics.parameters(net.layers["gru"]) == 21 * 6 + 21 * 7 + 42


@pytest.mark.parametrize(
    ("shape", "bound"), [("T, 1, 3", "x=N,1,3"), ("N, T, 3", "x=1,N,3"), ("N, 1, 8, W", "x=1,1,8,N"), ("T, 1", "x=1,1")]
)
def test_what_to_bind_leaves_the_steps_open_and_not_the_batch(shape: str, bound: str) -> None:
    net = read(f"float[{shape}] x", "y = Relu(x)", {})
    assert net.properties["OpenInputs"] == [bound]
