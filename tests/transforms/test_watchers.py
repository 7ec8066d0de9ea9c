"""Nodes that read the shape or the type of a tensor, and not its values, are in nobody's way."""

from __future__ import annotations

import numpy as np
import pytest

from qlint.transforms.fold_affine import TRANSFORM as AFFINE
from tests.transforms.traps import FUSE, Net, folded, operators, prepared


def filled(net: Net, value: float, like: str, sizes: str) -> str:
    """A number repeated at run time, in the type of another tensor."""
    wide = net.node("Expand", np.array(value, np.float64 if net.dtype == np.float32 else np.float32), sizes)
    return net.node("CastLike", wide, like)


@pytest.mark.parametrize("between", ["", "Dropout"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_shape_is_read_before_the_normalization(between: str, place: int) -> None:
    net = Net(2, 3, 6, 6)
    c = net.node("Conv", "x", net.values(4, 3, 3, 3), net.values(4))
    d = net.node(between, c) if between else c
    net.node("ConstantOfShape", net.node("Shape", (c, d)[place]), to="s")
    net.node("CastLike", "s", "x", to="z")
    net.bn(d, 4, to="y")
    assert "BatchNormalization" not in operators(prepared(net, "y", "z", transforms=(FUSE,)).model.graph)


def test_a_shape_is_read_in_a_branch_of_a_concat() -> None:
    net = Net(2, 3, 6, 6)
    one, other = (net.node("Conv", "x", net.values(2, 3, 3, 3)) for _ in range(2))
    net.node("CastLike", net.node("ConstantOfShape", net.node("Shape", one)), "x", to="z")
    net.bn(net.node("Concat", one, other, axis=1), 4, to="y")
    assert "BatchNormalization" not in operators(prepared(net, "y", "z", transforms=(FUSE,)).model.graph)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_statistics_in_the_type_of_the_tensor_they_normalize(dtype: type) -> None:
    net = Net(2, 3, 6, 6, dtype=dtype)
    c = net.node("Conv", "x", net.values(4, 3, 3, 3))
    sizes = net.node("Shape", c, start=1, end=2)
    parameters = [filled(net, value, c, sizes) for value in (1.5, 0.25, -0.5, 2.0)]
    net.node("BatchNormalization", c, *parameters, to="y")
    folded(net, "y", tolerance=1e-5 if dtype == np.float32 else 1e-10)


def test_a_type_is_read_where_the_values_are_that_are_folded() -> None:
    net = Net(2, 3, 6, 6)
    m = net.node("Mul", net.node("Relu", "x"), np.float64(3))
    net.node("CastLike", net.node("Floor", "x"), m, to="z")
    net.node("Conv", m, net.values(4, 3, 3, 3), to="y")
    assert "Mul" not in operators(prepared(net, "y", "z", transforms=(AFFINE,)).model.graph)
