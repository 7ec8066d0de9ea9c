"""Backward: each form of layer that a normalization is folded into."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.transforms.traps import Net, folded, operators, prepared


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("sizes", [(9,), (6, 7), (3, 4, 5)])
def test_convolution(sizes: tuple[int, ...], biased: bool, groups: int) -> None:
    net = Net(2, 4, *sizes)
    weights = net.values(8, 4 // groups, *[2] * len(sizes))
    c = net.node("Conv", "x", weights, *([net.values(8)] if biased else []), group=groups, pads=[1] * 2 * len(sizes))
    net.bn(c, 8, to="y")
    result = folded(net, "y")
    assert operators(result.model.graph) == {"Conv": 1}
    assert result.model.graph.nodes[-1].outputs == ("y",)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("sizes", [(9,), (6, 7), (3, 4, 5)])
def test_transposed_convolution(sizes: tuple[int, ...], biased: bool, groups: int) -> None:
    net = Net(2, 4, *sizes)
    weights = net.values(4, 3, *[2] * len(sizes))
    bias = [net.values(3 * groups)] if biased else []
    c = net.node("ConvTranspose", "x", weights, *bias, group=groups, strides=[2] * len(sizes))
    net.bn(c, 3 * groups, to="y")
    assert operators(folded(net, "y").model.graph) == {"ConvTranspose": 1}


GEMMS: list[dict[str, Any]] = [
    {},
    {"transB": 1},
    {"transA": 1},
    {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 0.25},
    {"alpha": -2.0},
    {"beta": 3.0},
    {"beta": 0.0},
    {"alpha": 0.0},
]


@pytest.mark.parametrize("attributes", GEMMS, ids=str)
@pytest.mark.parametrize("c", [None, (), (1,), (5,), (1, 5), (3, 1), (3, 5), (1, 1)], ids=str)
def test_gemm(c: tuple[int, ...] | None, attributes: dict[str, Any]) -> None:
    net = Net(*((4, 3) if attributes.get("transA") else (3, 4)))
    weights = net.values(*((5, 4) if attributes.get("transB") else (4, 5)))
    y = net.node("Gemm", "x", weights, *([] if c is None else [net.values(*c)]), **attributes)
    net.bn(y, 5, to="y")
    result = folded(net, "y")
    assert operators(result.model.graph) == {"Gemm": 1}
    gemm = result.model.graph.producer["y"]
    assert gemm.attributes.get("alpha", 1.0) == attributes.get("alpha", 1.0)


def test_matmul_gets_a_bias() -> None:
    net = Net(3, 4)
    net.bn(net.node("MatMul", "x", net.values(4, 5)), 5, to="y")
    assert operators(folded(net, "y").model.graph) == {"MatMul": 1, "Add": 1}


def test_matmul_without_offset_gets_no_bias() -> None:
    net = Net(3, 4)
    net.bn(net.node("MatMul", "x", net.values(4, 5)), 5, to="y", mean=np.zeros(5), bias=np.zeros(5))
    assert operators(folded(net, "y").model.graph) == {"MatMul": 1}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("shape", [(5,), (1, 5), (1,), ()], ids=str)
def test_matmul_and_add(shape: tuple[int, ...], swapped: bool) -> None:
    net = Net(3, 4)
    product = net.node("MatMul", "x", net.values(4, 5))
    bias = net.const(net.values(*shape))
    total = net.node("Add", *((bias, product) if swapped else (product, bias)))
    net.bn(total, 5, to="y")
    result = folded(net, "y")
    assert operators(result.model.graph) == {"MatMul": 1, "Add": 1}


def test_matmul_of_sequences_is_left() -> None:
    """The channels of the normalization are then the time steps."""
    net = Net(2, 4, 4, dtype=np.float32)
    net.bn(net.node("MatMul", "x", net.values(4, 4)), 4, to="y")
    result = prepared(net, "y", tolerance=1e-5)
    assert not any(patch.transform == "fuse-batch-normalization" for patch in _patches(result))


def _patches(result: Any) -> list[Any]:
    return [getattr(applied, "patch", applied) for applied in result.applied]


@pytest.mark.parametrize("between", ["Identity", "Dropout"])
def test_through(between: str) -> None:
    net = Net(2, 3, 5, 5, opset=13)
    c = net.node("Conv", "x", net.values(4, 3, 3, 3))
    d = net.node(between, net.node(between, c))
    net.bn(d, 4, to="y")
    assert folded(net, "y").model.graph.nodes[-1].outputs[0] == "y"


def test_through_dropout_after_matmul_and_add() -> None:
    net = Net(2, 3, opset=13)
    total = net.node("Add", net.node("MatMul", "x", net.values(3, 4)), net.values(4))
    net.bn(net.node("Dropout", total), 4, to="y")
    assert operators(folded(net, "y").model.graph) == {"MatMul": 1, "Add": 1, "Dropout": 1}


def test_normalization_after_normalization() -> None:
    net = Net(2, 3, 5, 5)
    y = net.node("Conv", "x", net.values(4, 3, 3, 3))
    for _ in range(6):
        y = net.bn(y, 4)
    net.node("Relu", y, to="y")
    assert operators(folded(net, "y").model.graph) == {"Conv": 1, "Relu": 1}


def test_normalizations_that_follow_no_layer_become_one() -> None:
    net = Net(2, 4, 5, 5, dtype=np.float32)
    net.bn(net.bn(net.node("Relu", "x"), 4), 4, to="y")
    assert operators(prepared(net, "y", tolerance=1e-5).model.graph) == {"Relu": 1, "Conv": 1}


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (), (1,), (1, 1, 1)], ids=str)
def test_decomposed(shape: tuple[int, ...]) -> None:
    net = Net(2, 3, 5, 5)
    y = net.node("Conv", "x", net.values(4, 3, 3, 3), net.values(4))
    y = net.node("Sub", y, net.values(*shape))
    y = net.node("Div", y, net.values(*shape) + 3)
    y = net.node("Mul", net.const(net.values(*shape)), y)
    net.node("Add", net.const(net.values(*shape)), y, to="y")
    assert operators(folded(net, "y").model.graph) == {"Conv": 1}


def test_decomposed_with_a_constant_minus_the_tensor() -> None:
    net = Net(2, 3, 5, 5)
    y = net.node("Mul", net.node("Conv", "x", net.values(4, 3, 3, 3)), net.values(4, 1, 1))
    net.node("Sub", net.const(net.values(4, 1, 1)), y, to="y")
    assert operators(folded(net, "y").model.graph) == {"Conv": 1}


@pytest.mark.parametrize("layer", ["Gemm", "MatMul"])
def test_decomposed_after_a_fully_connected_layer(layer: str) -> None:
    net = Net(2, 3)
    y = net.node("Mul", net.node(layer, "x", net.values(3, 4)), net.values(4))
    net.node("Add", y, net.values(1, 4), to="y")
    assert operators(folded(net, "y").model.graph) == ({"Gemm": 1} if layer == "Gemm" else {"MatMul": 1, "Add": 1})


def test_decomposed_after_a_fully_connected_layer_on_sequences() -> None:
    net = Net(2, 6, 3)
    y = net.node("Mul", net.node("MatMul", "x", net.values(3, 4)), net.values(4))
    net.node("Add", y, net.values(4), to="y")
    assert operators(folded(net, "y").model.graph) == {"MatMul": 1, "Add": 1}


@pytest.mark.parametrize("shape", [(1, 5, 1), (4, 1, 5), (2, 1, 1, 1), (1, 2, 4, 1, 1)], ids=str)
def test_decomposed_that_is_not_per_channel_is_left(shape: tuple[int, ...]) -> None:
    net = Net(1, 3, 7, 7)
    y = net.node("Mul", net.node("Conv", "x", net.values(4, 3, 3, 3)), net.values(*shape))
    net.node("Add", y, net.values(4, 1, 1), to="y")
    assert not prepared(net, "y").applied


def test_one_channel_that_arithmetic_makes_several_of() -> None:
    net = Net(1, 3, 7, 7)
    y = net.node("Mul", net.node("Conv", "x", net.values(1, 3, 3, 3)), net.values(4, 1, 1))
    net.node("Add", y, net.values(4, 1, 1), to="y")
    assert not prepared(net, "y").applied


def test_bias_that_an_addition_gives_before_the_normalization() -> None:
    net = Net(2, 3, 5, 5)
    y = net.node("Add", net.node("Conv", "x", net.values(4, 3, 3, 3)), net.values(1, 4, 1, 1))
    net.bn(y, 4, to="y")
    assert operators(folded(net, "y").model.graph) == {"Conv": 1}


def test_each_branch_of_a_concat() -> None:
    net = Net(2, 4, 6, 6)
    a = net.node("Conv", "x", net.values(3, 4, 1, 1))
    b = net.node("ConvTranspose", "x", net.values(4, 1, 1, 1), group=2)
    c = net.node("Dropout", net.bn(net.node("Conv", "x", net.values(5, 4, 1, 1)), 5), to="branch")
    net.bn(net.node("Concat", a, b, c, axis=1), 10, to="y")
    result = folded(net, "y")
    assert operators(result.model.graph) == {"Conv": 2, "ConvTranspose": 1, "Dropout": 1, "Concat": 1}


def test_concats_within_a_concat_and_negative_axes() -> None:
    net = Net(2, 4, 6, 6)
    inner = net.node("Concat", *(net.node("Conv", "x", net.values(3, 4, 1, 1)) for _ in range(2)), axis=-3)
    last = net.node("Conv", "x", net.values(5, 4, 1, 1))
    net.bn(net.node("Concat", last, inner, axis=1), 11, to="y")
    assert operators(folded(net, "y").model.graph) == {"Conv": 3, "Concat": 2}


def test_concat_of_fully_connected_layers() -> None:
    net = Net(2, 4)
    a = net.node("MatMul", "x", net.values(4, 3))
    b = net.node("Add", net.node("MatMul", "x", net.values(4, 3)), net.values(3))
    c = net.node("Gemm", "x", net.values(4, 3))
    net.bn(net.node("Concat", a, b, c, axis=1), 9, to="y")
    assert operators(folded(net, "y").model.graph) == {"MatMul": 2, "Add": 2, "Gemm": 1, "Concat": 1}


@pytest.mark.parametrize("case", ["twice", "relu", "axis", "other reader"])
def test_concat_that_cannot_be_entered(case: str) -> None:
    net = Net(2, 4, 6, 6, dtype=np.float32)
    a, b = (net.node("Conv", "x", net.values(4, 4, 1, 1)) for _ in range(2))
    if case == "relu":
        b = net.node("Relu", b)
    outputs = ["y", net.node("Sigmoid", b)] if case == "other reader" else ["y"]
    axis = 2 if case == "axis" else 1
    net.bn(net.node("Concat", a, a if case == "twice" else b, axis=axis), 4 if axis == 2 else 8, to="y")
    result = prepared(net, *outputs, tolerance=1e-5)
    assert [patch.transform for patch in _patches(result)] == ["replace-batch-normalization"]
