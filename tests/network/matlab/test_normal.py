"""Properties in their normal form, and MATLAB's documented defaults."""

from __future__ import annotations

from typing import Any

import pytest

from qlint.network.catalogue import ENTRIES
from qlint.network.matlab import normal, ports
from qlint.network.matlab.registry import TYPES, layer_type
from qlint.network.matlab.windows import listed, pairs, same, unpaired
from tests.files.description.describing import HEAD, described


def properties(type: str, written: str = "") -> dict[str, Any]:
    text = f"{HEAD}layers: [{{name: a, type: {type}{', ' if written else ''}{written}}}]"
    net = described(text)
    return normal(net.body.layers["a"], net)


# As MATLAB's reference pages of these layers give them.
@pytest.mark.parametrize(
    ("type", "name", "default"),
    [
        ("imageInputLayer", "Normalization", "zerocenter"),
        ("image3dInputLayer", "Normalization", "zerocenter"),
        ("featureInputLayer", "Normalization", "none"),
        ("sequenceInputLayer", "Normalization", "none"),
        ("sequenceInputLayer", "MinLength", 1),
        ("imageInputLayer", "Mean", None),
        ("convolution1dLayer", "Stride", 1),
        ("convolution2dLayer", "Stride", [1, 1]),
        ("convolution3dLayer", "DilationFactor", [1, 1, 1]),
        ("convolution1dLayer", "PaddingSize", [0, 0]),
        ("convolution2dLayer", "PaddingSize", [0, 0, 0, 0]),
        ("convolution3dLayer", "PaddingSize", [[0, 0, 0], [0, 0, 0]]),
        ("convolution2dLayer", "PaddingMode", "manual"),
        ("convolution2dLayer", "PaddingValue", 0),
        ("convolution2dLayer", "NumChannels", None),
        ("convolution2dLayer", "FilterSize", None),
        ("transposedConv2dLayer", "CroppingMode", "manual"),
        ("averagePooling2dLayer", "PaddingValue", 0),
        ("maxPooling2dLayer", "HasUnpoolingOutputs", False),
        ("batchNormalizationLayer", "Epsilon", 1e-5),
        ("layerNormalizationLayer", "Epsilon", 1e-5),
        ("crossChannelNormalizationLayer", "Alpha", 1e-4),
        ("crossChannelNormalizationLayer", "Beta", 0.75),
        ("crossChannelNormalizationLayer", "K", 2),
        ("dropoutLayer", "Probability", 0.5),
        ("leakyReluLayer", "Scale", 0.01),
        ("eluLayer", "Alpha", 1),
        ("geluLayer", "Approximation", "none"),
        ("lstmLayer", "OutputMode", "sequence"),
        ("lstmLayer", "StateActivationFunction", "tanh"),
        ("lstmLayer", "GateActivationFunction", "sigmoid"),
        ("gruLayer", "ResetGateMode", "after-multiplication"),
        ("lstmLayer", "HasStateInputs", False),
        ("resize2dLayer", "Method", "nearest"),
        ("resize2dLayer", "GeometricTransformMode", "half-pixel"),
        ("resize2dLayer", "NearestRoundingMode", "round"),
        ("indexing1dLayer", "Index", "first"),
        ("depthToSpace2dLayer", "Mode", "dcr"),
    ],
)
def test_defaults(type: str, name: str, default: Any) -> None:
    found = properties(type)
    assert name in found
    assert found[name] == default


@pytest.mark.parametrize(
    ("type", "written", "found"),
    [
        ("convolution2dLayer", "FilterSize: 3", {"FilterSize": [3, 3]}),
        ("convolution1dLayer", "FilterSize: [3]", {"FilterSize": 3}),
        ("convolution2dLayer", "Stride: [2.0, 1]", {"Stride": [2, 1]}),
        ("convolution2dLayer", "Stride: ~", {"Stride": None}),
        ("convolution2dLayer", "Padding: same", {"PaddingMode": "same", "PaddingSize": None}),
        ("convolution2dLayer", "Padding: SAME", {"PaddingMode": "same"}),
        ("convolution2dLayer", "Padding: 2", {"PaddingMode": "manual", "PaddingSize": [2, 2, 2, 2]}),
        ("convolution2dLayer", "Padding: [1, 2]", {"PaddingSize": [1, 1, 2, 2]}),
        ("convolution2dLayer", "Padding: [1, 2, 3, 4]", {"PaddingSize": [1, 2, 3, 4]}),
        ("convolution2dLayer", "Padding: ~", {"PaddingMode": None, "PaddingSize": None}),
        ("convolution1dLayer", "Padding: 2", {"PaddingSize": [2, 2]}),
        ("convolution1dLayer", "Padding: [1, 2]", {"PaddingSize": [1, 2]}),
        (
            "convolution1dLayer",
            "Padding: causal, FilterSize: 3, DilationFactor: 2",
            {"PaddingMode": "causal", "PaddingSize": [4, 0]},
        ),
        ("convolution3dLayer", "Padding: [1, 2, 3]", {"PaddingSize": [[1, 2, 3], [1, 2, 3]]}),
        ("convolution3dLayer", "Padding: [[1, 2, 3], [4, 5, 6]]", {"PaddingSize": [[1, 2, 3], [4, 5, 6]]}),
        ("transposedConv2dLayer", "Cropping: same", {"CroppingMode": "same", "CroppingSize": None}),
        ("transposedConv2dLayer", "Cropping: 1", {"CroppingMode": "manual", "CroppingSize": [1, 1, 1, 1]}),
        ("groupedConvolution2dLayer", "NumGroups: channel-wise", {"NumGroups": "channel-wise"}),
        ("fullyConnectedLayer", "InputSize: auto", {"InputSize": None}),
        ("averagePooling2dLayer", "PaddingValue: Mean", {"PaddingValue": "mean"}),
        ("imageInputLayer", "Normalization: '@(x) x/255'", {"Normalization": "@(x) x/255"}),
        ("imageInputLayer", "Mean: [[[1, 2]]]", {"Mean": [[[1, 2]]]}),
        ("imageInputLayer", "Mean: []", {"Mean": None}),
        ("sequenceInputLayer", "InputSize: [3]", {"InputSize": 3}),
        ("sequenceInputLayer", "InputSize: [8, 3]", {"InputSize": [8, 3]}),
        (
            "inputLayer",
            "InputSize: [~, 3, .nan], InputFormat: scb",
            {"InputSize": [None, 3, None], "InputFormat": "SCB"},
        ),
        ("selfAttentionLayer", "NumQueryChannels: 8", {"NumKeyChannels": 8}),
        ("scalingLayer", "Bias: 2", {"Scale": 1, "Offset": 2}),
        ("crop2dLayer", "Location: [2, 3]", {"Mode": "custom", "Location": [2, 3]}),
        ("resize2dLayer", "Scale: 2", {"Scale": [2, 2]}),
        ("resize2dLayer", "OutputSize: [4, ~]", {"OutputSize": [4, None]}),
    ],
)
def test_normal_forms(type: str, written: str, found: dict[str, Any]) -> None:
    values = properties(type, written)
    assert {name: values[name] for name in found} == found


def test_every_layer_that_files_have_is_known_with_its_properties_and_learnables() -> None:
    derived = {"NoOp", "Folds"}  # from shapes, not from what is written
    for entry in ENTRIES:
        layer = TYPES[entry.type]
        known = {*layer.properties, *layer.own, *derived}
        assert set(entry.properties) - known == set(), entry.type
        assert set(entry.learnables) - set(layer.learnables) == set(), entry.type


def test_a_type_that_no_table_has() -> None:
    assert layer_type("pkg.Mine") is not None
    assert layer_type("Mine") is None
    assert layer_type("Mine", is_custom=True) is not None


def test_ports() -> None:
    assert ports("additionLayer", {"NumInputs": 3}) == (("in1", "in2", "in3"), ("out",))
    assert ports("maxPooling2dLayer", {"HasUnpoolingOutputs": True}) == (("in",), ("out", "indices", "size"))
    assert ports("imageInputLayer", {}) == ((), ("out",))
    assert ports("classificationLayer", {}) == (("in",), ())
    assert ports("attentionLayer", {"HasPaddingMaskInput": True})[0] == ("query", "key", "value", "mask")


def test_padding_of_each_axis() -> None:
    assert pairs([1, 2, 3, 4], 2) == [(1, 2), (3, 4)]
    assert pairs([1, 2], 1) == [(1, 2)]
    assert pairs([[1, 2, 3], [4, 5, 6]], 3) == [(1, 4), (2, 5), (3, 6)]
    for value, rank in (([1, 2], 1), ([1, 2, 3, 4], 2), ([[1, 2, 3], [4, 5, 6]], 3)):
        assert unpaired(pairs(value, rank)) == value
    assert listed(3, 1) == [3]
    assert listed([3, 4], 2) == [3, 4]


@pytest.mark.parametrize("length", range(1, 12))
@pytest.mark.parametrize("window", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_is_the_least_that_gives_a_window_per_stride(
    length: int, window: int, stride: int, dilation: int
) -> None:
    before, after = same(length, window, stride, dilation)
    reach = (window - 1) * dilation + 1
    wanted = -(-length // stride)
    assert after - before in (0, 1)
    assert (length + before + after - reach) // stride + 1 >= wanted
    if before + after:
        assert (length + before + after - reach) == (wanted - 1) * stride
