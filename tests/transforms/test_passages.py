"""Forward through what a function per channel passes through: averages, Squeeze, and readers of a shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.transforms.traps import FUSE, Net, folded, operators, refused


def normalized(*sizes: int) -> tuple[Net, str]:
    """A normalization that can go nowhere but forward."""
    net = Net(2, 3, *sizes)
    return net, net.bn(net.node("Relu", "x"), 3)


AVERAGES: dict[str, dict[str, Any]] = {
    "GlobalAveragePool": {},
    "AveragePool": {"kernel_shape": [2, 2], "strides": [2, 2]},
    "AveragePool with padding that does not count": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    "ReduceMean": {"axes": [2, 3]},
    "ReduceMean of the width": {"axes": [-1]},
}


@pytest.mark.parametrize("case", AVERAGES)
def test_averages_and_flatten(case: str) -> None:
    net, y = normalized(4, 4)
    average = net.node(case.split(maxsplit=1)[0], y, **AVERAGES[case])
    flat = net.node("Flatten", average)
    features = {"G": 3, "A": 12, "R": 3}[case[0]] * (4 if "width" in case else 1)
    net.node("Gemm", flat, net.values(features, 5), net.values(5), to="y")
    assert operators(folded(net, "y").model.graph)["Gemm"] == 1


def test_an_average_and_a_convolution() -> None:
    net, y = normalized(4, 4)
    pooled = net.node("AveragePool", y, kernel_shape=[2, 2])
    net.node("Conv", pooled, net.values(5, 3, 2, 2), to="y")
    folded(net, "y")


@pytest.mark.parametrize(
    "attributes",
    [
        {"pads": [1, 1, 1, 1], "count_include_pad": 1},
        {"ceil_mode": 1},
    ],
    ids=str,
)
def test_averages_over_more_than_the_image_are_left(attributes: dict[str, Any]) -> None:
    net, y = normalized(5, 5)
    pooled = net.node("AveragePool", y, kernel_shape=[2, 2], strides=[2, 2], **attributes)
    net.node("Conv", pooled, net.values(5, 3, 2, 2), to="y")
    refused(net, "y", reason="it feeds AveragePool", transforms=(FUSE,))


def test_averages_over_channels_are_left() -> None:
    net, y = normalized(4, 4)
    net.node("Conv", net.node("ReduceMean", y, axes=[1]), net.values(5, 1, 2, 2), to="y")
    refused(net, "y", reason="it feeds ReduceMean", transforms=(FUSE,))


@pytest.mark.parametrize("kept", [0, 1])
def test_a_mean_and_a_product(kept: int) -> None:
    """As x.mean([2, 3]) is exported; with its axes kept the product runs along the width, and is no layer."""
    net, y = normalized(4, 4)
    mean = net.node("ReduceMean", y, axes=[2, 3], keepdims=kept)
    net.node("MatMul", mean, net.values(1 if kept else 3, 5), to="y")
    if kept:
        refused(net, "y", reason="MatMul", transforms=(FUSE,))
    else:
        folded(net, "y")


@pytest.mark.parametrize("opset", [12, 17])
def test_squeeze(opset: int) -> None:
    net = Net(2, 3, 4, 4, opset=opset)
    y = net.node("GlobalAveragePool", net.bn(net.node("Relu", "x"), 3))
    flat = net.node("Squeeze", y, np.array([3, 2])) if opset > 12 else net.node("Squeeze", y, axes=[2, -1])
    net.node("Gemm", flat, net.values(3, 5), to="y")
    folded(net, "y")


def test_squeeze_of_one_axis_of_two_is_left() -> None:
    net, y = normalized(1, 4)
    net.node("Conv", net.node("Squeeze", y, np.array([2])), net.values(5, 3, 2), to="y")
    refused(net, "y", reason="it feeds Squeeze", transforms=(FUSE,))


def test_a_shape_that_is_read_besides() -> None:
    """As x.view(x.size(0), -1) is exported."""
    net, y = normalized(4, 4)
    rows = net.node("Unsqueeze", net.node("Gather", net.node("Shape", y), np.array(0)), np.array([0]))
    flat = net.node("Reshape", y, net.node("Concat", rows, np.array([-1]), axis=0))
    net.node("Gemm", flat, net.values(48, 5), to="y")
    folded(net, "y")


def test_the_shape_of_what_is_flattened_is_another() -> None:
    net, y = normalized(4, 4)
    flat = net.node("Flatten", y)
    product = net.node("Gemm", flat, net.values(48, 5))
    sizes = net.node("Slice", net.node("Shape", flat), np.array([0]), np.array([1]))
    net.node("Reshape", product, net.node("Concat", sizes, np.array([1, -1]), axis=0), to="y")
    refused(net, "y", reason="feeds 2 inputs", transforms=(FUSE,))
