"""What a lowered layer is when its nodes are read from an ONNX file: the same layer, with the same properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qlint.network.network import Network
from tests.network.lifting import lifted
from tests.network.lower import describing
from tests.network.lower.describing import Array, random, source
from tests.network.lower.running import data, lowered

NORMALIZED: dict[str, Array] = {"Scale": random(4), "Offset": random(4)}
LSTM: dict[str, Array] = {"InputWeights": random(20, 4), "RecurrentWeights": random(20, 5), "Bias": random(20, 1)}
GRU = {name: array[:15] for name, array in LSTM.items()}

CASES: list[tuple[dict[str, Any], str, int, dict[str, Array]]] = [
    ({"type": "reluLayer"}, "SSCB", 1, {}),
    ({"type": "leakyReluLayer", "Scale": 0.25}, "SSCB", 1, {}),
    ({"type": "clippedReluLayer", "Ceiling": 6}, "SSCB", 1, {}),
    ({"type": "preluLayer"}, "SSCB", 1, {"Alpha": random(4)}),
    ({"type": "eluLayer", "Alpha": 0.5}, "SSCB", 1, {}),
    ({"type": "geluLayer"}, "CB", 1, {}),
    ({"type": "geluLayer", "Approximation": "tanh"}, "CB", 1, {}),
    ({"type": "swishLayer"}, "SSCB", 1, {}),
    ({"type": "sigmoidLayer"}, "CBT", 1, {}),
    ({"type": "tanhLayer"}, "CBT", 1, {}),
    ({"type": "softplusLayer"}, "CB", 1, {}),
    ({"type": "softmaxLayer"}, "SSCB", 1, {}),
    ({"type": "softmaxLayer"}, "CBT", 1, {}),
    ({"type": "dropoutLayer", "Probability": 0.25}, "SSCB", 1, {}),
    ({"type": "identityLayer"}, "SSCB", 1, {}),
    ({"type": "additionLayer", "NumInputs": 2}, "SSCB", 2, {}),
    ({"type": "additionLayer", "NumInputs": 3}, "SSCB", 3, {}),
    ({"type": "multiplicationLayer", "NumInputs": 2}, "CB", 2, {}),
    ({"type": "depthConcatenationLayer", "NumInputs": 2}, "SSCB", 2, {}),
    ({"type": "concatenationLayer", "NumInputs": 2, "Dim": 1}, "SSCB", 2, {}),
    ({"type": "concatenationLayer", "NumInputs": 3, "Dim": 1}, "CB", 3, {}),
    ({"type": "permuteLayer", "DimensionOrder": [0, 1, 3, 2]}, "SSCB", 1, {}),
    (
        {"type": "batchNormalizationLayer", "Epsilon": 0.25, "NumChannels": 4},
        "SSCB",
        1,
        NORMALIZED | {"TrainedMean": random(4), "TrainedVariance": np.ones(4, np.float32)},
    ),
    ({"type": "layerNormalizationLayer", "Epsilon": 0.25, "OperationDimension": "channel-only"}, "CB", 1, NORMALIZED),
    ({"type": "groupNormalizationLayer", "Epsilon": 0.25, "NumGroups": 2}, "SSCB", 1, NORMALIZED),
    ({"type": "groupNormalizationLayer", "NumGroups": "channel-wise"}, "SSCB", 1, NORMALIZED),
    ({"type": "crossChannelNormalizationLayer", "WindowChannelSize": 5, "Alpha": 0.5, "Beta": 0.25}, "SSCB", 1, {}),
    ({"type": "lstmLayer", "NumHiddenUnits": 5, "StateActivationFunction": "softsign"}, "CBT", 1, LSTM),
    ({"type": "lstmLayer", "NumHiddenUnits": 5, "GateActivationFunction": "hard-sigmoid"}, "CBT", 1, LSTM),
    ({"type": "lstmLayer", "NumHiddenUnits": 5, "HasStateOutputs": True}, "CBT", 1, LSTM),
    ({"type": "bilstmLayer", "NumHiddenUnits": 5}, "CBT", 1, {name: np.tile(a, (2, 1)) for name, a in LSTM.items()}),
    (
        {"type": "gruLayer", "NumHiddenUnits": 5, "ResetGateMode": "before-multiplication"},
        "CBT",
        1,
        GRU,
    ),
]


def lifted_again(layer: dict[str, Any], format: str, count: int, arrays: dict[str, Array]) -> tuple[Any, Network]:
    made = lowered(layer, *((format, data(format)) for _ in range(count)), arrays=arrays)
    proto = onnx.ModelProto()
    proto.CopyFrom(made.proto)
    for name, tensor in made.learnables.items():
        stands = next(at for at, value in enumerate(proto.graph.input) if value.name == name)
        del proto.graph.input[stands]
        proto.graph.initializer.append(numpy_helper.from_array(np.asarray(tensor.values()), name))
    onnx.checker.check_model(proto, full_check=True)
    return made.layers["it"].layer, lifted(proto)


@pytest.mark.parametrize(
    ("layer", "format", "count", "arrays"),
    CASES,
    ids=lambda case: case["type"] if isinstance(case, dict) and "type" in case else "",
)
def test_the_same_layer(layer: dict[str, Any], format: str, count: int, arrays: dict[str, Array]) -> None:
    described, network = lifted_again(layer, format, count, arrays)
    (found,) = [one for one in network if one.type == layer["type"]]
    for name, value in described.properties.items():
        if name in found.properties and value is not None:
            assert found.properties[name] == (pytest.approx(value) if isinstance(value, float) else value), name
    assert found.learnables.keys() == arrays.keys()


def test_constant_arithmetic() -> None:
    """Not right after an input layer, whose normalization it would be."""
    x = source("SSCB", data("SSCB"))
    affine = {"name": "it", "type": "nnet.onnx.layer.ElementwiseAffineLayer", "Scale": 2, "Offset": 0}
    made = describing.lowered([x, {"name": "relu", "type": "reluLayer"}, affine])
    found = [layer for layer in lifted(made.proto) if layer.type == affine["type"]]
    assert [(layer.properties["Scale"], layer.properties["Offset"]) for layer in found] == [(2, 0)]


def test_of_several_factors_are_several_layers() -> None:
    _, network = lifted_again({"type": "multiplicationLayer", "NumInputs": 3}, "CB", 3, {})
    assert [layer.type for layer in network].count("multiplicationLayer") == 2


@pytest.mark.parametrize("type", ["lstmLayer", "gruLayer"])
def test_the_last_output_alone(type: str) -> None:
    """The outputs of all steps, which nothing reads, are left out of the node: that is how ONNX says "last"."""
    layer = {"type": type, "NumHiddenUnits": 5, "OutputMode": "last"}
    _, network = lifted_again(layer, "CBT", 1, LSTM if type == "lstmLayer" else GRU)
    (found,) = [one for one in network if one.type == type]
    assert found.properties["OutputMode"] == "last"
    assert found.properties["HasStateOutputs"] is False
