"""Input layers and the normalization read from constant arithmetic behind them."""

from __future__ import annotations

import pytest

from qlint.tristate import Unknown
from tests.network.lifting import network, only, types

HEAD = "g (float[N,2,4,6] x) => (float[a,b,c,d] y) <float[2,1,1] m = {{3,5}}, float[2,1,1] s = {{2,4}}, float k = {{0.5}}, float one = {{1}}, float zero = {{0}}>"


def image(nodes: str) -> dict[str, object]:
    return dict(
        only(
            network(HEAD.replace("{{", "{").replace("}}", "}") + f"{{ {nodes} y = Relu(r) }}"), "imageInputLayer"
        ).properties
    )


def test_image_input() -> None:
    layer = only(network("g (float[N,2,4,6] x) => (float[a,b,c,d] y) { y = Relu(x) }"), "imageInputLayer")
    assert layer.id == "graph/x"
    assert layer.properties["InputSize"] == [4, 6, 2]
    assert layer.properties["Normalization"] == "none"


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("r = Sub(x, m)", {"Normalization": "zerocenter", "Mean": [3, 5]}),
        ("r = Add(x, k)", {"Normalization": "zerocenter", "Mean": -0.5}),
        ("r = Sub(x, zero)", {"Normalization": "zerocenter", "Mean": 0}),
        ("a = Sub(x, m) r = Div(a, s)", {"Normalization": "zscore", "Mean": [3, 5], "StandardDeviation": [2, 4]}),
        ("a = Sub(x, m) r = Mul(a, k)", {"Normalization": "zscore", "Mean": [3, 5], "StandardDeviation": 2}),
        ("r = Mul(x, k)", {"Normalization": "rescale-zero-one", "Min": 0, "Max": 2}),
        ("r = Div(x, zero)", {"Normalization": "rescale-zero-one", "Min": 0, "Max": 0}),
        ("a = Mul(x, k) r = Sub(a, one)", {"Normalization": "rescale-symmetric", "Min": 0, "Max": 4}),
        (
            "b = Mul(x, k) a = Sub(b, m) r = Div(a, s)",
            {"Normalization": "zscore", "Mean": [6, 10], "StandardDeviation": [4, 8]},
        ),
    ],
)
def test_normalization(nodes: str, expected: dict[str, object]) -> None:
    properties = image(nodes)
    assert {name: properties[name] for name in expected} == expected


def test_normalization_nodes_belong_to_the_input_layer() -> None:
    net = network("g (float[N,2,4,6] x) => (float[a,b,c,d] y) <float k = {0.5}> { a = Sub(x, k) y = Relu(a) }")
    assert [layer.type for layer in net] == ["imageInputLayer", "reluLayer"]
    assert only(net, "imageInputLayer").id == "graph/a"
    assert only(net, "reluLayer").sources == (only(net, "imageInputLayer"),)


def test_arithmetic_that_others_see_is_no_normalization() -> None:
    net = network("g (float[N,2,4,6] x) => (float[a,b,c,d] y) <float k = {0.5}> { a = Sub(x, k) y = Add(a, x) }")
    assert types(net) == ["nnet.onnx.layer.ElementwiseAffineLayer", "additionLayer"]


def test_rank_and_type_choose_the_input_layer() -> None:
    def first(declared: str) -> str:
        return next(iter(network(f"g ({declared} x) => ({declared} y) {{ y = Identity(x) }}"))).type

    assert first("float[N,8]") == "featureInputLayer"
    assert first("float[N,8,5]") == "sequenceInputLayer"
    assert first("float[N,1,4,4,4]") == "image3dInputLayer"
    assert first("uint8[N,3,4,4]") == "imageInputLayer"
    assert first("int64[N,8]") == "inputLayer"
    assert first("float[8]") == "inputLayer"


def test_unknown_size_says_what_would_decide_it() -> None:
    layer = only(network("g (float[N,2,H,6] x) => (float[a,b,c,d] y) { y = Relu(x) }"), "imageInputLayer")
    assert layer.property("InputSize") == Unknown("size 'H' of axis 2 of 'x'", "--bind H=1")
    bound = only(
        network("g (float[N,2,H,6] x) => (float[a,b,c,d] y) { y = Relu(x) }", bind={"H": 4}), "imageInputLayer"
    )
    assert bound.property("InputSize") == [4, 6, 2]


def test_channels_last_image_followed_by_a_transpose() -> None:
    layer = only(
        network("g (float[N,4,6,3] x) => (float[a,b,c,d] y) { y = Transpose<perm=[0,3,1,2]>(x) }"), "imageInputLayer"
    )
    assert layer.properties["InputSize"] == [4, 6, 3]
