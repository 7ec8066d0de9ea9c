"""Decomposed gelu and swish in the forms exporters write, and the near misses."""

from __future__ import annotations

import pytest

from tests.network.lifting import network, only, types

CONSTANTS = (
    "<float root = {1.4142135}, float iroot = {0.70710678}, float half = {0.5}, float one = {1}, float two = {2}, "
    "float three = {3}, float c = {0.044715}, float k = {0.7978846}, float almost = {1.3}>"
)
ERF_FORMS = [
    "d = Div(x, root) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half)",
    "d = Mul(x, iroot) e = Erf(d) a = Add(one, e) h = Mul(half, x) y = Mul(h, a)",
    "d = Div(x, root) e = Erf(d) a = Add(e, one) h = Mul(a, half) y = Mul(x, h)",
    "d = Div(x, root) e = Erf(d) a = Add(e, one) m = Mul(a, x) y = Div(m, two)",
]
TANH_FORMS = [
    "p = Pow(x, three) q = Mul(p, c) s = Add(x, q) z = Mul(s, k) t = Tanh(z) a = Add(t, one) h = Mul(x, half) y = Mul(h, a)",
    "p = Mul(x, x) r = Mul(p, x) q = Mul(c, r) s = Add(q, x) z = Mul(k, s) t = Tanh(z) a = Add(one, t) m = Mul(x, a) y = Mul(half, m)",
]


def graph(nodes: str, outputs: str = "float[a,b] y") -> str:
    return f"g (float[1,3] v) => ({outputs}) {CONSTANTS} {{ x = Abs(v) {nodes} }}"


@pytest.mark.parametrize(
    ("nodes", "approximation"), [*((f, "none") for f in ERF_FORMS), *((f, "tanh") for f in TANH_FORMS)]
)
def test_gelu_in_pieces(nodes: str, approximation: str) -> None:
    net = network(graph(nodes))
    assert types(net) == ["onnx:Abs", "geluLayer"]
    layer = only(net, "geluLayer")
    assert layer.properties["Approximation"] == approximation
    assert layer.id == "graph/y"
    assert [source.type for source in layer.sources if source] == ["onnx:Abs"]


@pytest.mark.parametrize(
    "nodes",
    [
        ERF_FORMS[0].replace("Div(x, root)", "Div(x, almost)"),
        ERF_FORMS[0].replace("Mul(m, half)", "Mul(m, two)"),
        ERF_FORMS[0] + " w = Relu(a)",
    ],
)
def test_what_is_not_gelu_stays_in_pieces(nodes: str) -> None:
    assert "geluLayer" not in types(
        network(graph(nodes, "float[a,b] y, float[a,b] w" if " w = " in nodes else "float[a,b] y"))
    )


def test_gelu_operator() -> None:
    assert types(network("g (float[1,3] x) => (float[a,b] y) { y = Gelu(x) }", opset=20)) == ["geluLayer"]


def test_swish() -> None:
    net = network("g (float[1,3] v) => (float[a,b] y) { x = Abs(v) s = Sigmoid(x) y = Mul(s, x) }")
    assert types(net) == ["onnx:Abs", "swishLayer"]
    other = network("g (float[1,3] v) => (float[a,b] y) { x = Abs(v) s = Sigmoid(x) y = Mul(s, v) }")
    assert types(other) == ["onnx:Abs", "sigmoidLayer", "multiplicationLayer"]
    seen = network("g (float[1,3] v) => (float[a,b] y, float[a,b] s) { x = Abs(v) s = Sigmoid(x) y = Mul(s, x) }")
    assert types(seen) == ["onnx:Abs", "sigmoidLayer", "multiplicationLayer"]
