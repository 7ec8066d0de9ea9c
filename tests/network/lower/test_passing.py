"""Layers that change nothing at inference."""

from __future__ import annotations

import numpy as np
import pytest

from tests.network.lower.running import data, lowered, one


@pytest.mark.parametrize(
    "type",
    ["dropoutLayer", "spatialDropoutLayer", "gaussianNoiseLayer", "identityLayer", "nnet.onnx.layer.IdentityLayer"],
)
def test_nothing_changes(type: str) -> None:
    x = data("SSCB")
    assert np.array_equal(one({"type": type}, ("SSCB", x)), x)


def test_dropout_keeps_its_probability() -> None:
    made = lowered({"type": "dropoutLayer", "Probability": 0.25}, ("CB", data("CB")))
    (node,) = made.layers["it"].nodes
    assert node.op_type == "Dropout"
    assert made.model.graph.initializers[node.inputs[1]].values() == np.float32(0.25)


@pytest.mark.parametrize("type", ["classificationLayer", "regressionLayer", "pixelClassificationLayer"])
def test_output_layers_stand_on_no_node(type: str) -> None:
    made = lowered({"type": type}, ("CB", data("CB")))
    assert made.layers["it"].nodes == ()
