"""Types, properties and ports: what is not MATLAB's is refused at its place."""

from __future__ import annotations

from typing import Any

import pytest

from qlint.files.description.records import End
from qlint.network.matlab.typed import TypedBody, typed
from tests.files.description.describing import HEAD, described, judged

A = "{name: a, type: reluLayer}"


def body(text: str) -> TypedBody:
    return typed(described(HEAD + text))


def layers(*entries: str) -> str:
    return "layers:\n" + "".join(f"  - {entry}\n" for entry in entries)


def refused(text: str, place: tuple[int, int], words: str) -> None:
    from qlint.errors import DescriptionError

    with pytest.raises(DescriptionError) as caught:
        body(text)
    judged(caught.value, place, words)


@pytest.mark.parametrize(
    ("entry", "column", "words"),
    [
        ("{name: a, type: relu}", 21, "did you mean 'reluLayer'"),
        ("{name: a, type: Convolution2dlayer}", 21, "did you mean 'convolution2dLayer'"),
        ("{name: a, type: zzz}", 21, "custom: true"),
        ("{name: a, type: reluLayer, Scale: 1}", 32, "reluLayer has no property 'Scale'; it has none"),
        ("{name: a, type: convolution2dLayer, PadingMode: same}", 41, "did you mean 'PaddingMode'"),
        ("{name: a, type: convolution2dLayer, stride: 2}", 41, "did you mean 'Stride'"),
        ("{name: a, type: convolution2dLayer, Weights: [1]}", 41, "under learnables"),
        ("{name: a, type: convolution2dLayer, Padding: same, PaddingMode: same}", 56, "set the same property"),
        ("{name: a, type: convolution2dLayer, FilterSize: [3, 3, 3]}", 53, "a list of 2"),
        ("{name: a, type: convolution2dLayer, FilterSize: 0}", 53, "at least 1"),
        ("{name: a, type: convolution2dLayer, FilterSize: true}", 53, "at least 1"),
        ("{name: a, type: convolution2dLayer, NumFilters: 1.5}", 53, "at least 1"),
        ("{name: a, type: convolution2dLayer, NumChannels: aut}", 54, "did you mean 'auto'"),
        ("{name: a, type: convolution2dLayer, PaddingMode: sam}", 54, "did you mean 'same'"),
        ("{name: a, type: convolution2dLayer, PaddingMode: causal}", 54, "manual, same"),
        ("{name: a, type: convolution2dLayer, Padding: -1}", 50, "[top, bottom, left, right]"),
        ("{name: a, type: convolution2dLayer, Padding: [1, 2, 3]}", 50, "[top, bottom, left, right]"),
        ("{name: a, type: convolution3dLayer, Padding: [[1, 2, 3], [1, 2]]}", 50, "[right, bottom, back]"),
        ("{name: a, type: averagePooling2dLayer, PaddingValue: 1}", 58, "0 or mean"),
        ("{name: a, type: dropoutLayer, Probability: 1.5}", 48, "at most 1"),
        ("{name: a, type: dropoutLayer, Probability: .nan}", 48, "at most 1"),
        ("{name: a, type: convolution2dLayer, FilterSize: 9223372036854775808}", 53, "at most 2147483647"),
        ("{name: a, type: imageInputLayer, Mean: [1, .nan]}", 44, "lists of numbers"),
        ("{name: a, type: additionLayer, NumInputs: 2000000000}", 47, "at most 4096"),
        ("{name: a, type: networkLayer, NumInputs: 2000000000}", 46, "at most 4096"),
        ("{name: a, type: my.Layer, NumOutputs: 2000000000}", 43, "at most 4096"),
        ("{name: a, type: classificationLayer}", 12, "input in of classificationLayer 'a' is not connected"),
        ("{name: a, type: lstmLayer, StateActivationFunction: tan}", 57, "did you mean 'tanh'"),
        ("{name: a, type: lstmLayer, HasStateInputs: 2}", 48, "true or false"),
        ("{name: a, type: imageInputLayer, InputSize: [28, 28]}", 49, "a list of 3"),
        ("{name: a, type: imageInputLayer, Mean: [[1], [1, 2]]}", 44, "equal lengths"),
        ("{name: a, type: imageInputLayer, Mean: 1, learnables: {Mean: 1}}", 38, "given twice"),
        ("{name: a, type: imageInputLayer, Normalization: zscores}", 53, "did you mean 'zscore'"),
        ("{name: a, type: inputLayer, InputFormat: XY}", 46, "SSCB"),
        ("{name: a, type: reluLayer, learnables: {Weights: 1}}", 45, "has no learnable 'Weights'"),
        ("{name: a, type: convolution2dLayer, learnables: {Wieghts: 1}}", 54, "did you mean 'Weights'"),
        ("{name: a, type: reluLayer, Network: {layers: [{name: b, type: reluLayer}]}}", 32, "holds no network"),
    ],
)
def test_a_wrong_layer(entry: str, column: int, words: str) -> None:
    refused(layers(entry), (3, column), words.replace("[right, bottom, back]", "[bottom, right, back]"))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (layers(A, "{name: b, type: additionLayer}"), (4, 12), "input in2 of additionLayer 'b' is not connected"),
        (
            layers(A, "{name: b, type: additionLayer, NumInputs: 3}") + "connections: [[a, b/in1], [a, b/in2]]",
            (4, 12),
            "connect it: [FROM, b/in3]",
        ),
        (
            layers(A, "{name: b, type: additionLayer, NumInputs: 2}") + "connections: [[a, b/in1], [a, b/in3]]",
            (5, 31),
            "It has in1, in2",
        ),
        (
            layers(A, "{name: b, type: additionLayer, NumInputs: 2}") + "connections: [[a, b], [a, b], [a, b]]",
            (5, 35),
            "connected twice",
        ),
        (layers(A, "{name: b, type: additionLayer}") + "connections: [[a, b/in], [a, b/in1]]", (5, 30), "twice"),
        (layers(A, "{name: b, type: reluLayer}") + "connections: [[a, b], [a, b/in1]]", (5, 27), "connected twice"),
        (layers(A, "{name: b, type: reluLayer}") + "connections: [[a, b/in2]]", (5, 19), "has no input 'in2'"),
        (layers(A, "{name: b, type: reluLayer}") + "connections: [[a/out2, b]]", (5, 16), "has no output 'out2'"),
        (layers(A, "{name: b, type: lstmLayer}") + "connections: [[a, b/hidden]]", (5, 19), "no input 'hidden'"),
        (layers(A, "{name: b, type: featureInputLayer}"), (4, 12), "has no inputs; write connections"),
        (layers("{name: c, type: classificationLayer}", A), (3, 12), "has no outputs; write connections"),
        (
            layers("{name: n, type: networkLayer, Network: {layers: [{name: q, type: regressionLayer}]}}", A),
            (3, 61),
            "input in of regressionLayer 'q' is not connected",
        ),
        (layers(A) + "connections: [[a, a]]", (4, 15), "a cycle through layer 'a'"),
        (
            layers(A, "{name: b, type: reluLayer}", "{name: c, type: reluLayer}")
            + "connections:\n  - [a, b]\n  - [b, c]\n  - [c, b/in2]",
            (9, 5),
            "cycle",
        ),
        (
            layers("{name: i, type: featureInputLayer}", A, "{name: b, type: reluLayer}") + "connections: [[i, a]]",
            (5, 12),
            "input in of reluLayer 'b' is not connected",
        ),
        (
            layers(A, "{name: s, type: networkLayer, Network: {layers: [{name: x, type: rel}]}}"),
            (4, 70),
            "there is no layer type 'rel'",
        ),
        (
            layers(A, "{name: s, type: networkLayer, Network: {layers: [{name: x, type: reluLayer}]}}")
            + "connections: [[a, s/in2]]",
            (5, 19),
            "It has in",
        ),
    ],
)
def test_wrong_connections(text: str, place: tuple[int, int], words: str) -> None:
    refused(text, place, words)


def ends(found: Any) -> list[tuple[str, str]]:
    return [(end.layer, end.port) for end in found]


def test_ports_and_order() -> None:
    net = body(
        layers(
            "{name: sum, type: additionLayer}",
            "{name: l, type: lstmLayer, HasStateInputs: true, HasStateOutputs: 1}",
            "{name: in, type: sequenceInputLayer, InputSize: 3}",
            "{name: out, type: regressionLayer}",
        )
        + "connections: [[in, l], [in/out, sum/in], [l/hidden, sum/in2], [sum, out]]"
    )
    assert list(net.layers) == ["in", "l", "sum", "out"]
    assert net.layers["sum"].properties["NumInputs"] == 2
    assert net.layers["sum"].sources == {"in1": End("in", "out"), "in2": End("l", "hidden")}
    assert net.layers["l"].inputs == ("in", "hidden", "cell")
    assert net.layers["l"].free == ("hidden", "cell")
    assert ends(net.inputs) == [("l", "hidden"), ("l", "cell"), ("in", "")]
    assert ends(net.outputs) == [("l", "out"), ("l", "cell"), ("out", "")]


def test_a_network_without_an_input_layer() -> None:
    net = body(layers(A, "{name: b, type: reluLayer}"))
    assert ends(net.inputs) == [("a", "in")]
    assert ends(net.outputs) == [("b", "out")]


def test_networks_inside() -> None:
    net = body(
        layers(
            A,
            "{name: s, type: networkLayer, Network: {layers: [{name: x, type: additionLayer}, {name: y, type: reluLayer}],"
            " connections: [[x, y]]}}",
        )
        + "connections: [[a, s/in1], [a, s/in2]]"
    )
    inner = net.layers["s"].nested
    assert inner is not None
    assert ends(inner.inputs) == [("x", "in1"), ("x", "in2")]
    assert inner.layers["y"].name == "s/y"
    assert net.layers["s"].inputs == ("in1", "in2")
    assert net.layers["s"].outputs == ("out",)


@pytest.mark.parametrize(
    ("entry", "inputs", "outputs"),
    [
        ("{name: own, type: Mine, custom: true, Depth: 3}", ("in1", "in2"), ("out",)),
        ("{name: own, type: pkg.Mine, NumInputs: 2, NumOutputs: 1}", ("in1", "in2"), ("out",)),
        ("{name: own, type: functionLayer, InputNames: [in1, in2], OutputNames: [y]}", ("in1", "in2"), ("y",)),
    ],
)
def test_custom_layers_have_the_ports_they_tell(entry: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
    net = body(layers(A, entry) + "connections: [[a, own/in1], [a, own/in2]]")
    assert net.layers["own"].inputs == inputs
    assert net.layers["own"].outputs == outputs
    assert net.layers["own"].type.opaque


def test_what_means_nothing_is_accepted() -> None:
    (layer,) = body(
        layers("{name: a, type: fullyConnectedLayer, Name: x, WeightLearnRateFactor: 2, BiasInitializer: zeros}")
    ).layers.values()
    assert layer.properties["WeightLearnRateFactor"] == 2


def test_ports_that_are_not_written_are_taken_in_order() -> None:
    text = layers(A, "{name: r, type: reluLayer}", "{name: b, type: additionLayer, NumInputs: 3}")
    found = body(text + "connections: [[a, r], [r, b/in2], [a, b], [a, b]]")
    assert {port: end.layer for port, end in found.layers["b"].sources.items()} == {"in1": "a", "in2": "r", "in3": "a"}
