"""Normalizations that no neighbour takes become layers of their own."""

from __future__ import annotations

import numpy as np
import pytest

from qlint.files.model import ValueType
from qlint.transforms.replace_batch_normalization import MOST_FEATURES
from qlint.transforms.run import prepare
from tests.transforms.traps import REPLACE, Net, operators, prepared, read, refused


@pytest.mark.parametrize("sizes", [(6,), (6, 7), (3, 4, 5)], ids=str)
def test_sequences_and_images(sizes: tuple[int, ...]) -> None:
    net = Net(2, 4, *sizes, dtype=np.float32)
    net.bn(net.node("Relu", "x"), 4, to="y")
    result = prepared(net, "y", tolerance=1e-5)
    conv = result.model.graph.producer["y"]
    assert operators(result.model.graph) == {"Relu": 1, "Conv": 1}
    assert conv.attributes["group"] == 4
    assert list(conv.attributes["kernel_shape"]) == [1] * len(sizes)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_features(dtype: type) -> None:
    net = Net(3, 4, dtype=dtype)
    net.bn(net.node("Relu", "x"), 4, to="y")
    tolerance = 8 * float(np.finfo(dtype).eps)
    assert operators(prepared(net, "y", tolerance=tolerance).model.graph) == {"Relu": 1, "Gemm": 1}


def test_float16_with_float32_statistics() -> None:
    net = Net(2, 4, 5, 5, dtype=np.float16, statistics=np.float32)
    net.bn(net.node("Relu", "x"), 4, to="y")
    result = prepared(net, "y", tolerance=4e-3)
    conv = result.model.graph.producer["y"]
    assert [result.model.graph.types[name].type for name in conv.inputs[1:]] == ["float16", "float16"]


def test_at_most_so_many_features() -> None:
    net = Net(1, MOST_FEATURES + 1, dtype=np.float32)
    net.bn("x", MOST_FEATURES + 1, to="y")
    refused(net, "y", reason=f"at most {MOST_FEATURES}", transforms=(REPLACE,))


def test_double_images_are_left_since_no_runtime_convolves_them() -> None:
    net = Net(1, 4, 5, 5)
    net.bn("x", 4, to="y")
    refused(net, "y", reason="double", transforms=(REPLACE,))


def test_unknown_rank_is_left() -> None:
    net = Net(1, 4, 5, 5, dtype=np.float32)
    net.bn("x", 4, to="y")
    proto = net.proto("y")
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    from qlint.transforms.run import prepare
    from tests.transforms.traps import read

    result = prepare(read(proto), (REPLACE,))
    assert [declined.reason.split(";")[0] for declined in result.declined] == ["the rank of its input 'x' is not known"]


def test_rank_that_a_convolution_tells() -> None:
    net = Net(1, 4, 5, 5, dtype=np.float32)
    c = net.node("Relu", net.node("Conv", "x", net.values(4, 4, 1, 1)))
    net.bn(c, 4, to="y")
    proto = net.proto("y")
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    model = read(proto)
    for name in (c, "y"):
        model.graph.types[name] = ValueType("float", None)
    assert operators(prepare(model, (REPLACE,)).model.graph) == {"Conv": 2, "Relu": 1}


def test_first_layer_after_the_input() -> None:
    net = Net(2, 3, 8, 8, dtype=np.float32)
    net.node("Conv", net.bn("x", 3), net.values(4, 3, 3, 3), to="y", pads=[1, 1, 1, 1])
    assert operators(prepared(net, "y", tolerance=1e-5).model.graph) == {"Conv": 2}


@pytest.mark.parametrize("sizes", [(), (5, 5)], ids=str)
def test_no_channels_are_left(sizes: tuple[int, ...]) -> None:
    net = Net(2, 0, *sizes, dtype=np.float32)
    net.bn("x", 0, to="y")
    refused(net, "y", reason="it has no channels", transforms=(REPLACE,))
