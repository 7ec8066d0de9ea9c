"""Layers of sequences in whole networks: what stands beside one another, and what the network gives."""

from __future__ import annotations

import numpy as np
import pytest

from qlint.numeric.executor import Executor
from tests.network.lower.describing import close, lowered, random, source


def test_an_output_layer_hands_on_what_it_receives() -> None:
    x = random(4, 3)
    network = lowered(
        [source("CB", x), {"name": "soft", "type": "softmaxLayer"}, {"name": "c", "type": "classificationLayer"}]
    )
    assert [signal.tensor for signal in network.outputs] == ["soft"]
    e = np.exp(x.astype(float))
    close(Executor(network.model).run({"x": x.T})["soft"].T, e / e.sum(0))


def test_states_pass_from_layer_to_layer() -> None:
    """The decoder starts where the encoder ended; what nothing reads is an output of the network."""
    x, weights = random(4, 3, 6), {"InputWeights": (20, 4), "RecurrentWeights": (20, 5), "Bias": (20, 1)}
    arrays = {f"{layer}/{name}": random(*shape) for name, shape in weights.items() for layer in ("encoder", "decoder")}
    lstm = {"type": "lstmLayer", "NumHiddenUnits": 5}
    network = lowered(
        [
            source("CBT", x),
            {"name": "encoder", **lstm, "HasStateOutputs": True},
            {"name": "decoder", **lstm, "HasStateInputs": True},
        ],
        arrays,
        [
            ("x", "encoder"),
            ("x", "decoder/in"),
            ("encoder/hidden", "decoder/hidden"),
            ("encoder/cell", "decoder/cell"),
        ],
    )
    assert [signal.tensor for signal in network.outputs] == ["encoder", "decoder"]
    twice = lowered([source("CBT", x), {"name": "encoder", **lstm}], arrays)
    feeds = {"x": x.transpose(1, 0, 2)}
    found = Executor(network.model).run(feeds)["decoder"]
    longer = Executor(twice.model).run({"x": np.concatenate([feeds["x"]] * 2, axis=2)})["encoder"]
    close(found, longer[:, :, 6:])


@pytest.mark.parametrize(("type", "units"), [("gruLayer", 5), ("bilstmLayer", 10)])
def test_states_that_nothing_feeds_are_inputs_of_the_network(type: str, units: int) -> None:
    layer = {"name": "it", "type": type, "NumHiddenUnits": 5, "HasStateInputs": True}
    network = lowered([source("CBT", random(4, 3, 6)), layer])
    assert [(signal.tensor, signal.format, signal.shape) for signal in network.inputs][:2] == [
        ("x", "CBT", ("N", 4, "T")),
        ("it/hidden", "CB", ("N", units)),
    ]


def test_without_learnables_the_values_alone_are_unknown() -> None:
    layer = {"name": "lstm", "type": "lstmProjectedLayer", "NumHiddenUnits": 5, "OutputMode": "last"}
    network = lowered([source("CBT", random(4, 3, 6)), layer])
    assert network.outputs[0].shape == ("N", 5)
    tensor = network.layers["lstm"].learnables["RecurrentWeights"]
    assert tensor.shape == (1, 20, 5)
    assert "RecurrentWeights of layer 'lstm'" in str(tensor.values())
