"""Forward: into the layer after a normalization, only where that is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.transforms.traps import FUSE, Net, folded, operators, refused


def before(channels: int = 4, *sizes: int, **statistics: Any) -> tuple[Net, str]:
    """A network that begins with Relu and a normalization, which nothing before takes."""
    net = Net(2, channels, *sizes)
    return net, net.bn(net.node("Relu", "x"), channels, **statistics)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("padding", [{}, {"pads": [0, 0, 0, 0]}, {"auto_pad": "VALID"}], ids=str)
def test_convolution_without_padding(padding: dict[str, Any], biased: bool, groups: int) -> None:
    net, y = before(4, 7, 7)
    bias = [net.values(8)] if biased else []
    net.node("Conv", y, net.values(8, 4 // groups, 3, 3), *bias, to="y", group=groups, strides=[2, 2], **padding)
    assert operators(folded(net, "y").model.graph) == {"Relu": 1, "Conv": 1}


PADDED: list[dict[str, Any]] = [
    {"pads": [1, 1, 1, 1]},
    {"pads": [0, 0, 0, 1]},
    {"auto_pad": "SAME_UPPER"},
    {"auto_pad": "SAME_LOWER"},
]


@pytest.mark.parametrize("padding", PADDED, ids=str)
def test_convolution_with_padding_is_left(padding: dict[str, Any]) -> None:
    net, y = before(4, 6, 6)
    net.node("Conv", y, net.values(8, 4, 3, 3), to="y", **padding)
    refused(net, "y", reason="pads", transforms=(FUSE,))


@pytest.mark.parametrize("padding", PADDED, ids=str)
def test_padding_does_no_harm_to_a_scale_alone(padding: dict[str, Any]) -> None:
    net, y = before(4, 6, 6, mean=np.zeros(4), bias=np.zeros(4))
    net.node("Conv", y, net.values(8, 4, 3, 3), to="y", **padding)
    folded(net, "y")


def test_pointwise_convolution_that_pads_to_the_same_size() -> None:
    net, y = before(4, 6, 6)
    net.node("Conv", y, net.values(8, 4, 1, 1), to="y", auto_pad="SAME_UPPER", strides=[2, 2])
    folded(net, "y")


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("biased", [True, False])
def test_pointwise_transposed_convolution(biased: bool, groups: int) -> None:
    net, y = before(4, 5, 5)
    bias = [net.values(3 * groups)] if biased else []
    net.node("ConvTranspose", y, net.values(4, 3, 1, 1), *bias, to="y", group=groups)
    assert operators(folded(net, "y").model.graph) == {"Relu": 1, "ConvTranspose": 1}


TRANSPOSED: list[dict[str, Any]] = [
    {"kernel": 2},
    {"kernel": 1, "strides": [2, 2]},
    {"kernel": 1, "strides": [2, 2], "output_padding": [1, 1]},
]


@pytest.mark.parametrize("form", TRANSPOSED, ids=str)
def test_other_transposed_convolutions_take_a_scale_alone(form: dict[str, Any]) -> None:
    form = dict(form)
    kernel = form.pop("kernel")
    net, y = before(4, 5, 5)
    net.node("ConvTranspose", y, net.values(4, 3, kernel, kernel), to="y", **form)
    refused(net, "y", reason="ConvTranspose", transforms=(FUSE,))
    net, y = before(4, 5, 5, mean=np.zeros(4), bias=np.zeros(4))
    net.node("ConvTranspose", y, net.values(4, 3, kernel, kernel), to="y", **form)
    folded(net, "y")


GEMMS: list[dict[str, Any]] = [{}, {"transB": 1}, {"alpha": 0.5, "beta": 2.0}, {"beta": 0.0}]


@pytest.mark.parametrize("attributes", GEMMS, ids=str)
@pytest.mark.parametrize("c", [None, (), (5,), (2, 1), (2, 5)], ids=str)
def test_gemm(c: tuple[int, ...] | None, attributes: dict[str, Any]) -> None:
    net, y = before(4)
    weights = net.values(*((5, 4) if attributes.get("transB") else (4, 5)))
    net.node("Gemm", y, weights, *([] if c is None else [net.values(*c)]), to="y", **attributes)
    assert operators(folded(net, "y").model.graph) == {"Relu": 1, "Gemm": 1}


def test_gemm_that_transposes_its_input_is_left() -> None:
    net, y = before(2)
    net.node("Gemm", y, net.values(2, 5), to="y", transA=1)
    refused(net, "y", reason="transposes", transforms=(FUSE,))


@pytest.mark.parametrize("layer", ["Gemm", "MatMul"])
@pytest.mark.parametrize("flatten", ["Flatten", "Reshape 0", "Reshape -1"])
def test_flatten_and_a_fully_connected_layer(flatten: str, layer: str) -> None:
    net, y = before(4, 3, 3)
    if flatten == "Flatten":
        flat = net.node("Flatten", y)
    else:
        flat = net.node("Reshape", y, np.array([0, -1] if flatten.endswith("0") else [-1, 36]))
    net.node(layer, flat, net.values(36, 5), to="y")
    assert not operators(folded(net, "y").model.graph)["BatchNormalization"]


@pytest.mark.parametrize("form", ["axis", "reshape"])
def test_other_changes_of_shape_are_left(form: str) -> None:
    net, y = before(4, 3, 4)
    if form == "axis":
        flat = net.node("Flatten", y, axis=2)
        rows = 12 // 3
    else:
        flat = net.node("Reshape", y, np.array([-1, 4]))
        rows = 4
    net.node("Gemm", flat, net.values(rows if form == "reshape" else 12, 5), to="y")
    refused(net, "y", reason="cannot be folded into", transforms=(FUSE,))


@pytest.mark.parametrize("with_add", [True, False])
def test_matmul(with_add: bool) -> None:
    net, y = before(4)
    product = net.node("MatMul", y, net.values(4, 5), to="m" if with_add else "y")
    if with_add:
        net.node("Add", net.values(5), product, to="y")
    assert operators(folded(net, "y").model.graph) == {"Relu": 1, "MatMul": 1, "Add": 1}


def test_matmul_of_sequences_is_left() -> None:
    net, y = before(4, 4)
    net.node("MatMul", y, net.values(4, 5), to="y")
    refused(net, "y", reason="rank 2", transforms=(FUSE,))


def test_through_identity_and_dropout() -> None:
    net, y = before(4, 5, 5)
    net.node("Conv", net.node("Dropout", net.node("Identity", y)), net.values(5, 4, 2, 2), to="y")
    folded(net, "y")


@pytest.mark.parametrize("case", ["two layers", "output", "twice in one"])
def test_output_that_more_than_one_reads_is_left(case: str) -> None:
    net, y = before(3, 3)
    weights = net.values(3, 3)
    if case == "twice in one":
        net = Net(3, 3)
        y = net.bn(net.node("Relu", "x"), 3)
        net.node("Gemm", y, y, net.values(3), to="y")
        refused(net, "y", reason="feeds 2 inputs", transforms=(FUSE,))
        return
    net = Net(2, 3)
    y = net.bn(net.node("Relu", "x"), 3)
    net.node("Gemm", y, weights, to="y")
    if case == "two layers":
        net.node("Gemm", y, weights, to="z")
        refused(net, "y", "z", reason="feeds 2 inputs", transforms=(FUSE,))
    else:
        refused(net, "y", y, reason="is an output", transforms=(FUSE,))


def test_two_normalizations_before_a_convolution() -> None:
    net, y = before(4, 5, 5)
    net.node("Conv", net.bn(y, 4), net.values(5, 4, 2, 2), to="y")
    folded(net, "y")


def test_convolutions_on_both_sides_take_it_backward() -> None:
    net = Net(2, 3, 6, 6)
    first = net.node("Conv", "x", net.values(4, 3, 1, 1))
    second = net.const(net.values(5, 4, 1, 1))
    net.node("Conv", net.bn(first, 4), second, to="y")
    result = folded(net, "y")
    assert result.model.graph.nodes[-1].inputs[1] == second
