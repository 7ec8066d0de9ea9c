"""Layers that cannot be computed, since something is not known or not documented: what is known of their outputs."""

from __future__ import annotations

from typing import Any

import pytest

from qlint.errors import ExecutionError
from tests.network.lower.describing import random
from tests.network.lower.running import data, lowered, one

SELF = {"type": "selfAttentionLayer", "NumHeads": 2, "NumKeyChannels": 6}
LSTM = {"type": "lstmLayer", "NumHiddenUnits": 5}

CASES: list[tuple[dict[str, Any], str, list[tuple[str, Any]]]] = [
    ({"type": "leakyReluLayer", "Scale": None}, "SSCB", [("SSCB", ("N", 4, 2, 5))]),
    ({"type": "clippedReluLayer"}, "CBT", [("CBT", ("N", 4, "T"))]),
    ({"type": "batchNormalizationLayer", "Epsilon": None}, "CB", [("CB", ("N", 4))]),
    ({"type": "layerNormalizationLayer", "Epsilon": None}, "CB", [("CB", ("N", 4))]),
    ({"type": "groupNormalizationLayer"}, "SSCB", [("SSCB", ("N", 4, 2, 5))]),
    ({"type": "instanceNormalizationLayer", "OperationDimension": "elsewhere"}, "CB", [("CB", ("N", 4))]),
    ({"type": "crossChannelNormalizationLayer"}, "SSCB", [("SSCB", ("N", 4, 2, 5))]),
    ({"type": "inverseNormalizationLayer", "Normalization": None}, "CB", [("CB", ("N", 4))]),
    ({"type": "wordEmbeddingLayer", "Dimension": 8}, "CBT", [("CBT", ("N", 8, "T"))]),
    ({"type": "permuteLayer"}, "SSCB", [("", None)]),
    ({"type": "permuteLayer", "DimensionOrder": [1, 0, 2, 3]}, "SSCB", [("", None)]),
    ({"type": "indexing1dLayer"}, "SCBT", [("", None)]),
    ({"type": "lstmLayer"}, "CBT", [("", None)]),
    ({**LSTM, "GateActivationFunction": None}, "CBT", [("CBT", ("N", 5, "T"))]),
    ({**LSTM, "StateActivationFunction": None, "OutputMode": "last"}, "CBT", [("CB", ("N", 5))]),
    ({**LSTM, "StateActivationFunction": None, "HasStateOutputs": True}, "CB", [("CB", ("N", 5))] * 3),
    ({"type": "gruLayer", "NumHiddenUnits": 5, "ResetGateMode": None}, "CBT", [("CBT", ("N", 5, "T"))]),
    ({**SELF, "HasScoresOutput": True}, "CBT", [("CBT", ("N", 4, "T")), ("", None)]),
    ({**SELF, "AttentionMask": [[1, 0], [1, 1]], "OutputSize": 7}, "CBT", [("CBT", ("N", 7, "T"))]),
    ({"type": "selfAttentionLayer"}, "CBT", [("CBT", ("N", 4, "T"))]),
    ({**SELF}, "CB", [("CB", ("N", 4))]),
]


@pytest.mark.parametrize(("layer", "format", "known"), CASES)
def test_what_is_known(layer: dict[str, Any], format: str, known: list[tuple[str, Any]]) -> None:
    x = random(1, 3, 6) if layer["type"] == "wordEmbeddingLayer" else data(format)
    made = lowered(layer, (format, x)).layers["it"]
    assert [node.domain for node in made.nodes] == ["qlint.layer"]
    assert [(signal.format, signal.shape) for signal in made.outputs.values()] == known


def test_a_joining_layer() -> None:
    made = lowered({"type": "concatenationLayer", "NumInputs": 2}, *[("SSCB", data("SSCB"))] * 2).layers["it"]
    assert [(signal.format, signal.shape) for signal in made.outputs.values()] == [("", None)]


def test_it_cannot_be_computed() -> None:
    with pytest.raises(ExecutionError, match="clippedReluLayer"):
        one({"type": "clippedReluLayer"}, ("CB", data("CB")))
